"""Stacks in time: each is a list of things to do at moments, done when somebody next looks at the cloud.

So there are no threads, and what a stack is at a moment follows from what was asked and when.
"""

import heapq
import random
import string
import uuid
from typing import Any

from portal.sandbox import compute
from portal.sandbox.functions import select
from portal.sandbox.networking import Failure
from portal.sandbox.parameters import Invalid
from portal.sandbox.resource_types import KINDS, Making
from portal.sandbox.state import Row, World
from portal.sandbox.template import Plain, Template, dependencies, read
from portal.sandbox.wire import UNAUTHENTICATED, request_id

CHECK_SECONDS = 0.3
_ERRORS = {400: "BadRequest", 403: "Forbidden", 404: "NotFound", 409: "Conflict"}
_SLOW_TO_DELETE = {"OS::Nova::Server": 3.0}


class Living(Plain):
    """The stage of a stack that exists: references are ids, attributes come from the resources."""

    def __init__(self, world: World, stack: Row) -> None:
        template = read(stack["template"])
        super().__init__(template, stack["values"], pseudo(stack))
        self._world = world
        self._resources = stack["resources"]
        self._gone = stack["action"] == "DELETE"

    def _known(self, name: str) -> None:
        if self._gone or name not in self._resources:
            message = f'The specified reference "{name}" (in unknown) is incorrect.'
            raise Invalid("InvalidTemplateReference", message)

    def reference(self, name: str) -> Any:
        self._known(name)
        return self._resources[name]["physical"] or name

    def attribute(self, name: str, path: list[Any]) -> Any:
        self._known(name)
        resource = self._resources[name]
        if not path or not resource["physical"]:
            return None
        kind = KINDS[resource["type"]]
        if kind.attributes and path[0] not in kind.attributes and path[0] != "show":
            message = f"The Referenced Attribute ({name} {path[0]}) is incorrect."
            raise Invalid("InvalidTemplateAttribute", message)
        return select(kind.show(self._world, resource["physical"]), path)


def pseudo(stack: Row) -> Row:
    return {
        "OS::stack_id": stack["id"], "OS::project_id": stack["project_id"], "OS::stack_name": stack["name"]
    }  # fmt: skip


def summary(stack: Row) -> Row:
    """What a test wants to know of a stack."""
    keys = ("id", "name", "project_id", "tags", "reason", "created", "deleted_at")
    return {**{key: stack[key] for key in keys}, "status": status(stack)}


def status(stack: Row) -> str:
    return f"{stack['action']}_{stack['phase']}"


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
    _turn(world, stack, "CREATE", "IN_PROGRESS", "Stack CREATE started")
    stack["tasks"] = _plan(needs, stack, now, world.settings.stack_seconds)
    _schedule(world, stack)
    return world.put("stack", stack)


def _plan(needs: dict[str, list[str]], stack: Row, now: float, seconds: float) -> list[Row]:
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


def delete(world: World, stack: Row) -> None:
    """Begin to delete a stack, also one that is being created or deleted."""
    if stack["phase"] == "IN_PROGRESS":
        _turn(world, stack, stack["action"], "FAILED", f"Stack {stack['action']} cancelled")
    stack["updated"] = world.now()
    _turn(world, stack, "DELETE", "IN_PROGRESS", "Stack DELETE started")
    _plan_removal(world, stack)
    _schedule(world, stack)


def _plan_removal(world: World, stack: Row) -> None:
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


def act(world: World, stack: Row, action: str) -> None:
    """Check, suspend or resume."""
    stack["updated"] = world.now()
    _turn(world, stack, action, "IN_PROGRESS", f"Stack {action} started")
    stack["tasks"] = [{"at": world.now() + CHECK_SECONDS, "do": action.lower(), "name": ""}]
    _schedule(world, stack)


def stick(world: World, name: str) -> None:
    """Let a stack be IN_PROGRESS for ever. Raises KeyError for an unknown name."""
    for stack in world.rows("stack"):
        if stack["name"] == name and stack["deleted_at"] is None:
            stack["tasks"] = []
            world.put("stack", stack)
            return
    raise KeyError(name)


def _schedule(world: World, stack: Row) -> None:
    world.put("stack", stack)
    if stack["tasks"]:
        heapq.heappush(world.agenda, (stack["tasks"][0]["at"], stack["id"]))


def wake(world: World) -> None:
    """Take up the stacks of a world read from disk."""
    for stack in world.rows("stack"):
        _schedule(world, stack)


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
                _DO[task["do"]](world, stack, task)
        _schedule(world, stack)


def _start(world: World, stack: Row, task: Row) -> None:
    name = task["name"]
    resource = stack["resources"][name]
    _mark(world, stack, name, "CREATE_IN_PROGRESS", "state changed")
    try:
        _believe(world, stack)
        properties = Living(world, stack).properties(name)
        making = Making(
            world, stack["project_id"], stack["token"], properties, resource["name"], task["seconds"]
        )
        resource["physical"] = KINDS[resource["type"]].make(making)
    except Failure as failure:
        kind = _ERRORS.get(failure.status, "Unauthorized")
        message = f"{failure.message} (HTTP {failure.status}) (Request-ID: {request_id()})"
        _fail(world, stack, name, f"{kind}: resources.{name}: {message}")
    except Invalid as error:
        _fail(world, stack, name, f"{error.kind}: resources.{name}: {error.message}")


def _believe(world: World, stack: Row) -> None:
    """Heat works with the token of whoever asked, which may have run out since."""
    if stack["token"]["expires"] <= world.now():
        raise Failure(401, "Unauthorized", UNAUTHENTICATED)


