"""Sessions: what opens a page, what ends it, and what a person sees of where they are signed in."""

from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import event, select

from portal import log
from portal.domain.people import sessions
from portal.domain.people.models import Session, User
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import Forbidden, NotFound
from tests.integration.people.test_accounts import audited, write
from tests.support.world import BOTH, Clock, fresh

DATABASES = BOTH
NOBODY = "6f0d5f0e-54b1-4f53-8f0c-0d5a3c7d9a11"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def begin(user: User, agent: str = FIREFOX, address: str = "192.0.2.7") -> Session:
    with log.context(address=address), transaction():
        return sessions.begin(user, agent)


def test_the_cookie_of_an_open_session_names_its_person(ada: User) -> None:
    opened = begin(ada)
    assert sessions.load(sessions.key(opened)) == ada
    assert sessions.named(sessions.key(opened)) == opened.id
    assert (opened.device, opened.address) == ("Firefox on Linux", "192.0.2.7")


@pytest.mark.parametrize("cookie", ["", "root", ":", f"{NOBODY}:0", NOBODY, f"{NOBODY}:{NOBODY}"])
def test_a_made_up_cookie_is_nobodys(cookie: str, app: Flask) -> None:
    assert sessions.load(cookie) is None


def test_an_ended_session_opens_nothing_and_the_others_stay(ada: User) -> None:
    lost, kept = begin(ada), begin(ada)
    sessions.end(lost.id, ada, by=ada)
    assert sessions.load(sessions.key(lost)) is None
    assert sessions.load(sessions.key(kept)) == ada
    sessions.end(lost.id, ada, by=ada)
    [entry] = audited("session.ended")
    assert entry.detail == {"email": ada.email, "device": "Firefox on Linux"}


def test_nobody_ends_the_sessions_of_others_but_an_admin(ada: User, eve: User, sam: User, root: User) -> None:
    hers = begin(eve)
    for stranger in (ada, sam):
        with pytest.raises(Forbidden):
            sessions.end(hers.id, eve, by=stranger)
    with pytest.raises(NotFound):
        sessions.end(hers.id, ada, by=ada)
    with pytest.raises(NotFound):
        sessions.end(uuid4(), ada, by=ada)
    assert sessions.load(sessions.key(hers)) == eve
    sessions.end(hers.id, eve, by=root)
    assert sessions.load(sessions.key(hers)) is None


def test_all_the_others_can_be_ended_at_once(ada: User, eve: User) -> None:
    here, there, hers = begin(ada), begin(ada), begin(eve)
    assert sessions.end_others(ada, but=here.id) == 1
    assert sessions.load(sessions.key(there)) is None
    assert sessions.load(sessions.key(here)) == ada
    assert sessions.load(sessions.key(hers)) == eve
    assert audited("session.others_ended")[0].detail == {"ended": 1}


def test_a_session_ends_with_the_account(ada: User) -> None:
    opened = begin(ada)
    write(ada, active=False)
    assert sessions.load(sessions.key(opened)) is None
    assert not ada.is_active


def test_an_idle_session_ends_by_itself_and_a_used_one_goes_on(ada: User, clock: Clock) -> None:
    idle, used = begin(ada), begin(ada)
    for _ in range(5):
        clock.forward(4 * 3600)
        assert sessions.load(sessions.key(used)) == ada
    assert sessions.load(sessions.key(idle)) is None
    assert [each.id for each in sessions.of(ada)] == [used.id]


def test_a_session_writes_that_it_was_seen_every_few_minutes_only(ada: User, clock: Clock) -> None:
    opened = begin(ada)
    first = opened.seen_at
    clock.forward(60)
    sessions.load(sessions.key(opened))
    assert fresh(opened).seen_at == first
    clock.forward(300)
    with log.context(address="198.51.100.9"):
        sessions.load(sessions.key(opened))
    assert (fresh(opened).seen_at > first, opened.address) == (True, "198.51.100.9")


def test_a_request_asks_the_database_no_more_than_for_its_person(ada: User) -> None:
    opened = begin(ada)
    asked: list[str] = []
    db.session.rollback()
    db.session.expunge_all()

    @event.listens_for(db.engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.extend([statement] if statement.startswith("SELECT") else [])

    try:
        found = sessions.load(sessions.key(opened))
        assert found
        assert len(found.tenant_ids) == 1
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert len(asked) == 1  # the person with the session and their memberships


def test_what_ended_long_ago_is_forgotten_at_the_next_sign_in(ada: User, clock: Clock) -> None:
    begin(ada)
    clock.forward(31 * 86400)
    last = begin(ada)
    assert [each.id for each in db.session.scalars(select(Session))] == [last.id]


def test_the_session_used_last_stands_first(ada: User, clock: Clock) -> None:
    old = begin(ada)
    clock.forward(600)
    new = begin(ada)
    assert [each.id for each in sessions.of(ada)] == [new.id, old.id]
    assert sessions.last_seen([ada]) == {ada.id: new.seen_at}
    assert new.seen_at <= now()


def test_an_address_is_known_for_an_account_once_it_was_opened_there(ada: User, eve: User) -> None:
    begin(ada)
    with log.context(address="192.0.2.7"):
        assert sessions.opened_here(ada.email)
        assert not sessions.opened_here(eve.email)
    with log.context(address="203.0.113.1"):
        assert not sessions.opened_here(ada.email)


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge on Windows",
        ),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Version/18.0 Safari/605.1.15", "Safari on macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1", "Safari on iPhone"),
        ("Something (Linux)", "A browser on Linux"),
        ("curl/8.5.0", "curl"),
        ("", "Unknown device"),
        ("<script>alert(1)</script>", "Unknown device"),
    ],
)
def test_a_browser_is_named_in_a_few_words(agent: str, words: str) -> None:
    assert sessions.device(agent) == words
