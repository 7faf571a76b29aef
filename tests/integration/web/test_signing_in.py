"""Signing in and out, and what a session may and may not."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import select

from portal.app import create_app
from portal.config import Settings
from portal.domain.people import sessions
from portal.domain.people.models import User
from portal.domain.store import volatile
from portal.domain.store.db import db, transaction
from portal.domain.store.models import AuditEntry
from portal.web import limits
from tests.support.page import Answer, Page
from tests.support.world import PASSWORD


@pytest.fixture
def throttled(app: Flask) -> Iterator[Page]:
    """A browser at a portal that counts tries, which other tests are spared."""
    yield Page(create_app(replace(app.config["PORTAL"], rate_limits=True)))
    limits.limiter.enabled = False


def sign_in(page: Page, email: str = "ada@example.org", password: str = PASSWORD) -> Answer:
    return page.get("/sign-in").form().submit(email=email, password=password)


def test_the_right_password_leads_home(page: Page, ada: User) -> None:
    assert sign_in(page).url == "/"


def test_signing_in_leads_to_where_one_wanted_to_go(page: Page, ada: User) -> None:
    asked = page.get("/catalogue/images?q=ubuntu")
    assert asked.title.startswith("Sign in")
    assert "Sign in to go on." in asked.text
    assert (
        asked.form().submit(email="ADA@example.org ", password=PASSWORD).url == "/catalogue/images?q=ubuntu"
    )


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "evil", "javascript:alert(1)", "/\t/x"],
)
def test_signing_in_never_leads_out_of_the_portal(page: Page, ada: User, elsewhere: str) -> None:
    form = page.get("/sign-in").form()
    assert form.submit(email=ada.email, password=PASSWORD, next=elsewhere).url == "/"


@pytest.mark.parametrize(
    ("email", "password"), [("ada@example.org", "wrong-password"), ("nobody@example.org", PASSWORD)]
)
def test_a_wrong_sign_in_says_so_and_keeps_the_address(
    page: Page, ada: User, email: str, password: str
) -> None:
    answer = sign_in(page, email, password)
    assert answer.status == 422
    assert answer.errors == {"password": "The e-mail address and the password don't go together."}
    assert answer.form()["email"] == email
    assert "value" not in answer.one("//input[@name='password']").attrib or not answer.form()["password"]


def test_an_empty_sign_in_names_what_is_missing(page: Page, ada: User) -> None:
    answer = sign_in(page, "", "")
    assert set(answer.errors) == {"email", "password"}


def test_a_closed_account_stays_out_and_its_session_ends(page: Page, ada: User) -> None:
    page.sign_in(ada)
    with transaction():
        ada.active = False
    assert page.get("/").title.startswith("Sign in")
    assert sign_in(page).status == 422


def test_ending_the_sessions_takes_effect_at_the_next_request(page: Page, ada: User) -> None:
    page.sign_in(ada)
    assert page.get("/keys/").status == 200
    with transaction():
        sessions.end_all(ada)
    assert page.get("/keys/").title.startswith("Sign in")


def test_signing_out_ends_the_session(page: Page, ada: User) -> None:
    page.sign_in(ada)
    out = page.get("/").form("/sign-out").submit()
    assert out.url == "/sign-in"
    assert page.get("/keys/").title.startswith("Sign in")


def test_signing_out_can_not_be_done_to_somebody_by_a_link(page: Page, ada: User) -> None:
    page.sign_in(ada)
    assert page.get("/sign-out").url == "/"
    assert page.get("/keys/").status == 200


def test_both_outcomes_are_audited_without_the_password(page: Page, ada: User) -> None:
    sign_in(page, password="a-wrong-secret")
    sign_in(page)
    db.session.rollback()
    entries = db.session.scalars(select(AuditEntry)).all()
    assert [entry.action for entry in entries][-2:] == ["person.sign_in_refused", "person.signed_in"]
    assert "a-wrong-secret" not in str([entry.detail for entry in entries])


def test_guessing_is_slowed_down_for_the_account_and_told(throttled: Page, ada: User) -> None:
    for _ in range(10):
        assert sign_in(throttled, password="guess").status == 422
    answer = sign_in(throttled)
    assert answer.status == 429
    assert "Wait 15 minutes" in answer.text
    assert int(answer.headers["Retry-After"]) == 900


def test_guessing_from_many_addresses_is_slowed_down_but_not_where_its_person_is(
    throttled: Page, ada: User
) -> None:
    throttled.get("/sign-in").form().submit(email=ada.email, password=PASSWORD)
    throttled.get("/").form("/sign-out").submit()
    browsers = [Page(throttled._app, address=f"203.0.113.{number}") for number in range(5)]
    guesses = [sign_in(browsers[number // 8], password="guess").status for number in range(31)]
    assert guesses == [422] * 30 + [429]
    assert sign_in(browsers[4]).status == 429
    assert sign_in(browsers[4], email="eve@example.org").status == 422
    assert sign_in(throttled).url == "/"


def test_without_redis_people_sign_in_and_guessing_is_still_slowed_down(app: Flask, ada: User) -> None:
    settings: Settings = app.config["PORTAL"]
    lost = replace(settings, rate_limits=True, redis_url="redis://127.0.0.1:9/0")
    page = Page(create_app(lost))
    try:
        for _ in range(10):
            assert sign_in(page, password="guess").status == 422
        assert sign_in(page).status == 429
        assert sign_in(page, email="eve@example.org").status == 422
    finally:
        limits.limiter.enabled = False
        volatile.connect(settings.redis_url)


def test_signing_in_rightly_is_never_slowed_down(throttled: Page, ada: User) -> None:
    for _ in range(12):
        assert sign_in(throttled).url == "/"
        throttled.get("/").form("/sign-out").submit()


def test_a_form_from_another_site_does_nothing(page: Page, ada: User) -> None:
    page.sign_in(ada)
    answer = page.post(
        "/keys/",
        {"name": "evil", "public_key": "x"},
        headers={"Sec-Fetch-Site": "cross-site", "Referer": "https://evil.example/"},
    )
    assert answer.status == 400
    assert "nothing was done" in answer.text
    assert not answer.all("//main//form")


def test_a_form_that_lay_open_too_long_is_kept_and_can_be_sent_again(page: Page, ada: User) -> None:
    page.sign_in(ada)
    old = page.get("/keys/").form("/keys/")
    old.fields["csrf_token"] = ["long-expired"]
    kept = old.submit(name="laptop", public_key="ssh-ed25519 <b>damaged</b>")
    assert kept.status == 400
    again = kept.form("/keys/")
    assert again["public_key"].strip() == "ssh-ed25519 <b>damaged</b>"
    assert again.submit().errors.keys() == {"public_key"}


def test_work_sent_after_the_session_ended_is_kept(page: Page, ada: User) -> None:
    page.sign_in(ada)
    form = page.get("/keys/").form("/keys/")
    with transaction():
        sessions.end_all(ada)
    kept = form.submit(name="laptop", public_key="ssh-ed25519 AAAA")
    assert kept.status == 401
    assert "signed out" in kept.text
    assert kept.form("/keys/")["name"].strip() == "laptop"


def test_a_password_is_never_kept_on_such_a_page(page: Page, ada: User) -> None:
    form = page.get("/sign-in").form()
    form.fields["csrf_token"] = ["long-expired"]
    kept = form.submit(email=ada.email, password="a-secret-typed")
    assert kept.status == 400
    assert "a-secret-typed" not in kept.response.get_data(as_text=True)


def test_a_panel_without_a_session_sends_the_whole_page_to_sign_in(page: Page) -> None:
    answer = page.get(
        "/catalogue/images", htmx=True, headers={"HX-Current-URL": "http://localhost/catalogue/images?q=x"}
    )
    assert answer.status == 401
    assert answer.headers["HX-Redirect"] == "/sign-in?next=/catalogue/images?q%3Dx"
