"""Whatever is typed anywhere is answered: too long, too large, with a byte that no text has, with markup."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import delete, update

from portal.domain.catalog import catalog
from portal.domain.people.models import User
from portal.domain.store.db import db
from portal.domain.store.models import AuditEntry
from portal.domain.tenants.models import NetworkProfile, Tenant
from portal.domain.vms import answers, requests
from portal.domain.vms.models import LaunchDraft, Vm
from portal.sandbox.control import Control
from tests.support.hunt import Lines
from tests.support.page import Answer, Form, Page
from tests.support.wizard import write
from tests.support.world import Worker, draft, fresh, launch

# The stricter of the two: lengths are limits there, and a text holds no zero byte.
DATABASES = ("postgresql",)
FORGED = '=1+1\r\n{"time": "forged", "user_id": "forged"}\x1b[2J\x9b31m\x85\u2028", "forged": "\u202e'
FORMULAS, EXPORTS, ENVELOPE = set("=+-@"), ("csv", "jsonl"), "portal.web.envelope"
MARKUP = "<img src=x onerror=alert(1)>{{ 7 * 7 }}"
_NUMBERS = ".//input[@type='number']"
_TEXTS = ".//input[not(@type) or @type='text' or @type='search' or @type='email' or @type='password']"
# What these do ends the session, or takes away what the others need.
_LEFT_OUT = ("/sign-out", "/archive", "/suspend", "/discard", "/deactivate")


def pages(browser: Page, *starts: str) -> Iterator[Answer]:
    """One page of each kind that links lead to."""
    seen, waiting = set[str](), list(starts)
    while waiting:
        url = waiting.pop(0)
        kind = "/".join("*" if len(part) > 30 else part for part in urlsplit(url).path.split("/"))
        if kind in seen or not url.startswith("/"):
            continue
        seen.add(kind)
        answer = browser.get(url)
        assert answer.status < 500, url
        if answer.is_html:
            yield answer
            waiting += answer.links.values()


def named(form: Form, xpath: str) -> list[str]:
    return [each.get("name") for each in form.element.xpath(xpath) if each.get("name")]


def forms(answer: Answer) -> Iterator[Form]:
    for element in answer.all("//form"):
        if not (element.get("action") or "").endswith(_LEFT_OUT):
            yield Form(answer, element)


@pytest.fixture
def unfinished(app: Flask, ada: User, lab: Tenant, work: Worker) -> str:
    """The address of a draft's step; there is something behind each link."""
    launch(ada, lab)
    work()
    requests.ask(lab, {"vms": 90}, "x", by=ada)
    return f"/launch/{draft(ada, lab).id}/machine"


@pytest.mark.parametrize("who", ["ada", "root"])
def test_no_form_breaks_on_what_is_typed(
    who: str, app: Flask, unfinished: str, ada: User, root: User, logged: Lines
) -> None:
    browser, tried = Page(app).sign_in({"ada": ada, "root": root}[who]), set[str]()
    starts = {"ada": ("/", unfinished), "root": ("/", "/admin/tenants/new")}[who]
    for answer in pages(browser, *starts):
        for form in forms(answer):
            texts, action = named(form, f"{_TEXTS} | .//textarea"), form.element.get("action") or answer.url
            if not texts or action in tried:
                continue
            tried.add(action)
            numbers = dict.fromkeys(named(form, _NUMBERS), "9" * 5000)
            for text in ("x" * 70_000, "zero\x00byte", FORGED):
                typed: dict[str, Any] = dict.fromkeys(texts, text) | numbers
                sent = form.submit(**typed)
                assert sent.status < 500, (answer.url, action, text[:10])
    assert len(tried) > 8
    assert_true(logged, {str(ada.id), str(root.id)})
    exported_is_true(Page(app).sign_in(root))


