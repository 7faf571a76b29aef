"""What is done at the moments of a stack: resources start, finish, fail, go, are checked or powered."""

from portal.sandbox import altering, compute
from portal.sandbox.living import Living, mark, turn
from portal.sandbox.networking import Failure
from portal.sandbox.parameters import Invalid
from portal.sandbox.plans import plan_removal
from portal.sandbox.resource_types import KINDS, Making
from portal.sandbox.state import Row, World
from portal.sandbox.wire import UNAUTHENTICATED, request_id

_ERRORS = {400: "BadRequest", 403: "Forbidden", 404: "NotFound", 409: "Conflict"}
_NEUTRON_ERRORS = {
    "OverQuota", "IpAddressAlreadyAllocated", "InvalidIpForNetwork", "IpAddressGenerationFailure"
}  # fmt: skip


def _start(world: World, stack: Row, task: Row) -> None:
    name = task["name"]
    resource = stack["resources"][name]
    mark(world, stack, name, "CREATE_IN_PROGRESS", "state changed")
    try:
        _believe(world, stack)
        properties = Living(world, stack).properties(name)
        making = Making(
            world, stack["project_id"], stack["token"], properties, resource["name"], task["seconds"]
        )
        resource["physical"] = KINDS[resource["type"]].make(making)
        resource["made"] = properties
    except Failure as failure:
        resource["physical"] = failure.left or None
        _fail(world, stack, name, _told(failure, resource["type"], name))
    except Invalid as error:
        _fail(world, stack, name, f"{error.kind}: resources.{name}: {error.message}")


def _told(failure: Failure, kind: str, name: str) -> str:
    """A failure as Heat's clients for Nova and for Neutron put it."""
    error = _ERRORS.get(failure.status, "Unauthorized")
    if not kind.startswith("OS::Neutron::") or failure.status == 401:
        end = f"(HTTP {failure.status}) (Request-ID: {request_id()})"
        return f"{error}: resources.{name}: {failure.message} {end}"
    error = f"{failure.kind}Client" if failure.kind in _NEUTRON_ERRORS else error
    end = f"Neutron server returns request_ids: ['{request_id()}']"
    return f"{error}: resources.{name}: {failure.message}\n{end}"


def _believe(world: World, stack: Row) -> None:
    """Heat works with the token of whoever asked, which may have run out since."""
    if stack["token"]["expires"] <= world.now():
        raise Failure(401, "Unauthorized", UNAUTHENTICATED)


def _finish(world: World, stack: Row, task: Row) -> None:
    name = task["name"]
    resource = stack["resources"][name]
    trouble = _server_trouble(world, stack, name) if resource["type"] == "OS::Nova::Server" else ""
    if trouble:
        _fail(world, stack, name, trouble)
    else:
        mark(world, stack, name, "CREATE_COMPLETE", "state changed")
        if replaced := resource.pop("replaces", None):
            KINDS[resource["type"]].delete(world, replaced)


def _change(world: World, stack: Row, task: Row) -> None:
    """A resource that is there begins to take on other properties."""
    name = task["name"]
    properties = Living(world, stack).properties(name)
    if stack["resources"][name].get("made") == properties:
        words = "Update status to COMPLETE for FAILED resource neither update nor replace."
        mark(world, stack, name, "UPDATE_COMPLETE", words)
        return
    mark(world, stack, name, "UPDATE_IN_PROGRESS", "state changed")
    try:
        _believe(world, stack)
        altering.alter(world, stack, name, properties)
        stack["resources"][name]["made"] = properties
    except Failure as failure:
        _fail(world, stack, name, _told(failure, stack["resources"][name]["type"], name), "UPDATE")


def _changed(world: World, stack: Row, task: Row) -> None:
    name = task["name"]
    if stack["resources"][name]["phase"] != "IN_PROGRESS":
        return
    key = stack["resources"][name]["physical"]
    server = world.get("server", key) if stack["resources"][name]["type"] == "OS::Nova::Server" else None
    trouble = compute.settle(world, server) if server else ""
    if trouble:
        _fail(world, stack, name, f"ResourceInError: resources.{name}: {trouble}", "UPDATE")
    else:
        mark(world, stack, name, "UPDATE_COMPLETE", "state changed")


def _server_trouble(world: World, stack: Row, name: str) -> str:
    """Why the server that Heat has been waiting for is none, or ""."""
    key = stack["resources"][name]["physical"]
    server = world.get("server", key)
    try:
        _believe(world, stack)
    except Failure as failure:
        return _told(failure, "OS::Nova::Server", name)
    if server is None:
        return f"NotFound: resources.{name}: {_missing(key)}"
    compute.look(world, server)
    if server["status"] != "ERROR":
        return ""
    fault = f'"Message: {server["fault"]["message"]}, Code: {server["fault"]["code"]}"'
    return f"ResourceInError: resources.{name}: Went to status ERROR due to {fault}"


