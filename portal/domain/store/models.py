"""The tables below all others: the audit (who did what, when, from where), and the master keys in use."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from portal.domain.store.db import Base, now


class AuditEntry(Base):
    """One act. Never changed, never removed; never holds a secret."""

    __tablename__ = "audit_entries"
    __table_args__ = (Index(None, "tenant_id", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(default=now)
    action: Mapped[str]
    user_id: Mapped[UUID | None]
    actor: Mapped[str]
    tenant_id: Mapped[UUID | None]
    vm_id: Mapped[UUID | None] = mapped_column(index=True)
    address: Mapped[str | None]
    request_id: Mapped[str | None]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)


class MasterKey(Base):
    """A master key that sealed rows may need: its version, and a word sealed with it that proves it is the same."""

    __tablename__ = "master_keys"

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    proof: Mapped[bytes]
    seen_at: Mapped[datetime] = mapped_column(default=now)
