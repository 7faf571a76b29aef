"""Journeys of a VM that is there: another size, another image, and a deletion that is taken back."""

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


def test_a_rebuild_asks_for_the_name_first(ada: Person) -> None:
    ada.launch(name=(name := new_name())).sees("Running")
    ada.page.locator("#more summary").click()
    ada.press("Rebuild")
    ada.page.locator("label.choice", has_text="ubuntu-22.04").click()
    ada.page.get_by_label("Type the VM's name to confirm").fill("something")
    ada.press("Rebuild it")
    expect(ada.page.locator("#typed-error")).to_contain_text(f"Type {name} here")
    ada.page.get_by_label("Type the VM's name to confirm").fill(name)
    ada.press("Rebuild it")
    expect(ada.page.locator("#vm")).to_contain_text("Rebuild from ubuntu-22.04")
    expect(ada.page.locator("#vm")).not_to_contain_text("Rebuild from ubuntu-22.04", timeout=30_000)
    expect(ada.page.locator("#vm")).to_contain_text("ubuntu-22.04")


def test_a_deletion_is_taken_back(ada: Person) -> None:
    ada.launch(name=(name := new_name())).sees("Running")
    ada.press("Delete").press(f"Delete {name}")
    expect(ada.page.locator("#vm")).to_contain_text("It will be deleted in")
    ada.press("Undo")
    expect(ada.page.locator("#vm")).not_to_contain_text("It will be deleted in")
    expect(ada.state()).to_contain_text("Active")
