"""The tables of tenants: where a tenant's cloud is, what opens it, what it may use."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import JSON, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.domain.people.models import User
from portal.domain.store.db import Base, now, words
from portal.translation import N_, gettext, translated


class CredentialKind(StrEnum):
    """How the portal signs in for a tenant."""

    APPLICATION_CREDENTIAL = "application_credential"
    PASSWORD = "password"  # noqa: S105 - the kind's name


class Standing(StrEnum):
    """Where a credential is in its life; a tenant has at most one in each but the last."""

    STAGED = "staged"
    CURRENT = "current"
    DRAINING = "draining"
    REVOKED = "revoked"


class Cause(StrEnum):
    """Why the doctor looks at a credential."""

    ADDED = N_("added")
    ASKED = N_("asked")
    DAILY = N_("daily")


class Tenant(Base):
    """An OpenStack project as the portal knows it, with its limits and when it was last looked at."""

    __tablename__ = "tenants"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(unique=True)
    auth_url: Mapped[str]
    region: Mapped[str | None]
    interface: Mapped[str] = mapped_column(default="public")
    ca_bundle: Mapped[str | None] = mapped_column(Text)
    endpoint_overrides: Mapped[dict[str, Any]] = mapped_column(default=dict)
    project_id: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=now)

    quota_vms: Mapped[int] = mapped_column(default=10)
    quota_vcpus: Mapped[int] = mapped_column(default=20)
    quota_ram_mib: Mapped[int] = mapped_column(default=65536)
    quota_gpus: Mapped[int] = mapped_column(default=0)
    quota_floating_ips: Mapped[int] = mapped_column(default=5)
    # The longest lease its VMs may have; None: any, and none too.
    longest_lease_days: Mapped[int | None]

    catalog_due_at: Mapped[datetime] = mapped_column(default=now, index=True)
    catalog_checked_at: Mapped[datetime | None]
    catalog_trouble: Mapped[str | None] = mapped_column(Text)
    reconcile_due_at: Mapped[datetime] = mapped_column(default=now, index=True)

    # The circuit: since when the cloud is silent, how often it was asked in vain, when it is asked again.
    silent_since: Mapped[datetime | None]
    silent_tries: Mapped[int] = mapped_column(default=0)
    ask_again_at: Mapped[datetime | None]
    # Since when Keystone refuses the credential in use.
    refused_since: Mapped[datetime | None]

    # Suspended: nobody launches or starts a VM there, and members read why. Archived: out of everybody's way.
    suspended_at: Mapped[datetime | None]
    suspended_why: Mapped[str | None] = mapped_column(Text)
    archived_at: Mapped[datetime | None] = mapped_column(index=True)

    # When an admin last set the quotas. What the cloud itself allows: {name: {limit, used}}, -1 for no limit.
    quotas_set_at: Mapped[datetime | None]
    cloud_limits: Mapped[dict[str, Any]] = mapped_column(default=dict)
    # What floating IPs may come from, as Neutron shows it: each with id and name.
    external_networks: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)


# Who is still looked after: not the archived ones.
KEPT = Tenant.archived_at.is_(None)


class Credential(Base):
    """What opens a tenant's project; the secret part is sealed, and only the current one is used.

    `public` may be shown, `facts` is what its token said last. `made`: the portal had Keystone make it.
    A revoked one holds no secret any more, and `note` says what became of it in Keystone.
    """

    __tablename__ = "credentials"
    __table_args__ = (
        Index(
            "uq_credentials_standing",
            "tenant_id",
            "standing",
            unique=True,
            sqlite_where=text("standing <> 'revoked'"),
            postgresql_where=text("standing <> 'revoked'"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"), index=True)
    kind: Mapped[CredentialKind] = mapped_column(words(CredentialKind))
    standing: Mapped[Standing] = mapped_column(words(Standing), default=Standing.CURRENT)
    label: Mapped[str]
    public: Mapped[dict[str, Any]]
    sealed: Mapped[bytes]
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    made: Mapped[bool] = mapped_column(default=False)
    expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    current_since: Mapped[datetime | None]
    # When it was taken out of use, from when on it may be revoked, and when Keystone was asked to.
    retired_at: Mapped[datetime | None]
    revoke_at: Mapped[datetime | None]
    revoke_sent_at: Mapped[datetime | None]
    note: Mapped[str | None] = mapped_column(Text)
    doctor_due_at: Mapped[datetime | None] = mapped_column(index=True)
    handover_due_at: Mapped[datetime | None] = mapped_column(index=True)
    tenant: Mapped[Tenant] = relationship()


class Checkup(Base):
    """One examination of a credential by the doctor: its checks as they come, and the probe's stack.

    Each check holds name, tone, words and their facts, answered (the same in English), asked, request_id and
    ways (out). `tone` is the worst of them, known before the probe's stack is gone, which ends the checkup.
    """

    __tablename__ = "checkups"
    __table_args__ = (
        Index(
            "uq_checkups_open",
            "credential_id",
            unique=True,
            sqlite_where=text("finished_at IS NULL"),
            postgresql_where=text("finished_at IS NULL"),
        ),
        Index(None, "credential_id", "started_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    credential_id: Mapped[UUID] = mapped_column(ForeignKey("credentials.id"))
    cause: Mapped[Cause] = mapped_column(words(Cause))
    started_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]
    tone: Mapped[str | None]
    checks: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    probe_sent_at: Mapped[datetime | None]
    probe_stack_id: Mapped[str | None]

    @property
    def told(self) -> list[dict[str, Any]]:
        """The checks as their reader speaks; earlier ones were kept without their facts."""
        return [
            check
            | {
                "name": translated(check["name"]),
                "answered": gettext(check["words"], **check["facts"])
                if "words" in check
                else translated(check["answered"]),
                "ways": [translated(way) for way in check["ways"]],
            }
            for check in self.checks
        ]


class NetworkProfile(Base):
    """A network members may launch in, and whether a floating IP can be had there.

    `os_name` is Neutron's name for it, `name` the admin's, the same until one is given. `offered`: by the
    admin. `external_chosen`: the external network is the admin's choice, not the first of them. `firewall`:
    the preset that VMs in it have; None: as their people choose.
    """

    __tablename__ = "network_profiles"
    __table_args__ = (UniqueConstraint("tenant_id", "network_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"), index=True)
    name: Mapped[str]
    network_id: Mapped[str]
    os_name: Mapped[str] = mapped_column(default="")
    # Each with id, cidr and ip_version, IPv4 first.
    subnets: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    shared: Mapped[bool] = mapped_column(default=False)
    external_network_id: Mapped[str | None]
    external_network_name: Mapped[str | None]
    external_chosen: Mapped[bool] = mapped_column(default=False)
    floating_ips_allowed: Mapped[bool] = mapped_column(default=True)
    firewall: Mapped[str | None]
    offered: Mapped[bool] = mapped_column(default=True)
    gone: Mapped[bool] = mapped_column(default=False)

    @property
    def gives_floating_ips(self) -> bool:
        """Whether a VM in it can have one."""
        return self.external_network_id is not None and self.floating_ips_allowed

    @property
    def cidrs(self) -> list[str]:
        return [subnet["cidr"] for subnet in self.subnets]


class Answer(StrEnum):
    """What became of a request for more."""

    WAITING = N_("waiting")
    APPROVED = N_("approved")
    CHANGED = N_("changed")
    REFUSED = N_("refused")
    WITHDRAWN = N_("withdrawn")


class QuotaRequest(Base):
    """What a member asks for and why, as limits by name; what an admin granted of it, and said."""

    __tablename__ = "quota_requests"
    __table_args__ = (
        Index(
            "uq_quota_requests_waiting",
            "tenant_id",
            unique=True,
            sqlite_where=text("answer = 'waiting'"),
            postgresql_where=text("answer = 'waiting'"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"), index=True)
    by_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    asked: Mapped[dict[str, Any]]
    reason: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=now)
    answer: Mapped[Answer] = mapped_column(words(Answer), default=Answer.WAITING, index=True)
    granted: Mapped[dict[str, Any]] = mapped_column(default=dict)
    said: Mapped[str] = mapped_column(Text, default="")
    answered_at: Mapped[datetime | None]
    answered_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    tenant: Mapped[Tenant] = relationship()
    by: Mapped[User] = relationship(foreign_keys=[by_id])
    answered_by: Mapped[User | None] = relationship(foreign_keys=[answered_by_id])


class UsageSample(Base):
    """The most a tenant's VMs held at once on one day, and its limits at the day's end."""

    __tablename__ = "usage_samples"

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    used: Mapped[dict[str, Any]]
    limits: Mapped[dict[str, Any]]
