"""Particulars: what a person tells of VMs beside the template's questions: how many, words, tags, a lease."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from portal.domain.store.errors import Refused
from portal.translation import gettext, ngettext

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


def first(longest: int | None) -> dict[str, str]:
    """Good answers to begin with, where leases have at most so many days (None: as one likes)."""
    return FIRST if longest is None else FIRST | {LEASE: str(max(leases(longest)))}


def leases(longest: int | None) -> tuple[int, ...]:
    """The leases to choose from, in days; 0 is no lease, which is offered where there is no longest."""
    return LEASES if longest is None else tuple(days for days in LEASES if 0 < days <= longest)


def check(typed: Mapping[str, Any], longest: int | None) -> tuple[Particulars, dict[str, str]]:
    """What was told, and what is wrong with it by field; what is wrong stays as if it weren't told."""
    readers: dict[str, tuple[str, Callable[[str], Any]]] = {
        "count": (COUNT, count),
        "description": (DESCRIPTION, description),
        "tags": (TAGS, tags),
        "lease_days": (LEASE, partial(lease, longest=longest)),
    }
    found: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, (field, read) in readers.items():
        try:
            found[name] = read(str(typed.get(field, FIRST[field])))
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


def lease(text: str, *, longest: int | None) -> int:
    """For how many days, where so many are allowed. Raises Refused."""
    if text.strip() not in {str(days) for days in LEASES}:
        raise Refused(gettext("Choose how long the VM is needed."), field=LEASE)
    if int(text) not in leases(longest):
        words = ngettext(
            "VMs of this tenant need a lease of at most %(num)s day. Choose another.",
            "VMs of this tenant need a lease of at most %(num)s days. Choose another.",
            longest or 0,
        )
        raise Refused(words, field=LEASE)
    return int(text)
