"""Particulars: what a person tells of VMs beside the template's questions: how many, words, tags, a lease."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from portal.domain.store.errors import Refused
from portal.translation import gettext

# A draft keeps them among its answers; no parameter of a template is called so.
COUNT, DESCRIPTION, TAGS, LEASE = "vm:count", "vm:description", "vm:tags", "vm:lease"
FIRST = {COUNT: "1", DESCRIPTION: "", TAGS: "", LEASE: "0"}

MOST_AT_ONCE = 50
LONGEST_DESCRIPTION = 500
MOST_TAGS = 10
# Days; 0 is no lease.
LEASES = (0, 1, 7, 30)
_TAG = re.compile(r"\w[\w.:-]{0,31}")


@dataclass(frozen=True)
class Particulars:
    """How many VMs, what is said of each, and for how many days (0: without an end)."""

    count: int = 1
    description: str = ""
    tags: tuple[str, ...] = ()
    lease_days: int = 0

    def lease_ends_at(self, moment: datetime) -> datetime | None:
        """When a lease that begins now ends; None: there is none."""
        return moment + timedelta(days=self.lease_days) if self.lease_days else None


def check(typed: Mapping[str, Any]) -> tuple[Particulars, dict[str, str]]:
    """What was told, and what is wrong with it by field; what is wrong stays as if it weren't told."""
    readers = {"count": COUNT, "description": DESCRIPTION, "tags": TAGS, "lease_days": LEASE}
    found: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, field in readers.items():
        try:
            found[name] = _READERS[field](str(typed.get(field, FIRST[field])))
        except Refused as error:
            problems[field] = str(error)
    return Particulars(**found), problems


def count(text: str) -> int:
    """How many VMs at once. Raises Refused."""
    if not re.fullmatch(r"[0-9]{1,6}", text.strip()) or not 1 <= int(text) <= MOST_AT_ONCE:
        raise Refused(gettext("Launch from 1 to %(num)s VMs at once.", num=MOST_AT_ONCE), field=COUNT)
    return int(text)


def description(text: str) -> str:
    """What the VM is for, in a few words. Raises Refused."""
    told = text.replace("\r\n", "\n").strip()
    if len(told) > LONGEST_DESCRIPTION:
        raise Refused(gettext("Use at most %(num)s characters.", num=LONGEST_DESCRIPTION), field=DESCRIPTION)
    return told


def tags(text: str) -> tuple[str, ...]:
    """The tags of a line: short words in small letters, each once, in order. Raises Refused."""
    found = sorted({tag.lower() for tag in re.split(r"[,\s]+", text) if tag})
    if wrong := next((tag for tag in found if not _TAG.fullmatch(tag)), None):
        words = gettext(
            "“%(tag)s” can't be a tag: use up to 32 letters, digits, dots and hyphens.", tag=wrong[:40]
        )
        raise Refused(words, field=TAGS)
    if len(found) > MOST_TAGS:
        raise Refused(gettext("Use at most %(num)s tags.", num=MOST_TAGS), field=TAGS)
    return tuple(found)


def lease(text: str) -> int:
    """For how many days. Raises Refused."""
    if text.strip() not in {str(days) for days in LEASES}:
        raise Refused(gettext("Choose how long the VM is needed."), field=LEASE)
    return int(text)


_READERS = {COUNT: count, DESCRIPTION: description, TAGS: tags, LEASE: lease}