def _finish(world: World, stack: Row, task: Row) -> None:
    name = task["name"]
    resource = stack["resources"][name]
    server = world.get("server", resource["physical"]) if resource["type"] == "OS::Nova::Server" else None
    if resource["type"] == "OS::Nova::Server":
        if server is None:
            _fail(world, stack, name, f"NotFound: resources.{name}: {_missing(resource['physical'])}")
            return
        compute.look(world, server)
        if server["status"] == "ERROR":
            trouble = f'"Message: {server["fault"]["message"]}, Code: {server["fault"]["code"]}"'
            _fail(
                world,
                stack,
                name,
                f"ResourceInError: resources.{name}: Went to status ERROR due to {trouble}",
            )
            return
    _mark(world, stack, name, "CREATE_COMPLETE", "state changed")


def _missing(server_id: str) -> str:
    return f"Instance {server_id} could not be found. (HTTP 404) (Request-ID: {request_id()})"


def _fail(world: World, stack: Row, name: str, reason: str) -> None:
    """A resource failed, so the stack has; with rollback, what is there goes again."""
    _mark(world, stack, name, "CREATE_FAILED", reason)
    for other, resource in stack["resources"].items():
        if (resource["action"], resource["phase"]) == ("CREATE", "IN_PROGRESS"):
            _mark(world, stack, other, "CREATE_FAILED", "CREATE aborted (user triggered cancel)")
    _turn(world, stack, "CREATE", "FAILED", f"Resource CREATE failed: {reason}")
    stack["tasks"] = []
    if not stack["disable_rollback"]:
        stack["updated"] = world.now()
        _turn(
            world,
            stack,
            "ROLLBACK",
            "IN_PROGRESS",
            f"Stack ROLLBACK started (Resource CREATE failed: {reason})",
        )
        _plan_removal(world, stack)


def _complete(world: World, stack: Row, _task: Row) -> None:
    action = stack["action"]
    _turn(world, stack, action, "COMPLETE", f"Stack {action} completed successfully")
    if action == "DELETE":
        stack["deleted_at"] = world.now()


def _remove(world: World, stack: Row, task: Row) -> None:
    name = task["name"]
    _mark(world, stack, name, "DELETE_IN_PROGRESS", "state changed")
    spoiled = stack.pop("spoiled", "")
    if spoiled:
        _mark(world, stack, name, "DELETE_FAILED", spoiled)
        _turn(world, stack, "DELETE", "FAILED", f"Resource DELETE failed: {spoiled}")
        stack["tasks"] = []


def _removed(world: World, stack: Row, task: Row) -> None:
    resource = stack["resources"][task["name"]]
    try:
        if resource["physical"]:
            KINDS[resource["type"]].delete(world, resource["physical"])
    except Failure as failure:
        reason = f"Conflict: resources.{task['name']}: {failure.message}"
        _mark(world, stack, task["name"], "DELETE_FAILED", reason)
        _turn(world, stack, "DELETE", "FAILED", f"Resource DELETE failed: {reason}")
        stack["tasks"] = []
        return
    _mark(world, stack, task["name"], "DELETE_COMPLETE", "state changed")
    del stack["resources"][task["name"]]


def _check(world: World, stack: Row, _task: Row) -> None:
    trouble = []
    for name, resource in stack["resources"].items():
        server = resource["type"] == "OS::Nova::Server"
        if server and not world.get("server", resource["physical"] or ""):
            reason = f"NotFound: resources.{name}: {_missing(resource['physical'])}"
            _mark(world, stack, name, "CHECK_FAILED", reason)
            trouble.append(f"Resource CHECK failed: {name}: Resource CHECK failed: {reason}")
        else:
            reason = "state changed" if server else "CHECK not supported for " + resource["type"]
            _mark(world, stack, name, "CHECK_COMPLETE", reason)
    note = "'CHECK' not fully supported (see resources)"
    if trouble:
        _turn(world, stack, "CHECK", "FAILED", f"{'. '.join(trouble)}. {note}")
    else:
        _turn(world, stack, "CHECK", "COMPLETE", f"Stack CHECK completed successfully: {note}")


def _power(world: World, stack: Row, task: Row) -> None:
    for name, resource in stack["resources"].items():
        server = world.get("server", resource["physical"] or "")
        if server:
            compute.look(world, server)
            compute.power(world, server, task["do"], stack["token"])
        _mark(world, stack, name, f"{stack['action']}_COMPLETE", "state changed")
    _complete(world, stack, task)


_DO = {
    "start": _start,
    "finish": _finish,
    "complete": _complete,
    "remove": _remove,
    "removed": _removed,
    "check": _check,
    "suspend": _power,
    "resume": _power,
}


def _turn(world: World, stack: Row, action: str, phase: str, reason: str) -> None:
    """The stack changes its state, and says so in an event."""
    stack.update(action=action, phase=phase, reason=reason)
    _tell(world, stack, stack["name"], stack["id"], f"{action}_{phase}", reason)


def _mark(world: World, stack: Row, name: str, state: str, reason: str) -> None:
    """A resource changes its state, and says so in an event."""
    resource = stack["resources"][name]
    action, _, phase = state.partition("_")
    resource.update(action=action, phase=phase, reason=reason)
    _tell(world, stack, name, resource["physical"] or resource["name"], state, reason)


def _tell(world: World, stack: Row, name: str, physical: str, state: str, reason: str) -> None:
    event = {
        "id": str(uuid.uuid4()), "at": world.now(), "name": name, "physical": physical, "status": state,
        "reason": reason,
    }  # fmt: skip
    stack["events"].append(event)
