"""Servers: making, powering and deleting them, with Nova's quotas and what fits on the hosts."""

import base64
import uuid

from portal.sandbox.networking import Failure, delete_port, limits, make_port
from portal.sandbox.state import Row, World, fine_stamp, stamp

HOST_VCPUS = 128
HOST_RAM = 524_288
GPUS = 8  # of kind H200 in the whole cloud
GIB = 1024**3
NO_HOST = "No valid host was found. "
# action: the states it is allowed in, what Nova calls it, what it does meanwhile, what comes of it
POWER: dict[str, tuple[set[str], str, str, str, Row]] = {
    "os-start": ({"stopped"}, "start", "SHUTOFF", "powering-on",
                 {"status": "ACTIVE", "vm_state": "active", "power_state": 1}),
    "os-stop": ({"active", "error"}, "stop", "ACTIVE", "powering-off",
                {"status": "SHUTOFF", "vm_state": "stopped", "power_state": 4}),
    "reboot": ({"active"}, "reboot", "REBOOT", "rebooting",
               {"status": "ACTIVE", "vm_state": "active", "power_state": 1}),
    "reboot/HARD": ({"active", "stopped", "paused", "suspended", "error"}, "reboot", "HARD_REBOOT",
                    "reboot_started_hard", {"status": "ACTIVE", "vm_state": "active", "power_state": 1}),
    "suspend": ({"active"}, "suspend", "ACTIVE", "suspending",
                {"status": "SUSPENDED", "vm_state": "suspended", "power_state": 4}),
    "resume": ({"suspended"}, "resume", "SUSPENDED", "resuming",
               {"status": "ACTIVE", "vm_state": "active", "power_state": 1}),
}  # fmt: skip


def look(world: World, server: Row) -> Row:
    """The server as it is by now: what was due has happened."""
    due = server.get("next")
    if due and due["at"] <= world.now():
        server.update(due["facts"], task_state=None, next=None, updated=due["at"])
        server["actions"][0].update(updated_at=fine_stamp(due["at"]), message=_ended(server))
        world.put("server", server)
    return server


def _ended(server: Row) -> str | None:
    """What Nova says of the action that ended so."""
    return "Error" if server["status"] == "ERROR" else None


def of_project(world: World, project: str) -> list[Row]:
    """The servers of a project, newest first."""
    found = [look(world, s) for s in world.rows("server") if s["project_id"] == project]
    return sorted(found, key=lambda s: (s["created"], s["id"]), reverse=True)


def usage(world: World, project: str) -> dict[str, int]:
    flavors = [s["flavor"] for s in world.rows("server") if s["project_id"] == project]
    return {
        "instances": len(flavors),
        "cores": sum(f["vcpus"] for f in flavors),
        "ram": sum(f["ram"] for f in flavors),
    }


def _reserve(world: World, project: str, flavor: Row, instances: int = 1) -> None:
    wanted = {"cores": flavor["vcpus"], "instances": instances, "ram": flavor["ram"]}
    own, have = limits(world, project), usage(world, project)
    over = [key for key, value in wanted.items() if value and 0 <= own[key] < have[key] + value]
    if over:
        names = ", ".join(over)
        asked, taken, most = (", ".join(str(t[k]) for k in over) for t in (wanted, have, own))
        message = f"Quota exceeded for {names}: Requested {asked}, but already used {taken} of {most} {names}"
        raise Failure(403, "forbidden", message)


def _fits(flavor: Row, image: Row) -> None:
    if flavor["ram"] < image["min_ram"]:
        raise Failure(400, "badRequest", "Flavor's memory is too small for requested image.")
    size = flavor["disk"] * GIB
    least = max(image["min_disk"] * GIB, image["size"])
    if 0 < size < least:
        words = "Flavor's disk is too small for requested image."
        message = f"{words} Flavor disk is {size} bytes, image is {least} bytes."
        raise Failure(400, "badRequest", message)


