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
from portal.domain.vms import claims, ending, explain, history, kept
from portal.domain.vms.lifecycle import stack_name
from portal.domain.vms.models import Change, ChangeKind, State, Vm
from portal.openstack.cloud import Cloud
from portal.openstack.errors import BadCredential, NotFound, OpenStackError, Unavailable
from portal.openstack.heat import Stack
from portal.openstack.previews import Preview
from portal.translation import N_

logger = logging.getLogger(__name__)

PACE, AFTER_TROUBLE = timedelta(seconds=1), timedelta(seconds=10)
# What isn't carried through by then is told as such; Heat has so many minutes for each of its updates.
PATIENCE = timedelta(minutes=45)
UPDATE_MINUTES = 10
# After so long Nova doesn't know of a rebuild that it will still hear of.
UNHEARD = timedelta(minutes=2)
LOST = N_("What was on its disk may be lost.")
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
        ending.unknown(change, vm, kept.GIVEN_UP % {"state": vm.state.value})
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
        ending.unknown(change, vm, N_("The VM's stack is gone from OpenStack."))
        return
    goal = change.before if change.failure else change.wanted
    if stack.is_working:
        _write(change.id, due_at=now() + PACE, trouble=None)
    elif change.is_again:
        _rebuild(change, vm, stack, cloud)
    elif change.sent_at is None or not _has(stack, goal):
        _act(change, vm, stack, cloud, goal)
    else:
        _judge(change, vm, stack, cloud)


def _act(change: Change, vm: Vm, stack: Stack, cloud: Cloud, goal: Mapping[str, Any]) -> None:
    """Sends the update after a preview has proven that nothing is lost by it."""
    ours = change.due_at  # read before the cloud thinks: the record is read anew after that
    if harm := _harm(cloud.heat.preview(stack.id, stack.name, goal), change.kind):
        _refused(change, vm, harm)
    elif _note_sent(change.id, ours, _mark(change, vm, cloud)):
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
        if change.mark is not None and _last_rebuild(vm, cloud)[0] != change.mark:
            reason = f"{reason} {LOST}"
        _write(change.id, failure=reason, sent_at=None, due_at=now(), trouble=None)
    else:
        ending.unknown(
            change, vm, kept.NOT_UNDONE % {"why": change.failure, "problem": explain.clean(stack.reason)}
        )


def _rebuild(change: Change, vm: Vm, stack: Stack, cloud: Cloud) -> None:
    """The same image again, by Nova. Its record of what was done to the server tells whether it was asked."""
    ours, sent_at, mark = change.due_at, change.sent_at, _mark(change, vm, cloud)
    newest, has_failed = _last_rebuild(vm, cloud)
    if sent_at is not None and newest != mark:
        _watch(change, vm, stack, cloud, has_failed=has_failed)
    elif sent_at is not None and now() - sent_at < UNHEARD:
        _write(change.id, due_at=now() + PACE, trouble=None)
    elif _note_sent(change.id, ours, mark):
        cloud.nova.rebuild(str(vm.server_id), *change.wanted.values())
        _write(change.id, due_at=now() + PACE, trouble=None)


def _watch(change: Change, vm: Vm, stack: Stack, cloud: Cloud, *, has_failed: bool) -> None:
    """Nova was asked to rebuild: what came of it."""
    server = cloud.nova.server(str(vm.server_id))
    if server.status == "REBUILD" or server.task_state:
        _write(change.id, due_at=now() + PACE, trouble=None)
    elif has_failed or server.status == "ERROR":
        ending.unknown(change, vm, kept.NOT_REBUILT % {"problem": explain.clean(server.fault), "then": LOST})
    else:
        ending.came_true(change, vm, cloud.heat.outputs(stack.id, stack.name))


def _mark(change: Change, vm: Vm, cloud: Cloud) -> str | None:
    """The last rebuild of before this one, as it was when this one was sent first; None for other changes."""
    if change.kind is not ChangeKind.REBUILD or change.mark is not None:
        return change.mark
    return _last_rebuild(vm, cloud)[0]


def _last_rebuild(vm: Vm, cloud: Cloud) -> tuple[str, bool]:
    """The request id of the newest rebuild that Nova knows of, empty: of none; and whether it failed."""
    told = [one for one in cloud.nova.instance_actions(str(vm.server_id)) if one.action == "rebuild"]
    newest = max(told, key=lambda one: one.started_at, default=None)
    return (newest.request_id, bool(newest.message)) if newest else ("", False)


def _harm(preview: Preview, kind: ChangeKind) -> str:
    """What would be lost by the update, in words; empty: nothing."""
    loose = LOOSE if kind in ADDRESSES else set()
    lost = [*preview.replaced, *(each for each in preview.deleted if each.type not in loose)]
    if not lost:
        return ""
    names = ", ".join(each.name.replace("_", " ") for each in lost)
    if any(each.type == "OS::Nova::Server" for each in lost):
        return kept.SERVER_ANEW % {"names": names}
    return kept.PARTS_ANEW % {"names": names}


def _refused(change: Change, vm: Vm, words: str) -> None:
    """Heat won't, or we don't ask it: nothing has happened; or what failed can't be undone."""
    if change.failure is None:
        ending.undone(change, vm, words)
    else:
        ending.unknown(change, vm, kept.NOT_UNDONE % {"why": change.failure, "problem": words})


def _give_up(change: Change, vm: Vm) -> None:
    facts = {"minutes": f"{PATIENCE.total_seconds() / 60:.0f}", "why": change.trouble or ""}
    words = (kept.TOO_LONG % facts).strip()
    if change.sent_at is None and change.failure is None:
        ending.undone(change, vm, words)
    else:
        ending.unknown(change, vm, kept.STILL_AT_IT % {"why": words})


def _has(stack: Stack, goal: Mapping[str, Any]) -> bool:
    """Whether the stack has these parameters, as Heat shows them."""
    return all(stack.parameters.get(name, "").lower() == str(value).lower() for name, value in goal.items())


def _note_sent(change_id: UUID, ours: datetime | None, mark: str | None) -> bool:
    """Writes down that an update is about to be sent; False: somebody else is at it, or it has ended."""
    moment = now()
    with transaction():
        noted = db.session.execute(
            update(Change)
            .where(Change.id == change_id, Change.ended_at.is_(None), Change.due_at == ours)
            .values(sent_at=moment, mark=mark, due_at=moment + claims.LEASE)
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
