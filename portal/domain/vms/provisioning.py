"""Provisioning: one step towards a VM's stack being there, or being gone. Look, act at most once, answer."""

import json
import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, or_, update

from portal.domain.store import vault, wake
from portal.domain.store.db import db, now, transaction
from portal.domain.tenants import circuits, clouds
from portal.domain.vms import claims, deletions, explain, findings, kept, lifecycle, marks
from portal.domain.vms.lifecycle import Event, stack_name
from portal.domain.vms.models import FindingKind, State, Vm
from portal.openstack.cloud import Cloud
from portal.openstack.errors import BadRequest, Conflict, NotAllowed, NotFound, OverQuota, Unavailable
from portal.openstack.heat import Stack
from portal.translation import N_

logger = logging.getLogger(__name__)

# After a create whose answer was lost, Heat gets this long to show the stack before another is sent.
SHOW_TIME = timedelta(seconds=75)
CREATE_MINUTES = 30

# Which VMs want a step; the others are polled in bulk.
NEEDS_STEP = or_(Vm.state == State.REQUESTED, and_(Vm.state == State.DELETING, Vm.delete_sent_at.is_(None)))


def step(vm_id: UUID) -> None:
    """Takes the VM's next step if it is due and nobody else does."""
    for vm in claims.take(Vm.id == vm_id, NEEDS_STEP):
        with claims.told(vm), claims.careful([vm]), clouds.turn(vm.tenant_id, "step"):
            cloud = clouds.of(vm.tenant_id)
            if vm.state is State.REQUESTED:
                create(vm, cloud)
            else:
                remove(vm, cloud)


def release(vm_id: UUID) -> None:
    """The step's process was killed. Were it alive after all, `_note_sent` lets only one create go out."""
    claims.release(Vm.id == vm_id, NEEDS_STEP)
    wake.vm(vm_id)


def create(vm: Vm, cloud: Cloud) -> None:
    """Towards a stack that bears this VM's tag: adopts the one that is there, else sends one create."""
    cloud.renew()
    if vm.failed_stack_id and not _earlier_removed(vm, cloud):
        return
    found = [stack for stack in cloud.heat.by_tag(stack_name(vm.id)) if not stack.is_deleted]
    if found:
        _accepted(vm, min(found, key=_age).id)
    elif _may_still_come(vm):
        claims.put_back([vm])
    elif _note_sent(vm):
        _send(vm, cloud)


def remove(vm: Vm, cloud: Cloud) -> None:
    """Towards no stack of this VM: asks Heat to delete what is left, or answers that all is gone."""
    left = {stack.id: stack for stack in cloud.heat.by_tag(stack_name(vm.id)) if not stack.is_deleted}
    for stack_id in filter(None, (vm.stack_id, vm.failed_stack_id)):
        if stack_id not in left and (stack := _show(cloud, stack_id)):
            left[stack_id] = stack
    if left:
        for stack in left.values():
            if not stack.is_deleting:
                if deletions.has_failed(stack) and deletions.freed(vm, stack, cloud):
                    claims.put_back([vm])
                    return
                _delete(cloud, stack)
        _delete_sent(vm, min(left.values(), key=_age).id)
    elif vm.stack_id is None and _may_still_come(vm):
        claims.put_back([vm])
    else:
        gone(vm, N_("Its stack is gone."))


def gone(vm: Vm, cause: str) -> None:
    """The VM has no stack any more: DELETED."""
    with transaction():
        lifecycle.fire(
            vm,
            Event.GONE,
            cause=cause,
            changes={"deleted_at": now(), "power": None, "trouble": None, "checked_at": now()},
        )


def _send(vm: Vm, cloud: Cloud) -> None:
    parameters = json.loads(vault.unseal(vm.sealed, place=sealed_place(vm.id)))
    try:
        stack_id = cloud.heat.create(
            stack_name(vm.id),
            vm.template,
            parameters,
            tags=(marks.TAG, stack_name(vm.id)),
            timeout_mins=CREATE_MINUTES,
        )
    except Conflict:
        # Another stack has the name: ours, if an earlier answer was lost. The next look by tag will tell.
        logger.info("the stack is there already")
        claims.put_back([vm])
    except (BadRequest, NotAllowed, OverQuota, NotFound) as error:
        refused = {"failure": explain.said(error), "create_sent_at": None, "trouble": None}
        with transaction():
            # A deletion that was asked for meanwhile goes on.
            if vm.state is State.REQUESTED:
                lifecycle.fire(
                    vm, Event.FAILED, cause=N_("Heat refused to create the stack."), changes=refused
                )
    except Unavailable as error:
        if not error.maybe_done:
            _forget_sent(vm)
        raise
    else:
        _accepted(vm, stack_id)


