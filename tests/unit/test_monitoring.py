"""The alert rules and the dashboard ask for metrics, labels and values that exist, and for all of them."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from portal.config import ROOT
from portal.domain.store import metrics, wake
from portal.domain.store.metrics import Counter, Histogram, Metric
from portal.domain.vms import gauges
from portal.domain.vms.models import State
from portal.openstack import errors

ALERTS = [
    (group["name"], rule)
    for group in yaml.safe_load((ROOT / "docker/prometheus-alerts.yaml").read_text(encoding="utf-8"))[
        "groups"
    ]
    for rule in group["rules"]
]
DASHBOARD = json.loads((ROOT / "docker/grafana-dashboard.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]

# What a label may say, where that is a short list.
VALUES = {
    "state": set(State),
    "old": {*State},
    "new": {*State},
    "process": {"clock", f"worker-{wake.VMS}", f"worker-{wake.CHORES}"},
    "part": {part for part, _ in gauges.SOURCES},
    "error": {name for name in vars(errors) if name[0].isupper()},
    "outcome": {"complete", "failed", "late"},
    "action": {"create", "run", "delete"},
}


def samples() -> dict[str, set[str]]:
    """Every name that a scrape may hold, with its labels."""
    return {name: labels for metric in metrics.known.values() for name, labels in _samples(metric)}


def _samples(metric: Metric) -> Iterator[tuple[str, set[str]]]:
    labels = set(metric.labels)
    if isinstance(metric, Histogram):
        yield from ((f"{metric.name}_{part}", labels) for part in ("sum", "count"))
        yield f"{metric.name}_bucket", labels | {"le"}
    else:
        yield metric.name, labels


def queries() -> list[tuple[str, str, str]]:
    """(where, expression, text that names labels) of every rule and panel."""
    rules = [(rule["alert"], rule["expr"], " ".join(rule["annotations"].values())) for _, rule in ALERTS]
    panels = [
        (panel["title"], target["expr"], target["legendFormat"])
        for panel in PANELS
        for target in panel["targets"]
    ]
    return rules + panels


EACH = pytest.mark.parametrize(
    ("expression", "words"),
    [query[1:] for query in queries()],
    ids=[f"{number}-{query[0]}" for number, query in enumerate(queries())],
)


def named(expression: str) -> list[tuple[str, str]]:
    """(metric, what stands in its braces) of an expression."""
    return re.findall(r"\b(portal_\w+)(?:\{([^}]*)\})?", expression)


@EACH
def test_each_query_names_metrics_that_exist(expression: str, words: str) -> None:
    assert named(expression)
    assert {name for name, _ in named(expression)} <= samples().keys()


@EACH
def test_each_query_picks_by_labels_and_values_that_exist(expression: str, words: str) -> None:
    for name, braces in named(expression):
        for label, sign, wanted in re.findall(r'(\w+)(=~|!=|!~|=)"([^"]*)"', braces):
            assert label in samples()[name], f"{name} has no label {label}"
            if label in VALUES:
                assert set(wanted.split("|") if "~" in sign else [wanted]) <= VALUES[label]


@EACH
def test_each_query_groups_and_tells_by_labels_that_are_left(expression: str, words: str) -> None:
    everything = set.union(*(samples()[name] for name, _ in named(expression)))
    grouped = [set(re.split(r",\s*", group)) for group in re.findall(r"\bby \(([^)]*)\)", expression)]
    for group in grouped:
        assert group <= everything
    told = set(re.findall(r"\{\{ ?(?:\$labels\.)?(\w+) ?\}\}", words))
    merged = re.search(r"\b(sum|max|min)\(", expression)
    left = set.intersection(*grouped) - {"le"} if grouped else set() if merged else everything
    assert told <= left


@EACH
def test_counters_are_asked_for_their_growth(expression: str, words: str) -> None:
    growing = {name for name, metric in metrics.known.items() if isinstance(metric, Counter | Histogram)}
    for name, _ in named(expression):
        if name in growing or name.rpartition("_")[0] in growing:
            assert re.search(rf"(rate|increase)\({name}(\{{[^}}]*\}})?\[", expression)


def test_every_metric_is_looked_at() -> None:
    asked = {name for _, expression, _ in queries() for name, _ in named(expression)}
    idle = {
        metric.name for metric in metrics.known.values() if not asked & {name for name, _ in _samples(metric)}
    }
    assert idle == set()


def test_names_say_what_they_are() -> None:
    for metric in metrics.known.values():
        assert re.fullmatch(r"portal_[a-z_]+", metric.name)
        assert metric.name.endswith("_total") is isinstance(metric, Counter)
        assert metric.words.endswith(".")
        assert not {"vm", "vm_id", "id", "path", "user", "request_id"} & set(metric.labels)


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    assert len({rule["alert"] for _, rule in ALERTS}) == len(ALERTS)
    for _, rule in ALERTS:
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"].keys() == {"summary", "description"}


def test_the_dashboard_is_laid_out_without_overlaps() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place: dict[str, Any] = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not taken & cells, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
