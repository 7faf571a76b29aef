"""The text that Prometheus reads: as its own library would write it."""

import math

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric as Family

from portal.domain.store import metrics
from portal.domain.store.metrics import Counter, Gauge, Histogram

HOSTILE = 'a "quoted" \\ name\nin two lines {x="y"}'


class Once:
    """What the library collects."""

    def __init__(self, families: list[Family]) -> None:
        self.families = families

    def collect(self) -> list[Family]:
        return self.families


def test_it_is_written_as_the_library_writes_it() -> None:
    gauge = Gauge("portal_test_gauge", "Words \\ with\na break.", ("tenant", "kind"))
    counter, histogram = (
        Counter("portal_test_total", "Sums.", ("who",)),
        Histogram("portal_test_seconds", "Time."),
    )
    lone = Gauge("portal_test_lone", "Without labels.")
    families = [
        gauge.read({(HOSTILE, "b"): 1, ("ä", "b"): 0.25, ("", ""): math.inf, ("big", ""): 123456789.0}),
        counter.read({'["one"]': 3.0}),
        histogram.read({'["0.5"]': 2.0, '["inf"]': 1.0, '["sum"]': 7.5}),
        lone.read({(): 7}),
    ]
    for made in (gauge, counter, histogram, lone):
        metrics.known.pop(made.name)
    registry = CollectorRegistry()
    registry.register(Once(families))
    assert metrics.exposition(families).decode() == generate_latest(registry).decode()
