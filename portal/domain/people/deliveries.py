"""Deliveries: letters and messages on their way. A row is the queue; whoever claims it tries once.

A worker that dies between sending and noting sends again: the id lets receivers drop the double.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, case, delete, func, select, update

from portal.domain.people import outlets
from portal.domain.people.models import Channel, Delivery
from portal.domain.store import metrics, vault, wake
from portal.domain.store.db import UtcDateTime, afterwards, db, insert_new, now, transaction
from portal.domain.store.errors import Refused
from portal.domain.store.metrics import Counter
from portal.translation import gettext

__all__ = ["Delivery"]

TRIED = Counter("portal_deliveries_total", "Tries to deliver mail and webhooks.", ("channel", "outcome"))

# Longer than any try takes.
LEASE = timedelta(minutes=2)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=15), timedelta(hours=1)
GIVES_UP_AFTER, KEPT = timedelta(days=1), timedelta(days=30)
AT_ONCE = 100


@dataclass(frozen=True)
class Standing:
    """How a channel gets on: what waits, since when the oldest does, and what was given up within a day."""

    channel: Channel
    waiting: int
    oldest: datetime | None
    given_up: int
    outcome: str | None


def post(rows: Sequence[dict[str, Any]]) -> None:
    """Has these delivered once the caller's transaction is committed; what was posted before isn't again."""
    moment, unsaid = now(), dict.fromkeys(("address", "webhook_id", "subject_id", "sealed"))
    new = [unsaid | {"id": uuid4(), "created_at": moment, "due_at": moment} | row for row in rows]
    for delivery_id in insert_new(Delivery, new):
        afterwards(partial(wake.delivery, delivery_id))


def post_link(kind: str, address: str, key: str, path: str, facts: dict[str, Any]) -> None:
    """Has a link mailed; it rests sealed until then, and is forgotten when that is over. Raises Refused."""
    if outlets.office() is None:
        raise Refused(gettext("The portal has no mail server. Hand the link over yourself."))
    row_id = uuid4()
    row = {"channel": Channel.MAIL, "kind": kind, "key": f"{kind} {key}", "address": address, "facts": facts}
    sealed = vault.seal(outlets.address(path).encode(), place=place(row_id))
    post([row | {"id": row_id, "sealed": sealed}])


def place(delivery_id: UUID) -> str:
    """Where the link of a delivery is sealed for."""
    return f"deliveries.sealed/{delivery_id}"


def due() -> Sequence[UUID]:
    """What somebody should try to deliver now."""
    rows = select(Delivery.id).where(Delivery.due_at <= now()).order_by(Delivery.due_at)
    return db.session.scalars(rows.limit(AT_ONCE)).all()


def claim(delivery_id: UUID) -> Delivery | None:
    """The delivery, ours for a while; None: not due, or somebody else has it."""
    with transaction():
        mine = db.session.scalar(
            update(Delivery)
            .where(Delivery.id == delivery_id, Delivery.due_at <= now())
            .values(due_at=now() + LEASE, tries=Delivery.tries + 1)
            .returning(Delivery.id)
            .execution_options(synchronize_session=False)
        )
    return db.session.get_one(Delivery, delivery_id) if mine else None


def done(delivery: Delivery, outcome: str) -> None:
    """It arrived."""
    with transaction():
        _write(Delivery.id == delivery.id, due_at=None, done_at=now(), outcome=outcome, sealed=None)
        db.session.execute(
            delete(Delivery)
            .where(Delivery.created_at < now() - KEPT, Delivery.due_at.is_(None))
            .execution_options(synchronize_session=False)
        )
    metrics.record(TRIED.plus(delivery.channel, "delivered"))


def failed(delivery: Delivery, outcome: str, *, final: bool, others: ColumnElement[bool]) -> None:
    """It didn't: later again, and `others` of the same way not before; after a day, or if `final`, never."""
    moment, pause = now(), min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (min(delivery.tries, 10) - 1))
    over = final or moment - delivery.created_at > GIVES_UP_AFTER
    with transaction():
        if over:
            _write(Delivery.id == delivery.id, due_at=None, given_up_at=moment, outcome=outcome, sealed=None)
        else:
            _write(Delivery.id == delivery.id, due_at=moment + pause, outcome=outcome)
        if not final:
            _write(others & (Delivery.due_at < moment + pause), due_at=moment + pause)
    metrics.record(TRIED.plus(delivery.channel, "given_up" if over else "failed"))


def recent(webhook_id: UUID) -> Sequence[Delivery]:
    """What went to this webhook lately, newest first."""
    rows = select(Delivery).where(Delivery.webhook_id == webhook_id)
    return db.session.scalars(rows.order_by(Delivery.created_at.desc()).limit(10)).all()


def standings() -> list[Standing]:
    """How mail and webhooks get on."""
    lately = Delivery.given_up_at > now() - timedelta(days=1)
    rows = db.session.execute(
        select(
            Delivery.channel,
            func.count(Delivery.due_at).label("waiting"),
            func.min(case((Delivery.due_at.is_not(None), Delivery.created_at)), type_=UtcDateTime()).label(
                "oldest"
            ),
            func.sum(case((lately, 1), else_=0)).label("given_up"),
        )
        .where(Delivery.due_at.is_not(None) | lately)
        .group_by(Delivery.channel)
    )
    found = {
        row.channel: Standing(row.channel, row.waiting, row.oldest, row.given_up, _last(row.channel))
        for row in rows
    }
    return [found.get(each, Standing(each, 0, None, 0, None)) for each in (Channel.MAIL, Channel.WEBHOOK)]


def _last(channel: Channel) -> str | None:
    """What the newest of those met that wait or were given up."""
    rows = select(Delivery.outcome).where(Delivery.channel == channel, Delivery.outcome.is_not(None))
    stuck = Delivery.due_at.is_not(None) | (Delivery.given_up_at > now() - timedelta(days=1))
    return db.session.scalar(rows.where(stuck).order_by(Delivery.created_at.desc()).limit(1))


def _write(*which: ColumnElement[bool], **columns: Any) -> None:
    db.session.execute(
        update(Delivery).where(*which).values(**columns).execution_options(synchronize_session=False)
    )
