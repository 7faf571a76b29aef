"""Durations: how long launches and their steps took on a cloud, and what is usual there for the next one."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from statistics import median
from typing import Any

from sqlalchemy import delete, func, select

from portal.domain.store.db import db
from portal.domain.tenants.models import Tenant
from portal.domain.vms.listed import Listed
from portal.domain.vms.models import FinishedLaunch, HeatEvent, State, Vm

# So many launches of a template and size are kept and counted: the newest, since clouds change.
KEPT = 100
# Below so many nothing is said: of five, the next one ends before the longest with a chance of 5 in 6.
ENOUGH = 5
_CREATES = ("CREATE_IN_PROGRESS", "CREATE_COMPLETE")


@dataclass(frozen=True)
class Usual:
    """What launches like one took, in seconds: half of them `middle` or less, nine of ten `most` or less.

    `launches` is from how many it is known; without enough of them there are no figures. `same_size`: all
    were of the same size, not only of the same template. `steps` has the middle of each resource.
    """

    launches: int = 0
    same_size: bool = True
    middle: float | None = None
    most: float | None = None
    steps: Mapping[str, float] = field(default_factory=dict)

    @property
    def plain(self) -> dict[str, Any]:
        """As a VM's row keeps it."""
        return asdict(self)


def usual(tenant: Tenant, offering: str, size: str) -> Usual:
    """What is usual on the tenant's cloud for this template and size; else for the template; else nothing."""
    found: Sequence[Any] = ()
    for same_size in (True, False):
        alike = [FinishedLaunch.size == size] if same_size else []
        found = db.session.execute(
            select(FinishedLaunch.seconds, FinishedLaunch.steps)
            .where(FinishedLaunch.cloud == _cloud(tenant), FinishedLaunch.offering == offering, *alike)
            .order_by(FinishedLaunch.id.desc())
            .limit(KEPT)
        ).all()
        if len(found) >= ENOUGH:
            seconds = [row.seconds for row in found]
            middles = _middles([row.steps for row in found])
            return Usual(len(found), same_size, _part(seconds, 0.5), _part(seconds, 0.9), middles)
    return Usual(len(found), same_size=False)


def of(vm: Vm | Listed) -> Usual:
    """What was usual when the VM was asked for."""
    return Usual(**vm.usual) if vm.usual else Usual()


def note(vm: Vm, new: State, moment: datetime) -> None:
    """Keeps how long the launch took that ends well with this move, and forgets the oldest one like it.

    Runs in the caller's transaction; the VM still shows the state that it leaves.
    """
    if (vm.state, new) != (State.PROVISIONING, State.ACTIVE):
        return
    took = max(0.0, (moment - vm.state_since).total_seconds())
    one = FinishedLaunch(
        cloud=_cloud(vm.tenant),
        offering=vm.offering,
        size=size_of(vm.spec),
        seconds=took,
        steps=_steps(vm),
        at=moment,
    )
    db.session.add(one)
    db.session.flush()
    _prune(one)


def size_of(spec: Mapping[str, Any]) -> str:
    """The name of the size that a VM was launched with; nothing where its template has none."""
    return str((spec.get("flavor") or {}).get("name", ""))


def _prune(one: FinishedLaunch) -> None:
    alike = (
        FinishedLaunch.cloud == one.cloud,
        FinishedLaunch.offering == one.offering,
        FinishedLaunch.size == one.size,
    )
    # What another move forgets at this moment is left to it: nobody waits here.
    beyond = select(FinishedLaunch.id).where(*alike).order_by(FinishedLaunch.id.desc()).offset(KEPT)
    old = db.session.scalars(beyond.limit(KEPT).with_for_update(skip_locked=True)).all()
    if old:
        db.session.execute(delete(FinishedLaunch).where(FinishedLaunch.id.in_(old)))


def _steps(vm: Vm) -> dict[str, float]:
    """Seconds that each resource took, by Heat's clock, which counts whole ones."""
    rows = db.session.execute(
        select(HeatEvent.resource, func.min(HeatEvent.at), func.max(HeatEvent.at))
        .where(HeatEvent.vm_id == vm.id, HeatEvent.stack_id == vm.stack_id, HeatEvent.status.in_(_CREATES))
        .group_by(HeatEvent.resource)
    )
    return {name: (ended - began).total_seconds() for name, began, ended in rows if name != f"vm-{vm.id}"}


def _middles(all_steps: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for steps in all_steps for name in steps)
    return {name: median(steps[name] for steps in all_steps if name in steps) for name in names}


def _part(values: Sequence[float], share: float) -> float:
    """What this share of further values will not exceed: of n, the k-th is passed by 1 - k / (n + 1)."""
    ordered = sorted(values)
    place = min(max(share * (len(ordered) + 1), 1.0), float(len(ordered)))
    below = int(place)
    above = min(below, len(ordered) - 1)
    return round(ordered[below - 1] + (place - below) * (ordered[above] - ordered[below - 1]), 2)


def _cloud(tenant: Tenant) -> str:
    return f"{tenant.auth_url} {tenant.region or ''}".strip()
