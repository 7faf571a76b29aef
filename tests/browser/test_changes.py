"""Journeys of a VM that is there: another size, and a deletion that is taken back."""

from playwright.sync_api import expect

from tests.browser.person import Person, new_name


def test_a_resize_is_followed_on_the_page(ada: Person) -> None:
    ada.launch(name=new_name()).sees("Running")
    ada.page.locator("#more summary").click()
    ada.press("Resize")
    ada.page.locator("label.choice", has_text="m1.medium").click()
    ada.press("Resize it")
    expect(ada.page.locator("#vm")).to_contain_text("Size from m1.small to m1.medium")
    expect(ada.page.locator("#vm")).to_contain_text("2 vCPU, 4 GiB memory", timeout=30_000)


def test_a_deletion_is_taken_back(ada: Person) -> None:
    ada.launch(name=(name := new_name())).sees("Running")
    ada.press("Delete").press(f"Delete {name}")
    expect(ada.page.locator("#vm")).to_contain_text("It will be deleted in")
    ada.press("Undo")
    expect(ada.page.locator("#vm")).not_to_contain_text("It will be deleted in")
    expect(ada.state()).to_contain_text("Active")
