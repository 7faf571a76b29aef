"""The tables of people: users and where they belong."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.domain.store.db import Base, now, words


class Role(StrEnum):
    """What a person is to the whole portal."""

    MEMBER = "member"
    SUPPORT = "support"
    ADMIN = "admin"


class User(Base):
    """A person who can sign in. `session_epoch` goes up to end all their sessions."""

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    role: Mapped[Role] = mapped_column(words(Role))
    active: Mapped[bool] = mapped_column(default=True)
    session_epoch: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)
    memberships: Mapped[list["Membership"]] = relationship(back_populates="user", lazy="selectin")

    is_authenticated = True
    is_anonymous = False

    @property
    def is_active(self) -> bool:
        return self.active

    @property
    def session_id(self) -> str:
        """What the session cookie holds: the person and the epoch of the session."""
        return f"{self.id}:{self.session_epoch}"

    def get_id(self) -> str:
        """The session id, under the name the sign-in of the pages asks for."""
        return self.session_id

    @property
    def tenant_ids(self) -> frozenset[UUID]:
        return frozenset(membership.tenant_id for membership in self.memberships)


class Membership(Base):
    """A person in a tenant."""

    __tablename__ = "memberships"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"), primary_key=True, index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    user: Mapped[User] = relationship(back_populates="memberships")
