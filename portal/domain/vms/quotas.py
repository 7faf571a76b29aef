"""Quotas: what a tenant may have, what it has, and the reservation of the difference."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import and_, func, not_, select

from portal.domain.store.db import db, only_writable
from portal.domain.store.errors import Refused
from portal.domain.tenants.models import Tenant
from portal.domain.vms.models import State, Vm


@dataclass(frozen=True)
class Amount:
    """So much of each limited thing; RAM in MiB."""

    vms: int = 0
    vcpus: int = 0
    ram_mib: int = 0
    gpus: int = 0
    floating_ips: int = 0


@dataclass(frozen=True)
class Line:
    """One limited thing of a tenant: used, limit, and what a launch would add."""

    name: str
    words: str
    used: int
    limit: int
    asked: int = 0

    @property
    def left(self) -> int:
        return max(0, self.limit - self.used)

    @property
    def fits(self) -> bool:
        return self.asked == 0 or self.used + self.asked <= self.limit


WORDS = {
    "vms": "VMs",
    "vcpus": "vCPU",
    "ram_mib": "memory",
    "gpus": "GPUs",
    "floating_ips": "floating IPs",
}

# What counts: every VM but a deleted one, or a failed one that never got a stack.
COUNTS = and_(
    Vm.state != State.DELETED,
    not_(
        and_(
            Vm.state == State.ERROR,
            Vm.stack_id.is_(None),
            Vm.failed_stack_id.is_(None),
            Vm.create_sent_at.is_(None),
        )
    ),
)

# Of each limited thing, in the order of Amount.
_SUMS = (
    func.count(Vm.id),
    func.coalesce(func.sum(Vm.vcpus), 0),
    func.coalesce(func.sum(Vm.ram_mib), 0),
    func.coalesce(func.sum(Vm.gpus), 0),
    func.coalesce(func.sum(Vm.floating_ips), 0),
)


def usage(tenant_id: UUID, *, but: UUID | None = None) -> Amount:
    """What the tenant's VMs hold now; `but` leaves one VM out."""
    others = [Vm.id != but] if but else []
    row = db.session.execute(select(*_SUMS).where(Vm.tenant_id == tenant_id, COUNTS, *others)).one()
    return Amount(*(int(value) for value in row))


def by_person(tenant_id: UUID) -> dict[UUID, Amount]:
    """What the VMs of each person hold in the tenant."""
    rows = db.session.execute(
        select(Vm.owner_id, *_SUMS).where(Vm.tenant_id == tenant_id, COUNTS).group_by(Vm.owner_id)
    )
    return {owner_id: Amount(*(int(value) for value in sums)) for owner_id, *sums in rows}


def lines(tenant: Tenant, asked: Amount | None = None, *, but: UUID | None = None) -> list[Line]:
    """The tenant's limits beside what is used, and what would be added."""
    used, asked = usage(tenant.id, but=but), asked or Amount()
    return [
        Line(name, words, getattr(used, name), getattr(tenant, f"quota_{name}"), getattr(asked, name))
        for name, words in WORDS.items()
    ]


def reserve(tenant_id: UUID, asked: Amount, *, but: UUID | None = None) -> None:
    """Holds the amount for the VM that the caller's transaction inserts or brings back.

    Takes the tenant's row lock (SQLite: the whole write lock), so concurrent launches queue here.
    Raises Refused with which limit, by how much.
    """
    only_writable()
    tenant = db.session.scalars(
        select(Tenant)
        .where(Tenant.id == tenant_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    short = [line for line in lines(tenant, asked, but=but) if not line.fits]
    if short:
        raise Refused(explain(short), field="quota")


def explain(short: list[Line]) -> str:
    """Which limits a launch would exceed, in words."""
    return f"This is more than your tenant's quota has left ({shortage(short)})."


def shortage(short: list[Line]) -> str:
    """By how much each limit is exceeded, such as “vCPU: 8 wanted, 3 of 20 left”."""
    return "; ".join(_short_of(line) for line in short)


def _short_of(line: Line) -> str:
    asked, left, limit = (_said(line, amount) for amount in (line.asked, line.left, line.limit))
    return f"{line.words}: {asked} wanted, {left} of {limit} left"


def _said(line: Line, amount: int) -> str:
    return f"{amount / 1024:g} GiB" if line.name == "ram_mib" else str(amount)
