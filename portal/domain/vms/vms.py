"""VMs: asking for what people may ask of them."""

from uuid import UUID

from sqlalchemy import select

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store import wake
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import NotFound, Refused
from portal.domain.vms import lifecycle, power, quotas, retrying
from portal.domain.vms.lifecycle import Event
from portal.domain.vms.listed import Listed
from portal.domain.vms.models import State, Vm
from portal.translation import N_, gettext

__all__ = ["Event", "State", "Vm", "actions", "ask", "get", "is_awaiting", "wait"]

_NEEDS = {Event.DELETE: Permission.VM_DELETE, Event.RETRY: Permission.VM_LAUNCH}


def get(vm_id: UUID, *, for_: User) -> Vm:
    """The VM. Raises NotFound also for a stranger."""
    vm = db.session.get(Vm, vm_id)
    if vm is None or not access.allows(for_, Permission.VM_VIEW, vm.tenant_id):
        raise NotFound(gettext("There is no such VM, or it belongs to somebody else."))
    return vm


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
        state = lifecycle.word(vm.state)
        raise Refused(gettext("%(name)s is %(state)s now, so this can't be done.", name=vm.name, state=state))
    wake.vm(vm.id)


def actions(vm: Vm, user: User) -> list[Event]:
    """What this person may ask of the VM now."""
    return [
        event
        for event in lifecycle.actions(vm)
        if event in _NEEDS and access.allows(user, _NEEDS[event], vm.tenant_id)
    ]


def wait(vm: Vm | Listed) -> float | None:
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


def _cause(event: Event) -> str:
    if event is Event.DELETE:
        return N_("Deletion was asked for.")
    return N_("Another try was asked for.")


def _changes(vm: Vm, event: Event) -> dict[str, object]:
    return deletion() if event is Event.DELETE else retrying.afresh(vm)


def deletion() -> dict[str, object]:
    """The columns of a VM whose deletion begins."""
    return {
        "failure": None,
        "delete_sent_at": None,
        "delete_tries": 0,
        "delete_due_at": None,
        "power_asked": None,
        "power_due_at": None,
    }
