"""The table of failures against the words of real clouds: each rule has its own, and none hides another."""

import hashlib
import tomllib
from pathlib import Path

import pytest

from portal.config import ROOT
from portal.domain.store.errors import Refused
from portal.domain.vms import causes, explain
from portal.domain.vms.causes import Click, Turn
from portal.openstack.errors import BadCredential, Conflict, NotAllowed, Unavailable

# The table as it was when it got its version.
VERSION, DIGEST = 3, "4efba19fd4ebef47"
ID = "19139093-2ea9-4557-94ae-f87413a24240"
SAID = tomllib.loads(Path(__file__).with_name("said.toml").read_text(encoding="utf-8"))
WORDS = [(rule, words) for rule, each in SAID.items() for words in each]


@pytest.mark.parametrize(("rule", "words"), WORDS, ids=[f"{n}-{rule}" for n, (rule, _) in enumerate(WORDS)])
def test_each_wording_has_its_rule(rule: str, words: str) -> None:
    explained = explain.failure(words)
    assert explained.rule == rule
    assert explained.known
    assert explained.raw == words


def test_each_rule_has_words_of_a_cloud_and_all_of_its_columns() -> None:
    assert [rule.id for rule in causes.RULES] == list(SAID)
    for rule in causes.RULES:
        assert rule.cause.endswith(".")
        told = [words for words in (rule.next, rule.help) if words]
        assert told
        assert all(words.endswith(".") for words in told)
        assert "administrator" not in rule.next, "what one can do oneself stands apart from whom to ask"
        assert "administrator" in rule.help or rule.turn is Turn.YOU
        assert "Try again" in " ".join(told) or rule.click is not Click.RETRY


def test_a_changed_table_has_a_new_version() -> None:
    text = (ROOT / "portal/domain/vms/causes.toml").read_text(encoding="utf-8")
    assert (causes.VERSION, hashlib.sha256(text.encode()).hexdigest()[:16]) == (VERSION, DIGEST)


def test_an_unknown_failure_says_so() -> None:
    explained = explain.failure("Flux capacitor discharged")
    assert not explained.known
    assert explained.turn == "your administrator"
    assert "doesn't know yet" in explained.cause
    assert explained.raw == "Flux capacitor discharged"


def test_whose_turn_it_is_is_told_in_words() -> None:
    turns = {explain.failure(words).turn for _, words in WORDS}
    assert turns == {"you", "your administrator", "the cloud's operator"}
    assert len(Turn) == len(turns)


def test_long_words_are_read_quickly() -> None:
    assert explain.failure("resources.image network flavor " * 130).rule == "unknown"


def test_the_request_ids_of_a_failure() -> None:
    other = ID.replace("1", "2")
    raw = f"x (HTTP 409) (Request-ID: req-{ID})\nNeutron server returns request_ids: ['req-{other}']"
    assert explain.request_ids(raw) == [f"req-{ID}", f"req-{other}"]
    assert explain.request_ids("req-nothing") == []


def test_what_a_refusal_said_bears_its_request_id() -> None:
    assert explain.said(Conflict("busy")) == "busy"
    told = Conflict("busy", status=409, request_id=f"req-{ID}")
    assert explain.said(told) == f"busy (HTTP 409) (Request-ID: req-{ID})"
    assert explain.said(Conflict(f"busy req-{ID}", request_id=f"req-{ID}")) == f"busy req-{ID}"


def test_user_data_is_left_out_and_the_rest_has_an_end() -> None:
    assert explain.clean("Invalid input for field/attribute user_data. Value: c2VjcmV0") == (
        "Invalid input for field/attribute user_data. Value: (left out)"
    )
    assert len(explain.clean("x" * 9000)) == explain.LONGEST


def test_what_holds_a_vm_up_is_told() -> None:
    assert explain.trouble(Refused("Wait.")) == "Wait."
    assert "refuses the tenant's credential" in explain.trouble(BadCredential("no"))
    assert "doesn't allow this" in explain.trouble(NotAllowed("no", service="compute"))
    assert "a trust" in explain.trouble(Unavailable("no", kind="RemoteError"))
    assert "(orchestration: no)" in explain.trouble(Unavailable("no", service="orchestration"))
    assert "says no for now" in explain.trouble(Conflict("busy", service="network"))
