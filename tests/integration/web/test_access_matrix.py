"""Every route, every role, own and foreign tenant: made from the url map and the rows of access_rows.py."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy import update
from werkzeug.routing import AnyConverter, Rule
from werkzeug.test import TestResponse

from portal.domain.people import access, accounts, sessions
from portal.domain.people.models import Role, TenantRole, User
from portal.domain.store.db import db, transaction
from portal.domain.tenants.models import Tenant
from portal.web.guards import PUBLIC, guard_of
from tests.integration.web.access_rows import ARGUMENTS, ROWS, Case, Row, token
from tests.support.world import add_person, draft, launch

ACTORS = ("anonymous", "member", "other", "owner", "support", "admin", "deactivated")
MISSING = """{endpoint} ({method} {rule}) has no row. Say in access_rows.py, beside this file, who may use it:
    "{endpoint}": Row(own="…", foreign="…"),"""


@dataclass(frozen=True)
class Town:
    """Two tenants, and somebody of each role: all in the first, `other` in the second."""

    app: Flask
    people: dict[str, User]
    tenants: tuple[Tenant, Tenant]

    def at_home(self, actor: str) -> tuple[Tenant, Tenant]:
        """The actor's own tenant, and the foreign one."""
        first, second = self.tenants
        return (second, first) if actor == "other" else (first, second)


@dataclass(frozen=True)
class Cell:
    """One route, one role, one tenancy."""

    rule: Rule
    method: str
    actor: str
    foreign: bool

    @property
    def row(self) -> Row:
        return ROWS[self.rule.endpoint]

    def __str__(self) -> str:
        return f"{self.rule.endpoint} as {self.actor}, {'foreign' if self.foreign else 'own'}"


@pytest.fixture
def town(app: Flask, lab: Tenant, school: Tenant) -> Town:
    people = {
        "member": add_person("member@example.org", Role.MEMBER, lab),
        "other": add_person("other@example.org", Role.MEMBER, school),
        "owner": add_person("owner@example.org", Role.MEMBER),
        "support": add_person("support@example.org", Role.SUPPORT, lab),
        "admin": add_person("admin@example.org", Role.ADMIN, lab),
        "deactivated": add_person("gone@example.org", Role.MEMBER, lab),
    }
    accounts.join(people["owner"], lab.id, TenantRole.OWNER)
    for name, tenant in (("member", lab), ("other", school)):
        launch(people[name], tenant)
    draft(people["member"], lab)
    with transaction():
        db.session.execute(update(User).where(User.id == people["deactivated"].id).values(active=False))
    return Town(app, people, (lab, school))


def routes(app: Flask) -> Iterator[tuple[Rule, str]]:
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule, method


def cells(app: Flask) -> Iterator[Cell]:
    for rule, method in routes(app):
        row = ROWS.get(rule.endpoint)
        for actor in ACTORS if row else ():
            for foreign in (False, True) if row and row.foreign is not None else (False,):
                yield Cell(rule, method, actor, foreign)


def visit(town: Town, cell: Cell) -> TestResponse:
    """What the route answers to this person, with an object made for them or for a stranger."""
    person = town.people.get(cell.actor)
    client = town.app.test_client()
    if person:
        with transaction():
            opened = sessions.begin(person)
        with client.session_transaction() as session:
            session["_user_id"] = sessions.key(opened)
    address = address_of(town, cell)
    data = dict(cell.row.data)
    if cell.row.token:
        data["token"] = token(cell.row.token, person if person and person.active else town.people["member"])
    with town.app.app_context():
        if cell.method == "GET":
            return client.get(address, query_string=data)
        return client.open(address, method=cell.method, data=data)


def address_of(town: Town, cell: Cell) -> str:
    own, other = town.at_home(cell.actor)
    mine = town.people.get(cell.actor) or town.people["member"]
    theirs = town.people["member" if cell.actor == "other" else "other"]
    case = Case(theirs if cell.foreign else mine, other if cell.foreign else own, {})
    for name in sorted(cell.rule.arguments):
        converter = cell.rule._converters[name]
        if isinstance(converter, AnyConverter):
            case.given[name] = sorted(converter.items)[0]
        else:
            assert name in ARGUMENTS, f"{cell.rule.endpoint}: say in access_rows.py how {name} is made"
            case.given[name] = ARGUMENTS[name](case)
    with town.app.test_request_context():
        built = cell.rule.build(case.given, append_unknown=False)
    assert built
    return built[1]


def outcome(response: TestResponse) -> str:
    """“in”, “403”, “404”, “sign-in”, or what should never be."""
    if response.status_code == 401 or "/sign-in?next" in response.headers.get("Location", ""):
        return "sign-in"
    if response.status_code == 302 and response.headers["Location"] == "/sign-in":
        return "sign-in"
    return (
        "in"
        if response.status_code in range(200, 403) or response.status_code in (409, 422)
        else response.status
    )


def is_silent(cell: Cell, response: TestResponse) -> bool:
    """Whether it is a page of the admin area that doesn't say if it reads or writes."""
    page = cell.actor == "admin" and cell.method == "GET" and cell.rule.rule.startswith("/admin/")
    text = response.get_data(as_text=True) if response.mimetype == "text/html" else ""
    whole = response.status_code == 200 and text.lstrip()[:9].lower() == "<!doctype"
    return (
        page and whole and not any(f'<span class="tag">{word}</span>' in text for word in ("reads", "writes"))
    )


def wanted(town: Town, cell: Cell) -> set[str]:
    """What the row says; for whom it doesn't name, which refusal is the right one."""
    named = (cell.row.foreign or "") if cell.foreign else cell.row.own
    guard = guard_of(town.app.view_functions[cell.rule.endpoint])
    if guard == PUBLIC:
        # Signing out leads to the sign-in page; /metrics isn't there without its setting, no worker is up.
        return {"in", "sign-in", "404 NOT FOUND", "503 SERVICE UNAVAILABLE"}
    if cell.actor in named.split():
        return {"in"}
    if cell.actor in ("anonymous", "deactivated"):
        return {"sign-in"}
    person = town.people[cell.actor]
    assert isinstance(guard, access.Permission)
    if not access.allows(person, guard):
        return {"403 FORBIDDEN"}
    # Staff see every tenant, so there is nothing to hide from them.
    return {"404 NOT FOUND"} if person.role is Role.MEMBER else {"403 FORBIDDEN", "404 NOT FOUND"}


def test_every_route_lets_in_whom_its_row_names_and_nobody_else(
    town: Town, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(town.app.config, "WTF_CSRF_ENABLED", False)  # a token is another test's matter
    visited, wrong = 0, []
    for cell in cells(town.app):
        response = visit(town, cell)
        got, right = outcome(response), wanted(town, cell)
        visited += 1
        if is_silent(cell, response):
            wrong.append(f"{cell}: the page says nowhere whether it reads or writes (pieces.effect)")
        if got not in right:
            wrong.append(f"{cell}: wanted {' or '.join(sorted(right))}, got {got}")
    with capsys.disabled():
        print(f"\n{visited} (route, role, tenancy) cells visited")
    assert wrong == [], "Either the route is open to the wrong people, or its row is wrong:\n" + "\n".join(
        wrong
    )


def test_every_route_has_its_row_and_every_row_its_route(app: Flask) -> None:
    missing = [
        MISSING.format(endpoint=rule.endpoint, method=method, rule=rule.rule)
        for rule, method in routes(app)
        if rule.endpoint not in ROWS
    ]
    assert not missing, "\n".join(missing)
    assert sorted(set(ROWS) - {rule.endpoint for rule in app.url_map.iter_rules()}) == []
