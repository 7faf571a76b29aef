"""Quotas: what a tenant may have, what it has, and the reservation of the difference."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from uuid import UUID

from sqlalchemy import and_, func, not_, select

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store import audit
from portal.domain.store.db import db, now, only_writable, transaction
from portal.domain.store.errors import Refused
from portal.domain.tenants import standing
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

    def times(self, count: int) -> "Amount":
        """What so many of the same need."""
        return Amount(*(count * each for each in astuple(self)))


@dataclass(frozen=True)
class Ceiling:
    """The cloud's own limit of one thing, None for none, and what the whole project used when it was read."""

    limit: int | None
    used: int

    @property
    def left(self) -> int | None:
        return None if self.limit is None else max(0, self.limit - self.used)


@dataclass(frozen=True)
class Line:
    """One limited thing of a tenant: used, limit, what a launch would add, and the cloud's own limit."""

    name: str
    words: str
    used: int
    limit: int
    asked: int = 0
    ceiling: Ceiling | None = None

    @property
    def left(self) -> int:
        return max(0, self.limit - self.used)

    @property
    def fits(self) -> bool:
        return self.asked == 0 or self.used + self.asked <= self.limit

    @property
    def cloud_binds(self) -> bool:
        """Whether the cloud's own limit leaves less than the portal's."""
        left = self.ceiling.left if self.ceiling else None
        return left is not None and left < self.left

    @property
    def fits_cloud(self) -> bool:
        """Whether there was room in the cloud when it was last asked."""
        left = self.ceiling.left if self.ceiling else None
        return self.asked == 0 or left is None or self.asked <= left


WORDS = {
    "vms": "VMs",
    "vcpus": "vCPU",
    "ram_mib": "memory",
    "gpus": "GPUs",
    "floating_ips": "floating IPs",
}

LARGEST = 100_000_000

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
        Line(
            name,
            words,
            getattr(used, name),
            getattr(tenant, f"quota_{name}"),
            getattr(asked, name),
            ceiling(tenant, name),
        )
        for name, words in WORDS.items()
    ]


def ceiling(tenant: Tenant, name: str) -> Ceiling | None:
    """The cloud's own limit, as last read; None: it doesn't tell."""
    told = tenant.cloud_limits.get(name)
    if told is None:
        return None
    return Ceiling(None if told["limit"] < 0 else told["limit"], told["used"])


def limits(tenant: Tenant) -> dict[str, int]:
    """What the tenant may have, by name."""
    return {name: int(getattr(tenant, f"quota_{name}")) for name in WORDS}


def suggested(tenant: Tenant) -> dict[str, int]:
    """The cloud's own limits, where it has and tells them."""
    known = ((name, ceiling(tenant, name)) for name in WORDS)
    return {name: one.limit for name, one in known if one and one.limit is not None}


def change(tenant_id: UUID, wanted: Mapping[str, int], *, by: User) -> list[str]:
    """Sets limits of the tenant; answers which of them are below the use, which is allowed.

    Raises Forbidden, or Refused with the field that has to change.
    """
    access.require(by, Permission.QUOTA_CHANGE)
    check(wanted)
    with transaction():
        return put(tenant_id, wanted, by=by)


def check(wanted: Mapping[str, int]) -> None:
    """Raises Refused, with the field, for a number that can't be a limit."""
    for name, limit in wanted.items():
        if not 0 <= limit <= LARGEST:
            raise Refused(f"Give a whole number from 0 to {LARGEST:,}.", field=name)


def put(tenant_id: UUID, wanted: Mapping[str, int], *, by: User, **why: object) -> list[str]:
    """The same in the transaction of a caller who asked for the permission and checked the numbers.

    `why` goes to the audit.
    """
    tenant = locked(tenant_id)
    before = {name: getattr(tenant, f"quota_{name}") for name in wanted}
    for name, limit in wanted.items():
        setattr(tenant, f"quota_{name}", limit)
    tenant.quotas_set_at = now()
    detail = {"before": before, "after": dict(wanted), **why}
    audit.record("quota.changed", by=by, tenant_id=tenant_id, detail=detail)
    return [_beyond(line) for line in lines(tenant) if line.used > line.limit]


def _beyond(line: Line) -> str:
    return f"{line.words}: {_said(line, line.used)} used, {_said(line, line.limit)} allowed"


def locked(tenant_id: UUID) -> Tenant:
    """The tenant read afresh under its row lock (SQLite: the whole write lock), where launches queue."""
    only_writable()
    return db.session.scalars(
        select(Tenant)
        .where(Tenant.id == tenant_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def reserve(tenant_id: UUID, asked: Amount, *, but: UUID | None = None) -> None:
    """Holds the amount for the VM that the caller's transaction inserts or brings back.

    Takes the tenant's row lock (SQLite: the whole write lock), so concurrent launches queue here.
    Raises Refused with which limit, by how much.
    """
    tenant = locked(tenant_id)
    standing.require_open(tenant)
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
