"""Verifications of the audit's chain: asked for on a page, made by workers a part at a time, and kept."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, update

from portal.domain.store import audit, wake
from portal.domain.store.audit import Actor
from portal.domain.store.chain import Walk
from portal.domain.store.db import db, now, transaction
from portal.domain.store.models import AuditCheck

__all__ = ["AuditCheck", "ask", "due", "go_on", "newest", "walk_of"]

# A job goes so many batches; the clock has the next one go on.
BATCHES = 200
LEASE = timedelta(minutes=4)


def ask(*, by: Actor) -> AuditCheck:
    """Has the chain verified. What is under way already is the answer."""
    with transaction():
        running = newest()
        if running and running.due_at:
            return running
        check = AuditCheck(asked_by=by.email, due_at=now(), state=Walk().dump())
        db.session.add(check)
        db.session.flush()
        audit.record("audit.verified", by=by)
    wake.verify(check.id)
    return check


def newest() -> AuditCheck | None:
    """The verification that was asked for last."""
    return db.session.scalar(select(AuditCheck).order_by(AuditCheck.asked_at.desc()).limit(1))


def due() -> Sequence[UUID]:
    """The verifications that a worker should go on with."""
    return db.session.scalars(select(AuditCheck.id).where(AuditCheck.due_at <= now())).all()


def walk_of(check: AuditCheck) -> Walk:
    """How far it is and what it found."""
    return Walk.load(check.state)


def go_on(check_id: UUID) -> None:
    """Goes a part of the way, if nobody else does."""
    moment = now()
    with transaction():
        mine = db.session.scalar(
            update(AuditCheck)
            .where(AuditCheck.id == check_id, AuditCheck.due_at <= moment)
            .values(due_at=moment + LEASE)
            .returning(AuditCheck.state)
        )
    if mine is None:
        return
    walk = Walk.load(mine).go(batches=BATCHES)
    over = {"due_at": None, "finished_at": now()} if walk.at_end else {"due_at": now()}
    facts = {"state": walk.dump(), **over}
    with transaction():
        db.session.execute(update(AuditCheck).where(AuditCheck.id == check_id).values(facts))
