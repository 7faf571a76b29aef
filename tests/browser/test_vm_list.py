"""The list of VMs in a real browser: filtered as one types, several ticked and deleted, found again."""

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.person import PATIENCE, Person, new_name, without_script


def test_several_are_ticked_and_deleted_and_the_list_follows_them(ada: Person) -> None:
    page, begin = ada.page, new_name()
    for number in (1, 2):
        ada.launch(name=f"{begin}-{number}")
    page.goto("/vms/")
    page.get_by_label("Name, address, tag, image or owner").fill(begin)
    rows = page.locator("#results tbody tr")
    expect(rows).to_have_count(2)
    expect(page).to_have_url(re.compile(f"q={begin}"))
    # What is ticked stays so while the rows ask for news.
    page.get_by_label(f"Tick {begin}-1").check()
    expect(rows.get_by_text("Active")).to_have_count(2, timeout=PATIENCE)
    expect(page.get_by_label(f"Tick {begin}-1")).to_be_checked()
    expect(page.locator(".picked")).to_contain_text("With 1 ticked:")
    page.get_by_label("Tick all on this page").check()
    ada.press("Delete")
    expect(page.get_by_role("heading", name="Delete 2 VMs?")).to_be_visible()
    expect(page.locator("main").get_by_text("Back to the quota")).to_contain_text("2 VMs")
    ada.press("Delete 2 VMs")
    expect(page.locator("#bulk")).to_contain_text(re.compile(r"They will be deleted in [12]\d s"))
    ada.press("Undo")
    expect(page.get_by_role("heading", name="2 of 2 VMs are kept")).to_be_visible()
    expect(page.locator("main").get_by_text("Stays as it is")).to_have_count(2)
    ada.press("Back to the VMs")
    page.get_by_label("Tick all on this page").check()
    ada.press("Delete").press("Delete now")
    expect(page.locator("#bulk").get_by_text("Is deleted")).to_have_count(2, timeout=PATIENCE)
    expect(page).to_have_title(re.compile("2 of 2 VMs are deleted"))
    # Coming back finds the filter as it was.
    ada.press("Back to the VMs")
    expect(page).to_have_url(re.compile(f"q={begin}"))
    expect(page.locator("main").get_by_text("No VM matches")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("#results[hx-trigger]")).to_have_count(0)
    ada.press("Show all")


@without_script
def test_several_are_deleted_without_script(ada: Person) -> None:
    page, begin = ada.page, new_name()
    ada.begin()
    page.get_by_label("Name", exact=True).first.fill(begin)
    page.get_by_label("How many").fill("2")
    ada.press("Skip to the review").press("Launch 2 VMs")
    page.goto("/vms/")
    page.get_by_label("Name, address, tag, image or owner").fill(begin)
    ada.press("Show")

    def tick_and_delete() -> None:
        for number in (1, 2):
            page.get_by_label(f"Tick {begin}-{number}").check()
        ada.press("Delete")

    tick_and_delete()
    ada.press("Delete 2 VMs")
    expect(page.locator("#bulk")).to_contain_text("They will be deleted in")
    ada.press("Undo")
    expect(page.get_by_role("heading", name="2 of 2 VMs are kept")).to_be_visible()
    ada.press("Back to the VMs")
    tick_and_delete()
    ada.press("Delete now").awaits(page.locator("#bulk").get_by_text("Is deleted").nth(1))
    expect(page.locator("main").get_by_role("link", name="Look again")).to_have_count(0)


def test_a_list_is_exported_as_often_as_one_likes(ada: Person) -> None:
    ada.launch(name=(name := new_name()))
    ada.page.goto("/vms/")
    for _ in range(2):
        with ada.page.expect_download() as download:
            ada.press("Export as CSV")
        assert name in Path(download.value.path()).read_text(encoding="utf-8")
