"""Journeys of a VM that is there: another size or image, a longer lease, a deletion that is taken back."""

from playwright.sync_api import expect

from tests.browser.person import Person, new_name, with_script_and_without


@with_script_and_without
def test_a_resize_is_followed_on_the_page(ada: Person) -> None:
    ada.launch(name=new_name()).sees("Running")
    ada.page.locator("#more summary").click()
    ada.press("Resize")
    ada.page.get_by_role("row", name="m1.medium").get_by_role("radio").check()
    ada.press("Resize it")
    expect(ada.page.locator("#vm")).to_contain_text("Size from m1.small to m1.medium")
    ada.awaits(ada.page.locator("#vm", has_text="2 vCPU, 4 GiB memory"))


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
    under_way = ada.page.locator("#vm .notice", has_text="Rebuild from ubuntu-22.04")
    expect(under_way).to_be_visible()
    expect(under_way).to_have_count(0, timeout=30_000)
    expect(ada.page.locator("#vm")).to_contain_text("Rebuilt")


def test_a_deletion_is_taken_back(ada: Person) -> None:
    ada.launch(name=(name := new_name())).sees("Running")
    ada.press("Delete").press(f"Delete {name}")
    expect(ada.page.locator("#vm")).to_contain_text("It will be deleted in")
    ada.press("Undo")
    expect(ada.page.locator("#vm")).not_to_contain_text("It will be deleted in")
    expect(ada.state()).to_contain_text("Active")


@with_script_and_without
def test_a_lease_is_extended_from_the_vms_menu(ada: Person) -> None:
    ada.begin()
    ada.page.get_by_label("Name", exact=True).first.fill(new_name())
    ada.press("Next")
    ada.page.locator("details", has_text="More").last.locator("summary").click()
    ada.page.get_by_role("radio", name="1 day").check()
    ada.press("Next").press("Launch")
    ada.sees("Running")
    expect(ada.page.locator("#vm .notice")).to_have_count(0)  # it has only begun
    ada.page.locator("#more summary").click()
    ada.press("Extend its lease")
    end = ada.page.locator("main time").first
    before = end.get_attribute("datetime")
    ada.press("1 day more")
    ada.page.locator("#more summary").click()
    ada.press("Extend its lease")
    expect(end).not_to_have_attribute("datetime", str(before))
