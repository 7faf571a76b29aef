"""Inventory: the VMs a person may see: sought, filtered, sorted, a page at a time; and all of them."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, contains_eager, load_only, selectinload

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store import audit
from portal.domain.store.db import db, transaction
from portal.domain.tenants.models import Tenant
from portal.domain.vms import launches, listed
from portal.domain.vms.lifecycle import WORKING
from portal.domain.vms.listed import Listed
from portal.domain.vms.models import State, Vm, VmTag

__all__ = ["Page", "Sort", "Tally", "Vm", "Wanted", "export", "images", "newest", "search", "sortable"]
__all__ += ["tags", "tally"]

PER_PAGE = 50
# Beyond so many nobody pages: they aren't counted either.
MOST_COUNTED = 2000
# A word stands for so many tenants, people or images, and no more.
MOST_MEANT = 20
MOST_TAGGED = 500
# So many a menu holds.
MOST_TAGS = 200
EXPORTED_AT_ONCE = 500
# What a file of them tells of a VM.
_EXPORTED = (
    *(Vm.name, Vm.state, Vm.power, Vm.private_ip, Vm.public_ip, Vm.offering, Vm.image_name, Vm.spec),
    *(Vm.vcpus, Vm.ram_mib, Vm.gpus, Vm.requested_at, Vm.lease_ends_at, Vm.description),
)


class Sort(StrEnum):
    """What a list may be sorted by."""

    NAME = "name"
    STATE = "state"
    TEMPLATE = "template"
    IMAGE = "image"
    SIZE = "size"
    OWNER = "owner"
    LAUNCHED = "launched"


@dataclass(frozen=True)
class Wanted:
    """What is sought; an empty field seeks nothing, and without a state those that are deleted are left out.

    `stopped`: those that are active and switched off. `template` and `image` are names. `down`: sorted from
    the last to the first.
    """

    text: str = ""
    state: State | None = None
    stopped: bool = False
    tenant_id: UUID | None = None
    mine: bool = False
    template: str = ""
    image: str = ""
    tag: str = ""
    launch_id: UUID | None = None
    sort: Sort = Sort.LAUNCHED
    down: bool = True


@dataclass(frozen=True)
class Page:
    """One page of a list, with tags by VM; `more`: there are more than `total`, which nobody counted."""

    items: Sequence[Listed]
    total: int
    page: int
    pages: int
    more: bool = False


@dataclass(frozen=True)
class Tally:
    """How many VMs run, are stopped, are on their way, and have failed."""

    running: int = 0
    stopped: int = 0
    working: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        return self.running + self.stopped + self.working + self.failed


# As Nova calls a server that is switched off.
_OFF = "SHUTOFF"
# What needs a look stands first.
_URGENCY = (State.ERROR, State.REQUESTED, State.PROVISIONING, State.DELETING, State.ACTIVE, State.DELETED)
_ORDERS: dict[Sort, tuple[Any, ...]] = {
    Sort.NAME: (Vm.name,),
    Sort.STATE: (case({state: place for place, state in enumerate(_URGENCY)}, value=Vm.state),),
    Sort.TEMPLATE: (Vm.offering,),
    Sort.IMAGE: (func.coalesce(Vm.image_name, ""),),
    Sort.SIZE: (Vm.vcpus, Vm.ram_mib),
    Sort.OWNER: (User.name,),
    Sort.LAUNCHED: (Vm.requested_at,),
}
# Across all tenants only what an index has in order.
_INDEXED = (Sort.NAME, Sort.LAUNCHED)


def search(user: User, wanted: Wanted, *, page: int = 1) -> Page:
    """The VMs the person may see that are sought, by default the newest first.

    Within tenants the text may stand anywhere in a name, a tag, an address, an image or the owner's name.
    Across all of them it is what an index finds: how one of these or a tenant's name begins, or the id of a
    VM, a stack or a server.
    """
    conditions = _conditions(user, wanted)
    sort = wanted.sort if wanted.sort in sortable(user, wanted) else Sort.LAUNCHED
    order = [each.desc() if wanted.down else each.asc() for each in _ORDERS[sort]]
    chosen = listed.question().where(*conditions).order_by(*order, Vm.id).limit(PER_PAGE)
    found = listed.read(chosen.limit(PER_PAGE + 1)) if page <= 1 else []
    if page <= 1 and len(found) <= PER_PAGE:  # all of it, so there is nothing to count
        return Page(found, len(found), 1, 1)
    counted = select(Vm.id).where(*conditions).limit(MOST_COUNTED + 1).subquery()
    total = db.session.scalar(select(func.count()).select_from(counted)) or 0
    more, total = total > MOST_COUNTED, min(total, MOST_COUNTED)
    pages = max(1, ceil(total / PER_PAGE))
    page = min(max(1, page), pages)
    found = found[:PER_PAGE] or listed.read(chosen.offset((page - 1) * PER_PAGE))
    return Page(found, total, page, pages, more)


def newest(user: User, tenant_id: UUID | None, *, most: int) -> Sequence[Listed]:
    """The VMs launched last that the person may see; of one tenant, or of all of them."""
    chosen = listed.question().where(*_conditions(user, Wanted(tenant_id=tenant_id)))
    return listed.read(chosen.order_by(Vm.requested_at.desc(), Vm.id).limit(most))


def sortable(user: User, wanted: Wanted) -> Sequence[Sort]:
    """What this list can be sorted by without reading a hundred thousand VMs."""
    return tuple(Sort) if _within_tenants(user, wanted) else _INDEXED


def images(user: User, tenant_id: UUID | None) -> Sequence[str]:
    """The images of the tenant's VMs, by name; none without a tenant."""
    if tenant_id is None or not access.allows(user, Permission.VM_VIEW, tenant_id):
        return []
    names = select(Vm.image_name).where(Vm.tenant_id == tenant_id, Vm.state != State.DELETED).distinct()
    return sorted(filter(None, db.session.scalars(names)))


