"""The tables of VMs: drafts, VMs, what happened to them, and what Heat told."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.ext.associationproxy import AssociationProxy, association_proxy
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.domain.people.models import User
from portal.domain.store.db import Base, now, words
from portal.domain.tenants.models import Tenant


class State(StrEnum):
    """Where a VM is in its life."""

    REQUESTED = "requested"
    PROVISIONING = "provisioning"
    ACTIVE = "active"
    ERROR = "error"
    DELETING = "deleting"
    DELETED = "deleted"


class FindingKind(StrEnum):
    """How a cloud and the portal's records may differ."""

    ORPHAN_STACK = "orphan_stack"
    DUPLICATE_STACK = "duplicate_stack"
    LEFTOVER_STACK = "leftover_stack"
    STATUS_DIFFERS = "status_differs"
    STRAY_PORT = "stray_port"
    STRAY_FLOATING_IP = "stray_floating_ip"
    VANISHED = "vanished"
    STUCK_DELETE = "stuck_delete"


class ChangeKind(StrEnum):
    """What may be changed of a VM that is there."""

    RESIZE = "resize"
    FIREWALL = "firewall"
    ATTACH = "attach_ip"
    DETACH = "detach_ip"
    RENAME = "rename_server"
    REBUILD = "rebuild"


_STATE = words(State)
_BEGINNINGS = ("name", "private_ip", "public_ip", "image_name")


