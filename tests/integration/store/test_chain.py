"""The audit's chain: whatever is done to it past the portal is found and named; writers never break it."""

import random
import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from portal.domain.people.models import User
from portal.domain.store import audit, chain
from portal.domain.store.chain import ENTRIES, GENESIS, Kind, Walk
from portal.domain.store.db import db, transaction
from portal.domain.store.models import AuditEntry, AuditHead
from tests.support.tampering import tamper
from tests.support.world import BOTH

DATABASES = BOTH
LENGTH = 12
# What each column is changed to; SQLite keeps each of them, PostgreSQL casts what it can.
OTHER = {
    "at": "2031-05-06 07:08:09.000010",
    "action": "other",
    "user_id": "0" * 31 + "1",
    "actor": "mallory",
    "subject": "mallory",
    "tenant_id": "0" * 31 + "2",
    "vm_id": "0" * 31 + "3",
    "address": "192.0.2.9",
    "request_id": "r-other",
    "detail": '{"other": true}',
    "previous_hash": "a" * 64,
    "hash": "b" * 64,
}


def write(number: int = LENGTH, start: int = 1) -> None:
    """So many entries, each with all columns filled, in transactions of three."""
    for first in range(start, start + number, 3):
        with transaction():
            for each in range(first, min(first + 3, start + number)):
                audit.record(
                    f"tried.{each}",
                    by=None,
                    tenant_id=uuid4(),
                    vm_id=uuid4(),
                    detail={"email": f"{each}@example.org", "deep": {"list": [1, 2.5, None, "ä"]}},
                )


def found() -> list[tuple[int, Kind]]:
    db.session.rollback()
    return [(problem.number, problem.kind) for problem in Walk().to_end().found]


def rehash(number: int) -> str:
    """The hash of the entry as it is now, as somebody would compute it who knows how."""
    db.session.rollback()
    row = db.session.execute(select(ENTRIES).where(ENTRIES.c.id == number)).mappings().one()
    return chain.hash_of(dict(row))


def sql_of(app: Flask, column: str) -> str:
    """The new value of a column, as the database takes it."""
    casts = {"at": "timestamptz", "user_id": "uuid", "tenant_id": "uuid", "vm_id": "uuid", "detail": "json"}
    if db.engine.dialect.name == "postgresql" and column in casts:
        zone = " || '+00'" if column == "at" else ""
        return f"CAST(:value{zone} AS {casts[column]})"
    return ":value"


def test_what_was_written_is_right(app: Flask) -> None:
    assert found() == []
    write()
    walk = Walk().to_end()
    assert (walk.found, walk.entries, walk.number) == ([], LENGTH, LENGTH)
    rows = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [row.previous_hash for row in rows] == [GENESIS, *[row.hash for row in rows[:-1]]]
    assert walk.tip == f"{LENGTH}:{rows[-1].hash}"
    assert rows[0].subject == "1@example.org"


@pytest.mark.parametrize("column", [each.name for each in ENTRIES.columns if each.name != "id"])
def test_a_changed_column_is_found(app: Flask, column: str) -> None:
    write()
    number = random.randint(1, LENGTH)
    tamper(
        f"UPDATE audit_entries SET {column} = {sql_of(app, column)} WHERE id = {number}", value=OTHER[column]
    )
    assert found() == [(number, Kind.CHANGED)]


@pytest.mark.parametrize("column", [column.name for column in ENTRIES.columns if column.nullable])
def test_an_emptied_column_is_found(app: Flask, column: str) -> None:
    with transaction():
        who = type("Who", (), {"id": uuid4(), "email": "a@example.org"})()
        audit.record("x", by=who, tenant_id=uuid4(), vm_id=uuid4(), detail={"email": "b@example.org"})
    tamper("UPDATE audit_entries SET address = 'x', request_id = 'y' WHERE id = 1")
    tamper(f"UPDATE audit_entries SET hash = '{rehash(1)}'", f"UPDATE audit_head SET hash = '{rehash(1)}'")
    assert found() == []
    tamper(f"UPDATE audit_entries SET {column} = NULL WHERE id = 1")
    assert found() == [(1, Kind.CHANGED)]


def test_every_column_is_tried() -> None:
    assert set(OTHER) == {each.name for each in ENTRIES.columns} - {"id"}


def test_a_changed_number_is_found_as_a_move(app: Flask) -> None:
    write()
    tamper("UPDATE audit_entries SET id = 40 WHERE id = 5")
    assert found() == [(5, Kind.MISSING), (13, Kind.MISSING), (40, Kind.MOVED), (13, Kind.ADDED)]


def test_removed_entries_are_found(app: Flask) -> None:
    write()
    tamper("DELETE FROM audit_entries WHERE id IN (4, 7, 8)")
    walk = Walk().to_end()
    assert [(each.number, each.upto, each.kind) for each in walk.found] == [
        (4, 4, Kind.MISSING),
        (7, 8, Kind.MISSING),
    ]
    assert [str(each) for each in walk.found] == [
        "4: It was removed.",
        "7: It and those up to 8 were removed.",
    ]


