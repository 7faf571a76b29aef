"""Lookup: from what somebody was told (a name, an address, an id, a person) to VMs of all tenants, and why.

Each question goes by an index and asks for few rows, so it is as quick with 100,000 VMs as with ten.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import InstrumentedAttribute, load_only, selectinload

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store.db import db
from portal.domain.store.models import AuditEntry
from portal.domain.tenants.models import Tenant
from portal.domain.vms.models import HeatEvent, ServerAction, State, Transition, Vm
from portal.translation import N_, gettext, translated

MOST, MOST_LOOKED_AT = 50, 500
SHORTEST, SHORTEST_ID = 2, 6
_HEX = re.compile(rf"[0-9a-f]{{{SHORTEST_ID},32}}")
_LAST = "\U0010ffff"
_SHOWN = (
    Vm.name,
    Vm.state,
    Vm.private_ip,
    Vm.public_ip,
    Vm.requested_at,
    Vm.failure,
    Vm.owner_id,
    Vm.tenant_id,
)

# What stands in a VM's row: the words for the whole of it, and for how it begins.
_NAME_BEGINS = N_("name begins so")
_COLUMNS = (
    (Vm.name, N_("name is %(text)s"), _NAME_BEGINS),
    (
        Vm.private_ip,
        N_("private address is %(text)s"),
        N_("private address begins so"),
    ),
    (Vm.public_ip, N_("public address is %(text)s"), N_("public address begins so")),
)

Text = InstrumentedAttribute[str] | InstrumentedAttribute[str | None]
Hit = tuple[UUID, str]


@dataclass(frozen=True)
class Match:
    """A VM, and why it is among those found."""

    vm: Vm
    why: Sequence[str]


@dataclass(frozen=True)
class Found:
    """What a text led to, VMs first by how well it fits; `more`: there are others."""

    matches: Sequence[Match] = ()
    people: Sequence[User] = ()
    acts: Sequence[AuditEntry] = ()
    more: bool = False


def find(text: str, *, by: User) -> Found:
    """What the text may mean: how a name or address begins, (the beginning of) an id, a person, a request id.

    Raises Forbidden.
    """
    access.require(by, Permission.SUPPORT_VIEW)
    wanted = text.strip()
    if len(wanted) < SHORTEST:
        return Found()
    people, acts = _people(wanted), _acts(wanted)
    reasons: dict[UUID, list[str]] = {}
    for vm_id, why in _hits(wanted, people, acts):
        known = reasons.setdefault(vm_id, [])
        if why not in known:
            known.append(why)
    return Found(_matches(reasons), people, acts, more=len(reasons) > MOST)


def _hits(wanted: str, people: Sequence[User], acts: Sequence[AuditEntry]) -> Iterator[Hit]:
    """The VMs with the reason, the surest reasons first."""
    yield from _by_ids(wanted)
    yield from _by_requests(wanted, acts)
    yield from _by_columns(wanted)
    if wanted != wanted.lower():
        yield from _vms(_begins(Vm.name, wanted.lower()), translated(_NAME_BEGINS))
    for person in people:
        yield from _launched(person)


def _by_columns(wanted: str) -> Iterator[Hit]:
    """Names and addresses: those that are so, then those that only begin so."""
    same: set[tuple[str, UUID]] = set()
    for column, words, _ in _COLUMNS:
        for vm_id, why in _vms(column == wanted, gettext(words, text=wanted)):
            same.add((column.key, vm_id))
            yield vm_id, why
    for column, _, words in _COLUMNS:
        hits = _vms(_begins(column, wanted), translated(words))
        yield from ((vm_id, why) for vm_id, why in hits if (column.key, vm_id) not in same)


def _by_ids(wanted: str) -> Iterator[Hit]:
    bounds = _bounds(wanted.lower().removeprefix("vm-"))
    if bounds is None:
        return
    low, high = bounds
    yield from _vms(Vm.id.between(low, high), gettext("id of the VM"))
    yield from _vms(Vm.stack_id.between(str(low), str(high)), gettext("id of its stack"))
    yield from _vms(Vm.server_id.between(str(low), str(high)), gettext("id of its server"))
    told = select(HeatEvent.vm_id, HeatEvent.resource).where(
        HeatEvent.physical_id.between(str(low), str(high))
    )
    for vm_id, resource in db.session.execute(told.limit(MOST_LOOKED_AT)):
        if resource == f"vm-{vm_id}":
            yield vm_id, gettext("id of a stack of it, as Heat told")
        else:
            yield vm_id, gettext("id of its resource %(name)s, as Heat told", name=resource)


def _by_requests(wanted: str, acts: Sequence[AuditEntry]) -> Iterator[Hit]:
    for act in acts:
        if act.vm_id:
            yield act.vm_id, gettext("request of the act %(act)s", act=act.action)
    told = select(Transition.vm_id).where(Transition.cloud_request_id == wanted.lower()).limit(MOST)
    for vm_id in db.session.scalars(told):
        yield vm_id, gettext("request of OpenStack's that failed")
    did = select(ServerAction.vm_id, ServerAction.action).where(ServerAction.request_id == wanted.lower())
    for vm_id, action in db.session.execute(did.limit(MOST)):
        yield vm_id, gettext("request of the %(action)s that Nova did", action=action)


def _acts(wanted: str) -> Sequence[AuditEntry]:
    """The acts under this request id, as pages and headers show it or without its beginning."""
    ids = {wanted, f"req-{wanted.lower()}"}
    chosen = select(AuditEntry).where(AuditEntry.request_id.in_(ids)).limit(MOST)
    return db.session.scalars(chosen).all()


def _people(wanted: str) -> Sequence[User]:
    start = wanted.lower()
    named = or_(_begins(User.email, start), _begins(User.name, wanted), _begins(User.name, start.title()))
    shown = load_only(User.name, User.email, User.active, User.role)
    return db.session.scalars(select(User).where(named).options(shown).order_by(User.email).limit(5)).all()


def _launched(person: User) -> Iterator[Hit]:
    """What the person launched last, as the audit knows."""
    newest = (
        select(AuditEntry.vm_id)
        .where(AuditEntry.actor == person.email, AuditEntry.action == "vm.launch")
        .order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
        .limit(MOST)
    )
    for vm_id in filter(None, db.session.scalars(newest)):
        yield vm_id, gettext("launched by %(name)s (%(email)s)", name=person.name, email=person.email)


def _vms(condition: ColumnElement[bool], why: str) -> Iterator[Hit]:
    """The VMs that meet the condition, the newest first; of very many, some."""
    rows = db.session.execute(select(Vm.requested_at, Vm.id).where(condition).limit(MOST_LOOKED_AT)).all()
    for _, vm_id in sorted(rows, key=lambda row: row[0], reverse=True):
        yield vm_id, why


def _matches(reasons: dict[UUID, list[str]]) -> list[Match]:
    ids = list(reasons)[:MOST]
    rows = db.session.scalars(
        select(Vm)
        .where(Vm.id.in_(ids))
        .options(
            load_only(*_SHOWN, raiseload=True),
            selectinload(Vm.owner).load_only(User.name),
            selectinload(Vm.tenant).load_only(Tenant.name),
        )
    )
    found = {vm.id: vm for vm in rows}
    live = [vm_id for vm_id in ids if found[vm_id].state is not State.DELETED]
    return [Match(found[vm_id], reasons[vm_id]) for vm_id in dict.fromkeys([*live, *ids])]


def _bounds(text: str) -> tuple[UUID, UUID] | None:
    """The first and the last UUID that begin so."""
    digits = text.replace("-", "")
    if not _HEX.fullmatch(digits):
        return None
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))


def _begins(column: Text, start: str) -> ColumnElement[bool]:
    """By the column's index: SQLite's LIKE has none, and PostgreSQL's order of texts is its language's."""
    if db.engine.dialect.name == "sqlite":
        return and_(column >= start, column < start + _LAST)
    return column.like(re.sub(r"([%_\\])", r"\\\1", start) + "%", escape="\\")
