"""Quotas: what a tenant and its members may have, what they have, and the reservation of the difference."""

from collections.abc import Collection, Mapping
from dataclasses import astuple, dataclass
from uuid import UUID

from sqlalchemy import and_, func, not_, select

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import Membership, User
from portal.domain.store import audit
from portal.domain.store.db import db, now, only_writable, transaction
from portal.domain.store.errors import Refused
from portal.domain.tenants import standing
from portal.domain.tenants.models import Tenant
from portal.domain.vms.limits import WORDS, Ceiling, Line, exceeded, explain, shortage
from portal.domain.vms.models import State, Vm
from portal.translation import gettext, number

__all__ = ["WORDS", "Ceiling", "Line", "explain", "shortage"]


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


def usage(tenant_id: UUID, *, of: UUID | None = None, but: UUID | None = None) -> Amount:
    """What the tenant's VMs hold now; `of` counts one person's alone, `but` leaves one VM out."""
    some = [*([Vm.owner_id == of] if of else []), *([Vm.id != but] if but else [])]
    row = db.session.execute(select(*_SUMS).where(Vm.tenant_id == tenant_id, COUNTS, *some)).one()
    return Amount(*(int(value) for value in row))


def held(vm_ids: Collection[UUID]) -> Amount:
    """What these VMs hold now, which their end would free."""
    row = db.session.execute(select(*_SUMS).where(Vm.id.in_(vm_ids), COUNTS)).one()
    return Amount(*(int(value) for value in row))


def by_person(tenant_id: UUID) -> dict[UUID, Amount]:
    """What the VMs of each person hold in the tenant."""
    rows = db.session.execute(
        select(Vm.owner_id, *_SUMS).where(Vm.tenant_id == tenant_id, COUNTS).group_by(Vm.owner_id)
    )
    return {owner_id: Amount(*(int(value) for value in sums)) for owner_id, *sums in rows}


def lines(
    tenant: Tenant, asked: Amount | None = None, *, of: UUID | None = None, but: UUID | None = None
) -> list[Line]:
    """The tenant's limits beside what is used, and what would be added; `of`: a member's own limits, too."""
    used, asked = usage(tenant.id, but=but), asked or Amount()
    own = own_limits(tenant.id, of) if of else {}
    theirs = usage(tenant.id, of=of, but=but) if own else Amount()
    return [
        Line(
            name,
            words,
            getattr(used, name),
            getattr(tenant, f"quota_{name}"),
            getattr(asked, name),
            ceiling(tenant, name),
            Ceiling(own[name], getattr(theirs, name)) if name in own else None,
        )
        for name, words in WORDS.items()
    ]


def own_limits(tenant_id: UUID, person_id: UUID) -> dict[str, int]:
    """What the member may have in the tenant, by name, as the database has it now; mostly nothing is set."""
    member = (Membership.tenant_id == tenant_id, Membership.user_id == person_id)
    return db.session.scalar(select(Membership.limits).where(*member)) or {}


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
            raise Refused(
                gettext("Give a whole number from 0 to %(most)s.", most=number(LARGEST)), field=name
            )


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
    return beyond(usage(tenant_id), limits(tenant))


def beyond(used: Amount, allowed: Mapping[str, int]) -> list[str]:
    """What is more than allowed, such as “VMs: 3 used, 2 allowed”."""
    pairs = ((name, getattr(used, name), limit) for name, limit in allowed.items())
    return [exceeded(name, held, limit) for name, held, limit in pairs if held > limit]


def locked(tenant_id: UUID) -> Tenant:
    """The tenant read afresh under its row lock (SQLite: the whole write lock), where launches queue."""
    only_writable()
    return db.session.scalars(
        select(Tenant)
        .where(Tenant.id == tenant_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def reserve(tenant_id: UUID, asked: Amount, *, of: UUID, but: UUID | None = None) -> None:
    """Holds the amount for the VM that the caller's transaction inserts or brings back, for its owner.

    Takes the tenant's row lock (SQLite: the whole write lock), so concurrent launches queue here.
    Raises Refused with which limit, by how much.
    """
    tenant = locked(tenant_id)
    standing.require_open(tenant)
    short = [line for line in lines(tenant, asked, of=of, but=but) if not line.fits]
    if short:
        raise Refused(explain(short), field="quota")