def test_a_gap_that_was_closed_is_found(app: Flask) -> None:
    write()
    up = [
        f"UPDATE audit_entries SET id = {number - 1} WHERE id = {number}" for number in range(6, LENGTH + 1)
    ]
    tamper("DELETE FROM audit_entries WHERE id = 5", *up)
    assert found() == [*((number, Kind.MOVED) for number in range(5, LENGTH)), (LENGTH, Kind.MISSING)]


@pytest.mark.parametrize("cut", [1, 5, LENGTH])
def test_entries_cut_off_at_the_end_are_found(app: Flask, cut: int) -> None:
    write()
    tamper(f"DELETE FROM audit_entries WHERE id > {LENGTH - cut}")
    assert found() == [(LENGTH - cut + 1, Kind.MISSING)]


def test_a_cut_that_hides_in_the_head_is_found_by_a_noted_tip(app: Flask) -> None:
    write()
    noted = Walk().to_end().tip.split(":")
    tamper("DELETE FROM audit_entries WHERE id > 9", "UPDATE audit_head SET number = 9")
    tamper(f"UPDATE audit_head SET hash = '{rehash(9)}'")
    assert found() == []
    walk = Walk(expected_number=int(noted[0]), expected_hash=noted[1]).to_end()
    assert [(each.number, each.kind) for each in walk.found] == [(10, Kind.MISSING)]


def test_a_chain_written_anew_is_found_by_a_noted_tip(app: Flask) -> None:
    write()
    noted = Walk().to_end().tip.split(":")
    tamper("DELETE FROM audit_entries", f"UPDATE audit_head SET number = 0, hash = '{GENESIS}'")
    write(LENGTH + 2)
    assert found() == []
    walk = Walk(expected_number=int(noted[0]), expected_hash=noted[1]).to_end()
    assert [(each.number, each.kind) for each in walk.found] == [(LENGTH, Kind.REPLACED)]


def copied(number: int, of: int) -> str:
    """Another entry that says the same, columns named as the table may hold them in any order."""
    names = "at, action, user_id, actor, subject, tenant_id, vm_id, address, request_id, detail"
    return (
        f"INSERT INTO audit_entries (id, {names}, previous_hash, hash) "
        f"SELECT {number}, {names}, previous_hash, hash FROM audit_entries WHERE id = {of}"
    )


@pytest.mark.parametrize("number", [0, -3])
def test_an_entry_added_before_the_first_is_found(app: Flask, number: int) -> None:
    write()
    tamper(copied(number, 4))
    assert found() == [(number, Kind.ADDED)]


def test_an_entry_added_behind_the_last_is_found_even_when_it_is_hashed_right(app: Flask) -> None:
    write()
    tamper(
        copied(LENGTH + 1, LENGTH),
        f"UPDATE audit_entries SET previous_hash = '{rehash(LENGTH)}' WHERE id = {LENGTH + 1}",
    )
    tamper(f"UPDATE audit_entries SET hash = '{rehash(LENGTH + 1)}' WHERE id = {LENGTH + 1}")
    assert found() == [(LENGTH + 1, Kind.ADDED)]


def test_an_entry_squeezed_in_is_found(app: Flask) -> None:
    write()
    down = [
        f"UPDATE audit_entries SET id = {number + 1} WHERE id = {number}" for number in range(LENGTH, 4, -1)
    ]
    tamper(*down, copied(5, 2))
    assert found() == [
        (5, Kind.CHANGED),
        *((number, Kind.MOVED) for number in range(6, LENGTH + 2)),
        (LENGTH + 1, Kind.ADDED),
    ]


def test_entries_that_changed_places_are_found(app: Flask) -> None:
    write()
    moves = [(3, 99), (8, 3), (99, 8)]
    tamper(*(f"UPDATE audit_entries SET id = {new} WHERE id = {old}" for old, new in moves))
    walk = Walk().to_end()
    assert [str(each) for each in walk.found] == [
        "3: It was moved here: it is entry 8.",
        "8: It was moved here: it is entry 3.",
    ]


def test_hashes_that_changed_places_are_found(app: Flask) -> None:
    write()
    third, eighth = rehash(3), rehash(8)
    tamper(
        f"UPDATE audit_entries SET hash = '{eighth}' WHERE id = 3",
        f"UPDATE audit_entries SET hash = '{third}' WHERE id = 8",
    )
    assert found() == [(3, Kind.CHANGED), (8, Kind.CHANGED)]


@pytest.mark.parametrize("number", [1, 6, LENGTH])
def test_an_entry_that_was_hashed_anew_is_found(app: Flask, number: int) -> None:
    write()
    tamper(f"UPDATE audit_entries SET actor = 'mallory' WHERE id = {number}")
    tamper(f"UPDATE audit_entries SET hash = '{rehash(number)}' WHERE id = {number}")
    assert found() == [(number, Kind.REPLACED)]


