"""The wizard's shortcuts and live answers, with script and without."""

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_ssh_private_key
from playwright.sync_api import ViewportSize, expect
from pytest_playwright import CreateContextCallback

from tests.browser.person import Person, new_name, with_script_and_without
from tests.support.running import Running

PHONE: ViewportSize = {"width": 390, "height": 844}


def test_three_clicks_lead_from_home_to_a_vm(ada: Person) -> None:
    ada.press("Launch").press("Quick launch: Ubuntu server").press("Launch")
    assert ada.clicks == 3
    ada.sees("Active")


@pytest.mark.parametrize("script", [True, False])
@pytest.mark.browser_context_args(viewport=PHONE)
def test_a_phone_launches_as_quickly(
    script: bool, new_context: CreateContextCallback, portal: Running
) -> None:
    context = new_context(java_script_enabled=script)
    ada = Person(context.new_page(), portal).sign_in()
    ada.page.goto("/catalogue/")
    ada.press("Quick launch: Ubuntu server")
    expect(ada.page).to_have_title(re.compile("review"))
    ada.press("Launch")
    expect(ada.state()).to_be_visible()


def test_what_is_chosen_is_judged_at_once(ada: Person) -> None:
    ada.begin("GPU workstation")
    name, summary = ada.page.get_by_label("Name", exact=True).first, ada.page.locator("#summary")
    name.fill("9 lives")
    expect(ada.page.locator("#q-name-check")).to_contain_text("begin with a letter")
    name.fill(chosen := new_name())
    expect(ada.page.locator("#q-name-check")).to_have_text(f"{chosen} is free")
    ada.page.get_by_role("row", name="g1.h200x2").get_by_role("radio").check()
    ada.page.get_by_label("How many").fill("3")
    expect(summary).to_contain_text("GPUs: 6 wanted")
    expect(ada.page.get_by_role("row", name="g1.h200x2")).to_contain_text("Over the quota (GPUs: 6 wanted")
    ada.press("Skip to the review")
    expect(ada.page.get_by_role("button", name="Launch 3 VMs")).to_be_disabled()
    ada.press("Take 2 instead")
    expect(ada.page.get_by_role("button", name="Launch 2 VMs")).to_be_enabled()
    ada.press("Throw this draft away")


def test_what_was_typed_last_is_kept_when_somebody_leaves_at_once(ada: Person) -> None:
    page = ada.begin().page
    where, name = page.url, page.get_by_label("Name", exact=True).first
    name.fill(chosen := new_name())
    page.goto("/keys/")
    for _ in range(20):  # it was sent on leaving, and is on its way
        page.goto(where)
        if name.input_value() == chosen:
            break
    expect(name).to_have_value(chosen)
    ada.press("Throw this draft away")


def test_a_key_is_made_on_the_way_and_its_private_half_downloaded(ada: Person) -> None:
    ada.begin("Web server").press("Next")
    ada.page.get_by_label("Greeting").fill("Hello again")
    if not ada.page.get_by_label("Public key").is_visible():
        ada.page.locator("main").get_by_text("Add a key").click()
    ada.page.get_by_label("Name", exact=True).fill(name := new_name())
    ada.press("Make one for me")
    with ada.page.expect_download() as download:
        ada.press("Download")
    assert load_ssh_private_key(Path(download.value.path()).read_bytes(), None)
    ada.press("I have saved it")
    expect(ada.page.get_by_role("checkbox", name=name)).to_be_checked()
    expect(ada.page.get_by_label("Greeting")).to_have_value("Hello again")
    ada.press("Throw this draft away")


def test_a_session_that_ends_while_one_types_keeps_the_page(ada: Person) -> None:
    ada.begin("Your own cloud-init").press("Next")
    ada.page.context.clear_cookies()
    area = ada.page.get_by_role("textbox", name="User data")
    area.fill("#cloud-config\npackages: [nginx]")
    expect(ada.page.locator("#notices")).to_contain_text("What you typed is still here.")
    expect(area).to_have_value("#cloud-config\npackages: [nginx]")


@with_script_and_without
def test_a_refused_form_leads_to_what_is_wrong(ada: Person) -> None:
    ada.begin().press("Next")
    ada.page.locator("summary", has_text="More").click()
    tags = ada.page.get_by_label("Tags")
    tags.fill("a b c d e f g h i j k")
    ada.press("Next")
    expect(tags).to_be_focused()
    expect(tags).to_be_in_viewport()
    notice = ada.page.locator("#notices")
    expect(notice).to_contain_text("1 field needs another look")
    if ada.script:
        expect(ada.page.locator("#announcer")).to_contain_text("Tags: Use at most 10 tags.")
        ada.page.locator("details", has=tags).evaluate("fold => { fold.open = false; }")
        notice.get_by_role("link").click()
        expect(tags).to_be_focused()
    ada.press("Throw this draft away")


def test_what_was_refused_is_right_again_as_soon_as_it_is_mended(ada: Person) -> None:
    ada.begin()
    count, notice = ada.page.get_by_label("How many"), ada.page.locator("#notices")
    count.fill("500")
    expect(ada.page.locator("#q-vm-count-check")).to_have_text("Launch from 1 to 50 VMs at once.")
    expect(count).to_have_attribute("aria-invalid", "true")
    ada.press("Next")
    expect(notice).to_contain_text("1 field needs another look")
    expect(count).to_be_focused()
    count.fill("3")
    expect(ada.page.locator("#q-vm-count-check")).to_be_empty()
    expect(count).not_to_have_attribute("aria-invalid", "true")
    expect(count).to_be_focused()
    expect(notice).to_be_empty()
    ada.press("Throw this draft away")
