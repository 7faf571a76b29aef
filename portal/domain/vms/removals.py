"""Removals: a deletion that was asked for and hasn't begun, so that it can be taken back.

Nothing is asked of the cloud before its time: it is a moment in the VM's row, which any worker may find due.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select, update

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store import audit, wake
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import Refused
from portal.domain.vms import lifecycle, vms
from portal.domain.vms.lifecycle import Event
from portal.domain.vms.listed import Listed
from portal.domain.vms.models import State, Vm
from portal.translation import N_, gettext

# So long a person may think better of it.
WINDOW = timedelta(seconds=30)
# So often a list that shows such a VM asks for news, in seconds.
PACE = 2.0
ASKED, LEASE_ENDED = N_("Deletion was asked for."), N_("Its lease ended.")
ENDED = (State.DELETING, State.DELETED)
AT_ONCE = 200


def due() -> Sequence[UUID]:
    """The VMs whose deletion should begin now."""
    waiting = select(Vm.id).where(Vm.delete_due_at <= now()).order_by(Vm.delete_due_at)
    return db.session.scalars(waiting.limit(AT_ONCE)).all()


def plan(vm: Vm, *, by: User) -> None:
    """Has it deleted after a while in which it can be taken back. Raises Forbidden. Twice is once."""
    access.require(by, Permission.VM_DELETE, vm.tenant_id)
    with transaction():
        planned = db.session.execute(
            update(Vm)
            .where(Vm.id == vm.id, Vm.state.not_in(ENDED), _is_later(now() + WINDOW))
            .values(delete_due_at=now() + WINDOW, delete_cause=ASKED, delete_by_id=by.id)
            .execution_options(synchronize_session=False)
        )
        if planned.rowcount:  # type: ignore[attr-defined]  # an UPDATE answers a CursorResult
            detail = {"seconds": WINDOW.total_seconds()}
            audit.record("vm.delete_planned", by=by, tenant_id=vm.tenant_id, vm_id=vm.id, detail=detail)
    db.session.refresh(vm)


def undo(vm: Vm, *, by: User) -> None:
    """Takes it back. Raises Forbidden, or Refused once the deletion has begun. Twice is as good as once."""
    access.require(by, Permission.VM_DELETE, vm.tenant_id)
    with transaction():
        kept = db.session.execute(
            update(Vm)
            .where(Vm.id == vm.id, Vm.state.not_in(ENDED), Vm.delete_cause == ASKED)
            .values(delete_due_at=None, delete_cause=None, delete_by_id=None)
            .execution_options(synchronize_session=False)
        )
        if kept.rowcount:  # type: ignore[attr-defined]  # an UPDATE answers a CursorResult
            audit.record("vm.delete_undone", by=by, tenant_id=vm.tenant_id, vm_id=vm.id)
    db.session.refresh(vm)
    if vm.state in ENDED:
        words = gettext("The deletion of %(name)s has begun, so it can't be taken back.", name=vm.name)
        raise Refused(words)


def why_not(vm: Vm, user: User) -> str:
    """Why the person can't have it deleted now, in plain words; empty: they can."""
    words = access.why_not(user, Permission.VM_DELETE, vm.tenant_id)
    return words or (lifecycle.no_server(vm) if vm.state in ENDED else "")


def seconds_left(vm: Vm | Listed) -> int | None:
    """How many seconds are left to take back what a person asked for; None: there is nothing to take back."""
    if vm.delete_due_at is None or vm.delete_cause != ASKED or vm.state in ENDED:
        return None
    return max(0, round((vm.delete_due_at - now()).total_seconds()))


def wait(vm: Vm | Listed) -> float | None:
    """After how many seconds there may be news of this VM, one that will be deleted among them."""
    return vms.wait(vm) or (None if seconds_left(vm) is None else PACE)


def step(vm_id: UUID) -> None:
    """Begins the deletion if it still is due: from here on it is a deletion like any other."""
    with transaction():
        found = db.session.execute(
            update(Vm)
            .where(Vm.id == vm_id, Vm.delete_due_at <= now())
            .values(delete_due_at=None)
            .returning(Vm.delete_cause, Vm.delete_by_id)
            .execution_options(synchronize_session=False)
        ).one_or_none()
        if found is None:
            return
        vm = db.session.get_one(Vm, vm_id, populate_existing=True)
        by = db.session.get(User, found.delete_by_id) if found.delete_by_id else None
        changes = vms.deletion()
        lifecycle.fire(vm, Event.DELETE, cause=found.delete_cause or ASKED, by=by, changes=changes)
    wake.vm(vm_id)


def _is_later(moment: datetime) -> ColumnElement[bool]:
    """No deletion is planned, or a later one: of two the first counts."""
    return or_(Vm.delete_due_at.is_(None), Vm.delete_due_at > moment)
