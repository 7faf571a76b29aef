"""Claims: taking a VM to look at, putting it back, and what an error does to it."""

import contextlib
import logging
import random
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.sql.base import ExecutableOption

from portal import log
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import DomainError
from portal.domain.tenants import circuits, clouds, counts
from portal.domain.tenants.models import Tenant
from portal.domain.vms import explain, kept, lifecycle
from portal.domain.vms.models import State, Vm
from portal.openstack.errors import OpenStackError, Unavailable

logger = logging.getLogger(__name__)

# A VM as it was when it was claimed: id, state, looks in vain.
Seen = tuple[UUID, State, int]

# Longer than a step's calls can take together, so that nobody else takes the VM meanwhile.
LEASE = timedelta(seconds=100)
LONGEST_BACKOFF = timedelta(minutes=10)
A_MOMENT = timedelta(seconds=1)
# So many looks in vain, one after the other, and a VM is shown to who looks after the portal (half a minute).
POISONED = 4
# A proxy's words for a service that isn't there; no status at all: no answer in time.
NOBODY_THERE = {502, 503, 504}


def take(*conditions: ColumnElement[bool], options: Sequence[ExecutableOption] = ()) -> list[Vm]:
    """Claims the due VMs that meet the conditions by moving `look_at` on; somebody else's are left out.

    `options` say how the VMs are loaded.
    """
    moment = now()
    with transaction():
        taken = db.session.scalars(
            update(Vm)
            .where(Vm.look_at <= moment, *conditions)
            .values(look_at=moment + LEASE)
            .returning(Vm.id)
            .execution_options(synchronize_session=False)
        ).all()
    if not taken:
        return []
    chosen = select(Vm).where(Vm.id.in_(taken)).options(*options)
    return list(db.session.scalars(chosen.execution_options(populate_existing=True)))


def release(*conditions: ColumnElement[bool]) -> None:
    """Whoever had claimed these VMs is dead: they are due again at once."""
    moment = now()
    with transaction():
        db.session.execute(
            update(Vm)
            .where(Vm.look_at > moment, Vm.look_at <= moment + LEASE, *conditions)
            .values(look_at=moment)
            .execution_options(synchronize_session=False)
        )


def put_back(vms: Sequence[Vm], **seen: object) -> None:
    """Nothing changed: each VM is looked at again by its pace; `seen` are columns that hold what was seen."""
    if not vms:
        return
    moment = now()
    alike: dict[tuple[State, timedelta], list[UUID]] = {}
    for vm in vms:
        pace = lifecycle.pace(vm.state, moment - vm.state_since) or LONGEST_BACKOFF
        alike.setdefault((vm.state, pace), []).append(vm.id)
    with transaction():
        for (state, pace), ids in alike.items():
            db.session.execute(
                update(Vm)
                .where(Vm.id.in_(ids), Vm.state == state)
                .values(look_at=moment + pace, checked_at=moment, look_failures=0, trouble=None, **seen)
                .execution_options(synchronize_session=False)
            )


@contextlib.contextmanager
def careful(vms: Sequence[Vm]) -> Iterator[None]:
    """What goes wrong inside pushes the next look on and is told on the VMs; only a surprise is raised on."""
    seen = [(vm.id, vm.state, vm.look_failures) for vm in vms]
    tenant_ids = {vm.tenant_id for vm in vms}
    # Held to the end: the session forgets what nobody holds, and would ask for it once per VM.
    tenants = [db.session.get_one(Tenant, tenant_id) for tenant_id in tenant_ids]
    try:
        yield
        for tenant in tenants:
            _answered(tenant)
    except clouds.Busy:
        _hand_back(seen)
    except circuits.Silent as error:
        _wait_for_cloud(tenant_ids, seen, error.message)
        _lose_patience(seen)
    except (OpenStackError, DomainError) as error:
        _in_vain(tenant_ids, seen, error)
    except Exception as error:
        _push_on(seen, kept.BROKE % {"error": type(error).__name__})
        raise


