"""Causes: the table of what clouds say when a VM fails (causes.toml), read once.

The cloud's words are kept as they came and explained whenever they are shown, so a better table explains old
failures too; what no rule knows is counted. All words are English here: explain.py says them.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from portal.translation import N_


class Turn(StrEnum):
    """Who can do something about it."""

    YOU = "you"
    ADMIN = "admin"
    OPERATOR = "operator"


class Click(StrEnum):
    """Where the next step begins: the VM's own button, or a page."""

    RETRY = "retry"
    LAUNCH = "launch"
    SIZES = "sizes"
    IMAGES = "images"
    NETWORKS = "networks"


class Fix(StrEnum):
    """What can be changed of a launch so that it works another time."""

    SMALLER = "smaller"
    MORE_DISK = "more_disk"
    MORE_MEMORY = "more_memory"
    SIZE = "size"
    IMAGE = "image"
    NETWORK = "network"
    NO_ADDRESS = "no_address"


@dataclass(frozen=True)
class Rule:
    """What a pattern in the cloud's words means; `id` is its name in figures, bundles and tests.

    `next` is what the reader can do about it, `help` whom to ask for what; one of them may be empty.
    """

    id: str
    pattern: re.Pattern[str]
    cause: str
    turn: Turn
    next: str = ""
    help: str = ""
    click: Click | None = None
    fixes: tuple[Fix, ...] = ()

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> "Rule":
        pattern = re.compile(row["pattern"], re.IGNORECASE | re.DOTALL)
        click = Click(row["click"]) if "click" in row else None
        fixes = tuple(map(Fix, row.get("fixes", ())))
        told = {"next": row.get("next", ""), "help": row.get("help", "")}
        return cls(row["id"], pattern, row["cause"], Turn(row["turn"]), **told, click=click, fixes=fixes)


_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
VERSION: int = _TABLE["version"]
RULES = tuple(Rule.read(row) for row in _TABLE["rule"])
UNKNOWN = Rule(
    "unknown",
    re.compile(r"(?!)"),
    N_("The cloud failed in a way the portal doesn't know yet."),
    Turn.ADMIN,
    help=N_("Show your administrator what OpenStack said, below. It is counted, so that it gets its words."),
)


def of(raw: str) -> Rule:
    """The first rule whose pattern is found in these words, or UNKNOWN."""
    return next((rule for rule in RULES if rule.pattern.search(raw)), UNKNOWN)
