"""Rows as files: what a spreadsheet would compute is shown, and every act of the portal has its words."""

import csv
import io
import json
import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from portal.config import ROOT
from portal.domain.vms.lifecycle import Event
from portal.domain.vms.power import Action
from portal.web import rows
from portal.web.admin import acts

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


def read(*given: dict[str, Any]) -> list[list[str]]:
    return list(csv.reader(io.StringIO("".join(rows.as_csv(given)))))


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "|x",
        "%x",
        " =1+1",
        "\u2007=1",
        '=cmd|"/C calc"!A1',
    ],
)
def test_no_cell_begins_like_a_formula(text: str) -> None:
    cell = read({"actor": text})[1][0]
    assert cell == f"'{text}"


@pytest.mark.parametrize("text", ["ada@example.org", "vm.launch", 'said "x", then', "a\nb", "ä"])
def test_other_cells_stay_as_they_are(text: str) -> None:
    assert read({"actor": text})[1] == [text]


def test_a_row_has_its_values_as_text() -> None:
    row = {"id": 7, "at": MOMENT, "user_id": UUID(int=1), "vm_id": None, "detail": {"a": ["=1"]}}
    assert read(row) == [
        list(row),
        ["7", "2026-01-02T03:04:05.000006+00:00", str(UUID(int=1)), "", '{"a": ["=1"]}'],
    ]
    line = json.loads("".join(rows.as_lines([row])))
    assert line == row | {"at": "2026-01-02T03:04:05.000006+00:00", "user_id": str(UUID(int=1))}


def test_many_rows_are_sent_in_parts_and_none_is_lost() -> None:
    parts = list(rows.as_csv({"id": number} for number in range(1001)))
    assert len(parts) == 7
    assert [line for part in parts for line in part.split()] == ["id", *map(str, range(1001))]


def test_nothing_makes_an_empty_file() -> None:
    assert "".join(rows.as_csv([])) == "".join(rows.as_lines([])) == ""


def recorded() -> set[str]:
    """The actions that the code records."""
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "portal").rglob("*.py"))
    plain = set(re.findall(r'audit\.record\(\s*"([a-z_.]+)"', source))
    plain |= set(re.findall(r'"((?:person|member|session|invitation)\.[a-z_]+)"', source))
    steps = re.findall(r'(?:credentials\.| )record\(\s*"([a-z_]+)"', source)
    made = {f"vm.{each}" for each in (*Event, *Action)} | {f"credential.{step}" for step in steps}
    permissions = set(re.findall(r'^    [A-Z_]+ = "([a-z.]+)"', source, re.MULTILINE))
    return (plain - permissions) | made


def test_every_act_has_its_words() -> None:
    assert recorded() - set(acts.ACTS) == set()


def test_every_act_is_in_the_menu_under_its_group() -> None:
    assert {action for group in acts.menu().values() for action, _ in group} == set(acts.ACTS)


def test_a_choice_is_an_action_or_a_group() -> None:
    assert acts.actions("") == ()
    assert acts.actions("vm.launch") == ("vm.launch",)
    assert set(acts.actions("key.")) == {"key.added", "key.removed"}
    assert acts.words("made.up") == "made.up"


def test_a_detail_is_told_line_by_line() -> None:
    detail = {"before": {"quota_vms": 1}, "ended": [1, None], "active": True, "deep": {"a": {"b": False}}}
    assert list(acts.lines(detail)) == [
        ("Before quota vms", ["1"]),
        ("Ended", ["1", "none"]),
        ("Active", ["yes"]),
        ("Deep a b", ["no"]),
    ]
