"""Stacks in time: each is a list of things to do at moments, done when somebody next looks at the cloud.

So there are no threads, and what a stack is at a moment follows from what was asked and when.
"""

import heapq
import random
import string

from portal.sandbox import updates
from portal.sandbox.living import pseudo, turn
from portal.sandbox.plans import plan_making, plan_removal
from portal.sandbox.progress import DO
from portal.sandbox.state import Row, World
from portal.sandbox.template import Plain, Template, dependencies

CHECK_SECONDS = 0.3


def create(world: World, stack: Row, template: Template) -> Row:
    """Begin a stack whose template and values have been judged. Raises Invalid for circles."""
    needs = dependencies(Plain(template, stack["values"], pseudo(stack)))
    now = world.now()
    for name in needs:
        suffix = "".join(random.choices(string.ascii_lowercase + "234567", k=12))
        stack["resources"][name] = {
            "type": template.resources[name]["type"], "physical": None, "action": "INIT", "phase": "COMPLETE",
            "reason": "", "updated": now, "name": f"{stack['name']}-{name}-{suffix}", "needs": needs[name],
        }  # fmt: skip
    turn(world, stack, "CREATE", "IN_PROGRESS", "Stack CREATE started")
    seconds = world.settings.stack_seconds * random.lognormvariate(0, world.settings.stack_spread)
    stack["tasks"] = plan_making(needs, stack, now, seconds)
    _schedule(world, stack)
    return world.put("stack", stack)


def update(world: World, stack: Row, template: Template, given: Row, values: Row) -> None:
    """Begin to give a stack other parameters; what was in progress is left behind. Raises Invalid."""
    if stack["phase"] == "IN_PROGRESS":
        turn(world, stack, stack["action"], "FAILED", f"Stack {stack['action']} cancelled")
    updates.begin(world, stack, template, given, values)
    _schedule(world, stack)


def delete(world: World, stack: Row) -> None:
    """Begin to delete a stack, also one that is being created or deleted."""
    if stack["phase"] == "IN_PROGRESS":
        turn(world, stack, stack["action"], "FAILED", f"Stack {stack['action']} cancelled")
    stack["updated"] = world.now()
    stack["emptied"] = True  # Heat swaps its template for an empty one: from now on a check checks nothing
    turn(world, stack, "DELETE", "IN_PROGRESS", "Stack DELETE started")
    plan_removal(world, stack)
    _schedule(world, stack)


def act(world: World, stack: Row, action: str) -> None:
    """Check, suspend or resume."""
    stack["updated"] = world.now()
    turn(world, stack, action, "IN_PROGRESS", f"Stack {action} started")
    now = world.now()
    if action == "CHECK":
        stack["tasks"] = [{"at": now + CHECK_SECONDS, "do": "check", "name": ""}]
    else:
        ready = now + max(CHECK_SECONDS, world.settings.power_seconds)
        stack["tasks"] = [
            {"at": now, "do": action.lower(), "name": ""},
            {"at": ready, "do": "complete", "name": ""},
        ]
    _schedule(world, stack)


def stick(world: World, name: str) -> None:
    """Let a stack be IN_PROGRESS for ever. Raises KeyError for an unknown name."""
    stack = _living(world, name)
    stack["tasks"] = []
    world.put("stack", stack)


def spoil(world: World, name: str, reason: str, times: int) -> None:
    """Let the next deletions of a stack fail. Raises KeyError for an unknown name."""
    stack = _living(world, name)
    stack["spoiled"] = [reason] * times
    world.put("stack", stack)


def block(world: World, name: str, resource: str, reason: str) -> None:
    """Let the deletion of one resource fail until somebody else deletes the thing. Raises KeyError."""
    stack = _living(world, name)
    stack.setdefault("blocked", {})[resource] = reason
    world.put("stack", stack)


def abandon(world: World, name: str) -> None:
    """Forget a stack and leave what it made. Raises KeyError for an unknown name."""
    world.drop("stack", _living(world, name)["id"])


def _living(world: World, name: str) -> Row:
    for stack in world.rows("stack"):
        if stack["name"] == name and stack["deleted_at"] is None:
            return stack
    raise KeyError(name)


def _schedule(world: World, stack: Row) -> None:
    world.put("stack", stack)
    if stack["tasks"]:
        heapq.heappush(world.agenda, (stack["tasks"][0]["at"], stack["id"]))


def wake(world: World) -> None:
    """Take up the stacks of a world read from disk."""
    for stack in world.rows("stack"):
        if stack["tasks"]:
            heapq.heappush(world.agenda, (stack["tasks"][0]["at"], stack["id"]))


def settle(world: World) -> None:
    """Do all that is due by now."""
    now = world.now()
    while world.agenda and world.agenda[0][0] <= now:
        at, key = heapq.heappop(world.agenda)
        stack = world.get("stack", key)
        if stack is None:
            continue
        with world.moment(at):
            while stack["tasks"] and stack["tasks"][0]["at"] <= at:
                task = stack["tasks"].pop(0)
                DO[task["do"]](world, stack, task)
        _schedule(world, stack)
