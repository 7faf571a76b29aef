"""Accounts: who may sign in, what a stranger learns from being refused, and when a session ends."""

import time
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import select, update

from portal import log
from portal.domain.people import accounts, sessions
from portal.domain.people.accounts import SignInRefused
from portal.domain.people.models import Membership, Role, User
from portal.domain.store.db import db, transaction
from portal.domain.store.errors import Refused
from portal.domain.store.models import AuditEntry
from portal.domain.tenants.models import Tenant
from tests.support.world import PASSWORD, fresh

# Kept from before the fixtures make hashing quick.
IN_EARNEST = accounts._hasher


def write(user: User, **facts: Any) -> User:
    with transaction():
        db.session.execute(update(User).where(User.id == user.id).values(**facts))
    return fresh(user)


def audited(action: str) -> list[AuditEntry]:
    return list(
        db.session.scalars(select(AuditEntry).where(AuditEntry.action == action).order_by(AuditEntry.id))
    )


@pytest.mark.parametrize("email", ["ada@example.org", "  Ada@Example.ORG "])
def test_the_right_password_signs_in_however_the_address_is_written(email: str, ada: User) -> None:
    with log.context(address="192.0.2.7", request_id="r-1"):
        assert accounts.sign_in(email, PASSWORD).user_id == ada.id
    [entry] = audited("person.signed_in")
    assert (entry.user_id, entry.actor) == (ada.id, "ada@example.org")
    assert (entry.address, entry.request_id) == ("192.0.2.7", "r-1")


@pytest.mark.parametrize(
    ("email", "password"),
    [("ada@example.org", "wrong-horse-1"), ("ada@example.org", ""), ("nobody@example.org", PASSWORD)],
)
def test_every_refusal_has_the_same_words_and_an_audit_entry(email: str, password: str, ada: User) -> None:
    with pytest.raises(SignInRefused) as refused:
        accounts.sign_in(email, password)
    assert (refused.value.field, refused.value.message) == (
        "password",
        "The e-mail address and the password don't go together.",
    )
    [entry] = audited("person.sign_in_refused")
    assert (entry.user_id, entry.detail) == (None, {"email": email})


def test_a_closed_account_is_refused_in_the_same_words(ada: User) -> None:
    write(ada, active=False)
    with pytest.raises(SignInRefused, match="don't go together"):
        accounts.sign_in("ada@example.org", PASSWORD)
    assert not ada.is_active


@pytest.mark.parametrize("typed", ["x" * 5000, "x@" + "y." * 2000 + "org", "correct-horse-1", "p@ss-word"])
def test_what_is_no_address_may_be_a_password_and_is_not_kept(typed: str, app: Flask) -> None:
    with pytest.raises(SignInRefused):
        accounts.sign_in(typed, PASSWORD)
    [entry] = audited("person.sign_in_refused")
    assert (entry.detail, entry.subject) == ({}, None)


@pytest.fixture
def in_earnest(monkeypatch: pytest.MonkeyPatch, ada: User) -> None:
    """Passwords are hashed as in life, Ada's too."""
    monkeypatch.setattr(accounts, "_hasher", IN_EARNEST)
    write(ada, password_hash=IN_EARNEST.hash(PASSWORD))


@pytest.mark.usefixtures("in_earnest")
def test_the_time_it_takes_does_not_tell_whether_the_account_exists() -> None:
    def seconds(email: str) -> float:
        started = time.perf_counter()
        with pytest.raises(SignInRefused):
            accounts.sign_in(email, "wrong-horse-1")
        return time.perf_counter() - started

    pairs = [(seconds("ada@example.org"), seconds("nobody@example.org")) for _ in range(5)]
    known, unknown = (min(times) for times in zip(*pairs, strict=True))
    assert unknown > known / 2


@pytest.mark.usefixtures("in_earnest")
def test_a_password_hashed_weakly_in_earlier_days_is_hashed_anew(ada: User) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    write(ada, password_hash=weak)
    accounts.sign_in("ada@example.org", PASSWORD)
    renewed = fresh(ada).password_hash
    assert renewed != weak
    accounts.sign_in("ada@example.org", PASSWORD)
    assert fresh(ada).password_hash == renewed


