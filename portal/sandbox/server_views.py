"""What Nova shows of a server, as the microversion asked for has it."""

import hashlib
from typing import Any

from portal.sandbox.state import Row, World, fine_stamp, stamp


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