def tags(user: User, tenant_id: UUID | None) -> Sequence[str]:
    """The tags of the tenant's VMs in order, as far as a menu holds them; none without a tenant."""
    if tenant_id is None or not access.allows(user, Permission.VM_VIEW, tenant_id):
        return []
    rows = (
        select(VmTag.tag)
        .join(Vm, Vm.id == VmTag.vm_id)
        .where(Vm.tenant_id == tenant_id, Vm.state != State.DELETED)
    )
    return db.session.scalars(rows.distinct().order_by(VmTag.tag).limit(MOST_TAGS)).all()


def tally(user: User, tenant_id: UUID | None) -> Tally:
    """How many VMs there are, of the tenant or of all of them, as far as the person may see them."""
    if not (access.everywhere(user, Permission.VM_VIEW) or tenant_id in user.tenant_ids):
        return Tally()
    # All that run anywhere are too many to count for a page; an index has the few that don't rest.
    scope = Vm.state.in_((*WORKING, State.ERROR)) if tenant_id is None else Vm.tenant_id == tenant_id
    rows = select(Vm.state, Vm.power, func.count()).where(scope, Vm.state != State.DELETED)
    found: Counter[tuple[State, bool]] = Counter()
    for state, switched, count in db.session.execute(rows.group_by(Vm.state, Vm.power)):
        found[state, switched == _OFF] += count
    return Tally(
        running=found[State.ACTIVE, False],
        stopped=found[State.ACTIVE, True],
        working=sum(count for (state, _), count in found.items() if state in WORKING),
        failed=sum(count for (state, _), count in found.items() if state is State.ERROR),
    )


def export(user: User, wanted: Wanted) -> Iterator[Vm]:
    """All that is found, the newest first, read as it is asked for; the audit tells of it."""
    sought = {
        name: str(value) for name, value in vars(wanted).items() if value and name not in ("sort", "down")
    }
    with transaction():
        audit.record("vm.exported", by=user, tenant_id=wanted.tenant_id, detail={"sought": sought})
    return _all(user, wanted)


