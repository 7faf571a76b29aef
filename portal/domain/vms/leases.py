"""Leases: for how long a VM is needed. Told before the end; then it is stopped, and deleted after a grace."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select

from portal.domain.people import access, notices
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.people.notices import Fact, Kind
from portal.domain.store import audit, wake
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import Refused
from portal.domain.vms import launches, power, quotas, removals, terms
from portal.domain.vms.models import State, Vm
from portal.translation import N_, gettext

# What is said and done so long before a lease ends, by its stage; nothing before it is warned of.
WEEK, DAY, OVER = 1, 2, power.OVER
BEFORE = {WEEK: terms.WARNED, DAY: timedelta(days=1), OVER: timedelta(0)}
GRACE = timedelta(days=7)
# A VM that runs on after its lease, since stopping it failed or somebody started it, is stopped again then.
AGAIN = timedelta(minutes=10)
_EXTEND_THEM = N_("Extend them, or they are stopped then and deleted a week later.")
_MANY = {Kind.LEASE_ENDING: Kind.LEASES_ENDING, Kind.LEASE_ENDED: Kind.LEASES_ENDED}
EXTENSIONS = (1, 7, 30)
LIVES = (State.ACTIVE, State.ERROR)
AT_ONCE = 200


def due() -> Sequence[UUID]:
    """The VMs of whose lease something should be told or done now."""
    moment = now()
    stages = [
        and_(Vm.lease_ends_at <= moment + before, Vm.lease_stage < stage) for stage, before in BEFORE.items()
    ]
    still_runs = and_(
        Vm.delete_cause == removals.LEASE_ENDED, Vm.power == "ACTIVE", Vm.power_asked_at < moment - AGAIN
    )
    chosen = select(Vm.id).where(
        warned(),
        or_(*stages, still_runs),
        Vm.state.in_(LIVES),
        Vm.power_asked.is_(None),
    )
    return db.session.scalars(chosen.order_by(Vm.lease_ends_at).limit(AT_ONCE)).all()


def warned() -> ColumnElement[bool]:
    """Whose lease ends soon, or has ended."""
    moment = now()
    ends = Vm.lease_ends_at <= moment + terms.WARNED
    return and_(ends, or_(Vm.lease_warn_at.is_(None), Vm.lease_warn_at <= moment))


def stage(vm: Vm) -> int:
    """How far its lease is: 0 isn't warned of yet, OVER is at its end."""
    moment, ends = now(), vm.lease_ends_at
    if ends is None or (vm.lease_warn_at or ends - terms.WARNED) > moment:
        return 0
    return max(stage for stage, before in BEFORE.items() if ends - moment <= before)


def step(vm_id: UUID) -> None:
    """Tells the owner that the lease ends, or ends it: the VM is stopped, and its deletion planned."""
    with transaction():
        vm = db.session.get_one(Vm, vm_id, populate_existing=True, with_for_update={"of": Vm})
        if vm.lease_ends_at is None or vm.state not in LIVES or vm.power_asked:
            return
        reached, before = stage(vm), vm.lease_stage
        vm.lease_stage = max(reached, before)
        if reached == OVER:
            _stop(vm)
        if reached <= before:
            return
        if reached == OVER:
            _end(vm, vm.lease_ends_at)
        else:
            _tell(
                vm,
                Kind.LEASE_ENDING,
                vm.lease_ends_at,
                N_("Extend it, or it is stopped then and deleted a week later."),
            )
    if vm.power_asked:
        wake.power(vm_id)


