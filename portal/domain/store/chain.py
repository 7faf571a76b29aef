"""The audit's chain: how an entry is hashed, and a walk along all that finds what was tampered with."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.engine import RowMapping

from portal.domain.store.db import db
from portal.domain.store.models import AuditEntry, AuditHead
from portal.translation import N_, gettext

ENTRIES = AuditEntry.__table__
HEAD = 1
# What the first entry names as the hash before its own.
GENESIS = "0" * 64
BATCH = 1000
# So many problems are told one by one; the others are counted.
MOST_TOLD = 100
# At so many places is sought where an entry was before.
_PLACES = 500
# What reading an entry may raise once somebody wrote past the portal.
_NONSENSE = (ValueError, TypeError, AttributeError, ArithmeticError, LookupError)


class Kind(StrEnum):
    """What can be wrong with an entry."""

    CHANGED = N_("changed")
    UNREADABLE = N_("unreadable")
    MOVED = N_("moved")
    MISSING = N_("missing")
    REPLACED = N_("replaced")
    ADDED = N_("added")
    HEAD = N_("head")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: with the entry of this number, or with those up to `upto`.

    `words` name their facts, so that they can be said in every language; `place` is another entry's number.
    """

    number: int
    kind: Kind
    words: str
    upto: int | None = None
    place: int | None = None

    @property
    def said(self) -> str:
        """What is wrong, as its reader speaks."""
        return gettext(self.words, number=self.number, upto=self.upto, place=self.place)

    def __str__(self) -> str:
        return f"{self.number}: {self.said}"


def canonical(entry: Mapping[str, Any]) -> str:
    """All columns but `hash` as JSON: names in order, no spaces, ASCII, times in UTC to the microsecond.

    What is None is left out, so that a column added later leaves earlier hashes as they are.
    """
    facts = {name: _plain(value) for name, value in entry.items() if value is not None and name != "hash"}
    return json.dumps(facts, sort_keys=True, separators=(",", ":"))


