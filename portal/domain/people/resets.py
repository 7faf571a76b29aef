"""Reset links: an admin makes one, and whoever holds it sets that person's password anew, once."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, update

from portal.domain.people import access, accounts, deliveries
from portal.domain.people.access import Permission
from portal.domain.people.links import LinkOver, hashed, new_token
from portal.domain.people.models import ResetLink, User
from portal.domain.store import audit
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import NotFound, Refused
from portal.translation import gettext

__all__ = ["LASTS", "LinkOver", "ResetLink", "make", "read", "send", "use"]

LASTS = timedelta(hours=24)


def make(person_id: UUID, *, by: User | None) -> tuple[ResetLink, str]:
    """A link and its token; links made for the person before open nothing any more.

    `by` None: on the command line. Raises Forbidden, NotFound, or Refused for a closed account.
    """
    if by:
        access.require(by, Permission.PERSON_MANAGE)
    token = new_token()
    with transaction():
        person = db.session.get(User, person_id)
        if person is None:
            raise NotFound(gettext("There is no such person."))
        if not person.active:
            raise Refused(gettext("The account is closed. Open it again first."))
        _withdraw(person)
        link = ResetLink(
            token_hash=hashed(token),
            user_id=person.id,
            by_id=by.id if by else None,
            expires_at=now() + LASTS,
        )
        db.session.add(link)
        audit.record("person.reset_link_made", by=by, detail={"email": person.email})
    return link, token


def read(token: str, *, lock: bool = False) -> ResetLink:
    """The link, if it still opens something. Raises LinkOver."""
    question = select(ResetLink).where(ResetLink.token_hash == hashed(token))
    link = db.session.scalar(question.with_for_update() if lock else question)
    if link is None or link.withdrawn_at or not link.user.active:
        raise LinkOver(
            gettext(
                "This link opens nothing. Perhaps it was replaced by a newer one. "
                "Ask an administrator for a new one."
            )
        )
    if link.used_at:
        raise LinkOver(
            gettext("This link was used already; it works once. Ask an administrator for a new one.")
        )
    if link.expires_at < now():
        raise LinkOver(gettext("This link is too old. Ask an administrator for a new one."))
    return link


def send(token: str, path: str, *, by: User) -> ResetLink:
    """Has the link mailed to whom it is for, by who made it. Raises LinkOver, NotFound, Refused."""
    link = read(token)
    if link.by_id != by.id:
        raise NotFound(gettext("This link is somebody else's."))
    facts = {"until": f"{link.expires_at:%Y-%m-%d %H:%M}"}
    with transaction():
        deliveries.post_link("reset", link.user.email, str(link.id), path, facts)
        audit.record("person.reset_link_mailed", by=by, detail={"email": link.user.email})
    return link


def use(token: str, password: str) -> User:
    """Sets the password, ends the person's sessions, and answers whose it was. Raises LinkOver, Refused."""
    read(token)
    password_hash = accounts.hashed(password)
    with transaction():
        link = read(token, lock=True)
        link.used_at = now()
        accounts.set_password(link.user, password_hash)
        _withdraw(link.user)
        audit.record("person.password_reset", by=link.user)
    return link.user


def _withdraw(person: User) -> None:
    db.session.execute(
        update(ResetLink)
        .where(ResetLink.user_id == person.id, ResetLink.used_at.is_(None), ResetLink.withdrawn_at.is_(None))
        .values(withdrawn_at=now())
    )