def _short_enough(wanted: Row) -> None:
    data = base64.b64encode(str(wanted.get("user_data") or "").encode()).decode()
    texts = [
        ("user_data", data, 65535),
        *((k, str(v), 255) for k, v in (wanted.get("metadata") or {}).items()),
    ]
    for name, text, longest in texts:
        if len(text) > longest:
            words = f"Invalid input for field/attribute {name}. Value: {text}. '{text}' is too long"
            raise Failure(400, "badRequest", words)


def make(world: World, project: str, user: Row, wanted: Row, seconds: float) -> Row:
    """A server that is building and will be ACTIVE, or in ERROR, after `seconds`. Raises Failure."""
    flavor, image = wanted["flavor"], wanted["image"]
    _short_enough(wanted)
    _fits(flavor, image)
    _reserve(world, project, flavor)
    own = [make_port(world, project, network, {}) for network in wanted["networks"]]
    now = world.now()
    key = str(uuid.uuid4())
    server = {
        "id": key,
        "name": wanted["name"],
        "project_id": project,
        "user_id": user["user_id"],
        "flavor": flavor,
        "image_id": image["id"],
        "key_name": wanted.get("key_name"),
        "metadata": wanted.get("metadata") or {},
        "tags": sorted(wanted.get("tags") or []),
        "ports": [port["id"] for port in (*wanted["ports"], *own)],
        "own_ports": [port["id"] for port in own],
        "user_data": wanted.get("user_data"),
        "created": now,
        "updated": now,
        "launched": None,
        "status": "BUILD",
        "vm_state": "building",
        "task_state": "spawning",
        "power_state": 0,
        "fault": None,
        "actions": [],
    }
    server["next"] = {"at": now + seconds, "facts": _outcome(world, server, now + seconds)}
    note(server, "create", user, now)
    for port in (*wanted["ports"], *own):
        port.update(device_id=key, device_owner="compute:nova", status="ACTIVE")
        world.put("port", port)
    return world.put("server", server)


def _outcome(world: World, server: Row, at: float) -> Row:
    trouble = _trouble(world, server)
    if not trouble:
        return {"status": "ACTIVE", "vm_state": "active", "power_state": 1, "launched": at}
    fault = {"code": 500, "created": stamp(at), "message": trouble}
    return {"status": "ERROR", "vm_state": "error", "power_state": 0, "fault": fault}


def _trouble(world: World, server: Row) -> str:
    """Why no host takes this server, or ""."""
    flavor, specs = server["flavor"], server["flavor"]["extra_specs"]
    if "pci_passthrough:alias" in specs:
        words = (
            "Exceeded maximum number of retries. Exhausted all hosts available for retrying build failures"
        )
        return f"{words} for instance {server['id']}."
    taken = sum(_gpus(s["flavor"]) for s in world.rows("server") if s["status"] != "ERROR")
    if (
        flavor["vcpus"] > HOST_VCPUS
        or flavor["ram"] > HOST_RAM
        or "resources:VGPU" in specs
        or _gpus(flavor) + taken > GPUS
    ):
        return NO_HOST
    return ""


def _gpus(flavor: Row) -> int:
    return int(flavor["extra_specs"].get("resources:CUSTOM_GPU_H200", 0))


def note(server: Row, action: str, user: Row, at: float) -> None:
    """Remember an action for os-instance-actions."""
    entry = {
        "action": action, "instance_uuid": server["id"], "request_id": f"req-{uuid.uuid4()}",
        "user_id": user["user_id"], "project_id": server["project_id"], "start_time": fine_stamp(at),
        "message": None, "updated_at": fine_stamp(at),
    }  # fmt: skip
    server["actions"].insert(0, entry)


def power(world: World, server: Row, action: str, user: Row) -> None:
    """Start, stop, reboot, suspend or resume. Raises Failure in the wrong state."""
    allowed, name, status, task, facts = POWER[action]
    look(world, server)
    _may(server, name, allowed)
    now = world.now()
    server.update(status=status, task_state=task, updated=now)
    server["next"] = {"at": now + world.settings.power_seconds, "facts": facts}
    note(server, name, user, now)
    world.put("server", server)


