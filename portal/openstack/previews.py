"""Previews: what Heat would do to the resources of a stack. Source: Orchestration API v1, preview update."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from portal.openstack.line import Json


@dataclass(frozen=True)
class Touched:
    """A resource by its name and type."""

    name: str
    type: str


@dataclass(frozen=True)
class Preview:
    """The resources that would be made anew, deleted and made. Heat counts as changed in place whatever
    refers to another resource, so `updated` tells nothing.
    """

    replaced: tuple[Touched, ...]
    deleted: tuple[Touched, ...]
    added: tuple[Touched, ...]

    @classmethod
    def from_api(cls, body: Json) -> Preview:
        return cls(*(_touched(body.get(fate) or ()) for fate in ("replaced", "deleted", "added")))


def _touched(rows: Iterable[Json]) -> tuple[Touched, ...]:
    return tuple(Touched(row["resource_name"], row["resource_type"]) for row in rows)
