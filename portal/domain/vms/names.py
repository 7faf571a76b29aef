"""Names: readable, valid for a server, and free within the tenant."""

import random
import re
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from portal.domain.store.db import db
from portal.domain.vms.models import State, Vm
from portal.translation import gettext

# Server names that Heat makes stay within 53 characters; host names allow letters, digits and hyphens.
LONGEST = 53
PATTERN = re.compile(r"[A-Za-z](?:[A-Za-z0-9-]{0,51}[A-Za-z0-9])?")

_FIRST, _SECOND = (
    words.split()
    for words in (
        "amber brave calm clever coral eager gentle golden keen lively lucky mellow noble quiet swift",
        "badger comet cedar falcon fjord heron ibex lynx maple otter puffin raven river tern willow",
    )
)


def numbered(name: str, count: int) -> list[str]:
    """What so many VMs are called: by the name alone, or name-1 to name-N; from ten on name-01 and so on."""
    width = len(str(count))
    return [name] if count == 1 else [f"{name}-{number:0{width}}" for number in range(1, count + 1)]


def problem(tenant_id: UUID, name: str, count: int = 1, *, but: UUID | None = None) -> str | None:
    """What is wrong with the name for so many VMs, in plain words; None: nothing. `but` may bear it."""
    name = name.strip()
    if not name:
        return gettext("Give the VM a name.")
    if not PATTERN.fullmatch(name):
        return gettext(
            "Use 1 to 53 letters, digits and hyphens; begin with a letter, and end with a letter or a digit."
        )
    wanted = numbered(name, count)
    if len(wanted[-1]) > LONGEST:
        most = LONGEST - len(wanted[-1]) + len(name)
        return gettext("Use at most %(num)s characters: each VM adds its number.", num=most)
    if found := taken(tenant_id, wanted, but=but):
        return gettext("Your tenant has a VM named %(name)s already.", name=found)
    return None


def taken(tenant_id: UUID, wanted: Sequence[str], *, but: UUID | None = None) -> str | None:
    """The first of these names that a living VM of the tenant bears, another one than `but`."""
    others = [Vm.id != but] if but else []
    return db.session.scalar(
        select(Vm.name)
        .where(Vm.tenant_id == tenant_id, Vm.name.in_(wanted), Vm.state != State.DELETED, *others)
        .order_by(Vm.name)
        .limit(1)
    )


def suggest(tenant_id: UUID) -> str:
    """A readable free name, such as calm-otter."""
    for _ in range(20):
        name = f"{random.choice(_FIRST)}-{random.choice(_SECOND)}"
        if not taken(tenant_id, [name]):
            return name
    return f"{name}-{random.randrange(1000, 10000)}"
