"""Reset links: an admin makes one, it sets a password once, and every session ends with it."""

from uuid import uuid4

import pytest

from portal.domain.people import accounts, people, resets, sessions
from portal.domain.people.accounts import SignInRefused
from portal.domain.people.models import User
from portal.domain.people.resets import LinkOver
from portal.domain.store.errors import Forbidden, NotFound, Refused
from tests.integration.people.test_accounts import audited
from tests.integration.people.test_sessions import begin
from tests.support.world import BOTH, PASSWORD, Clock

DATABASES = BOTH
NEW = "another-horse-2"


def test_the_link_sets_the_password_and_ends_every_session(root: User, ada: User) -> None:
    before = begin(ada)
    link, token = resets.make(ada.id, by=root)
    assert resets.read(token).user == ada
    assert resets.use(token, NEW) == ada
    assert sessions.load(sessions.key(before)) is None
    with pytest.raises(SignInRefused):
        accounts.sign_in(ada.email, PASSWORD)
    assert accounts.sign_in(ada.email, NEW).user_id == ada.id
    [made], [used] = audited("person.reset_link_made"), audited("person.password_reset")
    assert (made.actor, made.detail, used.actor) == (root.email, {"email": ada.email}, ada.email)
    assert token not in str([made.detail, used.detail, link.token_hash])


def test_it_works_once(root: User, ada: User) -> None:
    _, token = resets.make(ada.id, by=root)
    resets.use(token, NEW)
    with pytest.raises(LinkOver, match="used already"):
        resets.use(token, PASSWORD)


def test_it_lasts_a_day(root: User, ada: User, clock: Clock) -> None:
    _, token = resets.make(ada.id, by=root)
    clock.forward(resets.LASTS.total_seconds() + 1)
    with pytest.raises(LinkOver, match="too old"):
        resets.use(token, NEW)


def test_a_newer_link_takes_the_place_of_the_earlier(root: User, ada: User, eve: User) -> None:
    _, first = resets.make(ada.id, by=root)
    _, hers = resets.make(eve.id, by=root)
    _, second = resets.make(ada.id, by=None)
    with pytest.raises(LinkOver, match="replaced by a newer one"):
        resets.read(first)
    assert resets.use(second, NEW) == ada
    assert resets.read(hers).user == eve


def test_a_made_up_token_opens_nothing(ada: User) -> None:
    with pytest.raises(LinkOver):
        resets.use("x", NEW)


def test_a_short_password_is_refused_and_the_link_stays_good(root: User, ada: User) -> None:
    _, token = resets.make(ada.id, by=root)
    with pytest.raises(Refused, match="at least 10") as refused:
        resets.use(token, "short")
    assert refused.value.field == "password"
    assert resets.use(token, NEW)


def test_a_closed_account_has_no_links(root: User, ada: User) -> None:
    _, token = resets.make(ada.id, by=root)
    people.deactivate(ada.id, by=root)
    with pytest.raises(LinkOver):
        resets.use(token, NEW)
    with pytest.raises(Refused, match="closed"):
        resets.make(ada.id, by=root)


def test_only_admins_make_them_and_only_for_somebody(root: User, ada: User, sam: User) -> None:
    for by in (ada, sam):
        with pytest.raises(Forbidden):
            resets.make(ada.id, by=by)
    with pytest.raises(NotFound):
        resets.make(uuid4(), by=root)
