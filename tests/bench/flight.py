"""200 launches at once over 20 tenants: how soon the cloud has them, how soon the portal knows their end."""

import re
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import requests

from portal.domain.people.models import Role, User
from portal.domain.store.db import db
from portal.domain.vms import drafts
from tests.bench import production, report
from tests.bench.production import Production
from tests.bench.town import LETTERS
from tests.support.world import add_person, add_tenant, draft

VMS = 200
# Long enough that all are in flight before the first one ends.
STACK_SECONDS = 45
LAG_TARGET = 2.5


def measure(folder: Path) -> dict[str, Any]:
    """Everything is queued while the workers hold still; then they go."""
    with production.up(folder, ["tests.bench.town", str(STACK_SECONDS)]) as works:
        waiting = _drafts(works)
        works.work()
        with works.app.app_context(), works.holding_still():
            for person_id, draft_id in waiting:
                drafts.submit(draft_id, by=db.session.get_one(User, person_id))
            db.session.remove()
        queue = _hand_over(works)
        flight = _flight(works)
    return {"queue": queue, "flight": flight}


def _drafts(works: Production) -> list[tuple[UUID, UUID]]:
    """(person, draft) of every launch."""
    with works.app.app_context():
        made = []
        for letter in LETTERS:
            limits = {"quota_vms": VMS, "quota_vcpus": VMS * 8}
            project = f"tenant-{letter}"
            tenant = add_tenant(project, project, f"{works.cloud_url}/identity/v3", **limits)
            person = add_person(f"user-{letter}@example.org", Role.MEMBER, tenant)
            for number in range(VMS // len(LETTERS)):
                made.append((person.id, draft(person, tenant, name=f"vm-{number}").id))
        return made


def _hand_over(works: Production) -> dict[str, Any]:
    """Until every launch has its stack."""
    before, began = works.cpu(), time.monotonic()
    with works.connect() as database:

        def handed() -> bool:
            row = database.execute("SELECT count(*) FROM vms WHERE stack_id IS NOT NULL").fetchone()
            return bool(row and row[0] == VMS)

        works.wait(handed, 120)
    seconds = time.monotonic() - began
    used = production.used(before, works.cpu())
    with works.app.app_context():
        jobs = works.jobs()
    figures = {
        "launches": VMS,
        "handed_to_cloud_s": round(seconds, 1),
        "launches_per_s": round(VMS / seconds, 1),
        "jobs_per_s": round(jobs / seconds, 1),
        "worker_cpu_ms_per_launch": round(1000 * used["portal"] / VMS, 1),
        "cpu_s": used,
    }
    report.table(
        f"{VMS} launches queued at once, {production.WORKERS} workers",
        ("", "measured"),
        list(figures.items()),
    )
    return figures


def _flight(works: Production) -> dict[str, Any]:
    """Watches the rows until all are up; beside them stands when each stack was complete."""
    ends = requests.get(f"{works.cloud_url}/_sandbox/ends", timeout=30).json()
    assert len(ends) == VMS, len(ends)
    first = min(ends.values())
    assert time.time() < first, "they are ending already"
    before, watched = works.cpu(), time.time()
    lags: dict[str, float] = {}
    with works.connect() as database:
        while len(lags) < VMS:
            rows = database.execute("SELECT stack_id FROM vms WHERE state = 'active'").fetchall()
            moment = time.time()
            for (stack_id,) in rows:
                lags.setdefault(stack_id, moment - ends[stack_id])
            if moment > max(ends.values()) + 60:
                raise RuntimeError(f"only {len(lags)} of {VMS} came up")
            time.sleep(0.03)
    seconds, used = time.time() - watched, production.used(before, works.cpu())
    calls = [call for call in works.calls() if watched <= _at(call) < first]
    kinds = Counter(_kind(call) for call in calls)
    looks = kinds["bulk question"] or 1
    figures: dict[str, Any] = {
        "vms": VMS,
        "tenants": len(LETTERS),
        "lag_s": report.summary(list(lags.values())) | {"max": round(max(lags.values()), 2)},
        "seconds_between_looks": round((first - watched) * len(LETTERS) / looks, 2),
        "calls_per_tenant_and_tick": {kind: round(count / looks, 2) for kind, count in sorted(kinds.items())},
        "calls_per_tenant_and_s": round(len(calls) / len(LETTERS) / (first - watched), 2),
        "cores": {part: round(spent / seconds, 2) for part, spent in used.items()},
    }
    report.table(
        f"{VMS} VMs in flight over {len(LETTERS)} tenants",
        ("", "measured", "target"),
        [
            ("status lag, p95, s", figures["lag_s"]["p95"], f"≤ {LAG_TARGET}"),
            ("status lag, median, s", figures["lag_s"]["median"], ""),
            ("status lag, worst, s", figures["lag_s"]["max"], ""),
            ("seconds between looks at a tenant", figures["seconds_between_looks"], ""),
            ("OpenStack calls per tenant and look", round(len(calls) / looks, 1), ""),
            *((f"  {kind}", share, "") for kind, share in figures["calls_per_tenant_and_tick"].items()),
            *((f"cores used: {part}", share, "") for part, share in figures["cores"].items()),
        ],
    )
    return figures


def _at(call: dict[str, Any]) -> float:
    return datetime.fromisoformat(call["time"]).timestamp()


def _kind(call: dict[str, Any]) -> str:
    """What a call asked for, in a word, by its path without ids."""
    service, method, path, _status = str(call["message"]).split(" ")
    if method == "GET" and re.search(r"/v1/\w+/stacks$", path):
        return "bulk question"
    noun = [piece for piece in path.split("/") if re.fullmatch(r"[a-z-]+", piece) and "vm-" not in piece]
    return f"{method} {service} {noun[-1] if noun else path}"
