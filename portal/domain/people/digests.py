"""Digests: one notice and one letter for many facts, kept back until the last of them is there.

Both are rows that wait for their moment, so whoever dies on the way delays nothing and loses nothing.
"""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import delete, update

from portal.domain.people import choices, deliveries, notices, outlets
from portal.domain.people.models import Channel, Delivery, Kind, Notice, User
from portal.domain.people.notices import Fact
from portal.domain.store.db import db, insert_new, now, only_writable

__all__ = ["HELD", "KINDS", "Kind", "tell", "withdraw"]

KINDS = (Kind.LAUNCH_READY, Kind.LAUNCH_FAILED)
# Nobody waits longer for the first of many than this for the last.
HELD = timedelta(minutes=10)


def tell(fact: Fact, person: User, *, over: bool, news: bool = True) -> None:
    """Tells one person how far the fact's subject is by now, instead of what is kept back or was told of it.

    `over`: at once, and anew. Without `news` only what is kept back or was told is put right. Runs inside the
    caller's transaction, which holds a lock of the subject: two side by side would miss each other's facts.
    """
    kept = withdraw(fact.subject_id, person)
    if not notices.listens(person, fact):
        return
    moment, news = now(), news or kept is not None
    at = moment if over else kept or moment + HELD
    ways = choices.among([person.id], fact.kind)[person.id]
    row = {"kind": fact.kind, "key": fact.key, "subject_id": fact.subject_id, "facts": fact.facts}
    told = _put_right(fact, person, {"at": at, "read_at": None} if over and news else {})
    if news and not told and Channel.PORTAL in ways:
        insert_new(Notice, [row | {"id": uuid4(), "user_id": person.id, "at": at}])
    if news and outlets.office() and Channel.MAIL in ways:
        deliveries.post([row | {"channel": Channel.MAIL, "address": person.email, "due_at": at}])


def withdraw(subject_id: UUID, person: User) -> datetime | None:
    """Takes back what is kept back for this person. When it would have been told; None: there was nothing."""
    only_writable()
    about = (Notice.subject_id == subject_id, Notice.kind.in_(KINDS), Notice.user_id == person.id)
    notice = delete(Notice).where(*about, Notice.at > now()).returning(Notice.at)
    # One that a worker took goes out as it is.
    letter = (
        delete(Delivery)
        .where(Delivery.subject_id == subject_id, Delivery.kind.in_(KINDS), Delivery.tries == 0)
        .where(Delivery.address == person.email, Delivery.due_at > now())
        .returning(Delivery.due_at)
    )
    how = {"synchronize_session": False}
    taken = [at for each in (notice, letter) for at in db.session.scalars(each, execution_options=how)]
    return min(filter(None, taken), default=None)


def _put_right(fact: Fact, person: User, anew: dict[str, datetime | None]) -> bool:
    """Whether it was told before; it says so now."""
    before = db.session.scalars(
        update(Notice)
        .where(Notice.user_id == person.id, Notice.subject_id == fact.subject_id, Notice.kind.in_(KINDS))
        .values(kind=fact.kind, facts=fact.facts, **anew)
        .returning(Notice.id)
        .execution_options(synchronize_session=False)
    )
    return bool(before.all())
