"""axe-core finds nothing on any page: light and dark, wide and narrow, with data, empty and in error."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from tests.browser.conftest import PHONE, WIDE
from tests.browser.person import Person
from tests.support.running import Running
from tests.support.walking import NEWCOMER, House
from tests.support.world import PASSWORD

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
# What differs in the dark are colours alone.
LOOKS: tuple[tuple[Literal["light", "dark"], ViewportSize, list[str] | None], ...] = (
    ("light", WIDE, None),
    ("dark", WIDE, ["color-contrast"]),
    ("dark", PHONE, ["color-contrast"]),
    ("light", PHONE, None),
)
RUN = """async (rules) => {
  for (const each of document.querySelectorAll("main details")) each.open = true;
  const only = rules ? {runOnly: {type: "rule", values: rules}} : {};
  const found = await axe.run(document, {resultTypes: ["violations"], ...only});
  const words = (one) => one.nodes.map((node) => node.html.slice(0, 160)).join(" | ");
  return found.violations.map((one) => `${one.id}: ${words(one)}`);
}"""
# The narrowest that WCAG asks for: nothing sticks out, and what scrolls sideways is a table, code, or tabs.
NARROWEST: ViewportSize = {"width": 320, "height": 640}
STICKS_OUT = """() => {
  const page = document.documentElement;
  const may = ".table-wrap:not(:has(.table-stack)), pre, .tabs, textarea";
  const cut = [...document.querySelectorAll(`main :not(${may})`)]
    .filter((each) => each.scrollWidth > each.clientWidth + 1)
    .filter((each) => /auto|scroll/.test(getComputedStyle(each).overflowX));
  const wide = page.scrollWidth > page.clientWidth ? [page] : [];
  return [...wide, ...cut].map((each) => `wider than its place: ${each.outerHTML.slice(0, 160)}`);
}"""
# A fold has one mark that it opens.
MARKED_TWICE = """() => [...document.querySelectorAll("summary:has(.icon)")]
  .filter((each) => getComputedStyle(each).display === "list-item")
  .filter((each) => getComputedStyle(each).listStyleType !== "none")
  .map((each) => `marked twice: ${each.outerHTML.slice(0, 160)}`)
"""
TYPED = "textarea, input:not([type=hidden], [type=radio], [type=checkbox])"
# Empties the fields of the so-many-th form of the page and sends it past the browser's own checks.
SEND_EMPTY = """([number, typed]) => {
  const form = document.querySelectorAll("main form[method=post]")[number];
  for (const each of form.querySelectorAll(typed)) each.value = "";
  form.noValidate = true;
  form.requestSubmit(form.querySelector("button:not([type=button])"));
}"""


@dataclass
class Inspector:
    """Somebody with axe in hand; what they saw once they don't look at again."""

    page: Page
    seen: set[str]
    found: list[str] = field(default_factory=list)

    def visit(self, address: str) -> bool:
        """Looks at the page there; False where it is a panel, a file, or the twin of a page that was seen."""
        answer = self.page.request.get(address, max_redirects=0)
        if answer.status == 302 or answer.text().lstrip()[:9].lower() != "<!doctype":
            return False
        self.page.goto(address)
        return self.look(address)

    def look(self, name: str) -> bool:
        """Looks at the page as it is now, in every light and width."""
        shape = re.sub(r"[0-9a-f-]{36}|\d+|csrf_token.*", "", self.page.locator("main").inner_html())
        if shape in self.seen:
            return False
        self.seen.add(shape)
        for scheme, size, rules in LOOKS:
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            self.page.set_viewport_size(size)
            for words in self.page.evaluate(RUN, rules):
                self.found.append(f"{name} {scheme} {size['width']}: {words}")
        self.page.set_viewport_size(NARROWEST)
        for words in self.page.evaluate(STICKS_OUT) + self.page.evaluate(MARKED_TWICE):
            self.found.append(f"{name}: {words}")
        return True

    def send_wrongly(self, address: str, done: set[str]) -> None:
        """Sends each form of the page with nothing filled in, and looks at what comes back."""
        self.page.goto(address)
        forms = self.page.locator("main form[method=post]").all()
        wanted = []
        for number, form in enumerate(forms):
            action = re.sub(r"[0-9a-f-]{36}", "", form.get_attribute("action") or address)
            if action not in done and form.locator(TYPED).count():
                done.add(action)
                wanted.append((number, action))
        for number, action in wanted:
            self.page.goto(address)
            with self.page.expect_navigation() as navigation:
                self.page.evaluate(SEND_EMPTY, [number, TYPED])
            answer = navigation.value
            if answer and answer.status == 422:
                self.look(f"{action} in error")


@pytest.fixture(scope="module")
def seen() -> set[str]:
    """The pages that were looked at, whoever opened them."""
    return set()


@pytest.fixture
def inspect(
    seen: set[str], browser: Browser, furnished: Running, house: House
) -> Iterator[Callable[[str], Inspector]]:
    """Somebody of that kind, signed in, who must have found nothing in the end."""
    made = []

    def come(actor: str) -> Inspector:
        context = browser.new_context(base_url=furnished.url, viewport=WIDE)
        context.add_init_script(AXE)
        page = context.new_page()
        if actor in house.people:
            Person(page, furnished).sign_in(house.people[actor].email, PASSWORD if actor == NEWCOMER else "")
        made.append(Inspector(page, seen))
        return made[-1]

    yield come
    for one in made:
        one.page.context.close()
    found = [words for one in made for words in one.found]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("actor", ["anonymous", NEWCOMER, "owner", "support", "admin"])
def test_axe_finds_nothing_on_any_page(actor: str, house: House, inspect: Callable[[str], Inspector]) -> None:
    visitor = inspect(actor)
    opened = []
    for address in house.addresses(actor):
        if visitor.visit(address):
            opened.append(address)
            if visitor.page.locator("main input[type=search][name=q]").count():
                visitor.visit(f"{address}?q=nothing-like-this")
    assert opened
    done: set[str] = set()
    for address in opened:
        visitor.send_wrongly(address, done)
    visitor.visit("/nothing/here")
    print(f"{actor}: {len(opened)} pages, {len(done)} forms")


def test_axe_finds_nothing_in_what_opens(inspect: Callable[[str], Inspector]) -> None:
    admin = inspect("admin")
    for selector in ("#person-menu", "#tenant-menu"):
        admin.page.goto("/")
        admin.page.locator(f"{selector} summary").click()
        admin.seen.clear()
        admin.look(selector)
    admin.page.goto("/")
    admin.page.keyboard.press("?")
    admin.seen.clear()
    admin.look("help")