def extend(vm: Vm, days: int, *, seen: str, by: User) -> None:
    """So many days more, at most what its tenant allows (terms.extended). Raises Forbidden, Refused.

    `seen` is the end that the person saw, so that two clicks are one. What its end had planned is off.
    """
    access.require(by, Permission.VM_CHANGE, vm.tenant_id)
    if days not in EXTENSIONS:
        raise Refused(gettext("Choose by how long the lease is extended."))
    with transaction():
        tenant = quotas.locked(vm.tenant_id)
        vm = db.session.get_one(Vm, vm.id, populate_existing=True, with_for_update={"of": Vm})
        if vm.lease_ends_at is None or vm.state not in LIVES:
            raise Refused(gettext("%(name)s has no lease that could be extended now.", name=vm.name))
        if vm.lease_ends_at.isoformat() != seen:
            return
        before = vm.lease_ends_at
        vm.lease_ends_at = terms.extended(tenant, before, days)
        vm.lease_warn_at = terms.warned_from(now(), vm.lease_ends_at)
        vm.lease_stage = stage(vm)
        if vm.delete_cause == removals.LEASE_ENDED:
            vm.delete_due_at = vm.delete_cause = None
        detail = {"before": before.isoformat(), "after": vm.lease_ends_at.isoformat()}
        audit.record("vm.lease_extended", by=by, tenant_id=vm.tenant_id, vm_id=vm.id, detail=detail)


def extensions(vm: Vm) -> Sequence[int]:
    """By how many days it may be extended, as far as its tenant's longest lease goes."""
    longest = vm.tenant.longest_lease_days
    return [days for days in EXTENSIONS if longest is None or days <= longest]


def why_not(vm: Vm, user: User) -> str:
    """Why the person can't extend the VM's lease; empty: they can."""
    if not access.allows(user, Permission.VM_CHANGE, vm.tenant_id):
        return gettext("Your role doesn't change VMs of this tenant.")
    if vm.lease_ends_at and vm.state in LIVES:
        return terms.why_no_more(vm.tenant, vm.lease_ends_at)
    return gettext("It has no lease that could be extended now.")


def is_news(vm: Vm) -> bool:
    """Whether the VM's page should say on top when its lease ends."""
    return vm.state in LIVES and stage(vm) > 0


def is_over(vm: Vm) -> bool:
    """Whether the lease has ended and the VM was stopped for it."""
    return vm.lease_stage == OVER


def _stop(vm: Vm) -> None:
    """As a person would ask for it."""
    moment = now()
    if vm.state is State.ACTIVE and vm.power == "ACTIVE":
        vm.power_asked, vm.power_asked_at, vm.power_sent_at, vm.power_due_at = "stop", moment, None, moment


def _end(vm: Vm, ends: datetime) -> None:
    moment = now()
    if vm.delete_due_at is None:
        vm.delete_due_at, vm.delete_cause, vm.delete_by_id = moment + GRACE, removals.LEASE_ENDED, None
    gone = moment + GRACE
    then = f"It is stopped, and deleted on {gone:%d %B at %H:%M} UTC unless you extend it."
    _tell(vm, Kind.LEASE_ENDED, ends, then, gone_at=gone.isoformat())
    detail = {"cause": "lease ended", "deleted_at": gone.isoformat()}
    audit.record("vm.lease_ended", by=None, tenant_id=vm.tenant_id, vm_id=vm.id, detail=detail)


def _tell(vm: Vm, kind: Kind, ends: datetime, then: str, **more: str) -> None:
    # `ends` and `then` are for webhooks; people are told the moments in their language.
    facts = {"name": vm.name, "ends": f"{ends:%d %B at %H:%M}", "ends_at": ends.isoformat(), "then": then}
    at = f"{ends.isoformat()} {vm.lease_stage}"
    fact = Fact(kind, f"{kind} {vm.id} {at}", vm.id, vm.tenant_id, facts | more)
    together = launches.leased_until(vm, ends)
    if together < 2 or vm.draft_id is None:
        notices.tell(fact, to=[vm.owner])
        return
    # The first of those that end with it tells of all: the others' key is the same.
    notices.tell_webhooks(fact, to=[vm.owner])
    of_all = {"name": launches.name_of(vm), "count": str(together), "then": _EXTEND_THEM}
    many, told = _MANY[kind], facts | more | of_all
    notices.tell(Fact(many, f"{many} {vm.draft_id} {at}", vm.draft_id, vm.tenant_id, told), to=[vm.owner])
