"""A launch watched to its end, and one that fails and is fixed by a click, in a real browser."""

from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Response, expect

from tests.browser.person import Person, new_name, with_script_and_without
from tests.support.running import Running

# Chromium's own notifications can't be seen from here: the page's are noted instead.
NOTED = """
  window.told = [];
  window.Notification = class extends EventTarget {
    static permission = "default";
    static async requestPermission() { return (Notification.permission = "granted"); }
    constructor(title, options) { super(); window.told.push([title, options.silent]); }
  };
"""


@pytest.fixture
def no_public_addresses(portal: Running) -> Iterator[None]:
    """Ada's project may have no floating IP at present."""
    port = (portal.home.path / "sandbox_port").read_text().strip()

    def allow(number: int) -> None:
        url = f"http://127.0.0.1:{port}/_sandbox/quota"
        requests.post(
            url, json={"project": "tenant-a", "floating_ips": number}, timeout=10
        ).raise_for_status()

    allow(0)
    yield
    allow(50)


def test_whoever_asked_is_told_without_a_sound_and_by_the_tab(ada: Person) -> None:
    page, name = ada.page, new_name()
    page.add_init_script(NOTED)
    ada.launch(name=name)
    expect(page).to_have_title(f"… {name} is on its way · Portal")
    page.get_by_role("button", name="Tell me when it is ready").click()
    expect(page.get_by_role("button", name="You will be told when it is ready")).to_be_visible()
    ada.sees("Active")
    expect(page).to_have_title(f"✓ {name} is ready · Portal")
    assert page.evaluate("window.told") == [[f"✓ {name} is ready · Portal", True]]
    # What was open stays open under the reader's eyes; a later visit finds it folded.
    expect(page.locator("#progress")).to_have_attribute("open", "")
    page.reload()
    expect(page.locator("#progress:not([open])")).to_have_count(1)


def test_a_panel_is_asked_for_what_is_new_in_it(ada: Person) -> None:
    page = ada.page
    seen: list[Response] = []
    page.on("response", lambda answer: seen.extend([answer] if answer.url.endswith("/panel") else []))
    ada.launch()
    page.locator("#about dl").evaluate("list => list.replaceWith('mine')")
    ada.sees("Active")
    # What the browser says that it has is neither sent again nor touched.
    expect(page.locator("#ids")).to_contain_text("Server id")
    expect(page.locator("#about")).to_have_text("mine")
    asked = [answer.request.headers.get("if-none-match") for answer in seen]
    assert asked == [None, *(answer.headers["etag"] for answer in seen[:-1])]
    page.reload()
    expect(page.locator("#about dl")).to_be_visible()


@with_script_and_without
def test_a_failure_is_fixed_by_a_click_and_comes_up(ada: Person, no_public_addresses: None) -> None:
    page, name = ada.page, new_name()
    ada.begin()
    page.get_by_label("Name", exact=True).first.fill(name)
    ada.press("Next")
    page.get_by_role("checkbox", name="Public address").check()
    ada.press("Next").press("Launch").sees("Failed")
    expect(page).to_have_title(f"✗ {name} failed · Portal")
    expect(page.locator(".failure")).to_contain_text("floating IPs for this tenant is used up")
    where = page.url
    ada.press("Try again without a public address")
    expect(page.locator("main").get_by_text(f"Another try of {name}")).to_be_visible()
    ada.press("Launch")
    assert page.url == where
    ada.sees("Active")
    expect(page.locator(".timeline li", has_text="with no public address by Ada")).to_have_count(1)
    page.goto("/vms/?q=" + name)
    expect(page.get_by_role("link", name=name, exact=True)).to_have_count(1)
