"""Gauges of the machinery: the queues, and whether workers and the clock beat."""

import math
from collections.abc import Iterable

from prometheus_client.metrics_core import Metric as Family

from portal.domain.store import volatile, wake
from portal.domain.store.metrics import Gauge

QUEUED = Gauge("portal_queue_jobs", "Jobs that wait for a worker.", ("queue",))
FAILED = Gauge("portal_queue_failed_jobs", "Jobs that failed within the last day.", ("queue",))
WORKERS = Gauge("portal_workers", "Workers that beat lately.", ("queue",))
BEAT_AGE = Gauge(
    "portal_heartbeat_age_seconds",
    "Seconds since the last beat of the clock, or of any worker of a queue; +Inf: none was seen.",
    ("process",),
)


def collect() -> Iterable[Family]:
    """The queues and the beats. Raises ConnectionError while Redis is away."""
    waiting, failed, beats = wake.waiting(), wake.failed(), volatile.beats("")
    of_queue = {
        queue: [age for name, age in beats.items() if name.startswith(f"worker:{queue}-")]
        for queue in waiting
    }
    ages = {("clock",): min((age for name, age in beats.items() if name == "clock"), default=math.inf)}
    ages |= {(f"worker-{queue}",): min(seen, default=math.inf) for queue, seen in of_queue.items()}
    yield QUEUED.read({(queue,): count for queue, count in waiting.items()})
    yield FAILED.read({(queue,): count for queue, count in failed.items()})
    yield WORKERS.read({(queue,): len(seen) for queue, seen in of_queue.items()})
    yield BEAT_AGE.read(ages)
