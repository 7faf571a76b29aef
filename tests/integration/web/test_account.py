"""My account: name, password, and where one is signed in."""

from typing import Any

import pytest
from flask import Flask

from portal.domain.people import accounts, sessions
from portal.domain.people.models import User
from portal.domain.store.db import db
from portal.domain.tenants.models import Tenant
from tests.integration.web.test_signing_in import sign_in
from tests.support.page import Page
from tests.support.world import PASSWORD, fresh, launch

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def test_the_name_is_changed_and_seen_at_once(browser: Page, ada: User) -> None:
    page = browser.get("/account/")
    assert browser.get("/").links["My account"] == "/account/"
    changed = page.form("/account/name").submit(name="Ada Lovelace")
    assert "Your name is changed." in changed.text
    assert "Ada Lovelace" in changed.tree.text_content()
    assert fresh(ada).name == "Ada Lovelace"


def test_a_name_that_is_none_is_said_at_its_field_and_kept(browser: Page) -> None:
    for name, words in (("  ", "missing"), ("x" * 101, "at most 100")):
        answer = browser.get("/account/").form("/account/name").submit(name=name)
        assert answer.status == 422
        assert words in answer.errors["name"]
    assert answer.form("/account/name")["name"] == "x" * 101


def test_a_new_password_signs_out_everywhere_else(page: Page, app: Flask, ada: User) -> None:
    other = Page(app)
    for each in (page, other):
        sign_in(each)
    form = page.get("/account/").form("/account/password")
    done = form.submit(password=PASSWORD, new_password="another-horse-2")
    assert "Your password is changed." in done.text
    assert other.get("/keys/").title.startswith("Sign in")
    assert page.get("/keys/").status == 200
    assert accounts.sign_in(ada.email, "another-horse-2")


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"password": "wrong-horse-1", "new_password": "another-horse-2"}, "password"),
        ({"password": PASSWORD, "new_password": "tiny-1"}, "new_password"),
        ({"password": "", "new_password": "another-horse-2"}, "password"),
    ],
)
def test_what_is_wrong_with_it_stands_at_the_field(browser: Page, typed: dict[str, Any], field: str) -> None:
    answer = browser.get("/account/").form("/account/password").submit(**typed)
    assert answer.status == 422
    assert set(answer.errors) == {field}
    assert not any(value in answer.response.get_data(as_text=True) for value in filter(None, typed.values()))


def test_a_browser_is_signed_out_from_another(page: Page, app: Flask, ada: User) -> None:
    lost = Page(app)
    lost.send("GET", "/sign-in", headers={"User-Agent": FIREFOX})
    form = lost.get("/sign-in").form()
    lost.post(
        "/sign-in", form.fields | {"email": ada.email, "password": PASSWORD}, headers={"User-Agent": FIREFOX}
    )
    sign_in(page)
    seen = page.get("/account/")
    assert "Firefox on Linux" in seen.text
    assert "this browser" in seen.text
    done = seen.form(button="Sign out Firefox on Linux").submit()
    assert "That browser is signed out." in done.text
    assert lost.get("/keys/").title.startswith("Sign in")
    assert page.get("/keys/").status == 200


def test_all_others_are_signed_out_at_once(page: Page, app: Flask, ada: User) -> None:
    others = [Page(app).sign_in(ada) for _ in range(2)]
    sign_in(page)
    page.get("/account/").form("/end-others").submit()
    assert [each.get("/keys/").title.startswith("Sign in") for each in others] == [True, True]
    assert len(sessions.of(ada)) == 1
    assert not page.get("/account/").all("//form[contains(@action, 'end-others')]")


def test_signing_out_ends_the_session_for_a_copy_of_its_cookie_too(page: Page, app: Flask, ada: User) -> None:
    sign_in(page)
    cookie = page.cookie("portal")
    page.get("/").form("/sign-out").submit()
    thief = app.test_client()
    thief.set_cookie("portal", cookie or "")
    assert thief.get("/keys/").status_code == 302
    assert db.session.query(sessions.Session).filter_by(ended_at=None).count() == 0


def test_a_link_to_a_vm_of_another_tenant_of_theirs_just_works(
    browser: Page, ada: User, eve: User, school: Tenant
) -> None:
    vm = launch(eve, school, name="across")
    assert browser.get(f"/vms/{vm.id}").status == 404
    accounts.join(ada, school.id)
    assert "Research Lab" in browser.get("/").one("//*[@id='tenant-menu']/summary").text_content()
    assert "across" in browser.get(f"/vms/{vm.id}").title
    assert browser.get(f"/vms/{vm.id}/delete").status == 200
