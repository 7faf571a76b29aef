"""`flask audit verify` as an operator uses it."""

from flask import Flask
from flask.testing import FlaskCliRunner

from portal.domain.store import audit, chain
from portal.domain.store.chain import Walk
from portal.domain.store.db import transaction
from tests.support.tampering import tamper


def write(number: int = 5) -> None:
    with transaction():
        for _ in range(number):
            audit.record("tried", by=None)


def test_it_says_that_all_is_well_and_where_the_chain_ends(flask: FlaskCliRunner) -> None:
    write()
    tip = Walk().to_end().tip
    answer = flask.invoke(args=["audit", "verify"])
    assert answer.exit_code == 0
    assert answer.output == f"All 5 entries are as they were written. The last is {tip}\n"
    assert flask.invoke(args=["audit", "verify", "--expect", tip]).exit_code == 0


def test_it_names_what_is_wrong_and_fails(flask: FlaskCliRunner) -> None:
    write()
    tamper(
        "UPDATE audit_entries SET actor = 'mallory' WHERE id = 2", "DELETE FROM audit_entries WHERE id = 4"
    )
    answer = flask.invoke(args=["audit", "verify"])
    assert answer.exit_code == 1
    assert answer.output.splitlines() == [
        "2: It was changed: what it says and its hash don't go together.",
        "4: It was removed.",
        "Error: Of 4 entries some are not as they were written.",
    ]


def test_it_counts_what_is_too_much_to_name(app: Flask, flask: FlaskCliRunner) -> None:
    write(chain.MOST_TOLD + 3)
    tamper("UPDATE audit_entries SET actor = 'mallory'")
    lines = flask.invoke(args=["audit", "verify"]).output.splitlines()
    assert len(lines) == chain.MOST_TOLD + 2
    assert lines[-2] == "And 3 more."


def test_an_expected_entry_is_a_number_and_a_hash(flask: FlaskCliRunner) -> None:
    for wrong in ("x", "5", "5:", ":a"):
        assert flask.invoke(args=["audit", "verify", "--expect", wrong]).exit_code == 2
