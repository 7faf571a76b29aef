"""From signing in to a VM and to its end, as a person in a real browser does it."""

import re
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Page, expect
from pytest_playwright import CreateContextCallback

from tests.browser.person import Person, new_name, without_script
from tests.support.running import Running

PHONE = {"width": 390, "height": 844}
KEY = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)


def test_five_clicks_lead_to_a_vm_that_comes_up_by_itself(ada: Person) -> None:
    loads: list[str] = []
    ada.press("Launch").press("Ubuntu server").press("Next").press("Next").press("Launch")
    assert ada.clicks == 5
    expect(ada.state()).to_be_visible()
    ada.page.on("load", lambda page: loads.append(page.url))
    began = time.monotonic()
    ada.sees("Active")
    assert time.monotonic() - began < 10
    assert loads == []
    expect(ada.page.locator("main").get_by_text("Private address")).to_be_visible()
    expect(ada.page.locator("#vm[hx-trigger]")).to_have_count(0)


def test_it_is_followed_until_it_is_gone(ada: Person) -> None:
    ada.launch(name=(name := new_name())).sees("Active")
    ada.press("Delete").press("Delete now").sees("Being deleted").sees("Deleted")
    ada.page.goto("/vms/")
    expect(ada.page.get_by_role("link", name=name, exact=True)).to_have_count(0)


def test_two_quick_clicks_launch_one_vm(ada: Person) -> None:
    name = new_name()
    ada.begin()
    ada.page.get_by_label("Name", exact=True).first.fill(name)
    ada.press("Next").press("Next")
    ada.page.get_by_role("button", name="Launch").dblclick()
    expect(ada.state()).to_be_visible()
    ada.page.goto("/vms/")
    expect(ada.page.get_by_role("link", name=name, exact=True)).to_have_count(1)


def test_what_was_typed_survives_the_end_of_the_browser(
    ada: Person, new_context: CreateContextCallback, portal: Running
) -> None:
    ada.begin("Web server")
    with ada.page.expect_response(lambda response: response.request.method == "POST"):
        ada.page.get_by_label("Name", exact=True).first.fill("typed-and-left")
    ada.page.context.close()
    again = Person(new_context().new_page(), portal).sign_in()
    again.page.goto("/vms/")
    drafts = again.page.locator("#drafts")
    if drafts.get_attribute("open") is None:
        drafts.locator("summary").click()
    drafts.locator(".line", has_text="typed-and-left").get_by_role("link", name="Continue").click()
    expect(again.page.get_by_role("heading", name="Launch a VM")).to_be_visible()
    expect(again.page.get_by_role("link", name="typed-and-left", exact=True)).to_be_visible()
    again.press("Throw this draft away")


def test_a_larger_size_moves_the_quota_at_once(ada: Person) -> None:
    ada.begin()
    summary = ada.page.locator("#summary")
    ada.page.get_by_role("row", name="m1.large").get_by_role("radio").check()
    expect(summary.get_by_text("m1.large")).to_be_visible()
    expect(summary.locator(".meter", has_text="Memory").locator("strong")).to_contain_text("GiB")
    ada.press("Throw this draft away")


def test_a_key_is_added_without_leaving_the_wizard(ada: Person) -> None:
    ada.begin("Web server").press("Next")
    ada.page.get_by_label("Greeting").fill("Hello from a test")
    if not ada.page.get_by_label("Public key").is_visible():
        ada.page.locator("main").get_by_text("Add a key").click()
    ada.page.get_by_label("Name", exact=True).fill("laptop")
    ada.page.get_by_label("Public key").fill("nonsense")
    ada.press("Add this key")
    expect(ada.page.locator("#key-public_key-error")).to_contain_text("begins with its kind")
    ada.page.get_by_label("Public key").fill(KEY.decode())
    ada.press("Add this key")
    expect(ada.page.get_by_role("checkbox", name="laptop")).to_be_checked()
    expect(ada.page.get_by_label("Greeting")).to_have_value("Hello from a test")
    ada.press("Throw this draft away")


def test_power_is_followed_live(ada: Person) -> None:
    ada.launch().sees("Active")
    ada.press("Stop").sees("Stopped")
    # What can't be had is reached by Tab and says why; pressed, it does nothing.
    ada.page.get_by_role("button", name="Start", exact=True).focus()
    ada.page.keyboard.press("Tab")
    restart = ada.page.get_by_role("button", name="Restart", exact=True)
    expect(restart).to_be_focused()
    expect(restart).to_have_accessible_description("It is stopped just now.")
    ada.page.keyboard.press("Enter")
    ada.press("Start").sees("Running")
    ada.press("Restart").sees("Running")


def test_the_console_output_comes_by_itself(ada: Person) -> None:
    ada.launch().sees("Active").press("Console output")
    expect(ada.page.locator("pre.output")).to_contain_text("login:", timeout=15_000)


def test_the_list_moves_by_itself_and_is_searched_as_one_types(ada: Person) -> None:
    ada.launch(name=(name := new_name()))
    ada.page.goto("/vms/")
    row = ada.page.get_by_role("row", name=name)
    expect(row.get_by_text("Active")).to_be_visible(timeout=30_000)
    ada.page.get_by_label("Name, address, tag, image or owner").fill("nothing like this")
    expect(ada.page.locator("main").get_by_text("No VM matches")).to_be_visible()
    ada.page.get_by_label("Name, address, tag, image or owner").fill(name)
    expect(row).to_be_visible()
    assert f"q={name}" in ada.page.url


@without_script
def test_all_of_it_works_without_script(ada: Person) -> None:
    name = new_name()
    ada.begin("Docker host")
    ada.page.get_by_label("Name", exact=True).first.fill("9 wrong")
    ada.press("Next")
    expect(ada.page.locator("#q-name-error")).to_contain_text("begin with a letter")
    ada.page.get_by_label("Name", exact=True).first.fill(name)
    ada.press("Next")
    ada.page.get_by_label("Container image").fill("nginx:alpine")
    ada.press("Back").press("Next")
    expect(ada.page.get_by_label("Container image")).to_have_value("nginx:alpine")
    ada.press("Next").press("Launch")
    ada.sees("Active").press("Delete").press("Delete now")
    expect(ada.state()).to_contain_text("Being deleted")


@pytest.mark.parametrize("url", ["/", "/vms/", "/launch/", "/catalogue/sizes", "/keys/", "/account/"])
@pytest.mark.browser_context_args(viewport=PHONE)
def test_nothing_sticks_out_on_a_phone(ada: Person, url: str) -> None:
    ada.page.goto(url)
    assert _overhang(ada.page) <= 0


@pytest.mark.browser_context_args(viewport=PHONE)
def test_a_vm_is_launched_on_a_phone(ada: Person) -> None:
    ada.begin()
    for step in ("image and size", "network and access", "review"):
        expect(ada.page).to_have_title(re.compile(step))
        assert _overhang(ada.page) <= 0
        ada.press("Launch" if step == "review" else "Next")
    ada.sees("Active")
    assert _overhang(ada.page) <= 0


def _overhang(page: Page) -> int:
    """By how many pixels the page is wider than the screen."""
    wide: int = page.evaluate("document.scrollingElement.scrollWidth - document.documentElement.clientWidth")
    return wide
