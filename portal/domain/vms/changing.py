"""Changing: one step towards a change that was asked for. Look at the stack, act at most once, answer.

The stack's own parameters tell how far it is, so a lost answer or a killed process needs no memory: what Heat
has is not sent again, and sent twice it would do no harm.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from portal.domain.store import wake
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import DomainError
from portal.domain.tenants import circuits, clouds
from portal.domain.vms import claims, ending, explain, history
from portal.domain.vms.lifecycle import stack_name
from portal.domain.vms.models import Change, ChangeKind, State, Vm
from portal.openstack.cloud import Cloud
from portal.openstack.errors import BadCredential, NotFound, OpenStackError, Unavailable
from portal.openstack.heat import Stack
from portal.openstack.previews import Preview

logger = logging.getLogger(__name__)

PACE, AFTER_TROUBLE = timedelta(seconds=1), timedelta(seconds=10)
# What isn't carried through by then is told as such; Heat has so many minutes for each of its updates.
PATIENCE = timedelta(minutes=45)
UPDATE_MINUTES = 10
AT_ONCE = 200
# What may go when an address comes or goes: nothing is kept in it.
LOOSE = {"OS::Neutron::FloatingIP", "OS::Neutron::FloatingIPAssociation"}
ADDRESSES = {ChangeKind.ATTACH, ChangeKind.DETACH}


def due() -> Sequence[UUID]:
    """The changes that somebody should look at now."""
    waiting = select(Change.id).where(Change.due_at <= now()).order_by(Change.due_at)
    return db.session.scalars(waiting.limit(AT_ONCE)).all()


def step(change_id: UUID) -> None:
    """Takes the change's next step if it is due and nobody else does."""
    moment = now()
    with transaction():
        taken = db.session.execute(
            update(Change)
            .where(Change.id == change_id, Change.due_at <= moment)
            .values(due_at=moment + claims.LEASE)
            .execution_options(synchronize_session=False)
        )
    if not taken.rowcount:  # type: ignore[attr-defined]  # an UPDATE answers a CursorResult
        return
    change = db.session.get_one(Change, change_id, populate_existing=True)
    vm = db.session.get_one(Vm, change.vm_id, populate_existing=True)
    with claims.told(vm):
        _advance(change, vm)


def release(change_id: UUID) -> None:
    """The step's process was killed: somebody else goes on at once. Each step may be done twice."""
    _write(change_id, due_at=now())
    wake.change(change_id)


def _advance(change: Change, vm: Vm) -> None:
    if vm.state is not State.ACTIVE:
        ending.unknown(change, vm, f"It was given up: the VM is {vm.state.value} now.")
    elif now() - change.asked_at > PATIENCE:
        _give_up(change, vm)
    else:
        try:
            with clouds.turn(vm.tenant_id, "step"):
                _look(change, vm, clouds.of(vm.tenant_id))
        except clouds.Busy:
            _write(change.id, due_at=now() + PACE)
        except (Unavailable, BadCredential, DomainError) as error:
            logger.warning("the change waits: %s", error)
            _write(change.id, due_at=now() + AFTER_TROUBLE, trouble=explain.trouble(error))
        except OpenStackError as error:
            _refused(change, vm, explain.said(error))
        else:
            circuits.heard(vm.tenant_id)


def _look(change: Change, vm: Vm, cloud: Cloud) -> None:
    try:
        stack = cloud.heat.show(str(vm.stack_id), name=stack_name(vm.id))
    except NotFound:
        ending.unknown(change, vm, "The VM's stack is gone from OpenStack.")
        return
    goal = change.before if change.failure else change.wanted
    if stack.is_working:
        _write(change.id, due_at=now() + PACE, trouble=None)
    elif change.sent_at is None or not _has(stack, goal):
        _act(change, vm, stack, cloud, goal)
    else:
        _judge(change, vm, stack, cloud)


def _act(change: Change, vm: Vm, stack: Stack, cloud: Cloud, goal: Mapping[str, Any]) -> None:
    """Sends the update after a preview has proven that nothing is lost by it."""
    ours = change.due_at  # read before the cloud thinks: the record is read anew after that
    if harm := _harm(cloud.heat.preview(stack.id, stack.name, goal), change.kind):
        _refused(change, vm, harm)
    elif _note_sent(change.id, ours):
        cloud.heat.update(stack.id, stack.name, goal, timeout_mins=UPDATE_MINUTES)
        _write(change.id, due_at=now() + PACE, trouble=None)


def _judge(change: Change, vm: Vm, stack: Stack, cloud: Cloud) -> None:
    """The stack has what it was given: what came of it."""
    history.collect(vm, stack, cloud)
    if stack.is_complete and change.failure is None:
        ending.came_true(change, vm, cloud.heat.outputs(stack.id, stack.name))
    elif stack.is_complete:
        ending.undone(change, vm, str(change.failure))
    elif change.failure is None:
        reason = explain.clean(stack.reason)
        _write(change.id, failure=reason, sent_at=None, due_at=now(), trouble=None)
    else:
        ending.unknown(change, vm, f"{change.failure} It could not be undone: {explain.clean(stack.reason)}")


def _harm(preview: Preview, kind: ChangeKind) -> str:
    """What would be lost by the update, in words; empty: nothing."""
    loose = LOOSE if kind in ADDRESSES else set()
    lost = [*preview.replaced, *(each for each in preview.deleted if each.type not in loose)]
    if not lost:
        return ""
    names = ", ".join(each.name.replace("_", " ") for each in lost)
    if any(each.type == "OS::Nova::Server" for each in lost):
        return (
            f"Heat would make the server anew for this ({names}), and all that is on its disk would be lost."
        )
    return f"Heat would make parts of the VM anew for this ({names}), so it isn't sure what would be lost."


def _refused(change: Change, vm: Vm, words: str) -> None:
    """Heat won't, or we don't ask it: nothing has happened; or what failed can't be undone."""
    if change.failure is None:
        ending.undone(change, vm, words)
    else:
        ending.unknown(change, vm, f"{change.failure} It could not be undone: {words}")


def _give_up(change: Change, vm: Vm) -> None:
    words = f"It couldn't be carried through within {PATIENCE.total_seconds() / 60:.0f} minutes."
    words = f"{words} {change.trouble or ''}".strip()
    if change.sent_at is None and change.failure is None:
        ending.undone(change, vm, words)
    else:
        ending.unknown(change, vm, f"{words} OpenStack may still be at it.")


def _has(stack: Stack, goal: Mapping[str, Any]) -> bool:
    """Whether the stack has these parameters, as Heat shows them."""
    return all(stack.parameters.get(name, "").lower() == str(value).lower() for name, value in goal.items())


def _note_sent(change_id: UUID, ours: datetime | None) -> bool:
    """Writes down that an update is about to be sent; False: somebody else is at it, or it has ended."""
    moment = now()
    with transaction():
        noted = db.session.execute(
            update(Change)
            .where(Change.id == change_id, Change.ended_at.is_(None), Change.due_at == ours)
            .values(sent_at=moment, due_at=moment + claims.LEASE)
            .execution_options(synchronize_session=False)
        )
    return bool(noted.rowcount)  # type: ignore[attr-defined]  # an UPDATE answers a CursorResult


def _write(change_id: UUID, **facts: Any) -> None:
    with transaction():
        db.session.execute(
            update(Change)
            .where(Change.id == change_id, Change.ended_at.is_(None))
            .values(**facts)
            .execution_options(synchronize_session=False)
        )
