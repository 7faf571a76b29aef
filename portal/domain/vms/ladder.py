"""The ladder: remedies that a worker carries out, one look at a time, and what came of each."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update

from portal import log
from portal.domain.people.models import User
from portal.domain.store import wake
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import DomainError
from portal.domain.tenants import clouds
from portal.domain.vms import claims, explain, findings, kept, lifecycle
from portal.domain.vms.models import Finding, State, Vm
from portal.domain.vms.remedies import Remedy
from portal.domain.vms.rungs import RUNGS, Ask, Outcome
from portal.openstack.errors import BadCredential, OpenStackError, Unavailable
from portal.translation import N_

logger = logging.getLogger(__name__)

PACE, AFTER_TROUBLE = timedelta(seconds=1), timedelta(seconds=10)
# What isn't carried through by then is told as such.
PATIENCE = timedelta(minutes=15)
AT_ONCE = 100


def due() -> Sequence[UUID]:
    """The findings whose remedy somebody should look at now."""
    waiting = select(Finding.id).where(Finding.due_at <= now(), Finding.resolved_at.is_(None))
    return db.session.scalars(waiting.limit(AT_ONCE)).all()


def step(finding_id: UUID) -> None:
    """Takes the next step of the remedy that was asked for, if it is due and nobody else does."""
    moment = now()
    with transaction():
        taken = db.session.execute(
            update(Finding)
            .where(Finding.id == finding_id, Finding.due_at <= moment, Finding.resolved_at.is_(None))
            .values(due_at=moment + claims.LEASE)
            .execution_options(synchronize_session=False)
        )
    if not taken.rowcount:  # type: ignore[attr-defined]  # an UPDATE answers a CursorResult
        return
    finding = db.session.get_one(Finding, finding_id, populate_existing=True)
    with log.context(tenant_id=finding.tenant_id, vm_id=finding.vm_id):
        _advance(finding)


def release(finding_id: UUID) -> None:
    """The step's process was killed: somebody else goes on at once. Each step may be done twice."""
    with transaction():
        db.session.execute(
            update(Finding)
            .where(Finding.id == finding_id, Finding.due_at.is_not(None))
            .values(due_at=now())
            .execution_options(synchronize_session=False)
        )
    wake.finding(finding_id)


def _advance(finding: Finding) -> None:
    notes, tenant_id = dict(finding.asked or {}), finding.tenant_id
    at = datetime.fromisoformat(notes["at"])
    if now() - at > PATIENCE:
        facts = {"minutes": f"{PATIENCE.total_seconds() / 60:.0f}", "why": notes.get("trouble", "")}
        _end(finding, Outcome(kept.TOO_LONG % facts))
        return
    vm = db.session.get(Vm, finding.vm_id, populate_existing=True) if finding.vm_id else None
    try:
        with clouds.turn(tenant_id, "step"):
            ask = Ask(finding, vm, at, notes)
            answer = RUNGS[Remedy(notes["remedy"])](ask, clouds.of(tenant_id))
    except clouds.Busy:
        _later(finding, PACE)
    except (Unavailable, BadCredential, DomainError) as error:
        logger.warning("the remedy waits: %s", error)
        _later(finding, AFTER_TROUBLE, trouble=explain.trouble(error))
    except OpenStackError as error:
        _end(finding, Outcome(f"OpenStack says no ({error.service}: {error.message})."))
    else:
        if isinstance(answer, Outcome):
            _end(finding, answer)
        else:
            _later(finding, PACE, **answer)


def _later(finding: Finding, pause: timedelta, **notes: object) -> None:
    """Somebody looks again after the pause; the notes are for them."""
    with transaction():
        if finding.asked is not None:
            finding.asked = finding.asked | notes
            finding.due_at = now() + pause


def _end(finding: Finding, outcome: Outcome) -> None:
    """Writes down what came of it, with the moves of the VM and the audit entry."""
    with transaction():
        db.session.refresh(finding, with_for_update={"of": Finding})
        asked = finding.asked
        if asked is None or finding.resolved_at:
            return
        by = db.session.get(User, UUID(asked["by_id"]))
        moved = _move(finding, outcome, asked["reason"], by)
        words = outcome.words if moved else N_("The VM moved on meanwhile; nothing was changed.")
        findings.tell(finding, Remedy(asked["remedy"]).value, asked["by"], words)
        finding.asked, finding.due_at = None, None
        if moved and outcome.settles:
            findings.resolve(finding, f"{words} {asked['reason']}".strip(), by=by)
    if finding.vm_id:
        wake.vm(finding.vm_id)


def _move(finding: Finding, outcome: Outcome, reason: str, by: User | None) -> bool:
    """Moves the VM as the outcome says; False: it had moved on by itself."""
    for event, changes in outcome.moves:
        vm = db.session.get(Vm, finding.vm_id, populate_existing=True) if finding.vm_id else None
        cause = f"{outcome.words} {reason}".strip()
        if vm is None or not lifecycle.fire(vm, event, cause=cause, by=by, changes=dict(changes)):
            return False
    return not outcome.seen or _see(finding, outcome.seen)


def _see(finding: Finding, seen: Mapping[str, object]) -> bool:
    written = db.session.execute(
        update(Vm)
        .where(Vm.id == finding.vm_id, Vm.state == State.ACTIVE)
        .values(**seen)
        .execution_options(synchronize_session=False)
    )
    return bool(written.rowcount)  # type: ignore[attr-defined]  # an UPDATE answers a CursorResult