def test_a_first_entry_with_something_before_it_is_found(app: Flask) -> None:
    write(1)
    tamper(f"UPDATE audit_entries SET previous_hash = '{'c' * 64}'")
    tamper(f"UPDATE audit_entries SET hash = '{rehash(1)}'", f"UPDATE audit_head SET hash = '{rehash(1)}'")
    assert found() == [(0, Kind.REPLACED)]


def test_the_heads_loss_is_found_and_the_chain_goes_on(app: Flask) -> None:
    write()
    tamper("DELETE FROM audit_head")
    assert found() == [(LENGTH, Kind.HEAD)]
    write(2, start=20)
    assert found() == []
    lost = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "audit.head_lost")).one()
    assert (lost.id, lost.detail) == (LENGTH + 1, {"last": LENGTH})


def test_a_chain_whose_all_is_lost_begins_anew_and_says_so(app: Flask) -> None:
    tamper("DELETE FROM audit_head")
    write(1)
    assert found() == []
    assert db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all() == [
        "audit.head_lost",
        "tried.1",
    ]


def test_a_changed_head_is_found(app: Flask) -> None:
    write()
    tamper(f"UPDATE audit_head SET hash = '{'d' * 64}'")
    assert found() == [(LENGTH, Kind.REPLACED)]


@pytest.mark.parametrize(
    ("column", "nonsense"),
    [("at", "soon"), ("at", 5), ("detail", "{no"), ("user_id", 7), ("actor", b"\xff"), ("vm_id", "x")],
)
def test_what_cannot_be_read_is_found(app: Flask, column: str, nonsense: Any) -> None:
    write()
    if db.engine.dialect.name == "postgresql":
        assert found() == []  # its columns hold what they can hold
        return
    tamper(f"UPDATE audit_entries SET {column} = :nonsense WHERE id = 5", nonsense=nonsense)
    assert found() == [(5, Kind.UNREADABLE)]


def test_many_problems_are_counted(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "MOST_TOLD", 5)
    write()
    tamper("UPDATE audit_entries SET actor = 'mallory'")
    walk = Walk().to_end()
    assert (len(walk.found), walk.untold) == (5, LENGTH - 5)


def test_it_walks_in_batches_and_may_rest(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "BATCH", 5)
    write()
    tamper("UPDATE audit_entries SET actor = 'mallory' WHERE id IN (2, 11)")
    walk = Walk().go()
    assert (walk.number, walk.at_end, len(walk.found)) == (5, False, 1)
    walk = Walk.load(walk.dump()).go(batches=9)
    assert walk.at_end
    assert [(each.number, each.kind) for each in walk.found] == [(2, Kind.CHANGED), (11, Kind.CHANGED)]


def test_entries_that_come_in_meanwhile_are_walked_too(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    write()
    arrive: Callable[[Walk], None] = Walk._arrive
    late = [True]

    def write_then_arrive(walk: Walk) -> None:
        if late:
            late.pop()
            write(3, start=30)
        arrive(walk)

    monkeypatch.setattr(Walk, "_arrive", write_then_arrive)
    walk = Walk().to_end()
    assert (walk.found, walk.entries) == ([], LENGTH + 3)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_entries SET actor = 'x' WHERE id = 1", "DELETE FROM audit_entries WHERE id = 1"],
)
def test_the_database_itself_refuses(app: Flask, statement: str) -> None:
    write()
    with pytest.raises(DatabaseError, match="append-only"), db.engine.begin() as connection:
        connection.execute(text(statement))
    assert found() == []


def test_an_act_that_failed_leaves_no_entry_and_no_gap(app: Flask) -> None:
    def fail() -> None:
        with transaction():
            audit.record("lost", by=None)
            raise ValueError

    write(2)
    with pytest.raises(ValueError):  # noqa: PT011 - ours
        fail()
    write(1, start=3)
    assert (found(), db.session.get_one(AuditHead, 1).number) == ([], 3)


def test_what_json_cannot_hold_is_refused_at_once(app: Flask) -> None:
    with pytest.raises(TypeError), transaction():
        audit.record("odd", by=None, detail={"what": object()})


def test_writers_at_once_do_not_break_it(app: Flask, ada: User) -> None:
    before, gate = Walk().to_end().number, threading.Barrier(16, timeout=30)
    wrong: list[BaseException] = []

    def act(each: int) -> None:
        with app.app_context():
            gate.wait()
            for turn in range(10):
                try:
                    with transaction():
                        # As a command does: a row lock first, and entries before other writes.
                        db.session.execute(
                            select(User).where(User.email == "ada@example.org").with_for_update(of=User)
                        )
                        audit.record(f"act.{each}", by=None, detail={"turn": turn})
                        audit.record(f"act.{each}", by=None, detail={"turn": turn, "again": True})
                        db.session.flush()
                except BaseException as error:
                    wrong.append(error)
                    raise

    threads = [threading.Thread(target=act, args=(each,)) for each in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    walk = Walk().to_end()
    assert (wrong, walk.found, walk.entries) == ([], [], before + 320)