def _all(user: User, wanted: Wanted) -> Iterator[Vm]:
    conditions, place = _conditions(user, wanted), tuple_(Vm.requested_at, Vm.id)
    rest = (
        select(Vm)
        .join(Vm.owner)
        .join(Vm.tenant)
        .options(
            load_only(*_EXPORTED, raiseload=True),
            contains_eager(Vm.owner).load_only(User.name, User.email),
            contains_eager(Vm.tenant).load_only(Tenant.name),
            selectinload(Vm.tag_rows),
        )
        .where(*conditions)
        .order_by(Vm.requested_at.desc(), Vm.id.desc())
        .limit(EXPORTED_AT_ONCE)
    )
    found = db.session.scalars(rest).all()
    while found:
        yield from found
        last = (found[-1].requested_at, found[-1].id)
        db.session.expunge_all()  # what was written out needn't stay in memory
        found = db.session.scalars(rest.where(place < last)).all()


def _within_tenants(user: User, wanted: Wanted) -> bool:
    return wanted.tenant_id is not None or not access.everywhere(user, Permission.VM_VIEW)


def _conditions(user: User, wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions = [*_in_state(wanted), *_among(wanted)]
    if wanted.tenant_id is not None:
        conditions.append(Vm.tenant_id == wanted.tenant_id)
    if not access.everywhere(user, Permission.VM_VIEW):
        conditions.append(Vm.tenant_id.in_(user.tenant_ids))
    if wanted.mine:
        conditions.append(Vm.owner_id == user.id)
    if wanted.template:
        conditions.append(Vm.offering == wanted.template)
    if wanted.image:
        conditions.append(Vm.image_name == wanted.image)
    if text := wanted.text.strip():
        conditions.append(_contains(text) if _within_tenants(user, wanted) else _begins(text))
    return conditions


def _in_state(wanted: Wanted) -> list[ColumnElement[bool]]:
    if wanted.stopped:
        return [Vm.state == State.ACTIVE, Vm.power == _OFF]
    return [Vm.state == wanted.state] if wanted.state else [Vm.state != State.DELETED]


def _among(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    if wanted.tag:
        yield Vm.id.in_(select(VmTag.vm_id).where(VmTag.tag == wanted.tag))
    if wanted.launch_id:
        yield Vm.id.in_(launches.ids(wanted.launch_id))


_TEXTS = (Vm.name, Vm.private_ip, Vm.public_ip, Vm.image_name)


def _contains(text: str) -> ColumnElement[bool]:
    people = select(User.id).where(_holds(User.name, text) | _holds(User.email, text))
    tagged = select(VmTag.vm_id).where(VmTag.vm_id == Vm.id, _holds(VmTag.tag, text)).exists()
    return or_(*(_holds(column, text) for column in _TEXTS), Vm.owner_id.in_(people), tagged)


def _begins(text: str) -> ColumnElement[bool]:
    """Each alternative has an index: names as they are typed or in small letters."""
    found: list[ColumnElement[bool]] = [
        column.like(f"{_literally(start)}%", escape="\\")
        for column in _TEXTS
        for start in {text, text.lower()}
    ]
    named = Tenant.name.ilike(f"{_literally(text)}%", escape="\\")
    if tenants := db.session.scalars(select(Tenant.id).where(named).limit(MOST_MEANT)).all():
        found.append(Vm.tenant_id.in_(tenants))
    called = or_(*(column.ilike(f"{_literally(text)}%", escape="\\") for column in (User.name, User.email)))
    if people := db.session.scalars(select(User.id).where(called).limit(MOST_MEANT)).all():
        found.append(Vm.owner_id.in_(people))
    tagged = select(VmTag.vm_id).where(VmTag.tag.like(f"{_literally(text.lower())}%", escape="\\"))
    if some := db.session.scalars(tagged.limit(MOST_TAGGED)).all():
        found.append(Vm.id.in_(some))
    try:
        known = UUID(text.removeprefix("vm-"))
    except ValueError:
        return or_(*found)
    return or_(*found, Vm.id == known, Vm.stack_id == str(known), Vm.server_id == str(known))


def _holds(column: InstrumentedAttribute[Any], text: str) -> ColumnElement[bool]:
    return column.ilike(f"%{_literally(text)}%", escape="\\")


def _literally(text: str) -> str:
    """For LIKE, whose wildcards mean themselves."""
    return re.sub(r"([%_\\])", r"\\\1", text)