def hash_of(entry: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical form, which holds the hash of the entry before."""
    return hashlib.sha256(canonical(entry).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value) if isinstance(value, UUID) else value


@dataclass(frozen=True)
class _Read:
    """An entry as it was found, and the hash it should have; empty: it can't be read."""

    number: int
    good: str = ""
    hash: str = ""
    previous_hash: str = ""


@dataclass
class Walk:
    """A walk from the first entry to the last, which may rest anywhere and go on later."""

    number: int = 0
    # What the next entry has to name as the hash before its own; empty: not known, after a problem.
    hash: str = GENESIS
    found: list[Problem] = field(default_factory=list)
    untold: int = 0
    entries: int = 0
    # An entry that is known from elsewhere, such as the tip of an earlier walk.
    expected_number: int = 0
    expected_hash: str = ""
    at_end: bool = False

    def go(self, *, batches: int = 1) -> "Walk":
        """So many batches of entries further; at the end also compares with the head."""
        for _ in range(batches):
            if self.at_end:
                break
            entries = _read_after(self.number)
            for entry in entries:
                self._look(entry)
            if len(entries) < BATCH:
                self._arrive()
        return self

    def to_end(self) -> "Walk":
        """The rest of the way."""
        while not self.at_end:
            self.go()
        return self

    @property
    def tip(self) -> str:
        """The last entry and its hash, to be noted elsewhere and named to a later walk."""
        return f"{self.number}:{self.hash}"

    def dump(self) -> dict[str, Any]:
        """All of it as JSON can hold it."""
        return asdict(self)

    @classmethod
    def load(cls, kept: Mapping[str, Any]) -> "Walk":
        """From what `dump` answered."""
        found = [Problem(**one | {"kind": Kind(one["kind"])}) for one in kept.get("found", ())]
        return cls(**{**kept, "found": found})

    def _look(self, entry: _Read) -> None:
        self.entries += 1
        if entry.number > self.number + 1:
            self._tell(_missing(self.number + 1, entry.number - 1))
            self.hash = ""
        if not entry.good:
            words = N_("It can't be read: a column holds nonsense.")
            self._tell(Problem(entry.number, Kind.UNREADABLE, words))
        elif entry.good != entry.hash:
            words = N_("It was changed: what it says and its hash don't go together.")
            self._tell(Problem(entry.number, Kind.CHANGED, words))
        elif self.hash and entry.previous_hash != self.hash:
            self._tell(Problem(entry.number - 1, Kind.REPLACED, _FOLLOWED, place=entry.number))
        if entry.number == self.expected_number and self.expected_hash != entry.hash:
            self._tell(Problem(entry.number, Kind.REPLACED, _NOTED))
        self.number = entry.number
        self.hash = entry.hash if entry.good == entry.hash else ""

    def _arrive(self) -> None:
        """Compares with the head. All is asked at one moment, as entries may be coming in."""
        ids, head = ENTRIES.c.id, select(AuditHead).where(AuditHead.id == HEAD)
        first, last, number, hashed = db.session.execute(
            select(
                select(func.min(ids)).scalar_subquery(),
                select(func.max(ids)).scalar_subquery(),
                head.with_only_columns(AuditHead.number).scalar_subquery(),
                head.with_only_columns(AuditHead.hash).scalar_subquery(),
            )
        ).one()
        if last is not None and last > self.number:
            return
        self.at_end = True
        if first is not None and first < 1:
            words = N_("It was added: the portal's first entry is number 1.")
            self._tell(Problem(first, Kind.ADDED, words))
        if number is None:
            words = N_("The portal's note of its last entry is gone.")
            self._tell(Problem(self.number, Kind.HEAD, words))
        self._end_at(max(self.number if number is None else number, self.expected_number), hashed)
        self.found = list(_moved(self.found))

    def _end_at(self, number: int, hashed: str | None) -> None:
        """Where the portal's last entry is, and its hash if it is known."""
        if number > self.number:
            self._tell(_missing(self.number + 1, number, at_end=True))
        elif number < self.number:
            words = N_("Added behind the last entry that the portal wrote.")
            self._tell(Problem(number + 1, Kind.ADDED, words, self.number))
        elif hashed and self.hash and hashed != self.hash:
            self._tell(Problem(self.number, Kind.REPLACED, _HEAD_DIFFERS))

    def _tell(self, problem: Problem) -> None:
        if len(self.found) < MOST_TOLD:
            self.found.append(problem)
        else:
            self.untold += 1


_FOLLOWED = N_("It was replaced, or changed and hashed anew: entry %(place)s followed another one.")
_NOTED = N_("It was replaced, or changed and hashed anew: it had another hash when that was noted.")
_HEAD_DIFFERS = N_(
    "It was replaced, or changed and hashed anew: the portal's note of its last entry has another hash."
)
_REMOVED = N_("It was removed."), N_("It was removed at the end.")
_ALL_REMOVED = (
    N_("It and those up to %(upto)s were removed."),
    N_("It and those up to %(upto)s were removed at the end."),
)


def _missing(first: int, upto: int, *, at_end: bool = False) -> Problem:
    words = _REMOVED if first == upto else _ALL_REMOVED
    return Problem(first, Kind.MISSING, words[at_end], upto)


def _read_after(number: int) -> list[_Read]:
    """The next entries, by their numbers."""
    following = select(ENTRIES).where(ENTRIES.c.id > number).order_by(ENTRIES.c.id).limit(BATCH)
    try:
        return [_read(row) for row in db.session.execute(following).mappings()]
    except _NONSENSE:
        # Only somebody who wrote past the portal can have made an entry that can't be read: one by one.
        numbers = db.session.scalars(following.with_only_columns(ENTRIES.c.id)).all()
        return [_read_alone(each) for each in numbers]


def _read_alone(number: int) -> _Read:
    try:
        return _read(_one(number))
    except _NONSENSE:
        return _Read(number)


def _one(number: int) -> RowMapping:
    return db.session.execute(select(ENTRIES).where(ENTRIES.c.id == number)).mappings().one()


def _read(row: RowMapping) -> _Read:
    return _Read(row["id"], hash_of(dict(row)), row["hash"], row["previous_hash"])


def _moved(found: Sequence[Problem]) -> Iterable[Problem]:
    """The same problems; of changed entries that would be right at another place it is said where."""
    places = [place for each in found for place in range(each.number, (each.upto or each.number) + 1)][
        :_PLACES
    ]
    for each in found:
        if each.kind is Kind.CHANGED:
            facts = dict(_one(each.number))
            was = next((place for place in places if hash_of({**facts, "id": place}) == facts["hash"]), None)
            if was is not None:
                words = N_("It was moved here: it is entry %(place)s.")
                yield Problem(each.number, Kind.MOVED, words, place=was)
                continue
        yield each