def _some(name: str, *columns: str, where: str) -> Index:
    """An index of the rows that meet the condition; a change of the others costs it nothing."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


class LaunchDraft(Base):
    """A launch being put together; its id is the client request id, so it becomes its VMs only once.

    `replaces_id`: it is another try of that failed VM, which stays the VM that it is.
    """

    __tablename__ = "launch_drafts"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"), index=True)
    offering: Mapped[str]
    answers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    sealed: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    submitted_at: Mapped[datetime | None]
    replaces_id: Mapped[UUID | None]


class Vm(Base):
    """A VM: what was asked for, the stack that makes it, and what was last seen of it.

    `sealed` holds the HOT parameters as sent (keys, user data) as sealed JSON; `spec` is what pages may show.
    `look_at` is when somebody should look at it next; taking it forward is the claim. `usual` is what
    launches like it took when it was asked for (durations.Usual), so that a page computes nothing.
    `actions_due_at`: when what Nova did to its server is to be read.
    """

    __tablename__ = "vms"
    __table_args__ = (
        UniqueConstraint("tenant_id", "client_request_id"),
        Index(None, "tenant_id", "state", "look_at"),
        Index(None, "tenant_id", "requested_at"),
        # The list of all tenants, also by a state that few VMs are in.
        Index(None, "requested_at"),
        _some("ix_vms_state_requested_at", "state", "requested_at", where="state != 'active'"),
        # What is due: few VMs are on their way, the others rest (see polling).
        _some("ix_vms_works", "look_at", where="state IN ('requested', 'provisioning', 'deleting')"),
        _some(
            "ix_vms_rests", "look_at", where="state = 'active' OR state = 'error' AND stack_id IS NOT NULL"
        ),
        _some("ix_vms_power_due_at", "power_due_at", where="power_due_at IS NOT NULL"),
        _some("ix_vms_actions_due_at", "tenant_id", "actions_due_at", where="actions_due_at IS NOT NULL"),
        _some("ix_vms_delete_due_at", "delete_due_at", where="delete_due_at IS NOT NULL"),
        _some("ix_vms_look_failures", "look_failures", where="look_failures > 0"),
        _some("ix_vms_lease_ends_at", "lease_ends_at", where="lease_ends_at IS NOT NULL"),
        # For how a name or an address begins, whatever order the database's language gives texts.
        *(Index(None, each, postgresql_ops={each: "varchar_pattern_ops"}) for each in _BEGINNINGS),
        # The list by name, of a tenant and of all of them; by who launched, and from what.
        Index(None, "tenant_id", "name"),
        Index("ix_vms_in_order_of_names", "name", "id"),
        Index(None, "owner_id", "requested_at"),
        Index(None, "offering", "requested_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"))
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    client_request_id: Mapped[UUID]
    # The draft it was made from last.
    draft_id: Mapped[UUID | None]
    name: Mapped[str]
    description: Mapped[str] = mapped_column(Text, default="")
    lease_ends_at: Mapped[datetime | None]
    # From when its end is warned of; None: a lease from before that was kept, warned of a week before.
    lease_warn_at: Mapped[datetime | None]
    state: Mapped[State] = mapped_column(_STATE, default=State.REQUESTED)
    state_since: Mapped[datetime] = mapped_column(default=now)

    offering: Mapped[str]
    image_name: Mapped[str | None]
    spec: Mapped[dict[str, Any]]
    template: Mapped[str] = mapped_column(Text)
    sealed: Mapped[bytes]

    vcpus: Mapped[int]
    ram_mib: Mapped[int]
    gpus: Mapped[int] = mapped_column(default=0)
    floating_ips: Mapped[int] = mapped_column(default=0)

    stack_id: Mapped[str | None] = mapped_column(index=True)
    stack_status: Mapped[str | None]
    failed_stack_id: Mapped[str | None]
    create_sent_at: Mapped[datetime | None]
    delete_sent_at: Mapped[datetime | None]
    delete_tries: Mapped[int] = mapped_column(default=0)
    delete_due_at: Mapped[datetime | None]
    delete_cause: Mapped[str | None] = mapped_column(Text)
    delete_by_id: Mapped[UUID | None]
    lease_stage: Mapped[int] = mapped_column(default=0)

    server_id: Mapped[str | None] = mapped_column(index=True)
    private_ip: Mapped[str | None]
    public_ip: Mapped[str | None]
    power: Mapped[str | None]
    power_asked: Mapped[str | None]
    power_asked_at: Mapped[datetime | None]
    power_sent_at: Mapped[datetime | None]
    power_due_at: Mapped[datetime | None]
    power_trouble: Mapped[str | None] = mapped_column(Text)
    actions_due_at: Mapped[datetime | None]

    look_at: Mapped[datetime] = mapped_column(default=now)
    look_failures: Mapped[int] = mapped_column(default=0)
    checked_at: Mapped[datetime | None]
    trouble: Mapped[str | None] = mapped_column(Text)
    failure: Mapped[str | None] = mapped_column(Text)

    requested_at: Mapped[datetime] = mapped_column(default=now)
    active_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    usual: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))

    owner: Mapped[User] = relationship(lazy="joined", innerjoin=True)
    tenant: Mapped[Tenant] = relationship(lazy="joined", innerjoin=True)
    tag_rows: Mapped[list["VmTag"]] = relationship(order_by="VmTag.tag", cascade="all, delete-orphan")
    tags: AssociationProxy[list[str]] = association_proxy(
        "tag_rows", "tag", creator=lambda tag: VmTag(tag=tag)
    )


class VmTag(Base):
    """A short word that a person gave a VM, to find it by."""

    __tablename__ = "vm_tags"
    __table_args__ = (Index(None, "tag", "vm_id"),)

    vm_id: Mapped[UUID] = mapped_column(ForeignKey("vms.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(String(32), primary_key=True)


class Change(Base):
    """A change of a running VM that somebody asked for, and what came of it.

    `wanted` and `before` are parameters of its stack. What failed in Heat is being undone while `failure` is
    set and it hasn't ended. `done`: it came true; `answer` says what became of it. `mark` is the request id
    of its server's last rebuild before this one, as Nova told when this one was sent; empty: there was none.
    """

    __tablename__ = "changes"
    __table_args__ = (
        Index(None, "vm_id", "asked_at"),
        Index(
            "uq_changes_open",
            "vm_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        _some("ix_changes_due_at", "due_at", where="due_at IS NOT NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    vm_id: Mapped[UUID] = mapped_column(ForeignKey("vms.id"))
    kind: Mapped[ChangeKind] = mapped_column(words(ChangeKind))
    title: Mapped[str] = mapped_column(Text)
    wanted: Mapped[dict[str, Any]]
    before: Mapped[dict[str, Any]]
    amounts: Mapped[dict[str, Any]]
    spec: Mapped[dict[str, Any]]
    by_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    asked_at: Mapped[datetime] = mapped_column(default=now)
    due_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    mark: Mapped[str | None] = mapped_column(Text)
    trouble: Mapped[str | None] = mapped_column(Text)
    failure: Mapped[str | None] = mapped_column(Text)
    ended_at: Mapped[datetime | None]
    done: Mapped[bool] = mapped_column(default=False)
    answer: Mapped[str | None] = mapped_column(Text)
    by: Mapped[User] = relationship(lazy="joined", innerjoin=True)

    @property
    def is_open(self) -> bool:
        """Whether it is on its way."""
        return self.ended_at is None

    @property
    def is_again(self) -> bool:
        """Whether the server is rebuilt from the image it has: Heat would see nothing to do."""
        return self.kind is ChangeKind.REBUILD and self.wanted == self.before


class Transition(Base):
    """One move of a VM: from, to, why, and by whom (nobody: the cloud told).

    `failure` is what the cloud said when it failed, in its own words, and `cloud_request_id` the first of
    its request ids in them.
    """

    __tablename__ = "transitions"
    __table_args__ = (Index(None, "vm_id", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    vm_id: Mapped[UUID] = mapped_column(ForeignKey("vms.id"))
    at: Mapped[datetime] = mapped_column(default=now)
    old: Mapped[State | None] = mapped_column(_STATE)
    new: Mapped[State] = mapped_column(_STATE)
    event: Mapped[str]
    cause: Mapped[str] = mapped_column(Text)
    failure: Mapped[str | None] = mapped_column(Text)
    cloud_request_id: Mapped[str | None] = mapped_column(index=True)
    by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    by: Mapped[User | None] = relationship(lazy="joined")


class HeatEvent(Base):
    """A Heat event by its own id, kept because Heat purges them. `position` keeps Heat's order."""

    __tablename__ = "heat_events"
    __table_args__ = (Index(None, "vm_id", "stack_id", "position"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    vm_id: Mapped[UUID] = mapped_column(ForeignKey("vms.id"))
    stack_id: Mapped[str]
    position: Mapped[int]
    at: Mapped[datetime]
    resource: Mapped[str]
    status: Mapped[str]
    reason: Mapped[str] = mapped_column(Text, default="")
    physical_id: Mapped[str | None] = mapped_column(index=True)


class FinishedLaunch(Base):
    """How long one launch took on a cloud, in seconds: from Heat's yes until it was there, and each resource.

    Only the newest of each template and size are kept.
    """

    __tablename__ = "finished_launches"
    __table_args__ = (Index(None, "cloud", "offering", "size", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    cloud: Mapped[str] = mapped_column(Text)
    offering: Mapped[str]
    size: Mapped[str]
    seconds: Mapped[float]
    steps: Mapped[dict[str, Any]]
    at: Mapped[datetime] = mapped_column(default=now)


class ServerAction(Base):
    """What Nova did to a server of a VM, kept since Nova may purge it. `message`: “Error” where it failed."""

    __tablename__ = "server_actions"
    __table_args__ = (Index(None, "vm_id", "at"),)

    server_id: Mapped[str] = mapped_column(primary_key=True)
    request_id: Mapped[str] = mapped_column(primary_key=True, index=True)
    action: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    vm_id: Mapped[UUID] = mapped_column(ForeignKey("vms.id"))
    updated_at: Mapped[datetime | None]
    message: Mapped[str] = mapped_column(Text, default="")


class Finding(Base):
    """A difference between a cloud and our records, with its proof, until it is gone or an admin settled it.

    `subject` is the OpenStack id it is about; `answer` says how it was settled. `asked` is the remedy that a
    worker carries out now, looked at when `due_at` says; `tried` are those of before, with what came of them.
    """

    __tablename__ = "findings"
    __table_args__ = (
        Index(
            "uq_findings_open",
            "tenant_id",
            "kind",
            "subject",
            unique=True,
            sqlite_where=text("resolved_at IS NULL"),
            postgresql_where=text("resolved_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"))
    vm_id: Mapped[UUID | None] = mapped_column(index=True)
    kind: Mapped[FindingKind] = mapped_column(words(FindingKind))
    subject: Mapped[str]
    proof: Mapped[dict[str, Any]]
    first_seen: Mapped[datetime] = mapped_column(default=now)
    last_seen: Mapped[datetime] = mapped_column(default=now)
    asked: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    tried: Mapped[list[dict[str, str]]] = mapped_column(JSON, default=list)
    resolved_at: Mapped[datetime | None] = mapped_column(index=True)
    answer: Mapped[str | None] = mapped_column(Text)
    by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    tenant: Mapped[Tenant] = relationship(lazy="joined", innerjoin=True)
    by: Mapped[User | None] = relationship(lazy="joined")
