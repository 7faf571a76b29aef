"""The tables of people: users, where they belong, their sessions, their links, and what they are told."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.domain.store.db import Base, now, words
from portal.translation import N_, gettext, translated


class Role(StrEnum):
    """What a person is to the whole portal."""

    MEMBER = N_("member")
    SUPPORT = N_("support")
    ADMIN = N_("admin")


class TenantRole(StrEnum):
    """What a person is to one tenant."""

    MEMBER = N_("member")
    OWNER = N_("owner")


class Kind(StrEnum):
    """What a person may be told of."""

    VM_READY = "vm.ready"
    VM_FAILED = "vm.failed"
    LAUNCH_READY = "launch.ready"
    LAUNCH_FAILED = "launch.failed"
    LEASE_ENDING = "lease.ending"
    LEASE_ENDED = "lease.ended"
    LEASES_ENDING = "leases.ending"
    LEASES_ENDED = "leases.ended"
    QUOTA_ANSWERED = "quota.answered"
    QUOTA_ASKED = "quota.asked"
    CREDENTIAL_ENDING = "credential.ending"
    CREDENTIAL_REFUSED = "credential.refused"
    SUPPORT_ASKED = "support.asked"


class Channel(StrEnum):
    """How a person may be told."""

    PORTAL = "portal"
    MAIL = "mail"
    WEBHOOK = "webhook"


class User(Base):
    """A person who can sign in."""

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    role: Mapped[Role] = mapped_column(words(Role))
    active: Mapped[bool] = mapped_column(default=True)
    # In which letters are written to them; none chosen: English.
    language: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    memberships: Mapped[list["Membership"]] = relationship(back_populates="user")

    is_authenticated = True
    is_anonymous = False

    @property
    def is_active(self) -> bool:
        return self.active

    @property
    def tenant_ids(self) -> frozenset[UUID]:
        return frozenset(membership.tenant_id for membership in self.memberships)

    @property
    def owned_ids(self) -> frozenset[UUID]:
        """The tenants whose owner the person is."""
        return frozenset(each.tenant_id for each in self.memberships if each.role is TenantRole.OWNER)


class Membership(Base):
    """A person in a tenant, what they are there, and how much they may have of its quota, where that is set.

    `limits`: by the name of the limited thing; what isn't named has no limit of theirs.
    """

    __tablename__ = "memberships"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"), primary_key=True, index=True)
    role: Mapped[TenantRole] = mapped_column(words(TenantRole), default=TenantRole.MEMBER)
    limits: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)
    user: Mapped[User] = relationship(back_populates="memberships")


class Session(Base):
    """One browser that a person signed in with. The cookie names it; once ended it opens nothing."""

    __tablename__ = "sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    device: Mapped[str]
    address: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None]
    user: Mapped[User] = relationship()

    @property
    def told(self) -> str:
        """The device as its reader speaks: “Firefox on Linux”."""
        browser, on, system = self.device.partition(" on ")
        known = translated(browser)
        return gettext("%(browser)s on %(system)s", browser=known, system=system) if on else known


class Invitation(Base):
    """A link, used once, that lets the person with this address in: to a tenant, or to the portal alone.

    Only the token's hash is kept. `by` None: made on the command line.
    """

    __tablename__ = "invitations"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    token_hash: Mapped[str] = mapped_column(unique=True)
    email: Mapped[str] = mapped_column(index=True)
    role: Mapped[Role] = mapped_column(words(Role), default=Role.MEMBER)
    tenant_id: Mapped[UUID | None] = mapped_column(ForeignKey("tenants.id"), index=True)
    tenant_role: Mapped[TenantRole] = mapped_column(words(TenantRole), default=TenantRole.MEMBER)
    by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    by: Mapped[User | None] = relationship()


class ResetLink(Base):
    """A link, used once, that sets a person's password anew. Only the token's hash is kept."""

    __tablename__ = "reset_links"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    token_hash: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    user: Mapped[User] = relationship(foreign_keys=[user_id])


class Notice(Base):
    """What one person is told in the portal: a fact by its kind, what it is about, and facts for its words.

    `key` names the fact, so that a person is told of it once. `subject_id` is the VM, request, tenant or
    launch. Nobody sees it before `at` (see digests).
    """

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("user_id", "key"),
        Index(None, "user_id", "at"),
        Index(
            "ix_notices_unread",
            "user_id",
            sqlite_where=text("read_at IS NULL"),
            postgresql_where=text("read_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[Kind] = mapped_column(words(Kind))
    key: Mapped[str]
    subject_id: Mapped[UUID]
    facts: Mapped[dict[str, Any]]
    at: Mapped[datetime] = mapped_column(default=now)
    read_at: Mapped[datetime | None]


class NoticeChoice(Base):
    """How a person wants to be told of a kind, where they chose it."""

    __tablename__ = "notice_choices"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    kind: Mapped[Kind] = mapped_column(words(Kind), primary_key=True)
    channels: Mapped[list[str]] = mapped_column(JSON)


class Webhook(Base):
    """Where messages to a person, or about a tenant, are sent. `sealed` holds the address and the secret.

    Addresses of webhooks tend to hold a secret of their own, so only their `host` stands there plainly.
    """

    __tablename__ = "webhooks"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), unique=True)
    tenant_id: Mapped[UUID | None] = mapped_column(ForeignKey("tenants.id"), unique=True)
    host: Mapped[str]
    sealed: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Delivery(Base):
    """A letter or a message on its way; its id is the one that a receiver knows a double by.

    `due_at` is when somebody should try; taking it forward is the claim. None: it is over. `sealed` holds the
    link of an invitation or a reset until it is sent. `outcome` is what the last try met.
    """

    __tablename__ = "deliveries"
    __table_args__ = (UniqueConstraint("address", "key"), UniqueConstraint("webhook_id", "key"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    channel: Mapped[Channel] = mapped_column(words(Channel))
    address: Mapped[str | None]
    webhook_id: Mapped[UUID | None] = mapped_column(ForeignKey("webhooks.id"))
    kind: Mapped[str]
    key: Mapped[str]
    subject_id: Mapped[UUID | None]
    facts: Mapped[dict[str, Any]]
    sealed: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    tries: Mapped[int] = mapped_column(default=0)
    outcome: Mapped[str | None]
    done_at: Mapped[datetime | None]
    given_up_at: Mapped[datetime | None] = mapped_column(index=True)
