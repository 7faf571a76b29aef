"""Notices: who is told of what. A fact is told in the transaction that makes it true, to each person once."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update

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
    "listens",
    "mark",
    "mark_all",
    "of",
    "seen",
    "tell",
    "tell_webhooks",
    "unread",
]

PER_PAGE = 30
KEPT = timedelta(days=90)

# Whom a kind concerns: whoever may do this. What is somebody's own is told to them alone.
CONCERNS: dict[Kind, Permission] = {
    Kind.VM_READY: Permission.VM_LAUNCH,
    Kind.VM_FAILED: Permission.VM_LAUNCH,
    Kind.LAUNCH_READY: Permission.VM_LAUNCH,
    Kind.LAUNCH_FAILED: Permission.VM_LAUNCH,
    Kind.LEASE_ENDING: Permission.VM_LAUNCH,
    Kind.LEASE_ENDED: Permission.VM_LAUNCH,
    Kind.LEASES_ENDING: Permission.VM_LAUNCH,
    Kind.LEASES_ENDED: Permission.VM_LAUNCH,
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

    `subject_id` is what a click leads to: the VM, request, tenant or launch. Never holds a secret.
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
    told = [person for person in (_whoever(fact.kind) if to is None else to) if listens(person, fact)]
    ways = choices.among([person.id for person in told], fact.kind)
    listed = [person.id for person in told if Channel.PORTAL in ways[person.id]]
    moment = now()
    insert_new(Notice, [_row(fact) | {"id": uuid4(), "user_id": each, "at": moment} for each in listed])
    db.session.execute(
        delete(Notice)
        .where(Notice.user_id.in_(listed), Notice.at < moment - KEPT)
        .execution_options(synchronize_session=False)
    )
    mailed = [person.email for person in told if outlets.office() and Channel.MAIL in ways[person.id]]
    deliveries.post([_row(fact) | {"channel": Channel.MAIL, "address": address} for address in mailed])
    if fact.kind not in choices.FOLLOWS:  # of those machines want each
        _hook(fact, told, ways)


def tell_webhooks(fact: Fact, to: Iterable[User]) -> None:
    """Tells the webhooks that `tell` would; the people themselves are told otherwise."""
    only_writable()
    told = [person for person in to if listens(person, fact)]
    _hook(fact, told, choices.among([person.id for person in told], fact.kind))


def listens(person: User, fact: Fact) -> bool:
    """Whether the person has an account and may see what the fact is about."""
    return person.active and access.allows(person, Permission.VM_VIEW, fact.tenant_id)


def concerns(person: User, kind: Kind) -> bool:
    """Whether the person may ever be told of such."""
    return access.allows(person, CONCERNS[kind])


def unread(person: User) -> int:
    """How many the person hasn't read."""
    return db.session.scalar(select(func.count(Notice.id)).where(*_unread(person))) or 0


def of(person: User, page: int = 1) -> Page:
    """What the person was told: unread first, then the newest."""
    mine = and_(Notice.user_id == person.id, Notice.at <= now())
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
    return Notice.user_id == person.id, Notice.read_at.is_(None), Notice.at <= now()


def _whoever(kind: Kind) -> list[User]:
    """Everybody whose role lets them do what it calls for, in whatever tenant."""
    roles = [role for role, permissions in access.EVERYWHERE.items() if CONCERNS[kind] in permissions]
    return list(db.session.scalars(select(User).where(User.role.in_(roles), User.active)))


def _row(fact: Fact) -> dict[str, Any]:
    return {"kind": fact.kind, "key": fact.key, "subject_id": fact.subject_id, "facts": fact.facts}


def _hook(fact: Fact, told: Iterable[User], ways: Mapping[UUID, Collection[Channel]]) -> None:
    hooks = _webhooks([person.id for person in told if Channel.WEBHOOK in ways[person.id]], fact)
    deliveries.post([_row(fact) | {"channel": Channel.WEBHOOK, "webhook_id": each} for each in hooks])


def _webhooks(person_ids: Collection[UUID], fact: Fact) -> Sequence[UUID]:
    """The webhooks of these people, and the tenant's where it is about its VMs or limits."""
    tenants = [fact.tenant_id] if CONCERNS[fact.kind] in _MEMBERS else []
    theirs = or_(Webhook.user_id.in_(person_ids), Webhook.tenant_id.in_(tenants))
    return db.session.scalars(select(Webhook.id).where(theirs)).all()