def _accepted(vm: Vm, stack_id: str) -> None:
    """Heat has the stack. Its id is kept also when somebody asked for deletion meanwhile."""
    with transaction():
        fired = lifecycle.fire(
            vm,
            Event.ACCEPTED,
            cause=N_("Heat accepted the stack."),
            changes={"stack_id": stack_id, "trouble": None, "checked_at": now()},
        )
        if not fired:
            db.session.execute(
                update(Vm).where(Vm.id == vm.id, Vm.stack_id.is_(None)).values(stack_id=stack_id)
            )
    wake.tenant(vm.tenant_id)


def _may_still_come(vm: Vm) -> bool:
    """Whether a create whose answer was lost may still have its effect.

    A cloud that was silent until now may have it in its queues: its time to show the stack begins with its
    first answer (see claims).
    """
    if vm.create_sent_at is None:
        return False
    return circuits.is_open(vm.tenant) or now() - vm.create_sent_at < SHOW_TIME


def _note_sent(vm: Vm) -> bool:
    """Writes down that a create is about to be sent; False: the VM moved on or somebody else sends."""
    same = Vm.create_sent_at == vm.create_sent_at if vm.create_sent_at else Vm.create_sent_at.is_(None)
    moment = now()
    with transaction():
        noted = db.session.execute(
            update(Vm)
            .where(Vm.id == vm.id, Vm.state == State.REQUESTED, same)
            .values(create_sent_at=moment, look_at=moment + claims.LEASE)
            .execution_options(synchronize_session=False)
        )
    return bool(noted.rowcount)  # type: ignore[attr-defined]  # an UPDATE answers a CursorResult


def _forget_sent(vm: Vm) -> None:
    _write(vm, create_sent_at=None)


def _delete_sent(vm: Vm, stack_id: str) -> None:
    _write(vm, delete_sent_at=now(), stack_id=stack_id, trouble=None)
    claims.put_back([vm])


def _earlier_removed(vm: Vm, cloud: Cloud) -> bool:
    """Whether the failed stack of an earlier attempt is gone; asks for its deletion where it isn't."""
    stack = _show(cloud, str(vm.failed_stack_id))
    if stack is None:
        _write(vm, failed_stack_id=None, delete_tries=0)
        return True
    if deletions.has_failed(stack):
        if not deletions.freed(vm, stack, cloud):
            _earlier_stuck(vm, stack, cloud)
            return False
    elif not stack.is_deleting:
        _delete(cloud, stack)
    claims.put_back([vm])
    return False


def _earlier_stuck(vm: Vm, stack: Stack, cloud: Cloud) -> None:
    """Heat couldn't delete the failed stack of an earlier attempt: again after a while, or it is told."""
    if vm.delete_tries < len(deletions.PAUSES):
        _delete(cloud, stack)
        trouble = kept.EARLIER_STUCK % {"problem": stack.reason}
        pause = deletions.PAUSES[vm.delete_tries]
        _write(vm, delete_tries=vm.delete_tries + 1, look_at=now() + pause, trouble=trouble)
        return
    proof = deletions.proof(stack, cloud)
    cause = N_("Heat failed to delete the stack of the earlier attempt.")
    changes = {"failure": explain.clean(stack.reason), "delete_tries": 0, "trouble": None}
    with transaction():
        if vm.state is State.REQUESTED and lifecycle.fire(vm, Event.FAILED, cause=cause, changes=changes):
            findings.note(FindingKind.STUCK_DELETE, vm.tenant_id, stack.id, proof, vm_id=vm.id)


def _show(cloud: Cloud, stack_id: str) -> Stack | None:
    try:
        stack = cloud.heat.show(stack_id)
    except NotFound:
        return None
    return None if stack.is_deleted else stack


def _delete(cloud: Cloud, stack: Stack) -> None:
    try:
        cloud.heat.delete(stack.id, stack.name)
    except NotFound:
        logger.info("the stack is gone already")


def _write(vm: Vm, **facts: Any) -> None:
    with transaction():
        db.session.execute(
            update(Vm).where(Vm.id == vm.id).values(**facts).execution_options(synchronize_session=False)
        )
    db.session.refresh(vm)


def _age(stack: Stack) -> datetime:
    return stack.created_at or now()


def sealed_place(vm_id: UUID) -> str:
    """Where a VM's parameters are sealed."""
    return f"vms.sealed/{vm_id}"
