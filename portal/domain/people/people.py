"""People: finding accounts, their roles, closing and opening them again."""

import re
from dataclasses import dataclass
from math import ceil
from uuid import UUID

from sqlalchemy import func, or_, select

from portal.domain.people import access, sessions
from portal.domain.people.access import Permission
from portal.domain.people.models import Role, User
from portal.domain.store import audit
from portal.domain.store.db import db, transaction
from portal.domain.store.errors import NotFound, Refused
from portal.translation import gettext

__all__ = ["Page", "Role", "User", "change_role", "deactivate", "get", "reactivate", "search"]

PER_PAGE = 50


@dataclass(frozen=True)
class Page:
    """One page of a list."""

    items: list[User]
    total: int
    page: int
    pages: int


def get(person_id: UUID, *, for_: User) -> User:
    """The person. Raises Forbidden, or NotFound."""
    access.require(for_, Permission.PERSON_VIEW)
    person = db.session.get(User, person_id)
    if person is None:
        raise NotFound(gettext("There is no such person."))
    return person


def search(for_: User, text: str = "", *, role: Role | None = None, page: int = 1) -> Page:
    """Everybody with an account, by name. Raises Forbidden."""
    access.require(for_, Permission.PERSON_VIEW)
    conditions = [User.role == role] if role else []
    if wanted := text.strip():
        like = "%" + re.sub(r"([%_\\])", r"\\\1", wanted) + "%"
        conditions.append(or_(User.name.ilike(like, escape="\\"), User.email.ilike(like, escape="\\")))
    total = db.session.scalar(select(func.count(User.id)).where(*conditions)) or 0
    pages = max(1, ceil(total / PER_PAGE))
    page = min(max(1, page), pages)
    found = db.session.scalars(
        select(User)
        .where(*conditions)
        .order_by(User.active.desc(), User.name, User.email)
        .limit(PER_PAGE)
        .offset((page - 1) * PER_PAGE)
    )
    return Page(list(found), total, page, pages)


def change_role(person_id: UUID, role: Role, *, by: User) -> None:
    """What the person is to the portal from now on. Raises Refused for the last active admin."""
    with transaction():
        person, last = _locked(person_id, by)
        if last and role is not Role.ADMIN:
            raise Refused(
                gettext("This is the last active administrator. Make somebody else one first."), field="role"
            )
        before, person.role = person.role, role
        if before is not role:
            detail = {"email": person.email, "before": before.value, "after": role.value}
            audit.record("person.role_changed", by=by, detail=detail)


def deactivate(person_id: UUID, *, by: User) -> None:
    """Closes the account and ends its sessions at once. Raises Refused for the last active admin."""
    with transaction():
        person, last = _locked(person_id, by)
        if last:
            raise Refused(gettext("This is the last active administrator. Make somebody else one first."))
        _open_or_close(person, active=False, by=by)
        sessions.end_all(person)


def reactivate(person_id: UUID, *, by: User) -> None:
    """Opens the account again; the person signs in with the password they had."""
    with transaction():
        person, _ = _locked(person_id, by)
        _open_or_close(person, active=True, by=by)


def _open_or_close(person: User, *, active: bool, by: User) -> None:
    if person.active is not active:
        detail = {"email": person.email, "before": {"active": person.active}, "after": {"active": active}}
        audit.record("person.reactivated" if active else "person.deactivated", by=by, detail=detail)
    person.active = active


def _locked(person_id: UUID, by: User) -> tuple[User, bool]:
    """The person, and whether they are the last active admin. Raises Forbidden, NotFound.

    Locks every admin's row first, always in the same order: two admins can't close each other at once.
    """
    access.require(by, Permission.PERSON_MANAGE)
    admins = db.session.scalars(
        select(User.id).where(User.role == Role.ADMIN, User.active).order_by(User.id).with_for_update()
    ).all()
    person = db.session.scalars(
        select(User).where(User.id == person_id).with_for_update().execution_options(populate_existing=True)
    ).one_or_none()
    if person is None:
        raise NotFound(gettext("There is no such person."))
    return person, list(admins) == [person.id]
