"""Servers: making, powering and deleting them, with Nova's quotas and what fits on the hosts."""

import base64
import hashlib
import uuid
from typing import Any

from portal.sandbox.networking import Failure, limits
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
        world.put("server", server)
    return server


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


def _reserve(world: World, project: str, flavor: Row) -> None:
    wanted = {"cores": flavor["vcpus"], "instances": 1, "ram": flavor["ram"]}
    own, have = limits(world, project), usage(world, project)
    over = [key for key, value in wanted.items() if 0 <= own[key] < have[key] + value]
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
        "ports": wanted["ports"],
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
    for port in wanted["ports"]:
        row = world.tables["port"][port]
        row.update(device_id=key, device_owner="compute:nova", status="ACTIVE")
        world.put("port", row)
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
        "message": None,
    }  # fmt: skip
    server["actions"].insert(0, entry)


def power(world: World, server: Row, action: str, user: Row) -> None:
    """Start, stop, reboot, suspend or resume. Raises Failure in the wrong state."""
    allowed, name, status, task, facts = POWER[action]
    look(world, server)
    state = f"vm_state {server['vm_state']}"
    if server["task_state"]:
        state = f"task_state {server['task_state']}"
    if server["task_state"] or server["vm_state"] not in allowed:
        message = f"Cannot '{name}' instance {server['id']} while it is in {state}"
        raise Failure(409, "conflictingRequest", message)
    now = world.now()
    server.update(status=status, task_state=task, updated=now)
    server["next"] = {"at": now + world.settings.power_seconds, "facts": facts}
    note(server, name, user, now)
    world.put("server", server)


def delete(world: World, server: Row) -> None:
    """Delete a server; its ports stay when somebody else made them."""
    for key in server["ports"]:
        port = world.get("port", key)
        if port:
            port.update(device_id="", device_owner="", status="DOWN")
            world.put("port", port)
    world.drop("server", server["id"])


def addresses(world: World, server: Row) -> dict[str, list[Row]]:
    """The addresses by network name, fixed ones before floating ones."""
    found: dict[str, list[Row]] = {}
    if server["status"] in ("BUILD", "ERROR") and server["launched"] is None:
        return found
    for key in server["ports"]:
        port = world.get("port", key)
        if port is None:
            continue
        network = world.tables["network"][port["network_id"]]["name"]
        ips = [("fixed", ip["ip_address"]) for ip in port["fixed_ips"]]
        ips += [
            ("floating", f["floating_ip_address"]) for f in world.rows("floatingip") if f["port_id"] == key
        ]
        found.setdefault(network, []).extend(
            {
                "version": 4,
                "addr": ip,
                "OS-EXT-IPS:type": kind,
                "OS-EXT-IPS-MAC:mac_addr": port["mac_address"],
            }
            for kind, ip in ips
        )
    return found


def view(world: World, server: Row, root: str, minor: int) -> Row:
    """A server as `GET /servers/ID` shows it under this microversion."""
    host = root.removesuffix("/v2.1")
    image, flavor = server["image_id"], server["flavor"]
    seen: Row = {
        "accessIPv4": "",
        "accessIPv6": "",
        "addresses": addresses(world, server),
        "created": stamp(server["created"]),
        "flavor": _flavor(flavor, host, minor),
        "hostId": hashlib.sha224(server["project_id"].encode()).hexdigest() if server["launched"] else "",
        "id": server["id"],
        "image": {"id": image, "links": [{"rel": "bookmark", "href": f"{host}/images/{image}"}]},
        "links": links(root, "servers", server["id"]),
        "metadata": server["metadata"],
        "name": server["name"],
        "status": server["status"],
        "tenant_id": server["project_id"],
        "user_id": server["user_id"],
        "updated": stamp(server["updated"]),
        "OS-DCF:diskConfig": "MANUAL",
        "OS-EXT-AZ:availability_zone": "nova" if server["launched"] else "",
        "config_drive": "",
        "key_name": server["key_name"],
        "OS-SRV-USG:launched_at": fine_stamp(server["launched"]) if server["launched"] else None,
        "OS-SRV-USG:terminated_at": None,
        "OS-EXT-STS:task_state": server["task_state"],
        "OS-EXT-STS:vm_state": server["vm_state"],
        "OS-EXT-STS:power_state": server["power_state"],
        "os-extended-volumes:volumes_attached": [],
    }
    seen.update(_conditional(world, server))
    if minor >= 96:
        seen.update(_newer(server))
    if minor >= 98:
        seen["image"]["properties"] = {}
    if minor >= 100:
        seen["scheduler_hints"] = {}
    return seen


def _conditional(world: World, server: Row) -> Row:
    """What is there only in some states."""
    seen: Row = {}
    groups = [world.get("port", key) for key in server["ports"]]
    names = dict.fromkeys(
        group["name"] for port in groups if port for key in port["security_groups"]
        if (group := world.get("security_group", key))
    )  # fmt: skip
    if names:
        seen["security_groups"] = [{"name": name} for name in names]
    if server["status"] in ("ACTIVE", "BUILD", "REBOOT", "HARD_REBOOT"):
        seen["progress"] = 0
    if server["fault"]:
        seen["fault"] = server["fault"]
    return seen


def _newer(server: Row) -> Row:
    return {
        "locked": False, "description": None, "tags": server["tags"], "trusted_image_certificates": None,
        "server_groups": [], "locked_reason": None, "OS-EXT-SRV-ATTR:hostname": server["name"],
        "pinned_availability_zone": None,
    }  # fmt: skip


def _flavor(flavor: Row, host: str, minor: int) -> Row:
    if minor < 47:
        href = f"{host}/flavors/{flavor['id']}"
        return {"id": flavor["id"], "links": [{"rel": "bookmark", "href": href}]}
    return {
        "vcpus": flavor["vcpus"], "ram": flavor["ram"], "disk": flavor["disk"], "ephemeral": 0, "swap": 0,
        "original_name": flavor["name"], "extra_specs": flavor["extra_specs"],
    }  # fmt: skip


def links(root: str, noun: str, key: str) -> list[dict[str, Any]]:
    """Nova's two links to everything."""
    return [
        {"rel": "self", "href": f"{root}/{noun}/{key}"},
        {"rel": "bookmark", "href": f"{root.removesuffix('/v2.1')}/{noun}/{key}"},
    ]
