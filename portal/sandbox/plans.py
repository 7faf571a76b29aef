"""Plans: what of a stack is to be done when, so that the whole takes the wanted time."""

from portal.sandbox.resource_types import KINDS
from portal.sandbox.state import Row, World

_SLOW_TO_DELETE = {"OS::Nova::Server": 3.0}


def plan_making(needs: dict[str, list[str]], stack: Row, now: float, seconds: float) -> list[Row]:
    """Start and end of every resource, so that the last ends `seconds` from now."""
    ends: dict[str, float] = {}
    tasks: list[Row] = []
    for name, needed in needs.items():
        start = max((ends[other] for other in needed), default=0.0)
        ends[name] = start + KINDS[stack["resources"][name]["type"]].weight
        tasks.append({"at": start, "do": "start", "name": name, "seconds": ends[name] - start})
        tasks.append({"at": ends[name], "do": "finish", "name": name})
    tasks.sort(key=lambda task: float(task["at"]))
    pace = seconds / (max(ends.values(), default=0.0) or 1.0)
    for task in tasks:
        task["at"] = now + task["at"] * pace
        task["seconds"] = task.get("seconds", 0.0) * pace
    return [*tasks, {"at": now + seconds if ends else now, "do": "complete", "name": ""}]


def plan_removal(world: World, stack: Row) -> None:
    """The removal of what is there, in reverse order of need."""
    there = [name for name, resource in stack["resources"].items() if resource["action"] != "INIT"]
    weights = {name: _SLOW_TO_DELETE.get(stack["resources"][name]["type"], 1.0) for name in there}
    now, seconds = world.now(), world.settings.deleting_seconds
    pace = seconds / (sum(weights.values()) or 1.0)
    tasks, at = [], now
    for name in sorted(there, key=lambda name: _depth(stack, name), reverse=True):
        tasks.append({"at": at, "do": "remove", "name": name})
        at += weights[name] * pace
        tasks.append({"at": at, "do": "removed", "name": name})
    stack["tasks"] = [*tasks, {"at": at, "do": "complete", "name": ""}]


def _depth(stack: Row, name: str) -> int:
    return 1 + max((_depth(stack, other) for other in stack["resources"][name]["needs"]), default=0)
