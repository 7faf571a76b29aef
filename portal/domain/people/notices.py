"""Notices: who is told of what. A fact is told in the transaction that makes it true, to each person once."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, delete, func, or_, select, update

from portal.domain.people import access, choices, deliveries, outlets
from portal.domain.people.access import Permission
from portal.domain.people.models import Channel, Kind, Notice, User, Webhook
from portal.domain.store.db import db, insert_new, now, only_writable, transaction
from portal.domain.store.errors import NotFound
from portal.translation import gettext

__all__ = [
    "Channel",
    "Fact",
    "Kind",
    "Notice",
    "Page",
    "concerns",
    "mark",
    "mark_all",
    "of",
    "seen",
    "tell",
    "unread",
]

PER_PAGE = 30
KEPT = timedelta(days=90)

# Whom a kind concerns: whoever may do this. What is somebody's own is told to them alone.
CONCERNS: dict[Kind, Permission] = {
    Kind.VM_READY: Permission.VM_LAUNCH,
    Kind.VM_FAILED: Permission.VM_LAUNCH,
    Kind.LEASE_ENDING: Permission.VM_LAUNCH,
    Kind.LEASE_ENDED: Permission.VM_LAUNCH,
    Kind.QUOTA_ANSWERED: Permission.QUOTA_REQUEST,
    Kind.QUOTA_ASKED: Permission.QUOTA_CHANGE,
    Kind.CREDENTIAL_ENDING: Permission.CREDENTIAL_ROTATE,
    Kind.CREDENTIAL_REFUSED: Permission.CREDENTIAL_ROTATE,
    Kind.SUPPORT_ASKED: Permission.SUPPORT_VIEW,
}

# What concerns a tenant's members goes to the tenant's webhook, too.
_MEMBERS = (Permission.VM_LAUNCH, Permission.QUOTA_REQUEST)


@dataclass(frozen=True)
class Fact:
    """Something to tell. `key` names it, so that it is told once; `facts` fill the words of its kind.

    `subject_id` is what a click leads to: the VM, the request, or the tenant. Never holds a secret.
    """

    kind: Kind
    key: str
    subject_id: UUID
    tenant_id: UUID
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """One page of a person's notices."""

    items: list[Notice]
    total: int
    page: int
    pages: int


def tell(fact: Fact, to: Iterable[User] | None = None) -> None:
    """Tells these people, or everybody whose role it concerns. Runs inside the caller's transaction.

    Each as they chose. Passed over is whose account is closed, and who may not see the tenant any more.
    """
    only_writable()
    told = [person for person in (_whoever(fact.kind) if to is None else to) if _listens(person, fact)]
    ways = choices.among([person.id for person in told], fact.kind)
    listed = [person.id for person in told if Channel.PORTAL in ways[person.id]]
    row = {"kind": fact.kind, "key": fact.key, "subject_id": fact.subject_id, "facts": fact.facts}
    moment = now()
    insert_new(Notice, [{"id": uuid4(), "user_id": each, "at": moment, **row} for each in listed])
    db.session.execute(
        delete(Notice)
        .where(Notice.user_id.in_(listed), Notice.at < moment - KEPT)
        .execution_options(synchronize_session=False)
    )
    mailed = [person.email for person in told if outlets.office() and Channel.MAIL in ways[person.id]]
    hooked = [person.id for person in told if Channel.WEBHOOK in ways[person.id]]
    deliveries.post(
        [
            *(row | {"channel": Channel.MAIL, "address": address} for address in mailed),
            *(row | {"channel": Channel.WEBHOOK, "webhook_id": each} for each in _webhooks(hooked, fact)),
        ]
    )


def concerns(person: User, kind: Kind) -> bool:
    """Whether the person may ever be told of such."""
    return access.allows(person, CONCERNS[kind])


def unread(person: User) -> int:
    """How many the person hasn't read."""
    return db.session.scalar(select(func.count(Notice.id)).where(*_unread(person))) or 0


def of(person: User, page: int = 1) -> Page:
    """What the person was told: unread first, then the newest."""
    mine = Notice.user_id == person.id
    total = db.session.scalar(select(func.count(Notice.id)).where(mine)) or 0
    pages = max(1, ceil(total / PER_PAGE))
    page = min(max(1, page), pages)
    rows = select(Notice).where(mine).order_by(Notice.read_at.is_not(None), Notice.at.desc(), Notice.id)
    return Page(
        list(db.session.scalars(rows.limit(PER_PAGE).offset((page - 1) * PER_PAGE))), total, page, pages
    )


def mark(notice_id: UUID, *, by: User) -> None:
    """The person has read it. Raises NotFound also for a stranger's."""
    notice = db.session.get(Notice, notice_id)
    if notice is None or notice.user_id != by.id:
        raise NotFound(gettext("There is no such notice."))
    _read(by, Notice.id == notice_id)


def mark_all(*, by: User) -> None:
    """The person has read all of them."""
    _read(by)


def seen(subject_id: UUID, *kinds: Kind, by: User) -> bool:
    """The person looks at what these notices, of these kinds or of any, are about. Whether any was unread."""
    which = [Notice.subject_id == subject_id, *([Notice.kind.in_(kinds)] if kinds else [])]
    if not db.session.scalar(select(Notice.id).where(*_unread(by), *which).limit(1)):
        return False
    _read(by, *which)
    return True


def _read(person: User, *which: ColumnElement[bool]) -> None:
    with transaction():
        db.session.execute(
            update(Notice)
            .where(*_unread(person), *which)
            .values(read_at=now())
            .execution_options(synchronize_session=False)
        )


def _unread(person: User) -> tuple[ColumnElement[bool], ...]:
    return Notice.user_id == person.id, Notice.read_at.is_(None)


def _whoever(kind: Kind) -> list[User]:
    """Everybody whose role lets them do what it calls for, in whatever tenant."""
    roles = [role for role, permissions in access.EVERYWHERE.items() if CONCERNS[kind] in permissions]
    return list(db.session.scalars(select(User).where(User.role.in_(roles), User.active)))


def _webhooks(person_ids: Collection[UUID], fact: Fact) -> Sequence[UUID]:
    """The webhooks of these people, and the tenant's where it is about its VMs or limits."""
    tenants = [fact.tenant_id] if CONCERNS[fact.kind] in _MEMBERS else []
    theirs = or_(Webhook.user_id.in_(person_ids), Webhook.tenant_id.in_(tenants))
    return db.session.scalars(select(Webhook.id).where(theirs)).all()


def _listens(person: User, fact: Fact) -> bool:
    return person.active and access.allows(person, Permission.VM_VIEW, fact.tenant_id)