def test_a_hash_that_is_none_lets_nobody_in(ada: User) -> None:
    write(ada, password_hash="!")
    with pytest.raises(SignInRefused):
        accounts.sign_in("ada@example.org", "!")


def test_a_short_password_is_refused(app: Flask) -> None:
    with pytest.raises(Refused, match="at least 10 characters") as refused:
        accounts.create("new@example.org", "New", "too-short", Role.MEMBER)
    assert refused.value.field == "password"
    assert accounts.find("new@example.org") is None


def test_an_address_belongs_to_one_account(ada: User) -> None:
    with pytest.raises(Refused, match="already") as refused:
        accounts.create(" ADA@example.org", "Another Ada", PASSWORD, Role.MEMBER)
    assert refused.value.field == "email"


def test_an_account_made_by_an_admin_says_so_in_the_audit_and_keeps_its_password_to_itself(
    root: User,
) -> None:
    made = accounts.create("new@example.org", "New", PASSWORD, Role.SUPPORT, by=root)
    entry = audited("person.created")[-1]
    assert (entry.user_id, entry.detail) == (root.id, {"email": "new@example.org", "role": "support"})
    assert PASSWORD not in made.password_hash


def test_joining_twice_is_joining_once(ada: User, lab: Tenant) -> None:
    accounts.join(ada, lab.id)
    assert len(audited("person.joined")) == 1
    assert [row.tenant_id for row in db.session.scalars(select(Membership))] == [lab.id]
    assert ada.tenant_ids == {lab.id}


def test_a_name_is_changed_once_and_audited_with_before_and_after(ada: User) -> None:
    accounts.rename(ada, "  Ada   Lovelace ")
    accounts.rename(ada, "Ada Lovelace")
    assert fresh(ada).name == "Ada Lovelace"
    [entry] = audited("person.renamed")
    assert entry.detail == {"before": "Ada", "after": "Ada Lovelace"}
    for nothing in ("", "  "):
        with pytest.raises(Refused, match="missing"):
            accounts.rename(ada, nothing)


def test_a_new_password_ends_every_session_but_the_one_at_hand(ada: User) -> None:
    here, there = (accounts.sign_in(ada.email, PASSWORD) for _ in range(2))
    accounts.change_password(ada, PASSWORD, "another-horse-2", here=here.id)
    assert sessions.load(sessions.key(here)) == ada
    assert sessions.load(sessions.key(there)) is None
    with pytest.raises(SignInRefused):
        accounts.sign_in(ada.email, PASSWORD)
    assert accounts.sign_in(ada.email, "another-horse-2")
    assert [entry.detail for entry in audited("person.password_changed")] == [{}]


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [("wrong-horse-1", "another-horse-2", "password"), (PASSWORD, "short", "new_password")],
)
def test_a_password_is_changed_only_by_who_knows_it_and_for_a_good_one(
    ada: User, old: str, new: str, field: str
) -> None:
    with pytest.raises(Refused) as refused:
        accounts.change_password(ada, old, new, here=None)
    assert refused.value.field == field
    assert accounts.sign_in(ada.email, PASSWORD)


def test_signing_out_ends_that_session_alone(ada: User, eve: User) -> None:
    left, kept = (accounts.sign_in(ada.email, PASSWORD) for _ in range(2))
    hers = accounts.sign_in(eve.email, PASSWORD)
    for session_id in (left.id, hers.id, None):
        accounts.sign_out(ada, session_id)
    assert sessions.load(sessions.key(left)) is None
    assert sessions.load(sessions.key(kept)) == ada
    assert sessions.load(sessions.key(hers)) == eve
    assert [entry.user_id for entry in audited("person.signed_out")] == [ada.id] * 3


def test_a_password_changed_while_somebody_signs_in_with_the_old_one_keeps_them_out(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = accounts._verify

    def meanwhile(password_hash: str, password: str) -> bool:
        matches = verify(password_hash, password)
        monkeypatch.undo()
        write(ada, password_hash=accounts.hashed("another-horse-2"))
        return matches

    monkeypatch.setattr(accounts, "_verify", meanwhile)
    with pytest.raises(SignInRefused):
        accounts.sign_in(ada.email, PASSWORD)
    assert sessions.of(ada) == []
