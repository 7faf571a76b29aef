"""Counts of the life of VMs: every move once it is committed, how long stacks take, why VMs fail."""

import logging
from collections.abc import Iterable
from datetime import datetime
from functools import partial

from prometheus_client.metrics_core import Metric as Family
from sqlalchemy import select

from portal.domain.store import metrics
from portal.domain.store.db import afterwards, db
from portal.domain.store.metrics import LONG, Counter, Histogram, Increments
from portal.domain.vms import explain
from portal.domain.vms.models import HeatEvent, State, Vm

logger = logging.getLogger(__name__)

LAUNCHES = Counter("portal_launches_total", "VMs that were asked for.", ("template",))
MOVES = Counter("portal_vm_moves_total", "Moves of VMs from one state to another.", ("old", "new"))
FAILURES = Counter(
    "portal_vm_failures_total",
    "Moves to error: while the VM was made (create), was there (run) or was deleted (delete); and the rule "
    "that explains it.",
    ("action", "cause"),
)
UNKNOWN_FAILURES = Counter(
    "portal_unknown_failures_total", "Moves to error that no rule of causes.toml explains.", ("action",)
)
CREATE_SECONDS = Histogram(
    "portal_stack_create_seconds",
    "From the create being sent until Heat was seen to be done: complete, failed, or late (after it counted "
    "as failed).",
    ("template", "outcome"),
    LONG,
)
LAG_SECONDS = Histogram(
    "portal_status_lag_seconds",
    "From Heat ending a create or delete, by its own clock in whole seconds, until the portal knew.",
    ("action",),
    (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 10.0, 30.0, 60.0, 300.0),
)

_ACTIONS = {State.ACTIVE: "run", State.DELETING: "delete"}
_OUTCOMES = {
    (State.PROVISIONING, State.ACTIVE): "complete",
    (State.PROVISIONING, State.ERROR): "failed",
    (State.ERROR, State.ACTIVE): "late",
}


def launched(vm: Vm) -> None:
    """A VM was asked for, if the caller's transaction is committed."""
    afterwards(partial(metrics.record, LAUNCHES.plus(vm.offering)))


def moved(vm: Vm, new: State, moment: datetime, failure: str) -> None:
    """The VM leaves the state that it shows for the new one, if the caller's transaction is committed."""
    found: list[Increments] = [MOVES.plus(vm.state, new)]
    outcome = _OUTCOMES.get((vm.state, new))
    if outcome:
        began = vm.create_sent_at or vm.state_since
        found.append(CREATE_SECONDS.plus(vm.offering, outcome, seconds=_between(began, moment)))
    if new is State.ERROR:
        found += _failed(_ACTIONS.get(vm.state, "create"), failure)
    ended = _ended(vm)
    if ended:
        action = "delete" if vm.state is State.DELETING else "create"
        found.append(LAG_SECONDS.plus(action, seconds=_between(ended, moment)))
    afterwards(partial(metrics.record, *found))


def collect() -> Iterable[Family]:
    """All of it. Raises ConnectionError."""
    return metrics.counted(LAUNCHES, MOVES, FAILURES, UNKNOWN_FAILURES, CREATE_SECONDS, LAG_SECONDS)


def _failed(action: str, raw: str) -> list[Increments]:
    explained = explain.failure(raw)
    if explained.known:
        return [FAILURES.plus(action, explained.rule)]
    logger.warning("no rule explains this failure: %s", raw[:500], extra={"action": action})
    return [FAILURES.plus(action, explained.rule), UNKNOWN_FAILURES.plus(action)]


def _ended(vm: Vm) -> datetime | None:
    """When Heat ended what the VM waits for, as the newest event of its stack tells."""
    action = {State.PROVISIONING: "CREATE", State.DELETING: "DELETE"}.get(vm.state)
    newest = db.session.execute(
        select(HeatEvent.at, HeatEvent.status)
        .where(
            HeatEvent.vm_id == vm.id,
            HeatEvent.stack_id == vm.stack_id,
            HeatEvent.resource == f"vm-{vm.id}",
        )
        .order_by(HeatEvent.position.desc())
        .limit(1)
    ).first()
    if newest and action and newest.status in {f"{action}_COMPLETE", f"{action}_FAILED"}:
        at: datetime = newest.at
        return at
    return None


def _between(began: datetime, ended: datetime) -> float:
    """Never below 0: the cloud's clock may be ahead of ours."""
    return max(0.0, (ended - began).total_seconds())
