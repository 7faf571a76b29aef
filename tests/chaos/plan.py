"""The plan of a storm: which blow falls when. The same seed makes the same plan."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

EVERY = 0.5  # seconds between two blows, on average

# What is killed with -9, and how often compared with the others.
KILLS = {"horse": 5, "worker": 3, "web": 2, "web-worker": 2, "clock": 2, "queue": 2, "database": 1}

STACKS, ANY = "/stacks$", ""
# The effect of a create, a delete or a question is lost, late, doubled or refused.
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "drop_before", "method": "POST", "service": "orchestration", "path_regex": STACKS},
    {"kind": "drop_after", "method": "POST", "service": "orchestration", "path_regex": STACKS},
    {"kind": "hang", "method": "POST", "service": "orchestration", "path_regex": STACKS, "seconds": 4},
    {"kind": "hang_after", "method": "POST", "service": "orchestration", "path_regex": STACKS, "seconds": 4},
    {"kind": "double", "method": "POST", "service": "orchestration", "path_regex": STACKS, "times": 2},
    {"kind": "status", "method": "POST", "service": "orchestration", "path_regex": STACKS, "status": 500},
    {"kind": "status", "method": "POST", "service": "orchestration", "path_regex": STACKS, "status": 409},
    {"kind": "drop_after", "method": "DELETE", "service": "orchestration"},
    {"kind": "drop_before", "method": "DELETE", "service": "orchestration"},
    {"kind": "double", "method": "DELETE", "service": "orchestration"},
    {"kind": "status", "method": "DELETE", "service": "orchestration", "status": 409},
    {"kind": "status", "method": "DELETE", "service": "orchestration", "status": 500},
    {"kind": "drop_after", "method": "GET", "service": "orchestration", "times": 3},
    {"kind": "hang", "method": "GET", "service": "orchestration", "seconds": 4},
    {"kind": "delay", "service": "orchestration", "seconds": 1.5, "times": 3},
    {"kind": "status", "method": "GET", "service": "orchestration", "status": 500, "times": 3},
    {"kind": "status", "method": "GET", "status": 503, "times": 4},
    {"kind": "status", "service": "orchestration", "status": 401},
    {"kind": "status", "method": "POST", "service": "orchestration", "path_regex": STACKS, "status": 403},
    {"kind": "drop_before", "service": "compute", "times": 2},
)
# Of the identity service: a credential that is deleted, and comes back.
GONE_CREDENTIAL = {"kind": "status", "method": "POST", "service": "identity", "status": 404, "times": 3}


@dataclass(frozen=True)
class Blow:
    """One thing that goes wrong: `kill` a part, set a `fault`, or `expire` all tokens."""

    at: float
    kind: str
    what: str = ""
    fault: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        words = " ".join(f"{key}={value}" for key, value in self.fault.items())
        return f"{self.at:6.1f} s  {self.kind} {self.what}{words}"


def make(seed: int, seconds: float) -> list[Blow]:
    """The blows of so many seconds, in their order."""
    return list(_blows(random.Random(seed), seconds))


def _blows(chance: random.Random, seconds: float) -> Iterator[Blow]:
    at = 1.0
    while at < seconds:
        dice = chance.random()
        if dice < 0.35:
            (part,) = chance.choices(list(KILLS), weights=list(KILLS.values()))
            yield Blow(at, "kill", part)
        elif dice < 0.42:
            yield Blow(at, "expire")
            if chance.random() < 0.5:
                yield Blow(at, "fault", fault=GONE_CREDENTIAL)
        else:
            yield Blow(at, "fault", fault=chance.choice(FAULTS))
        at += chance.uniform(0.5, 1.5) * EVERY