def test_no_header_or_address_forges_a_line(page: Page, root: User, logged: Lines) -> None:
    letters = FORGED.replace("\n", "").replace("\r", "").encode("latin-1", "ignore").decode("latin-1")
    names = ("X-Request-ID", "User-Agent", "Referer", "HX-Current-URL", "X-Forwarded-For", "Authorization")
    page.sign_in(root)
    named = uuid4()
    for path in (
        f"/admin/quotas/requests/{named}",
        f"/vms/?q={quote(FORGED)}",
        f"/{quote(FORGED)}",
        "/healthz",
    ):
        assert page.get(path, headers=dict.fromkeys(names, letters)).status < 500, path
    assert page.post("/sign-in", {"email": FORGED}, headers={"Referer": letters}).status == 400
    lines = assert_true(logged, {str(root.id)})
    assert {each.get("of_request_id") for each in lines} == {None, str(named)}
    assert all(each["request_id"].startswith("req-") for each in lines if each["logger"] == ENVELOPE)


def assert_true(logged: Lines, people: set[str]) -> list[dict[str, Any]]:
    """As many lines as were logged, each by one of these people, none with what steers a terminal."""
    text = logged.text.getvalue()
    assert all(letter == "\n" or letter.isprintable() for letter in text)
    lines: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    assert len(lines) == logged.count > 0
    assert {each["level"] for each in lines} <= {"debug", "info", "warning", "error"}
    assert {each.get("user_id") for each in lines} <= {None, *people}
    assert not [each for each in lines if each["time"] == "forged" or "forged" in each]
    return lines


def exported_is_true(browser: Page) -> None:
    """As many entries as were written, none of them a formula."""
    index = browser.get("/admin/audit/")
    files = {form: index.form(f"/export.{form}").submit().response.get_data(as_text=True) for form in EXPORTS}
    number = db.session.query(AuditEntry).count()
    by_line = [json.loads(line) for line in files["jsonl"].splitlines()]
    by_cell = list(csv.DictReader(io.StringIO(files["csv"])))
    assert (len(by_line), len(by_cell)) == (number, number - 1)
    assert not [cell for row in by_cell for cell in row.values() if cell.lstrip()[:1] in FORMULAS]
    assert any("forged" in json.dumps(entry["detail"]) for entry in by_line)


def test_a_draft_thrown_away_in_another_tab_while_it_is_saved_is_told(
    browser: Page, unfinished: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    form, columns = browser.get(unfinished).form(button="Next"), answers.columns

    def late(*args: Any) -> dict[str, Any]:
        write(delete(LaunchDraft))
        return columns(*args)

    monkeypatch.setattr(answers, "columns", late)
    assert form.submit("Next").status == 404


@pytest.mark.parametrize("query", ["page=" + "9" * 40, "q=%00", "before=" + "9" * 40, "since=%00&person=%00"])
def test_no_address_breaks_on_what_stands_in_it(query: str, page: Page, root: User) -> None:
    page.sign_in(root)
    for path in ("/vms/", "/admin/audit/", "/admin/people/", "/admin/tenants/", "/admin/search", "/notices/"):
        assert page.get(f"{path}?{query}").status < 500, path


def test_names_from_openstack_are_text_wherever_they_stand(
    app: Flask, ada: User, root: User, lab: Tenant, cloud: Control, work: Worker, unfinished: str
) -> None:
    for kind in ("image", "flavor"):
        for row in catalog.images(lab.id) if kind == "image" else catalog.flavors(lab.id):
            cloud.change(kind, row.name, name=f"{MARKUP}{row.name}")
    catalog.refresh(lab.id)
    write(update(NetworkProfile).values(name=MARKUP, os_name=MARKUP))
    vm = launch(ada, lab)
    work()
    write(update(Vm).values(failure=MARKUP, trouble=MARKUP, power_trouble=MARKUP))
    shown = 0
    starts = {ada: ("/", unfinished, f"/vms/{fresh(vm).id}"), root: ("/", f"/admin/vms/{vm.id}")}
    for person, urls in starts.items():
        for answer in pages(Page(app).sign_in(person), *urls):
            assert not answer.all("//img"), answer.url
            shown += MARKUP in answer.tree.text_content()
    assert shown > 8
