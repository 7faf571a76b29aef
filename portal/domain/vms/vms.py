"""VMs: finding them, and asking for what people may ask of them."""

import re
from dataclasses import dataclass
from math import ceil
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import load_only, selectinload

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store import wake
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import NotFound, Refused
from portal.domain.tenants.models import Tenant
from portal.domain.vms import durations, lifecycle, power, quotas
from portal.domain.vms.lifecycle import Event
from portal.domain.vms.models import State, Vm

__all__ = ["Event", "Page", "State", "Vm", "actions", "ask", "counts", "get", "is_awaiting"]
__all__ += ["search", "wait"]

PER_PAGE = 50
# Beyond so many nobody pages: they aren't counted either.
MOST_COUNTED = 2000
MOST_TENANTS = 20
# What a list shows of a VM.
_LISTED = (
    *(Vm.name, Vm.state, Vm.state_since, Vm.power, Vm.power_asked, Vm.trouble, Vm.private_ip, Vm.public_ip),
    *(Vm.spec, Vm.requested_at, Vm.owner_id, Vm.tenant_id),
)
_NEEDS = {Event.DELETE: Permission.VM_DELETE, Event.RETRY: Permission.VM_LAUNCH}


@dataclass(frozen=True)
class Page:
    """One page of a list; `more`: there are more than `total`, and nobody counted how many."""

    items: list[Vm]
    total: int
    page: int
    pages: int
    more: bool = False


def get(vm_id: UUID, *, for_: User) -> Vm:
    """The VM. Raises NotFound also for a stranger."""
    vm = db.session.get(Vm, vm_id)
    if vm is None or not access.allows(for_, Permission.VM_VIEW, vm.tenant_id):
        raise NotFound("There is no such VM, or it belongs to somebody else.")
    return vm


def search(
    user: User, *, tenant_id: UUID | None = None, text: str = "", state: State | None = None, page: int = 1
) -> Page:
    """The VMs the person may see, newest first; without a state those that are deleted are left out.

    Within tenants the text may stand anywhere in a name or an address. Across all of them it is what an index
    finds: how a name, an address or a tenant's name begins, or the id of a VM, a stack or a server.
    """
    conditions = [Vm.state == state] if state else [Vm.state != State.DELETED]
    if tenant_id is not None:
        conditions.append(Vm.tenant_id == tenant_id)
    if not access.everywhere(user, Permission.VM_VIEW):
        conditions.append(Vm.tenant_id.in_(user.tenant_ids))
    if wanted := text.strip():
        conditions.append(_contains(wanted) if len(conditions) > 1 else _begins(wanted))
    counted = select(Vm.id).where(*conditions).limit(MOST_COUNTED + 1).subquery()
    total = db.session.scalar(select(func.count()).select_from(counted)) or 0
    more, total = total > MOST_COUNTED, min(total, MOST_COUNTED)
    pages = max(1, ceil(total / PER_PAGE))
    page = min(max(1, page), pages)
    items = db.session.scalars(
        select(Vm)
        # What a list doesn't show stays away, and each owner and tenant is read once.
        .options(
            load_only(*_LISTED, raiseload=True),
            selectinload(Vm.owner).load_only(User.name),
            selectinload(Vm.tenant).load_only(Tenant.name),
        )
        .where(*conditions)
        .order_by(Vm.requested_at.desc(), Vm.id)
        .limit(PER_PAGE)
        .offset((page - 1) * PER_PAGE)
    )
    return Page(list(items), total, page, pages, more)


def counts(user: User, tenant_id: UUID) -> dict[State, int]:
    """How many VMs the tenant has in each state, without the deleted ones."""
    if not access.allows(user, Permission.VM_VIEW, tenant_id):
        return {}
    rows = db.session.execute(
        select(Vm.state, func.count(Vm.id))
        .where(Vm.tenant_id == tenant_id, Vm.state != State.DELETED)
        .group_by(Vm.state)
    )
    return {row[0]: row[1] for row in rows}


