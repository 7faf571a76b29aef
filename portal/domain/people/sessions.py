"""Sessions: the browsers a person is signed in with. One that is ended is out at its next request."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import joinedload

from portal import log
from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import Session, User
from portal.domain.store import audit
from portal.domain.store.db import db, now, only_writable, transaction
from portal.domain.store.errors import NotFound
from portal.translation import N_, gettext

__all__ = [
    "Session",
    "begin",
    "device",
    "end",
    "end_all",
    "end_others",
    "key",
    "last_seen",
    "load",
    "named",
    "of",
    "opened_here",
]

IDLE = timedelta(hours=12)
# A request writes that it was seen only after so long, so that most pages write nothing.
SEEN_EVERY = timedelta(minutes=5)
KEPT = timedelta(days=30)

_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
_PRODUCT = re.compile(r"[A-Za-z][\w.-]{0,29}")


def begin(user: User, agent: str = "") -> Session:
    """A new session inside the caller's transaction; what the person's ended long ago is forgotten."""
    only_writable()
    db.session.execute(delete(Session).where(Session.user_id == user.id, Session.seen_at < now() - KEPT))
    session = Session(user_id=user.id, device=device(agent), address=log.current("address"))
    db.session.add(session)
    db.session.flush()
    return session


def key(session: Session) -> str:
    """What the cookie holds: whose session it is, and which."""
    return f"{session.user_id}:{session.id}"


def named(cookie: str) -> UUID | None:
    """The id of the session that a cookie names."""
    try:
        return UUID(cookie.partition(":")[2])
    except ValueError:
        return None


def load(cookie: str) -> User | None:
    """Whose session this is, with where they belong; None when it is over or the account is closed.

    One question, as a rule: each request asks it.
    """
    session_id = named(cookie)
    found = (
        session_id
        and db.session.execute(
            select(User, Session)
            .join(Session, Session.user_id == User.id)
            .where(Session.id == session_id, Session.ended_at.is_(None), User.active)
            .options(joinedload(User.memberships))
        )
        .unique()
        .first()
    )
    if not found or found.Session.seen_at < now() - IDLE:
        return None
    user: User = found.User
    if found.Session.seen_at < now() - SEEN_EVERY:
        _note_seen(found.Session.id)
    return user


def of(person: User) -> list[Session]:
    """The person's open sessions, the one used last first."""
    return list(
        db.session.scalars(
            select(Session)
            .where(Session.user_id == person.id, Session.ended_at.is_(None), Session.seen_at > now() - IDLE)
            .order_by(Session.seen_at.desc(), Session.id)
        )
    )


def opened_here(email: str) -> bool:
    """Whether the account was opened from the present address lately."""
    here = select(Session.id).join(Session.user).where(User.email == email).limit(1)
    return db.session.scalar(here.where(Session.address == log.current("address"))) is not None


def last_seen(people: Iterable[User]) -> dict[UUID, datetime]:
    """When each of these people was seen last, as far as that is kept."""
    rows = db.session.execute(
        select(Session.user_id, func.max(Session.seen_at))
        .where(Session.user_id.in_([person.id for person in people]))
        .group_by(Session.user_id)
    )
    return {row[0]: row[1] for row in rows}


def end(session_id: UUID, person: User, *, by: User) -> None:
    """Ends one session of the person. Raises NotFound where it is somebody else's."""
    if by.id != person.id:
        access.require(by, Permission.PERSON_MANAGE)
    with transaction():
        session = db.session.get(Session, session_id)
        if session is None or session.user_id != person.id:
            raise NotFound(gettext("There is no such session."))
        if session.ended_at is None:
            session.ended_at = now()
            audit.record("session.ended", by=by, detail={"email": person.email, "device": session.device})


def end_others(person: User, *, but: UUID | None) -> int:
    """Ends the person's sessions except the one they sit at; answers how many."""
    with transaction():
        ended = end_all(person, but=but)
        audit.record("session.others_ended", by=person, detail={"ended": ended})
    return ended


def end_all(person: User, *, but: UUID | None = None) -> int:
    """Ends every session but one, inside the caller's transaction; answers how many."""
    only_writable()
    others = [Session.id != but] if but else []
    ended = db.session.execute(
        update(Session)
        .where(Session.user_id == person.id, Session.ended_at.is_(None), *others)
        .values(ended_at=now())
        .returning(Session.id)
    )
    return len(ended.all())


def device(agent: str) -> str:
    """A browser's long name of itself in a few words: “Firefox on Linux”."""
    browser = next((words for mark, words in _BROWSERS if mark in agent), "")
    system = next((words for mark, words in _SYSTEMS if mark in agent), "")
    if browser or system:
        return " on ".join(filter(None, (browser or N_("A browser"), system)))
    product = _PRODUCT.match(agent)
    return product[0] if product else N_("Unknown device")


def _note_seen(session_id: UUID) -> None:
    """Writes that the session is in use, once among requests that come at the same time."""
    with transaction():
        db.session.execute(
            update(Session)
            .where(Session.id == session_id, Session.seen_at < now() - SEEN_EVERY)
            .values(seen_at=now(), address=log.current("address"))
        )