def resize(world: World, server: Row, flavor: Row, user: Row) -> None:
    """Begin to give a server another flavor; it is confirmed by `settle`. Raises Failure over quota."""
    image = world.get("image", server["image_id"])
    if 0 < flavor["disk"] < server["flavor"]["disk"]:
        raise Failure(400, "badRequest", "Resize to a smaller disk is not allowed.")
    if image:
        _fits(flavor, image)
    difference = {key: max(0, flavor[key] - server["flavor"][key]) for key in ("vcpus", "ram")}
    _reserve(world, server["project_id"], difference, instances=0)
    _begin(server, "resize", "RESIZE", user, world.now())
    # Nova asks for room with the new flavor, while the server still has the old one.
    server["wanted"] = {"flavor": flavor, "trouble": _trouble(world, {**server, "flavor": flavor})}
    world.put("server", server)


def rebuild(world: World, server: Row, image: Row, user: Row, seconds: float | None = None) -> None:
    """Begin to make a server's disk anew from an image; it is done after `seconds`, or by `settle`.

    Raises Failure for an image that doesn't fit, or in the wrong state.
    """
    look(world, server)
    _may(server, "rebuild", {"active", "stopped", "error"})
    _fits(server["flavor"], image)
    now = world.now()
    _begin(server, "rebuild", "REBUILD", user, now)
    server.update(image_id=image["id"], fault=None)
    if seconds is not None:
        server["next"] = {"at": now + seconds, "facts": {**server.pop("rest"), "launched": now + seconds}}
    world.put("server", server)


def _may(server: Row, name: str, allowed: set[str]) -> None:
    """Raises Failure in a state in which Nova won't do it."""
    state = f"vm_state {server['vm_state']}"
    if server["task_state"]:
        state = f"task_state {server['task_state']}"
    if server["task_state"] or server["vm_state"] not in allowed:
        message = f"Cannot '{name}' instance {server['id']} while it is in {state}"
        raise Failure(409, "conflictingRequest", message)


def _begin(server: Row, action: str, status: str, user: Row, at: float) -> None:
    # What is stopped is stopped again afterwards.
    name = "os-stop" if server["vm_state"] == "stopped" else "os-start"
    server["rest"] = POWER[name][4]
    server.update(status=status, task_state=f"{action}_prep", updated=at, next=None)
    note(server, action, user, at)


def settle(world: World, server: Row) -> str:
    """End a resize or a rebuild; answers why it failed, or ""."""
    wanted = server.pop("wanted", None) or {"trouble": ""}
    trouble: str = wanted.pop("trouble")
    # A server that has no room stays as it was.
    rest = server.pop("rest", {})
    server.update({} if trouble else wanted, updated=world.now(), task_state=None, **rest)
    if trouble:
        server["actions"][0]["message"] = "Error"
    world.put("server", server)
    return trouble


def detach(world: World, server: Row, key: str, user: Row) -> None:
    """Let a server let go of a port; that it doesn't hold it, Nova finds out later. Raises Failure."""
    look(world, server)
    if server["vm_state"] not in ("active", "paused", "stopped") or server["task_state"]:
        task = server["task_state"]
        state = f"task_state {task}" if task else f"vm_state {server['vm_state']}"
        message = f"Cannot 'detach_interface' instance {server['id']} while it is in {state}"
        raise Failure(409, "conflictingRequest", message)
    note(server, "detach_interface", user, world.now())
    port = world.get("port", key)
    if port and port["device_id"] == server["id"]:
        free(world, port)
    server["ports"] = [each for each in server["ports"] if each != key]
    world.put("server", server)


def free(world: World, port: Row) -> None:
    """Nobody holds the port any more."""
    port.update(device_id="", device_owner="", status="DOWN")
    world.put("port", port)


def delete(world: World, server: Row) -> None:
    """Delete a server; its ports stay when somebody else made them."""
    for key in server["ports"]:
        port = world.get("port", key)
        if key in server["own_ports"]:
            delete_port(world, key)
        elif port and port["device_id"] == server["id"]:
            free(world, port)
    bury(world, server)


def bury(world: World, server: Row) -> None:
    """The server is gone; Nova keeps what was done to it."""
    owner = {"user_id": server["user_id"]}
    note(server, "delete", owner, world.now())
    world.put("history", {key: server[key] for key in ("id", "project_id", "actions")})
    world.drop("server", server["id"])
