"""The keyboard alone: shortcuts, the focus that is always seen and never lost, and a VM's whole life."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.person import PATIENCE, Person, new_name

MOST_TABS = 80
# Whether the focus shows: an outline of its own, or that of the card which stands for it.
SEEN = """() => {
  const element = document.activeElement;
  const shown = [element, element.closest("label")].filter(Boolean);
  return shown.some((each) => {
    const style = getComputedStyle(each);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
  });
}"""


def tab_to(page: Page, selector: str) -> None:
    """Tabs on until the focus is there; every stop on the way shows it."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        here = page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
        assert page.evaluate(SEEN), f"the focus can't be seen on {here}"
        if page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
            return
    raise AssertionError(f"{MOST_TABS} tabs don't lead to {selector}")


def test_a_vm_is_launched_and_deleted_by_the_keyboard_alone(ada: Person) -> None:
    page, keyboard, name = ada.page, ada.page.keyboard, new_name()
    keyboard.press("n")
    page.wait_for_url("**/launch/")
    tab_to(page, "main button[value=ubuntu-basic]")
    keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/launch/.+/"))
    tab_to(page, "main input[name=name]")
    keyboard.press("ControlOrMeta+a")
    keyboard.type(name)
    while not re.search(r"/vms/[0-9a-f-]+$", page.url):
        before = page.url
        tab_to(page, "main .btn-primary")
        keyboard.press("Enter")
        page.wait_for_url(lambda url: url != before)  # noqa: B023 - asked at once
    ada.sees("Active")
    tab_to(page, "main a[href$='/delete']")
    keyboard.press("Enter")
    page.wait_for_url("**/delete")
    tab_to(page, "main button[name=now]")
    keyboard.press("Enter")
    ada.sees("Deleted")


def test_the_focus_stays_where_a_vm_is_stopped_and_started_by_keys(ada: Person) -> None:
    page, keyboard = ada.page, ada.page.keyboard
    ada.launch(name=new_name()).sees("Active")
    tab_to(page, "form[action$='/stop'] button")
    for words in ("Start", "Stop"):
        keyboard.press("Enter")
        button = page.get_by_role("button", name=words, exact=True, disabled=False)
        expect(button).to_be_focused()
        assert page.evaluate("scrollY") == 0


def test_single_keys_lead_about_and_never_while_one_types(ada: Person) -> None:
    page, keyboard = ada.page, ada.page.keyboard
    keyboard.press("g")
    keyboard.press("v")
    expect(page).to_have_title(re.compile("VMs"))
    ada.launch(name=(name := new_name())).sees("Active")
    page.goto("/vms/")
    keyboard.press("/")
    keyboard.type("n?" + name)
    expect(page.get_by_label("Name, address, tag, image or owner")).to_have_value("n?" + name)
    expect(page.locator("#announcer")).to_have_text("Nothing matches.")
    expect(page.get_by_label("Name, address, tag, image or owner")).to_be_focused()


def test_the_slash_searches_from_a_page_that_has_no_search(ada: Person) -> None:
    ada.page.goto("/keys/")
    ada.page.keyboard.press("/")
    ada.page.wait_for_url("**/vms/#search")
    expect(ada.page.get_by_label("Name, address, tag, image or owner")).to_be_focused()


def test_the_keys_are_explained_and_can_be_turned_off(ada: Person) -> None:
    page, help_ = ada.page, ada.page.locator("dialog#shortcuts")
    page.keyboard.press("?")
    expect(help_).to_be_visible()
    page.keyboard.press("n")
    page.get_by_label("Single keys work in this browser").uncheck()
    page.keyboard.press("Escape")
    expect(help_).to_be_hidden()
    page.reload()
    page.keyboard.press("n")
    page.keyboard.press("?")
    expect(help_).to_be_hidden()
    page.locator("#person-menu summary").click()
    page.get_by_role("button", name="Keyboard shortcuts").click()
    page.get_by_label("Single keys work in this browser").check()
    page.get_by_role("button", name="Close help").click()
    page.keyboard.press("n")
    expect(page).to_have_title(re.compile("Launch"))


def test_the_first_tab_leads_past_the_frame(ada: Person) -> None:
    ada.page.keyboard.press("Tab")
    expect(ada.page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    ada.page.keyboard.press("Enter")
    expect(ada.page.locator("main")).to_be_focused()


def test_changes_of_a_vm_are_said_and_the_focus_stays(ada: Person) -> None:
    ada.launch(name=(name := new_name())).sees("Being built")
    link = ada.page.get_by_role("link", name="Delete")
    link.focus()
    ada.sees("Active")
    expect(ada.page.locator("#announcer")).to_have_text(
        re.compile(rf"{name}: (Active|Running)"), timeout=PATIENCE
    )
    expect(link).to_be_focused()


@pytest.mark.browser_context_args(viewport={"width": 390, "height": 844})
def test_the_places_are_a_sheet_where_it_is_narrow(ada: Person) -> None:
    places = ada.page.get_by_role("navigation", name="Main")
    expect(places).to_be_hidden()
    ada.page.get_by_role("button", name="Menu").click()
    places.get_by_role("link", name="VMs").click()
    expect(ada.page).to_have_title(re.compile("VMs"))
