"""The audit: who did what, when, from where; written in the transaction of the act itself, as a chain."""

import json
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import insert, select

from portal import log
from portal.domain.store.chain import ENTRIES, GENESIS, HEAD, hash_of
from portal.domain.store.db import db, last, now
from portal.domain.store.models import AuditEntry, AuditHead

# As long as a column of words is.
LONGEST = 255


class Actor(Protocol):
    """Whoever acts: a person with an id and an e-mail address."""

    @property
    def id(self) -> Any: ...
    @property
    def email(self) -> Any: ...


def record(
    action: str,
    *,
    by: Actor | None,
    tenant_id: UUID | None = None,
    vm_id: UUID | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Adds one entry inside the caller's transaction; `by` None: the portal itself acted.

    An `email` in the detail says to whom it was done, and finds the entry among that person's.
    """
    detail = json.loads(json.dumps(detail or {}))  # as it is read again, or an error here and now
    entry = {
        "at": now(),
        "action": action,
        "user_id": by.id if by else None,
        "actor": by.email if by else "portal",
        "subject": _short(detail.get("email")),
        "tenant_id": tenant_id,
        "vm_id": vm_id,
        "address": _short(log.current("address")),
        "request_id": _short(log.current("request_id")),
        "detail": detail,
    }
    last(_chain, entry)


def _short(text: str | None) -> str | None:
    return text[:LONGEST] if text else None


def _chain(entries: list[dict[str, Any]]) -> None:
    """Gives the entries their numbers and hashes. Holds the head from here to the commit."""
    head = db.session.get(AuditHead, HEAD, with_for_update=True)
    if head is None:
        head, told = _new_head()
        entries = [told, *entries]
    for entry in entries:
        head.number += 1
        entry |= {"id": head.number, "previous_hash": head.hash}
        head.hash = entry["hash"] = hash_of(entry)
    db.session.execute(insert(AuditEntry), entries)


def _new_head() -> tuple[AuditHead, dict[str, Any]]:
    """Only tampering removes the head: the chain goes on behind its last entry, and tells that."""
    newest = select(ENTRIES.c.id, ENTRIES.c.hash).order_by(ENTRIES.c.id.desc()).limit(1)
    number, hashed = db.session.execute(newest).one_or_none() or (0, GENESIS)
    head = AuditHead(id=HEAD, number=number, hash=hashed)
    db.session.add(head)
    entry = {"at": now(), "action": "audit.head_lost", "user_id": None, "actor": "portal", "subject": None}
    rest = dict.fromkeys(("tenant_id", "vm_id", "address", "request_id"))
    return head, {**entry, **rest, "detail": {"last": number}}
