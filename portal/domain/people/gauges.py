"""Gauges of mail and webhooks: what waits, since when, and what was tried."""

from collections.abc import Iterable

from prometheus_client.metrics_core import Metric as Family

from portal.domain.people import deliveries
from portal.domain.store import metrics
from portal.domain.store.db import now
from portal.domain.store.metrics import Gauge

WAITING = Gauge("portal_deliveries_waiting", "Letters and messages that wait to be delivered.", ("channel",))
OLDEST = Gauge(
    "portal_delivery_age_seconds",
    "Seconds since the letter or message was written that waits longest; 0: none waits.",
    ("channel",),
)
GIVEN_UP = Gauge("portal_deliveries_given_up", "Given up within the last day.", ("channel",))


def collect() -> Iterable[Family]:
    """What waits, in one question."""
    moment, found = now(), deliveries.standings()
    yield WAITING.read({(each.channel.value,): each.waiting for each in found})
    ages = {
        (each.channel.value,): (moment - each.oldest).total_seconds() if each.oldest else 0.0
        for each in found
    }
    yield OLDEST.read(ages)
    yield GIVEN_UP.read({(each.channel.value,): each.given_up for each in found})


def counted() -> Iterable[Family]:
    """What was tried. Raises ConnectionError."""
    return metrics.counted(deliveries.TRIED)
