"""Launches watched from their first moment to their end: no swap moves what somebody reads."""

import re

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.conftest import PHONE, WIDE
from tests.browser.person import PATIENCE, Person

# Each jump that nobody's click or key explains: how far, and which pieces from where to where. Words that end
# elsewhere in their own line are no jump: nothing that somebody reads goes up or down.
WATCH = """
  window.jumps = [];
  const place = ({x, y, width, height}) => [x, y, width, height].map(Math.round).join(" ");
  const piece = ({node, previousRect, currentRect}) => {
    const words = node?.textContent?.replace(/\\s+/g, " ").trim().slice(0, 40);
    return `${node?.nodeName}.${node?.className} “${words}”: ${place(previousRect)} → ${place(currentRect)}`;
  };
  const pushed = ({previousRect, currentRect}) => Math.abs(previousRect.y - currentRect.y) > 1;
  new PerformanceObserver(list => {
    for (const jump of list.getEntries())
      if (!jump.hadRecentInput && jump.sources.some(pushed))
        window.jumps.push([jump.value, jump.sources.map(piece).join("\\n")]);
  }).observe({type: "layout-shift", buffered: true});
"""
# Once the page is drawn: what moves while it is read in is no swap.
ANEW = "new Promise(done => requestAnimationFrame(() => setTimeout(() => done(window.jumps.length = 0))))"
# A badge's letters that are a hair wider are no jump.
HAIR = 0.001


def assert_still(page: Page) -> None:
    """Nothing has jumped on this page since it was opened."""
    jumps = page.evaluate("window.jumps")
    assert sum(size for size, _ in jumps) < HAIR, "\n\n".join(f"{size:.5f}\n{what}" for size, what in jumps)


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_nothing_jumps_while_a_vm_is_built(ada: Person, size: ViewportSize) -> None:
    page = ada.page
    page.set_viewport_size(size)
    page.add_init_script(WATCH)
    ada.launch().sees("Active")
    expect(page.get_by_role("button", name="Restart", exact=True)).to_be_enabled(timeout=PATIENCE)
    assert_still(page)


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_nothing_jumps_in_the_list_and_at_home_meanwhile(ada: Person, size: ViewportSize) -> None:
    rows, home = ada.page, ada.page.context.new_page()
    ada.launch().launch(public=True)
    for page, address in ((rows, "/vms/"), (home, "/")):
        page.set_viewport_size(size)
        page.add_init_script(WATCH)
        page.goto(address)
        page.evaluate(ANEW)
    on_the_way = re.compile("Waiting|Being built")
    expect(rows.locator("tbody").get_by_text(on_the_way)).to_have_count(2)
    for page in (rows, home):
        expect(page.locator("tbody").get_by_text(on_the_way)).to_have_count(0, timeout=PATIENCE)
        assert_still(page)
