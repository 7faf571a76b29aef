"""Names: readable, valid for a server, and free within the tenant."""

import random
import re
from uuid import UUID

from sqlalchemy import select

from portal.domain.store.db import db
from portal.domain.vms.models import State, Vm

# Server names that Heat makes stay within 53 characters; host names allow letters, digits and hyphens.
PATTERN = re.compile(r"[A-Za-z](?:[A-Za-z0-9-]{0,51}[A-Za-z0-9])?")

_FIRST, _SECOND = (
    words.split()
    for words in (
        "amber brave calm clever coral eager gentle golden keen lively lucky mellow noble quiet swift",
        "badger comet cedar falcon fjord heron ibex lynx maple otter puffin raven river tern willow",
    )
)


def problem(tenant_id: UUID, name: str) -> str | None:
    """What is wrong with the name for a new VM, in plain words; None: nothing."""
    name = name.strip()
    if not name:
        return "Give the VM a name."
    if not PATTERN.fullmatch(name):
        return (
            "Use 1 to 53 letters, digits and hyphens; begin with a letter, and end with a letter or a digit."
        )
    if taken(tenant_id, name):
        return f"Your tenant has a VM named {name} already."
    return None


def taken(tenant_id: UUID, name: str) -> bool:
    """Whether a VM that lives bears this name in the tenant."""
    found = db.session.scalar(
        select(Vm.id).where(Vm.tenant_id == tenant_id, Vm.name == name, Vm.state != State.DELETED).limit(1)
    )
    return found is not None


def suggest(tenant_id: UUID) -> str:
    """A readable free name, such as calm-otter."""
    for _ in range(20):
        name = f"{random.choice(_FIRST)}-{random.choice(_SECOND)}"
        if not taken(tenant_id, name):
            return name
    return f"{name}-{random.randrange(1000, 10000)}"
