"""Metrics: what all processes count together in Redis, and what a scrape makes of it.

A web worker, a forked job and the clock add to the same sums, so a scrape of any web process tells all of
it and nothing has to outlive a process. A lost Redis begins them anew at 0, which `rate()` knows to take.
Labels are names from short lists (services, states, templates, tenants), never ids, paths or people.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.utils import floatToGoString

from portal.domain.store import volatile

# What to add, by (metric, field of its sums).
Increments = Mapping[tuple[str, str], float]
Labels = tuple[str, ...]
AnyLabels = TypeVar("AnyLabels", bound=Labels)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SHORT = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
LONG = (1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 2700.0)

known: dict[str, "Metric"] = {}


@dataclass(frozen=True)
class Metric:
    """A metric by its name, what it tells, and the names of its labels."""

    name: str
    words: str
    labels: Labels = ()

    def __post_init__(self) -> None:
        known[self.name] = self


@dataclass(frozen=True)
class Counter(Metric):
    """Only ever grows. Its name ends in _total."""

    def plus(self, *labels: str, amount: float = 1) -> Increments:
        """One more, or so many more."""
        return {(self.name, _field(labels)): amount}

    def read(self, sums: Mapping[str, float]) -> Family:
        """The family with what was counted."""
        family = CounterMetricFamily(self.name, self.words, labels=self.labels)
        for field, amount in sorted(sums.items()):
            family.add_metric(json.loads(field), amount)
        return family


@dataclass(frozen=True)
class Histogram(Metric):
    """How many took how long, in seconds; its sums hold each bucket alone, a scrape adds them up."""

    bounds: Sequence[float] = SHORT

    def plus(self, *labels: str, seconds: float) -> Increments:
        """One more that took so long."""
        bound = next((bound for bound in self.bounds if seconds <= bound), math.inf)
        return {
            (self.name, _field((*labels, str(bound)))): 1,
            (self.name, _field((*labels, "sum"))): seconds,
        }

    def read(self, sums: Mapping[str, float]) -> Family:
        """The family with what was counted, also under bounds that an earlier version had."""
        family = HistogramMetricFamily(self.name, self.words, labels=self.labels)
        series: dict[Labels, dict[str, float]] = {}
        for field, amount in sorted(sums.items()):
            *labels, part = json.loads(field)
            series.setdefault(tuple(labels), {})[part] = amount
        for labels, parts in series.items():
            total = parts.pop("sum", 0.0)
            counted = [(float(bound), amount) for bound, amount in parts.items()]
            buckets = [
                (_as_text(bound), sum(amount for within, amount in counted if within <= bound))
                for bound in (*self.bounds, math.inf)
            ]
            family.add_metric(labels, buckets=buckets, sum_value=total)
        return family


@dataclass(frozen=True)
class Gauge(Metric):
    """As it is at the scrape, read from the tables, Redis or the queue."""

    def read(self, values: Mapping[AnyLabels, float]) -> Family:
        """The family with these values."""
        family = GaugeMetricFamily(self.name, self.words, labels=self.labels)
        for labels, value in values.items():
            family.add_metric(labels, value)
        return family


def record(*increments: Increments) -> None:
    """Adds all of it, in one trip; while Redis is away it goes uncounted."""
    together: dict[tuple[str, str], float] = {}
    for each in increments:
        for key, amount in each.items():
            together[key] = together.get(key, 0) + amount
    volatile.add_up(together)


def counted(*shared: Counter | Histogram) -> Iterable[Family]:
    """What was counted of these. Raises ConnectionError."""
    sums = volatile.sums([metric.name for metric in shared])
    return [metric.read(of_metric) for metric, of_metric in zip(shared, sums, strict=True)]


def exposition(families: Iterable[Family]) -> bytes:
    """The families as Prometheus reads them.

    The library's own writer takes five times as long, which a thousand tenants' 20,000 lines make felt.
    """
    lines = []
    for family in families:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        words = family.documentation.replace("\\", r"\\").replace("\n", r"\n")
        lines += [f"# HELP {name} {words}", f"# TYPE {name} {family.type}"]
        for sample in family.samples:
            labels = ",".join(
                f'{label}="{_escaped(value)}"' for label, value in sorted(sample.labels.items())
            )
            of = f"{{{labels}}}" if labels else ""
            lines.append(f"{sample.name}{of} {_number(sample.value)}")
    return "".join(f"{line}\n" for line in lines).encode()


def _number(value: float) -> str:
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]


@lru_cache(maxsize=10_000)
def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _as_text(bound: float) -> str:
    return "+Inf" if math.isinf(bound) else str(bound)


def _field(labels: Iterable[str]) -> str:
    return json.dumps(list(labels))
