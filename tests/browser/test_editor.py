"""The area for user data: lines with numbers, the wrong one marked, and keys that indent and let go again."""

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.person import Person
from tests.browser.test_axe import AXE, RUN


@pytest.fixture
def area(ada: Person) -> Locator:
    """Where user data is typed, empty."""
    ada.begin("Your own cloud-init").press("Next")
    return ada.page.get_by_role("textbox", name="User data")


def test_lines_have_numbers_and_the_wrong_one_is_marked(ada: Person, area: Locator) -> None:
    numbers, marked = ada.page.locator(".numbers"), ada.page.locator(".marked")
    expect(numbers).to_have_text("1")
    area.fill("#cloud-config\npackages:\n\t- nginx\n")
    expect(numbers).to_have_text("1\n2\n3\n4")
    expect(marked).to_have_attribute("data-line", "3")
    expect(marked).to_be_visible()
    assert marked.bounding_box()["y"] == pytest.approx(line_of(area, 3), abs=1)  # type: ignore[index]
    assert ada.page.evaluate(f"() => {{ {AXE} }}") is None
    assert ada.page.evaluate(RUN, None) == []
    area.fill("#cloud-config\n" + "a: 1\n" * 200)
    expect(marked).to_be_hidden()
    area.evaluate("area => { area.scrollTop = 100 * parseFloat(getComputedStyle(area).lineHeight); }")
    expect(numbers).to_contain_text("101")
    assert numbers.bounding_box()["y"] == pytest.approx(line_of(area, 1), abs=1)  # type: ignore[index]


def line_of(area: Locator, number: int) -> float:
    """How far down the page a line in sight stands."""
    script = """(area, number) => {
      const {lineHeight, paddingTop} = getComputedStyle(area);
      const top = area.getBoundingClientRect().top + parseFloat(paddingTop);
      return top + (number - 1) * parseFloat(lineHeight);
    }"""
    return float(area.evaluate(script, number))


def test_keys_indent_and_undo_takes_it_back(area: Locator) -> None:
    area.press_sequentially("write_files:")
    area.press("Enter")
    area.press("Tab")
    area.press_sequentially("- path: /a")
    area.press("Enter")
    area.press_sequentially("- path: /b")
    expect(area).to_have_value("write_files:\n  - path: /a\n  - path: /b")
    area.press("Shift+ArrowUp")
    area.press("Tab")
    expect(area).to_have_value("write_files:\n    - path: /a\n    - path: /b")
    for _ in range(3):
        area.press("Shift+Tab")
    expect(area).to_have_value("write_files:\n- path: /a\n- path: /b")
    for _ in range(3):
        area.press("ControlOrMeta+z")
    expect(area).to_have_value("write_files:\n  - path: /a\n  - path: /b")


@pytest.mark.parametrize("key", ["Tab", "Shift+Tab"])
def test_escape_gives_the_key_back_that_leaves(ada: Person, area: Locator, key: str) -> None:
    area.focus()
    expect(ada.page.get_by_text("To leave by the keyboard, press Esc, then Tab.")).to_be_visible()
    area.press("Tab")
    expect(area).to_be_focused()
    area.press("Escape")
    area.press(key)
    expect(area).not_to_be_focused()
    expect(area).to_have_value("  ")


def test_the_review_leads_into_the_area(ada: Person, area: Locator) -> None:
    area.fill("#!/bin/sh\necho hello")
    ada.press("Next").press("Change: user data")
    expect(area).to_be_focused()
    expect(area).to_have_value("#!/bin/sh\necho hello")
