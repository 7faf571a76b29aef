"""The roster: all tenants for who looks after them, each with its VMs, its credential and its circuit."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import Membership, User
from portal.domain.store.db import db
from portal.domain.tenants import circuits, credentials
from portal.domain.tenants.models import KEPT, Checkup, Credential, NetworkProfile, Standing, Tenant
from portal.domain.vms.models import State, Vm

MOST = 200


class Shown(StrEnum):
    """Which tenants a list shows."""

    KEPT = ""
    SUSPENDED = "suspended"
    SILENT = "silent"
    ARCHIVED = "archived"


@dataclass(frozen=True)
class Entry:
    """One tenant: its live VMs and members, what opens it, the doctor's word, whether it is left alone."""

    tenant: Tenant
    vms: int
    members: int
    credential: Credential | None
    checkup: Checkup | None
    silent: bool


@dataclass(frozen=True)
class Setup:
    """How far the setting up of a tenant is, step by step."""

    credential: bool
    doctor: bool
    networks: bool
    quotas: bool
    members: bool

    @property
    def done(self) -> bool:
        return all((self.credential, self.doctor, self.networks, self.quotas, self.members))


_CHOICES = {
    Shown.KEPT: KEPT,
    Shown.SUSPENDED: KEPT & Tenant.suspended_at.is_not(None),
    Shown.SILENT: KEPT & (Tenant.silent_tries >= circuits.OPENS_AFTER),
    Shown.ARCHIVED: ~KEPT,
}


def read(by: User, *, text: str = "", shown: Shown = Shown.KEPT) -> list[Entry]:
    """The tenants by name, whose name, address or project holds the text. Raises Forbidden."""
    access.require(by, Permission.TENANT_VIEW)
    columns = (Tenant.name, Tenant.auth_url, Tenant.project_id, Tenant.region)
    wanted = or_(*(column.icontains(text.strip(), autoescape=True) for column in columns))
    found = db.session.scalars(
        select(Tenant)
        .where(_CHOICES[shown], *([wanted] if text.strip() else []))
        .order_by(Tenant.name)
        .limit(MOST)
    ).all()
    return _entries(found)


def one(tenant: Tenant, *, by: User) -> Entry:
    """The same of one tenant. Raises Forbidden."""
    access.require(by, Permission.TENANT_VIEW)
    return _entries([tenant])[0]


def setup(entry: Entry) -> Setup:
    """What is still to be done before members can launch there."""
    offered = select(NetworkProfile.id).where(
        NetworkProfile.tenant_id == entry.tenant.id,
        NetworkProfile.gone.is_(False),
        NetworkProfile.offered.is_(True),
    )
    return Setup(
        credential=entry.credential is not None,
        doctor=entry.checkup is not None and entry.checkup.tone != "bad",
        networks=db.session.scalar(offered.limit(1)) is not None,
        quotas=entry.tenant.quotas_set_at is not None,
        members=entry.members > 0,
    )


def _entries(found: Sequence[Tenant]) -> list[Entry]:
    """Each with what belongs to it, in four questions for all of them."""
    ids = [tenant.id for tenant in found]
    vms = _counted(
        select(Vm.tenant_id, func.count()).where(Vm.tenant_id.in_(ids), Vm.state != State.DELETED),
        Vm.tenant_id,
    )
    members = _counted(
        select(Membership.tenant_id, func.count()).where(Membership.tenant_id.in_(ids)), Membership.tenant_id
    )
    in_use = db.session.scalars(
        select(Credential).where(Credential.tenant_id.in_(ids), Credential.standing == Standing.CURRENT)
    )
    by_tenant = {credential.tenant_id: credential for credential in in_use}
    words = credentials.checkups(list(by_tenant.values()))
    return [
        Entry(
            tenant,
            vms.get(tenant.id, 0),
            members.get(tenant.id, 0),
            credential := by_tenant.get(tenant.id),
            words.get(credential.id) if credential else None,
            circuits.is_open(tenant),
        )
        for tenant in found
    ]


def _counted(question: Select[UUID, int], by: InstrumentedAttribute[UUID]) -> dict[UUID, int]:
    return {row[0]: row[1] for row in db.session.execute(question.group_by(by))}