def ask(vm: Vm, event: Event, *, by: User) -> None:
    """Asks for deletion or another try. Raises Forbidden, or Refused where the VM's state doesn't allow it.

    Asking twice is the same as asking once.
    """
    access.require(by, _NEEDS[event], vm.tenant_id)
    if event is Event.DELETE and vm.state in {State.DELETING, State.DELETED}:
        return
    with transaction():
        db.session.refresh(vm)
        if event is Event.RETRY:
            quotas.reserve(
                vm.tenant_id,
                quotas.Amount(1, vm.vcpus, vm.ram_mib, vm.gpus, vm.floating_ips),
                of=vm.owner_id,
                but=vm.id,
            )
        fired = lifecycle.fire(vm, event, cause=_cause(event), by=by, changes=_changes(vm, event))
    if not fired:
        raise Refused(f"{vm.name} is {vm.state.value} now, so this can't be done.")
    wake.vm(vm.id)


def actions(vm: Vm, user: User) -> list[Event]:
    """What this person may ask of the VM now."""
    return [
        event
        for event in lifecycle.actions(vm)
        if event in _NEEDS and access.allows(user, _NEEDS[event], vm.tenant_id)
    ]


def wait(vm: Vm) -> float | None:
    """After how many seconds there may be news of this VM; None: there is nothing to wait for."""
    if vm.power_asked:
        return power.PACE.total_seconds()
    if vm.state not in lifecycle.WORKING:
        return None
    pace = lifecycle.pace(vm.state, now() - vm.state_since)
    return pace.total_seconds() if pace else None


def is_awaiting(user: User, tenant_id: UUID) -> bool:
    """Whether something of the person's own is on its way in the tenant."""
    working = select(Vm.id).where(Vm.tenant_id == tenant_id, Vm.state.in_(lifecycle.WORKING))
    return db.session.scalar(working.where(Vm.owner_id == user.id).limit(1)) is not None


def _contains(text: str) -> ColumnElement[bool]:
    like = f"%{_literally(text)}%"
    return or_(*(column.ilike(like, escape="\\") for column in (Vm.name, Vm.private_ip, Vm.public_ip)))


def _begins(text: str) -> ColumnElement[bool]:
    """Each alternative has an index: names as they are typed or in small letters."""
    found: list[ColumnElement[bool]] = [
        column.like(f"{_literally(start)}%", escape="\\")
        for column in (Vm.name, Vm.private_ip, Vm.public_ip)
        for start in {text, text.lower()}
    ]
    of_tenants = Tenant.name.ilike(f"{_literally(text)}%", escape="\\")
    if tenants := db.session.scalars(select(Tenant.id).where(of_tenants).limit(MOST_TENANTS)).all():
        found.append(Vm.tenant_id.in_(tenants))
    try:
        known = UUID(text.removeprefix("vm-"))
    except ValueError:
        return or_(*found)
    return or_(*found, Vm.id == known, Vm.stack_id == str(known), Vm.server_id == str(known))


def _literally(text: str) -> str:
    """For LIKE, whose wildcards mean themselves."""
    return re.sub(r"([%_\\])", r"\\\1", text)


def _cause(event: Event) -> str:
    return {Event.DELETE: "Deletion was asked for.", Event.RETRY: "Another try was asked for."}[event]


def _changes(vm: Vm, event: Event) -> dict[str, object]:
    if event is Event.DELETE:
        return {
            "failure": None,
            "delete_sent_at": None,
            "delete_tries": 0,
            "power_asked": None,
            "power_due_at": None,
        }
    return {
        "failed_stack_id": vm.stack_id or vm.failed_stack_id,
        "stack_id": None,
        "stack_status": None,
        "create_sent_at": None,
        "delete_tries": 0,
        "failure": None,
        "requested_at": now(),
        "usual": durations.usual(vm.tenant, vm.offering, durations.size_of(vm.spec)).plain,
        "server_id": None,
        "private_ip": None,
        "public_ip": None,
    }
