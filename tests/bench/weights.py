"""What pages weigh on the wire, what a poll costs, and whether anything jumps while a VM is built."""

import http.client
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Request, sync_playwright

from portal.domain.store.db import db
from tests.bench import report
from tests.bench.pages import sign_in
from tests.support import running
from tests.support.chromium import launch_options
from tests.support.running import Running
from tests.support.walking import House, furnish
from tests.support.world import launch

# Bytes; the last one is for the answer when nothing has changed.
FIRST_LOAD, LATER_PAGE, POLL, UNCHANGED = 120_000, 20_000, 2_000, 0
# A browser says which parts it has; nobody asks for all of them.
WHOLE = "a VM's panel with all its parts"
SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (!one.hadRecentInput)
    window.shifts.push([one.value, ...one.sources.map((source) => source.node?.outerHTML?.slice(0, 120))]);
}).observe({type: "layout-shift", buffered: true});
"""


def measure(folder: Path) -> dict[str, Any]:
    """Bytes as they travel (brotli, without headers), and layout shifts in Chromium."""
    with running.portal(folder) as portal:
        house = furnish(portal)
        wire = Wire(portal.port, sign_in(portal.port))
        first = first_load(wire)
        pages = {address: size for address in house.addresses("owner") if (size := wire.page(address))}
        heaviest = max(pages, key=lambda address: pages[address])
        polls = {name: wire.poll(address) for name, address in _panels(house)}
        shifts, followed = follow(portal, house)
        polls["a VM while it is built, and stopped and started, as a browser asks"] = (
            max(followed),
            min(followed),
        )
        dearest = max(polls.keys() - {WHOLE}, key=lambda name: polls[name][0])
        db.session.remove()
    rows = [
        ("first load: home and its files", first, FIRST_LOAD),
        (f"heaviest of {len(pages)} pages: {heaviest}", pages[heaviest], LATER_PAGE),
        (f"dearest poll: {dearest}", polls[dearest][0], POLL),
        (
            "polls when nothing has changed, body",
            max(unchanged for _, unchanged in polls.values()),
            UNCHANGED,
        ),
    ]
    report.table("Weights in bytes", ("", "measured", "budget"), rows)
    report.table("Polls", ("", "changed", "unchanged"), [(name, *sizes) for name, sizes in polls.items()])
    report.table("Layout shifts while a VM is built", ("score", "what"), shifts or [(0, "nothing jumps")])
    return {"first_load": first, "pages": pages, "polls": polls, "layout_shifts": len(shifts)}


@dataclass
class Wire:
    """One signed-in browser's connection; it tells bytes of bodies."""

    port: int
    cookie: str

    def ask(self, address: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        """The answer, and its body as it travelled."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = {"Cookie": self.cookie, "Accept-Encoding": "gzip, br"} | headers
        connection.request("GET", address, headers=sent)
        answer = connection.getresponse()
        return answer, answer.read()

    def page(self, address: str) -> int:
        """The page's own bytes; 0 where it isn't one."""
        answer, body = self.ask(address)
        is_page = answer.status == 200 and answer.headers.get_content_type() == "text/html"
        return len(body) if is_page else 0

    def poll(self, address: str) -> tuple[int, int]:
        """Bytes of a panel's answer, and of the next one with its ETag."""
        answer, body = self.ask(address, **{"HX-Request": "true"})
        _, again = self.ask(address, **{"HX-Request": "true", "If-None-Match": answer.headers["ETag"]})
        return len(body), len(again)


def first_load(wire: Wire) -> int:
    """Home with an empty cache: the page, its styles, scripts and icons."""
    connection = http.client.HTTPConnection("127.0.0.1", wire.port, timeout=30)
    connection.request("GET", "/", headers={"Cookie": wire.cookie})
    files = set(re.findall(r'"(/static/[^"#]+)', connection.getresponse().read().decode()))
    return wire.page("/") + sum(len(wire.ask(file)[1]) for file in files)


def _panels(house: House) -> Iterator[tuple[str, str]]:
    """The panels that ask again, by the words of their place."""
    vm = house.known["vm_id"][0]
    yield from (
        (WHOLE, f"/vms/{vm}/panel"),
        ("the list", "/vms/"),
        ("home", "/"),
        ("the bell", "/notices/bell"),
    )


def follow(portal: Running, house: House) -> tuple[list[tuple[float, str]], list[int]]:
    """A VM built, stopped and started on its page: what moved and how far; each poll's bytes."""
    polls: list[int] = []

    def weigh(request: Request) -> None:
        if request.url.endswith("/panel"):
            polls.append(request.sizes()["responseBodySize"])

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options())
        page: Page = browser.new_page(base_url=portal.url, viewport={"width": 1280, "height": 820})
        page.add_init_script(SHIFTS)
        page.goto("/")
        page.get_by_label("E-mail").fill("ada@example.org")
        page.get_by_label("Password").fill("portal-demo-1")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Home").wait_for()
        vm = launch(house.people["owner"], house.tenant, "web-server", name="jumping")
        page.on("requestfinished", weigh)
        page.goto(f"/vms/{vm.id}")
        page.locator("#vm .tone", has_text="Being built").wait_for()
        page.locator("#vm .tone", has_text="Active").wait_for(timeout=60_000)
        page.wait_for_timeout(3000)
        for now, then in (("Stop", "Start"), ("Start", "Stop")):
            page.get_by_role("button", name=now, exact=True).click()
            page.get_by_role("button", name=then, exact=True).wait_for()
        found: list[list[Any]] = page.evaluate("window.shifts")
        browser.close()
    return [(round(score, 4), " | ".join(filter(None, nodes))) for score, *nodes in found], polls
