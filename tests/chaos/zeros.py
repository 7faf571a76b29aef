"""The zeros: what must not be, whatever was killed. Read from the database and from the cloud itself."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import select

from portal.domain.store.db import db
from portal.domain.tenants.models import Tenant
from portal.domain.vms import lifecycle, quotas
from portal.domain.vms.lifecycle import Event, State, stack_name
from portal.domain.vms.models import Transition, Vm

Stack = Mapping[str, Any]


@dataclass
class Zeros:
    """Sentences about what is wrong, by kind. All of them empty: nothing is."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    quota_drift: list[str] = field(default_factory=list)
    illegal_moves: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any(vars(self).values())

    def figures(self) -> dict[str, int]:
        return {name: len(found) for name, found in vars(self).items()}


def count(
    stacks: Sequence[Stack], launched: Iterable[UUID], deleted: Iterable[UUID], flagged: Iterable[str] = ()
) -> Zeros:
    """What is wrong once all is quiet.

    `stacks` are all of the cloud's, those that were deleted too; `launched` the drafts whose launch was
    accepted, `deleted` those whose deletion was; `flagged` the stacks that an admin is told of already.
    """
    db.session.rollback()
    vms = list(db.session.scalars(select(Vm).execution_options(populate_existing=True)).unique())
    zeros = Zeros()
    zeros.lost = list(_lost(vms, stacks, set(launched), set(deleted)))
    zeros.doubled = list(_doubled(stacks))
    zeros.orphans = [said for said in _orphans(vms, stacks) if said.split()[0] not in set(flagged)]
    zeros.quota_drift = list(_drift(vms, stacks))
    zeros.illegal_moves = [said for vm in vms for said in illegal(vm)]
    db.session.rollback()
    return zeros


def _lost(
    vms: Sequence[Vm], stacks: Sequence[Stack], launched: set[UUID], deleted: set[UUID]
) -> Iterable[str]:
    made = {vm.client_request_id: vm for vm in vms}
    alive = {stack["id"] for stack in stacks if stack["deleted_at"] is None}
    for draft in launched - made.keys():
        yield f"the launch of draft {draft} became no VM"
    for draft, vm in made.items():
        if vm.state in lifecycle.WORKING:
            yield f"{vm.id} is {vm.state} for ever: {vm.trouble}"
        elif vm.state is State.ERROR and not vm.failure:
            yield f"{vm.id} failed without a reason"
        elif vm.state is State.ACTIVE and vm.stack_id not in alive:
            yield f"{vm.id} is active without its stack"
        elif vm.state is State.ACTIVE and draft in deleted:
            yield f"{vm.id} is active though its deletion was accepted"
        elif vm.state is State.DELETED and draft not in deleted:
            yield f"{vm.id} was deleted though nobody asked"


def _doubled(stacks: Sequence[Stack]) -> Iterable[str]:
    """Two stacks of one VM that lived at the same time, even if only for a moment."""
    by_vm: dict[str, list[Stack]] = {}
    for stack in stacks:
        by_vm.setdefault(stack["name"], []).append(stack)
    for name, lives in by_vm.items():
        lives.sort(key=lambda stack: float(stack["created"]))
        for first, second in pairwise(lives):
            if first["deleted_at"] is None or first["deleted_at"] > second["created"]:
                yield f"{name} had the stacks {first['id']} and {second['id']} at once"


def _orphans(vms: Sequence[Vm], stacks: Sequence[Stack]) -> Iterable[str]:
    owner = {stack_name(vm.id): vm for vm in vms}
    for stack in stacks:
        vm = owner.get(stack["name"])
        if stack["deleted_at"] is None and "portal" in stack["tags"]:
            if vm is None or vm.state is State.DELETED:
                yield f"{stack['id']} is alive, its VM is not"
            elif stack["id"] not in {vm.stack_id, vm.failed_stack_id}:
                yield f"{stack['id']} is alive, its VM has another"


def _drift(vms: Sequence[Vm], stacks: Sequence[Stack]) -> Iterable[str]:
    """What the portal counts, beside what the cloud holds for each tenant's VMs or failed to give back."""
    alive = {stack["name"] for stack in stacks if stack["deleted_at"] is None}
    for tenant in db.session.scalars(select(Tenant)):
        holding = [
            vm
            for vm in vms
            if vm.tenant_id == tenant.id
            and (stack_name(vm.id) in alive or (vm.state is State.ERROR and vm.stack_id))
        ]
        parts = {name: sum(getattr(vm, name) for vm in holding) for name in quotas.WORDS if name != "vms"}
        held = quotas.Amount(vms=len(holding), **parts)
        used = quotas.usage(tenant.id)
        if used != held:
            yield f"{tenant.name} is charged {used}, it holds {held}"


def illegal(vm: Vm) -> Iterable[str]:
    """The VM's recorded moves must follow one another and the table of moves."""
    moves = db.session.scalars(
        select(Transition).where(Transition.vm_id == vm.id).order_by(Transition.id)
    ).all()
    at: State | None = None
    for move in moves:
        legal = (
            move.new is lifecycle.FIRST
            if move.old is None
            else lifecycle.MOVES.get((move.old, Event(move.event))) is move.new
        )
        if not legal or move.old is not at:
            yield f"{vm.id}: {at} … {move.old} → {move.new} by {move.event}"
        at = move.new
    if at is not vm.state:
        yield f"{vm.id} is {vm.state}, its last move led to {at}"