def _missing(server_id: str) -> str:
    return f"Instance {server_id} could not be found. (HTTP 404) (Request-ID: {request_id()})"


def _fail(world: World, stack: Row, name: str, reason: str, action: str = "CREATE") -> None:
    """A resource failed, so the stack has; what has begun goes on. With rollback, all of it goes again."""
    mark(world, stack, name, f"{action}_FAILED", reason)
    if stack["phase"] == "FAILED":
        return
    turn(world, stack, stack["action"], "FAILED", f"Resource {action} failed: {reason}")
    begun = {key for key, resource in stack["resources"].items() if resource["phase"] == "IN_PROGRESS"}
    ends = ("finish", "changed")
    stack["tasks"] = [task for task in stack["tasks"] if task["do"] in ends and task["name"] in begun]
    if stack["action"] == "CREATE" and not stack["disable_rollback"]:
        stack["updated"] = world.now()
        cause = f"Stack ROLLBACK started (Resource CREATE failed: {reason})"
        turn(world, stack, "ROLLBACK", "IN_PROGRESS", cause)
        plan_removal(world, stack)


def _complete(world: World, stack: Row, _task: Row) -> None:
    action = stack["action"]
    for name, resource in stack["resources"].items():
        if resource["phase"] == "IN_PROGRESS":
            mark(world, stack, name, f"{action}_COMPLETE", "state changed")
    turn(world, stack, action, "COMPLETE", f"Stack {action} completed successfully")
    if action in ("DELETE", "ROLLBACK"):
        stack["resources"].clear()
    if action == "DELETE":
        stack["deleted_at"] = world.now()


def _remove(world: World, stack: Row, task: Row) -> None:
    name = task["name"]
    mark(world, stack, name, "DELETE_IN_PROGRESS", "state changed")
    if stack.get("spoiled"):
        reason = stack["spoiled"].pop()
        mark(world, stack, name, "DELETE_FAILED", reason)
        turn(world, stack, stack["action"], "FAILED", f"Resource DELETE failed: {reason}")
        stack["tasks"] = []


def _removed(world: World, stack: Row, task: Row) -> None:
    resource = stack["resources"][task["name"]]
    try:
        if resource["physical"]:
            _blocked(world, stack, task["name"])
            KINDS[resource["type"]].delete(world, resource["physical"])
    except Failure as failure:
        reason = _told(failure, resource["type"], task["name"])
        mark(world, stack, task["name"], "DELETE_FAILED", reason)
        turn(world, stack, stack["action"], "FAILED", f"Resource DELETE failed: {reason}")
        stack["tasks"] = []
        return
    mark(world, stack, task["name"], "DELETE_COMPLETE", "state changed")
    del stack["resources"][task["name"]]


def _blocked(world: World, stack: Row, name: str) -> None:
    """Raises Failure while what a test has put in the way is there."""
    resource, reason = stack["resources"][name], stack.get("blocked", {}).get(name)
    if reason and KINDS[resource["type"]].show(world, resource["physical"]):
        raise Failure(409, "Conflict", reason)


def _check(world: World, stack: Row, _task: Row) -> None:
    trouble, checked = [], {} if stack.get("emptied") else stack["resources"]
    for name, resource in checked.items():
        server = resource["type"] == "OS::Nova::Server"
        if server and not world.get("server", resource["physical"] or ""):
            reason = f"NotFound: resources.{name}: {_missing(resource['physical'])}"
            mark(world, stack, name, "CHECK_FAILED", reason)
            trouble.append(f"Resource CHECK failed: {name}: Resource CHECK failed: {reason}")
        else:
            reason = "state changed" if server else "CHECK not supported for " + resource["type"]
            mark(world, stack, name, "CHECK_COMPLETE", reason)
    note = ". 'CHECK' not fully supported (see resources)" if checked else ""
    if trouble:
        turn(world, stack, "CHECK", "FAILED", f"{'. '.join(trouble)}{note}")
    else:
        turn(world, stack, "CHECK", "COMPLETE", f"Stack CHECK completed successfully{note}")


def _power(world: World, stack: Row, task: Row) -> None:
    for name, resource in stack["resources"].items():
        mark(world, stack, name, f"{stack['action']}_IN_PROGRESS", "state changed")
        server = world.get("server", resource["physical"] or "")
        if server:
            compute.power(world, server, task["do"], stack["token"])


DO = {
    "start": _start,
    "finish": _finish,
    "change": _change,
    "changed": _changed,
    "complete": _complete,
    "remove": _remove,
    "removed": _removed,
    "check": _check,
    "suspend": _power,
    "resume": _power,
}
