"""Changes of a running VM: what may be asked for, and the ask itself, which is a row before it is answered.

The states of a VM's life don't know of them: a change is a second fact, as its power is.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store import audit, wake
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import Refused
from portal.domain.tenants import standing
from portal.domain.vms import kept, quotas
from portal.domain.vms.models import Change, ChangeKind, State, Vm
from portal.translation import gettext

__all__ = ["Change", "ChangeKind", "Wish", "ask", "latest", "why_not", "why_not_after"]

PACE = timedelta(seconds=1)
# For so long a change that failed stands on top of its VM's page; what happened is told there for ever.
TOLD = timedelta(days=1)
# In which of Nova's states a server may be changed.
STEADY = {"ACTIVE", "SHUTOFF"}
# What a rebuild mends.
BROKEN = {"ERROR"}


@dataclass(frozen=True)
class Wish:
    """What somebody wants changed: the parameters that Heat is given, and those it has, by their names;
    what the VM's row says of itself afterwards; and what it counts for in quotas then.
    """

    kind: ChangeKind
    title: str
    wanted: Mapping[str, Any]
    before: Mapping[str, Any]
    amount: quotas.Amount
    spec: Mapping[str, Any] = field(default_factory=dict)


def latest(vm: Vm) -> Change | None:
    """The change that is on its way, or the one that failed last while that is news."""
    found = db.session.scalar(
        select(Change).where(Change.vm_id == vm.id).order_by(Change.asked_at.desc(), Change.id).limit(1)
    )
    if found is None or found.is_open:
        return found
    return found if not found.done and found.ended_at and now() - found.ended_at < TOLD else None


def last(vm: Vm, kind: ChangeKind) -> Change | None:
    """The newest change of this kind, whatever became of it."""
    asked = select(Change).where(Change.vm_id == vm.id, Change.kind == kind)
    return db.session.scalar(asked.order_by(Change.asked_at.desc(), Change.id).limit(1))


def wait(change: Change | None) -> float | None:
    """After how many seconds there may be news of it."""
    return PACE.total_seconds() if change and change.is_open else None


def why_not(vm: Vm, user: User, kind: ChangeKind | None = None) -> str:
    """Why the person can't have this VM changed (so) now, in plain words; empty: they can."""
    return why_not_after(latest(vm), vm, user, kind)


def why_not_after(found: Change | None, vm: Vm, user: User, kind: ChangeKind | None = None) -> str:
    """The same for who knows already what `latest` found."""
    if not access.allows(user, Permission.VM_CHANGE, vm.tenant_id):
        return gettext("Your role doesn't change VMs of this tenant.")
    if vm.state is not State.ACTIVE or not vm.server_id:
        return gettext("Only a VM that is active can be changed.")
    if vm.delete_due_at:
        return gettext("It is about to be deleted.")
    if vm.power_asked:
        return gettext("Its power is being switched just now.")
    if vm.power not in (STEADY | BROKEN if kind is ChangeKind.REBUILD else STEADY):
        return gettext("Its server is neither running nor stopped just now.")
    title = kept.said(found.title) if found and found.is_open else ""
    return gettext("A change is on its way: %(title)s.", title=title) if title else ""


def held(vm: Vm) -> quotas.Amount:
    """What the VM counts for in quotas now."""
    return quotas.Amount(1, vm.vcpus, vm.ram_mib, vm.gpus, vm.floating_ips)


def ask(vm: Vm, wish: Wish, *, by: User) -> None:
    """Has it done soon. The larger of what the VM takes before and after is held from here to the end.

    Raises Forbidden, or Refused where the VM can't be changed now or the quota has too little left. Asking
    twice for the same is asking once.
    """
    access.require(by, Permission.VM_CHANGE, vm.tenant_id)
    with transaction():
        quotas.locked(vm.tenant_id)
        db.session.refresh(vm)
        found = latest(vm)
        if found and found.is_open and found.wanted == dict(wish.wanted):
            return
        if words := why_not(vm, by, wish.kind):
            raise Refused(gettext("%(name)s can't be changed now. %(why)s", name=vm.name, why=words))
        change = begin(vm, wish, by)
    wake.change(change.id)


def begin(vm: Vm, wish: Wish, by: User) -> Change:
    """The change in the caller's transaction: its row, what it holds of the quota, and the audit entry."""
    before, after = asdict(held(vm)), asdict(wish.amount)
    more = {name: max(0, after[name] - before[name]) for name in before}
    if any(more.values()):
        standing.require_open(vm.tenant)
        quotas.reserve(vm.tenant_id, quotas.Amount(**more), of=vm.owner_id)
    change = Change(
        vm_id=vm.id,
        kind=wish.kind,
        title=wish.title,
        wanted=dict(wish.wanted),
        before=dict(wish.before),
        amounts={"before": before, "after": after},
        spec=dict(wish.spec),
        by_id=by.id,
        asked_at=now(),
        due_at=now(),
    )
    db.session.add(change)
    db.session.flush()
    count(vm, {name: before[name] + more[name] for name in before})
    detail = {"what": wish.title, "before": dict(wish.before), "after": dict(wish.wanted)}
    audit.record(f"vm.{wish.kind.value}", by=by, tenant_id=vm.tenant_id, vm_id=vm.id, detail=detail)
    return change


def count(vm: Vm, amounts: Mapping[str, int]) -> None:
    """From now on the VM counts for so much in quotas."""
    columns = {name: amounts[name] for name in ("vcpus", "ram_mib", "gpus", "floating_ips")}
    db.session.execute(
        update(Vm).where(Vm.id == vm.id).values(**columns).execution_options(synchronize_session=False)
    )
    db.session.expire(vm)
