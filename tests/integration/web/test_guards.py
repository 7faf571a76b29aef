"""Guards: every route says who may use it, and nobody else gets in."""

from uuid import uuid4

import pytest
from flask import Flask
from werkzeug.routing import AnyConverter, Rule

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.web.guards import PUBLIC, guard_of
from tests.support.page import Page

OPEN = {
    "auth.sign_in",
    "auth.open_session",
    "auth.sign_out",
    "home.choose_language",
    "home.choose_theme",
    "links.invitation",
    "links.accept",
    "links.reset",
    "links.set_password",
    "health.alive",
    "health.ready",
    "metrics.scrape",
}


def made_up_value(rule: Rule, name: str) -> object:
    converter = rule._converters[name]
    if isinstance(converter, AnyConverter):
        return sorted(converter.items)[0]
    return uuid4() if name.endswith("_id") else "x"


def routes(app: Flask) -> list[tuple[str, str, str]]:
    """(method, address with made-up ids, endpoint) of every route."""
    found = []
    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            made_up = {name: made_up_value(rule, name) for name in rule.arguments}
            address = rule.build(made_up, append_unknown=False)
            assert address, rule
            found += [
                (method, address[1], rule.endpoint)
                for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
            ]
    return found


def test_every_route_says_who_may_use_it(app: Flask) -> None:
    silent = [
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if guard_of(app.view_functions[rule.endpoint]) is None
    ]
    assert silent == []


def test_only_these_routes_are_open_to_anybody(app: Flask) -> None:
    public = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if guard_of(app.view_functions[rule.endpoint]) == PUBLIC
    }
    assert public == OPEN


def test_a_stranger_gets_the_sign_in_page_everywhere_else(app: Flask, page: Page) -> None:
    for method, address, endpoint in routes(app):
        if endpoint not in OPEN:
            answer = page.send(method, address)
            assert answer.title.startswith("Sign in") or answer.status in (400, 401), address


def test_no_route_changes_anything_by_get(app: Flask) -> None:
    both = [rule.endpoint for rule in app.url_map.iter_rules() if {"GET", "POST"} <= (rule.methods or set())]
    assert both == []


def test_a_route_that_says_nothing_is_closed(
    ada: User, page: Page, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(app.view_functions["keys.index"].__dict__, "guard")
    answer = page.sign_in(ada).get("/keys/")
    assert answer.status == 403
    assert "role" in answer.title


@pytest.mark.parametrize("who", ["ada", "sam", "root"])
def test_each_role_is_kept_to_its_permissions(
    who: str, request: pytest.FixtureRequest, page: Page, app: Flask, lab: object
) -> None:
    user: User = request.getfixturevalue(who)
    page.sign_in(user)
    for method, address, endpoint in routes(app):
        guard = guard_of(app.view_functions[endpoint])
        # Where a notice leads, the guard of that page decides.
        if method == "GET" and isinstance(guard, Permission) and endpoint != "notices.go":
            allowed = access.allows(user, guard)
            assert (page.get(address).status == 403) is not allowed, address
