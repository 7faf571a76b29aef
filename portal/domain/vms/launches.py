"""Launches: VMs that were launched together, and what their owner is told of them as of one."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import func, select

from portal.domain.people import access, digests
from portal.domain.people.access import Permission
from portal.domain.people.digests import Kind
from portal.domain.people.models import User
from portal.domain.people.notices import Fact
from portal.domain.store.db import db
from portal.domain.store.errors import NotFound
from portal.domain.vms import explain
from portal.domain.vms.models import LaunchDraft, State, Vm
from portal.domain.vms.particulars import MOST_AT_ONCE
from portal.translation import gettext

_ON_THE_WAY = (State.REQUESTED, State.PROVISIONING)
# So many names stand in a notice.
MOST_NAMED = 3


def id_of(launch_id: UUID, number: int) -> UUID:
    """The id of the VM of this number."""
    return uuid5(launch_id, f"vm-{number}")


def ids(launch_id: UUID) -> Sequence[UUID]:
    """The ids of all VMs that the launch may have made."""
    return [id_of(launch_id, number) for number in range(1, MOST_AT_ONCE + 1)]


def tenant_of(launch_id: UUID, *, for_: User) -> UUID:
    """Where it was launched. Raises NotFound also for a stranger."""
    tenant_id = db.session.scalar(select(Vm.tenant_id).where(Vm.id.in_(ids(launch_id))).limit(1))
    if tenant_id is None or not access.allows(for_, Permission.VM_VIEW, tenant_id):
        raise NotFound(gettext("There is no such launch."))
    return tenant_id


def of(vm: Vm) -> UUID | None:
    """The launch with whose others it is told of; None: it was launched alone, or has been there already."""
    begun = vm.state in (*_ON_THE_WAY, State.ERROR) and vm.active_at is None
    return vm.draft_id if begun and vm.spec.get("together") else None


def name_of(vm: Vm) -> str:
    """What those that were launched together are called."""
    return str(vm.spec["together"]).rstrip("-")


def leased_until(vm: Vm, ends: datetime) -> int:
    """How many of its launch are leased to the very same end; 1 where it was launched alone."""
    if not vm.spec.get("together") or vm.draft_id is None:
        return 1
    same = Vm.id.in_(ids(vm.draft_id)), Vm.draft_id == vm.draft_id, Vm.lease_ends_at == ends
    there = Vm.state.not_in((State.DELETING, State.DELETED))
    return db.session.scalar(select(func.count(Vm.id)).where(*same, there)) or 0


def tell(launch_id: UUID, vm: Vm, key: str, *, news: bool) -> None:
    """One of its VMs has moved in this transaction: its owner is told how far all of them are.

    With the last that was on its way; who waits for longer than digests.HELD sooner. Without `news` (it is
    deleted, or tried again) nothing is told that wasn't to be told anyway.
    """
    # Each of two that end side by side would take the other to be on its way.
    db.session.execute(select(LaunchDraft.id).where(LaunchDraft.id == launch_id).with_for_update())
    found = db.session.execute(
        select(Vm.name, Vm.state, Vm.failure)
        .where(Vm.id.in_(ids(launch_id)), Vm.draft_id == launch_id)
        .order_by(Vm.requested_at, Vm.name)
    ).all()
    states = Counter(row.state for row in found)
    ready, failed = states[State.ACTIVE], states[State.ERROR]
    working = sum(states[each] for each in _ON_THE_WAY)
    if not ready and not failed:
        digests.withdraw(launch_id, vm.owner)
        return
    facts = {
        "name": name_of(vm),
        **{"count": len(found), "ready": ready, "failed": failed, "working": working or None},
        **_why([(row.name, row.failure or "") for row in found if row.state is State.ERROR]),
    }
    kind = Kind.LAUNCH_FAILED if failed else Kind.LAUNCH_READY
    digests.tell(Fact(kind, key, launch_id, vm.tenant_id, facts), vm.owner, over=not working, news=news)


def _why(failed: Sequence[tuple[str, str]]) -> dict[str, str]:
    """What most of them failed of, and which these are."""
    causes = [(name, explain.kept_cause(failure)) for name, failure in failed]
    for cause, _ in Counter(cause for _, cause in causes).most_common(1):
        names = [name for name, its in causes if its == cause]
        more = ["…"] if len(names) > MOST_NAMED else []
        return {"which": ", ".join([*names[:MOST_NAMED], *more]), "cause": cause}
    return {}
