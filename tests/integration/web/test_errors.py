"""Errors: each has a page in the portal's clothes, or a notice where htmx asked."""

import logging
import re
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from werkzeug import exceptions

from portal.domain.catalog import keys
from portal.domain.people.models import User
from portal.domain.store.errors import DomainError, Forbidden, NotFound, Refused
from portal.domain.vms.models import Vm
from portal.openstack.errors import BadCredential, OverQuota, Unavailable
from portal.web import errors
from tests.integration.web.test_guards import routes
from tests.support.page import Page

CASES = [
    (NotFound("There is no such VM."), 404, "There is no such VM."),
    (Forbidden(), 403, "Your role doesn't allow this."),
    (Refused("It is being deleted."), 409, "It is being deleted."),
    (OverQuota("Quota exceeded", service="compute"), 409, "The cloud's own quota is full"),
    (Unavailable("no route", service="orchestration"), 503, "The cloud does not answer"),
    (BadCredential("expired", service="identity"), 503, "The cloud refuses the portal"),
    (ConnectionError("redis"), 503, "A part of the portal is away"),
    (exceptions.TooManyRequests(), 429, "Too many tries"),
    (exceptions.RequestEntityTooLarge(), 413, "too much"),
    (exceptions.ImATeapot(), 418, "can't be read"),
    (exceptions.GatewayTimeout(), 504, "broke"),
    (exceptions.ServiceUnavailable(), 503, "away"),
    (RuntimeError("a secret detail"), 500, "Something broke on our side"),
]
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture
def failing(page: Page, ada: User, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Page:
    """A page whose view fails with the error of the case."""
    error = request.param

    def fail(*_args: object) -> None:
        raise error

    monkeypatch.setattr(keys, "of", fail)
    return page.sign_in(ada)


@pytest.mark.parametrize(("failing", "status", "words"), CASES, indirect=["failing"])
def test_an_error_has_a_page_with_its_status_and_the_request(failing: Page, status: int, words: str) -> None:
    answer = failing.get("/keys/")
    assert answer.status == status
    assert words in answer.text
    assert answer.headers["X-Request-ID"] in answer.text
    assert "a secret detail" not in answer.response.get_data(as_text=True)
    assert "Home" in answer.links


@pytest.mark.parametrize(("failing", "status", "words"), CASES, indirect=["failing"])
def test_htmx_gets_a_notice_and_the_page_stays(failing: Page, status: int, words: str) -> None:
    answer = failing.get("/keys/", htmx=True)
    assert answer.status == status
    assert words in answer.text
    assert answer.headers["HX-Retarget"] == "#notices"
    assert not answer.is_whole


@pytest.mark.parametrize("failing", [RuntimeError("what happened")], indirect=True)
def test_what_is_unexpected_is_in_the_log_with_its_trace(
    failing: Page, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, logger="portal.web.errors"):
        failing.get("/keys/")
    assert "what happened" in caplog.text


def test_an_address_that_leads_nowhere_keeps_the_navigation(page: Page, ada: User) -> None:
    answer = page.sign_in(ada).get("/no/such/page")
    assert answer.status == 404
    assert "SSH keys" in answer.links


def test_an_address_that_only_takes_forms_leads_to_its_page(app: Flask, page: Page, root: User) -> None:
    page.sign_in(root)
    known = [(method, _ID.sub(str(UUID(int=0)), address)) for method, address, _ in routes(app)]
    pages = {address for method, address in known if method == "GET"}
    for address in {address for _, address in known} - pages:
        answer = page.get(address)
        assert answer.url != address
        assert answer.is_whole


def test_after_a_refused_form_a_reload_and_the_menus_lead_to_its_page(browser: Page, vm: Vm) -> None:
    refused = browser.get("/account/").form("/password").submit(password="wrong", new_password="x")
    assert refused.url == "/account/password"
    assert refused.errors
    assert browser.get(refused.url).url == "/account/"
    dark = refused.form("/theme").submit("Dark")
    assert (dark.status, dark.url) == (200, "/account/")
    assert browser.get(f"/vms/{vm.id}/stop").url == f"/vms/{vm.id}"
    assert browser.get(f"/vms/{vm.id}/stop", htmx=True).status == 404


def test_a_stranger_gets_the_same_404_without_the_navigation(page: Page) -> None:
    answer = page.get("/no/such/page")
    assert answer.status == 404
    assert "SSH keys" not in answer.links


def test_a_path_that_is_no_id_is_nothing(page: Page, ada: User) -> None:
    assert page.sign_in(ada).get("/keys/not-an-id/remove").status == 404


def test_more_than_a_megabyte_is_refused_with_words(page: Page, ada: User) -> None:
    page.sign_in(ada)
    answer = page.get("/keys/").form("/keys/").submit(name="x", public_key="x" * 1_100_000)
    assert answer.status == 413


def test_every_error_of_the_table_tells_the_next_step() -> None:
    for kind, trouble in errors.TABLE.items():
        assert trouble.text or issubclass(kind, DomainError)


@pytest.mark.parametrize("htmx", [False, True])
def test_a_database_that_is_away_has_a_page_that_needs_none(
    page: Page, ada: User, monkeypatch: pytest.MonkeyPatch, htmx: bool
) -> None:
    page.sign_in(ada)

    def away(*_args: object, **_more: object) -> None:
        raise OperationalError("SELECT 1", {}, ConnectionRefusedError())

    monkeypatch.setattr(Session, "execute", away)
    monkeypatch.setattr(Session, "get", away)
    answer = page.get("/keys/", htmx=htmx)
    assert answer.status == 503
    assert "A part of the portal is away" in answer.text
