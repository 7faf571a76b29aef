"""The tables of the catalogue: what a tenant's cloud offers, as last seen, and people's SSH keys."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.domain.store.db import Base, now


class Image(Base):
    """A Glance image as a tenant sees it. Sizes: GiB of disk, MiB of RAM, bytes of the file."""

    __tablename__ = "images"
    __table_args__ = (UniqueConstraint("tenant_id", "os_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"), index=True)
    os_id: Mapped[str]
    name: Mapped[str]
    os_distro: Mapped[str] = mapped_column(default="")
    os_version: Mapped[str] = mapped_column(default="")
    admin_user: Mapped[str] = mapped_column(default="")
    min_disk_gib: Mapped[int] = mapped_column(default=0)
    min_ram_mib: Mapped[int] = mapped_column(default=0)
    size_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    visibility: Mapped[str] = mapped_column(default="public")
    made_at: Mapped[datetime | None]
    gone: Mapped[bool] = mapped_column(default=False)


class Flavor(Base):
    """A Nova flavor as a tenant sees it: a size."""

    __tablename__ = "flavors"
    __table_args__ = (UniqueConstraint("tenant_id", "os_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"), index=True)
    os_id: Mapped[str]
    name: Mapped[str]
    vcpus: Mapped[int]
    ram_mib: Mapped[int]
    disk_gib: Mapped[int]
    gpus: Mapped[int] = mapped_column(default=0)
    extra_specs: Mapped[dict[str, Any]] = mapped_column(default=dict)
    gone: Mapped[bool] = mapped_column(default=False)


class SshKey(Base):
    """A person's public key; it reaches a VM by cloud-init, not as a Nova key pair."""

    __tablename__ = "ssh_keys"
    __table_args__ = (UniqueConstraint("user_id", "name"), UniqueConstraint("user_id", "fingerprint"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str]
    kind: Mapped[str]
    public_key: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)