@contextlib.contextmanager
def told(vm: Vm) -> Iterator[None]:
    """Every log line inside names the VM, its tenant and its stack."""
    with log.context(tenant_id=vm.tenant_id, vm_id=vm.id, stack_id=vm.stack_id):
        yield


def backoff(failures: int) -> timedelta:
    """How long to wait after so many looks in vain: doubling from 2 s to ten minutes, with jitter."""
    seconds = min(2.0**failures, LONGEST_BACKOFF.total_seconds())
    return timedelta(seconds=seconds * random.uniform(0.8, 1.2))


def _answered(tenant: Tenant) -> None:
    was_open = circuits.is_open(tenant)
    if circuits.answered(tenant.id):
        _look_at_once(tenant.id, anew=was_open)


def _in_vain(tenant_ids: Collection[UUID], seen: Sequence[Seen], error: OpenStackError | DomainError) -> None:
    logger.warning("looked in vain: %s", error, extra={"vms": len(seen)})
    _push_on(seen, explain.trouble(error))
    counts.in_vain(tenant_ids, error)
    if isinstance(error, Unavailable) and (not error.status or error.status in NOBODY_THERE):
        for tenant_id in tenant_ids:
            circuits.silent(tenant_id)
        _lose_patience(seen)


def _push_on(seen: Sequence[Seen], trouble: str) -> None:
    """A VM that moved on meanwhile is left alone."""
    with transaction():
        for vm_id, state, failures in seen:
            db.session.execute(
                update(Vm)
                .where(Vm.id == vm_id, Vm.state == state)
                .values(look_at=now() + backoff(failures + 1), look_failures=failures + 1, trouble=trouble)
                .execution_options(synchronize_session=False)
            )


def _hand_back(seen: Sequence[Seen]) -> None:
    """Nobody's fault: somebody looks in a moment."""
    with transaction():
        for vm_id, state, _ in seen:
            db.session.execute(
                update(Vm)
                .where(Vm.id == vm_id, Vm.state == state)
                .values(look_at=now() + A_MOMENT)
                .execution_options(synchronize_session=False)
            )


def _wait_for_cloud(tenant_ids: Collection[UUID], seen: Sequence[Seen], trouble: str) -> None:
    """Nobody asked: the VMs wait until somebody may, and that is no failure of theirs."""
    with transaction():
        for tenant in db.session.scalars(select(Tenant).where(Tenant.id.in_(tenant_ids))):
            db.session.execute(
                update(Vm)
                .where(Vm.tenant_id == tenant.id, Vm.id.in_([vm_id for vm_id, _, _ in seen]))
                .values(look_at=tenant.ask_again_at or now(), trouble=trouble)
                .execution_options(synchronize_session=False)
            )


def _lose_patience(seen: Sequence[Seen]) -> None:
    """A stack of which a silent cloud tells nothing isn't waited for longer than others; it may recover."""
    words = kept.NO_ANSWER % {"why": lifecycle.overdue(State.PROVISIONING)}
    with transaction():
        for vm in db.session.scalars(
            select(Vm).where(
                Vm.id.in_([vm_id for vm_id, state, _ in seen if state is State.PROVISIONING]),
                Vm.state == State.PROVISIONING,
                Vm.state_since <= now() - lifecycle.PATIENCE[State.PROVISIONING],
            )
        ):
            changes = {"failure": words, "look_at": vm.look_at}
            lifecycle.fire(vm, lifecycle.Event.FAILED, cause=words, changes=changes)


def _look_at_once(tenant_id: UUID, *, anew: bool) -> None:
    """The cloud is back: what waited goes on now; `anew`: what it was sent before has its time anew."""
    moment = now()
    mine = update(Vm).where(Vm.tenant_id == tenant_id).execution_options(synchronize_session=False)
    with transaction():
        for sent in (Vm.create_sent_at, Vm.delete_sent_at) if anew else ():
            waits = mine.where(Vm.state.in_((State.REQUESTED, State.DELETING)), sent.is_not(None))
            db.session.execute(waits.values({sent: moment}))
        troubled = mine.where(Vm.trouble.is_not(None), Vm.state != State.DELETED)
        db.session.execute(troubled.values(look_at=moment, look_failures=0))
