"""The tables below all others: the audit (who did what, when, from where), and the master keys in use."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.domain.store.db import Base, now


class AuditEntry(Base):
    """One act. Never changed, never removed (the database refuses both); never holds a secret.

    `id` counts without a gap; `hash` is over all other columns, `previous_hash` that of the entry before.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index(None, "at", "id"),
        Index(None, "actor", "at", "id"),
        Index(None, "subject", "at", "id"),
        Index(None, "tenant_id", "at", "id"),
        Index(None, "vm_id", "at", "id"),
        Index(None, "action", "at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(default=now)
    action: Mapped[str]
    user_id: Mapped[UUID | None]
    actor: Mapped[str]
    # Whose account, session or invitation it was done to.
    subject: Mapped[str | None]
    tenant_id: Mapped[UUID | None]
    vm_id: Mapped[UUID | None]
    address: Mapped[str | None]
    request_id: Mapped[str | None] = mapped_column(index=True)
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditHead(Base):
    """The end of the chain, in one row: who writes entries holds it until the commit."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))


class AuditCheck(Base):
    """A verification of the whole chain: how far it is, and what it found."""

    __tablename__ = "audit_checks"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    asked_at: Mapped[datetime] = mapped_column(default=now, index=True)
    asked_by: Mapped[str]
    # When a worker should go on with it; None: it is done.
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    finished_at: Mapped[datetime | None]
    state: Mapped[dict[str, Any]] = mapped_column(default=dict)


class MasterKey(Base):
    """A master key that sealed rows may need: its version, and a word sealed with it as proof of it."""

    __tablename__ = "master_keys"

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    proof: Mapped[bytes]
    seen_at: Mapped[datetime] = mapped_column(default=now)
