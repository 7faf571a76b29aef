"""The audit as people read it: searched by who, where, what and when, a page at a time; and exported."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select, tuple_

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store import audit, verification
from portal.domain.store.chain import Walk
from portal.domain.store.db import db, transaction
from portal.domain.store.models import AuditEntry
from portal.domain.store.verification import AuditCheck
from portal.domain.tenants.models import Tenant
from portal.domain.vms.models import Vm

__all__ = ["AuditCheck", "AuditEntry", "Page", "Search", "Walk"]

PER_PAGE = 50
EXPORTED_AT_ONCE = 1000
# A word finds so many people, and so many VMs of one name.
MOST_FOUND = 20


@dataclass(frozen=True)
class Search:
    """What is sought; an empty field seeks nothing. Of `actions` any one; `vm` is an id or a name."""

    person: str = ""
    tenant_id: UUID | None = None
    vm: str = ""
    actions: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Page:
    """Entries, newest first. `older`: the number to go on before, if there are more."""

    entries: Sequence[AuditEntry]
    older: int | None
    tenants: dict[UUID, str]
    vms: dict[UUID, str]


def search(wanted: Search, by: User, *, before: int | None = None) -> Page:
    """A page of what is found. Raises Forbidden."""
    access.require(by, Permission.AUDIT_VIEW)
    found = _find(wanted, before, PER_PAGE + 1)
    entries = found[:PER_PAGE]
    older = entries[-1].id if len(found) > PER_PAGE else None
    return Page(
        entries,
        older,
        _names(Tenant, {entry.tenant_id for entry in entries}),
        _names(Vm, {entry.vm_id for entry in entries}),
    )


def export(wanted: Search, by: User, *, form: str) -> Iterator[dict[str, Any]]:
    """All that is found, newest first, column by column, read as it is asked for. Raises Forbidden.

    The export is the first entry of what it may find.
    """
    access.require(by, Permission.AUDIT_EXPORT)
    sought = {name: _word(value) for name, value in vars(wanted).items() if value}
    with transaction():
        audit.record("audit.exported", by=by, detail={"format": form, "sought": sought})
    return _all(wanted)


def check(*, by: User) -> AuditCheck:
    """Has the whole chain verified. Raises Forbidden."""
    access.require(by, Permission.AUDIT_VERIFY)
    return verification.ask(by=by)


def last_check(by: User) -> tuple[AuditCheck, Walk] | None:
    """The verification asked for last, and how far it is. Raises Forbidden."""
    access.require(by, Permission.AUDIT_VIEW)
    found = verification.newest()
    return (found, verification.walk_of(found)) if found else None


def _all(wanted: Search) -> Iterator[dict[str, Any]]:
    columns, before = AuditEntry.__table__.columns.keys(), None
    while entries := _find(wanted, before, EXPORTED_AT_ONCE):
        for entry in entries:
            yield {name: getattr(entry, name) for name in columns}
        before = entries[-1].id
        db.session.expunge_all()  # what was written out needn't stay in memory


def _find(wanted: Search, before: int | None, limit: int) -> list[AuditEntry]:
    """The newest entries. Each alternative is asked for alone, since then an index has it in this order."""
    alternatives, others = _conditions(wanted)
    found: dict[int, AuditEntry] = {}
    for alternative in alternatives:
        rows = _newest(select(AuditEntry).where(*alternative, *others), before).limit(limit)
        found |= {entry.id: entry for entry in db.session.scalars(rows)}
    return sorted(found.values(), key=lambda entry: (entry.at, entry.id), reverse=True)[:limit]


def _newest(rows: Select[Any], before: int | None) -> Select[Any]:
    place = tuple_(AuditEntry.at, AuditEntry.id)
    if before is not None and (at := db.session.scalar(select(AuditEntry.at).where(AuditEntry.id == before))):
        rows = rows.where(place < (at, before))
    return rows.order_by(AuditEntry.at.desc(), AuditEntry.id.desc())


def _conditions(wanted: Search) -> tuple[list[list[ColumnElement[bool]]], list[ColumnElement[bool]]]:
    """Alternatives that an index finds, of the narrowest kind there is; and what must hold besides."""
    alternatives: list[list[ColumnElement[bool]]] = [[]]
    others: list[ColumnElement[bool]] = []
    if wanted.since:
        others.append(AuditEntry.at >= wanted.since)
    if wanted.until:
        others.append(AuditEntry.at < wanted.until)
    if wanted.tenant_id:
        others.append(AuditEntry.tenant_id == wanted.tenant_id)
    if wanted.actions:
        others.append(AuditEntry.action.in_(wanted.actions))
        alternatives = [[AuditEntry.action == action] for action in wanted.actions]
    if emails := _emails(wanted.person):
        alternatives = [
            [column == email] for column in (AuditEntry.actor, AuditEntry.subject) for email in emails
        ]
    if wanted.vm.strip():
        if emails:
            others.append(or_(AuditEntry.actor.in_(emails), AuditEntry.subject.in_(emails)))
        alternatives = [[AuditEntry.vm_id == vm_id] for vm_id in _vms(wanted.vm.strip())]
    return alternatives, others


def _emails(person: str) -> list[str]:
    """The addresses of the people a word finds, and the word itself, which may be one that is gone."""
    word = person.strip().lower()
    if not word:
        return []
    holds = [func.lower(column).contains(word, autoescape=True) for column in (User.email, User.name)]
    found = db.session.scalars(select(User.email).where(or_(*holds)).limit(MOST_FOUND))
    return list(dict.fromkeys([word, *found]))


def _vms(word: str) -> list[UUID]:
    try:
        return [UUID(word.removeprefix("vm-"))]
    except ValueError:
        newest = select(Vm.id).where(Vm.name == word).order_by(Vm.requested_at.desc())
        return list(db.session.scalars(newest.limit(MOST_FOUND)))


def _names(model: type[Tenant] | type[Vm], ids: Iterable[UUID | None]) -> dict[UUID, str]:
    wanted = [each for each in ids if each]
    rows = db.session.execute(select(model.id, model.name).where(model.id.in_(wanted)))
    return {row[0]: row[1] for row in rows}


def _word(value: Any) -> Any:
    return list(value) if isinstance(value, tuple | list) else str(value)
