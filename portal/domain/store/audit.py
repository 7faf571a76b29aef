"""The audit: who did what, when, from where; written in the transaction of the act itself."""

from typing import Any, Protocol
from uuid import UUID

from portal import log
from portal.domain.store.db import db, only_writable
from portal.domain.store.models import AuditEntry


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
    """Adds one entry inside the caller's transaction; `by` None: the portal itself acted."""
    only_writable()
    db.session.add(
        AuditEntry(
            action=action,
            user_id=by.id if by else None,
            actor=by.email if by else "portal",
            tenant_id=tenant_id,
            vm_id=vm_id,
            address=log.current("address"),
            request_id=log.current("request_id"),
            detail=detail or {},
        )
    )
