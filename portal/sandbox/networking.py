"""Ports, floating IPs and security groups: their rows, and the rules for making and deleting them."""

import ipaddress
import random
import uuid
from dataclasses import asdict
from typing import Any

from portal.sandbox.seed import dated
from portal.sandbox.state import Row, World, stamp

# Neutron's name of a quota: its rows, and its field in our settings
COUNTED = {
    "port": ("port", "ports"),
    "floatingip": ("floatingip", "floating_ips"),
    "security_group": ("security_group", "security_groups"),
}


class Failure(Exception):
    """A refusal of Nova or Neutron, to be told as an API error or as the reason of a failed resource."""

    def __init__(self, status: int, kind: str, message: str, *, left: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.left = left  # the id of what is there in spite of the failure


def limits(world: World, project: str) -> dict[str, int]:
    """The quotas of a project."""
    own = world.get("quota", project) or {}
    return {key: int(own.get(key, value)) for key, value in asdict(world.settings.quotas).items()}


def used(world: World, project: str, kind: str) -> int:
    return sum(row["project_id"] == project for row in world.tables[kind].values())


def _reserve(world: World, project: str, name: str) -> None:
    kind, field = COUNTED[name]
    limit = limits(world, project)[field]
    if 0 <= limit <= used(world, project, kind):
        raise Failure(409, "OverQuota", f"Quota exceeded for resources: ['{name}'].")


def find(world: World, kind: str, name_or_id: str, project: str) -> Row | None:
    """A network, subnet, group or port that this project may use, by id or name."""
    row = world.get(kind, name_or_id)
    if row and visible(row, project):
        return row
    return next((r for r in world.rows(kind) if r["name"] == name_or_id and visible(r, project)), None)


def visible(row: Row, project: str) -> bool:
    return bool(row["project_id"] == project or row.get("router:external") or row.get("shared"))


def make_security_group(world: World, project: str, name: str, description: str, rules: list[Row]) -> Row:
    """A group with Neutron's two egress rules and the given ones. Raises Failure over quota."""
    _reserve(world, project, "security_group")
    key = str(uuid.uuid4())
    group: Row = {
        "id": key, "name": name, "stateful": True, "project_id": project, "description": description,
        "shared": False, "security_group_rules": [],
    }  # fmt: skip
    group = world.put("security_group", dated(group, world.now(), 2))
    for kind in ("IPv4", "IPv6"):
        add_rule(world, group, {"direction": "egress", "ethertype": kind, "description": None})
    for rule in rules:
        add_rule(world, group, rule)
    return group


def add_rule(world: World, group: Row, rule: Row) -> Row:
    """Add a rule. Raises Failure when the group has it already, or when it makes no sense."""
    row = {
        "id": str(uuid.uuid4()),
        "project_id": group["project_id"],
        "security_group_id": group["id"],
        "ethertype": rule.get("ethertype") or "IPv4",
        "direction": rule.get("direction") or "ingress",
        "protocol": rule.get("protocol"),
        "port_range_min": _number(rule.get("port_range_min")),
        "port_range_max": _number(rule.get("port_range_max")),
        "remote_ip_prefix": rule.get("remote_ip_prefix"),
        "remote_address_group_id": None,
        "normalized_cidr": rule.get("remote_ip_prefix"),
        "remote_group_id": rule.get("remote_group_id"),
    }
    facts = [key for key in row if key not in ("id", "normalized_cidr")]
    for old in group["security_group_rules"]:
        if all(old[key] == row[key] for key in facts):
            message = f"Security group rule already exists. Rule id is {old['id']}."
            raise Failure(409, "SecurityGroupRuleExists", message, left=group["id"])
    _sensible(row)
    row["standard_attr_id"] = len(world.tables["security_group"])
    row["belongs_to_default_sg"] = False
    row["description"] = rule.get("description", "")
    row = dated(row, world.now())
    group["security_group_rules"].append(row)
    world.put("security_group", group)
    return row


def _number(value: Any) -> int | None:
    return None if value is None else int(value)


def _sensible(rule: Row) -> None:
    low, high = rule["port_range_min"], rule["port_range_max"]
    if low is not None and high is not None and low > high and rule["protocol"] != "icmp":
        message = "For TCP/UDP protocols, port_range_min must be <= port_range_max"
        raise Failure(400, "SecurityGroupInvalidPortRange", message, left=rule["security_group_id"])


def default_group(world: World, project: str) -> Row:
    """The group a port gets when it asks for none; made when first wanted."""
    for group in world.rows("security_group"):
        if group["project_id"] == project and group["name"] == "default":
            return group
    group = make_security_group(world, project, "default", "Default security group", [])
    for kind in ("IPv4", "IPv6"):
        rule = {"ethertype": kind, "remote_group_id": group["id"], "description": None}
        add_rule(world, group, rule)
    return group


def make_port(world: World, project: str, network: Row, wanted: Row) -> Row:
    """A port with one address in each wanted subnet. Raises Failure over quota or without a free address."""
    _reserve(world, project, "port")
    key = str(uuid.uuid4())
    subnets = wanted.get("fixed_ips") or [{"subnet_id": network["subnets"][0]}]
    mac = random.Random(key).randbytes(3).hex(":")
    port = {
        "id": key,
        "name": wanted.get("name", ""),
        "network_id": network["id"],
        "project_id": project,
        "mac_address": f"fa:16:3e:{mac}",
        "admin_state_up": True,
        "status": "DOWN",
        "device_id": "",
        "device_owner": "",
        "fixed_ips": [_fixed(world, network, fixed) for fixed in subnets],
        "allowed_address_pairs": [],
        "extra_dhcp_opts": [],
        "security_groups": wanted["security_groups"]
        if wanted.get("security_groups") is not None
        else [default_group(world, project)["id"]],
        "description": "",
        "binding:vnic_type": "normal",
        "port_security_enabled": True,
    }
    return world.put("port", dated(port, world.now(), 1) | {"tags": sorted(wanted.get("tags") or [])})


def _fixed(world: World, network: Row, wanted: Row) -> Row:
    subnet = world.get("subnet", wanted.get("subnet_id") or network["subnets"][0])
    if subnet is None:
        raise Failure(404, "SubnetNotFound", f"Subnet {wanted['subnet_id']} could not be found.")
    if wanted.get("ip_address"):
        address = wanted["ip_address"]
        if address in _taken(world, network["id"]):
            message = f"IP address {address} already allocated in subnet {subnet['id']}"
            raise Failure(409, "IpAddressAlreadyAllocated", message)
        if ipaddress.ip_address(address) not in ipaddress.ip_network(subnet["cidr"]):
            words = "is not a valid IP for any of the subnets on the specified network."
            raise Failure(400, "InvalidIpForNetwork", f"IP address {address} {words}")
        return {"subnet_id": subnet["id"], "ip_address": address}
    return {"subnet_id": subnet["id"], "ip_address": _free(world, network["id"], subnet)}


def _taken(world: World, network: str) -> set[str]:
    fixed = {
        ip["ip_address"] for p in world.rows("port") if p["network_id"] == network for ip in p["fixed_ips"]
    }
    floating = {
        f["floating_ip_address"] for f in world.rows("floatingip") if f["floating_network_id"] == network
    }
    return fixed | floating


def _free(world: World, network: str, subnet: Row) -> str:
    taken = _taken(world, network) | {subnet["gateway_ip"]}
    pool = subnet["allocation_pools"][0]
    first, last = int(ipaddress.ip_address(pool["start"])), int(ipaddress.ip_address(pool["end"]))
    if len(taken) > last - first:
        raise Failure(
            409, "IpAddressGenerationFailure", f"No more IP addresses available on network {network}."
        )
    while True:
        address = str(ipaddress.ip_address(random.randint(first, last)))
        if address not in taken:
            return address


def make_floating_ip(
    world: World, project: str, network: Row, port: Row | None, description: str = ""
) -> Row:
    """A floating IP from an external network, at a port or at none. Raises Failure."""
    if not network.get("router:external"):
        message = f"Bad floatingip request: Network {network['id']} is not a valid external network."
        raise Failure(400, "BadRequest", message)
    _reserve(world, project, "floatingip")
    subnet = world.tables["subnet"][network["subnets"][0]]
    row: Row = {
        "id": str(uuid.uuid4()),
        "project_id": project,
        "floating_ip_address": _free(world, network["id"], subnet),
        "floating_network_id": network["id"],
        "router_id": None,
        "port_id": None,
        "fixed_ip_address": None,
        "status": "DOWN",
        "description": description,
        "port_details": None,
    }
    row = dated(row, world.now())
    if port:
        associate(world, row, port)
    return world.put("floatingip", row)


def associate(world: World, floating: Row, port: Row | None) -> None:
    """Put a floating IP at a port, or at none. Raises Failure when the port has one already."""
    if port is None:
        floating.update(router_id=None, port_id=None, fixed_ip_address=None)
    else:
        others = (f for f in world.rows("floatingip") if f["port_id"] == port["id"] and f is not floating)
        if next(others, None):
            words = (
                f"Cannot associate floating IP {floating['floating_ip_address']} ({floating['id']}) with port"
            )
            message = f"{words} {port['id']} using fixed IP, as that fixed IP already has a floating IP."
            raise Failure(409, "FloatingIPPortAlreadyAssociated", message)
        floating.update(
            router_id=_router(world, floating, port)["id"],
            port_id=port["id"],
            fixed_ip_address=port["fixed_ips"][0]["ip_address"],
        )
    floating["updated_at"] = stamp(world.now())
    world.put("floatingip", floating)


def _router(world: World, floating: Row, port: Row) -> Row:
    """The router between a port's network and the external one."""
    external, subnet = floating["floating_network_id"], port["fixed_ips"][0]["subnet_id"]
    own = world.tables["network"][port["network_id"]]["project_id"]
    for router in world.rows("router"):
        if router["project_id"] == own and router["external_gateway_info"]["network_id"] == external:
            return router
    words = f"External network {external} is not reachable from subnet {subnet}.  Therefore, cannot associate"
    message = f"{words} Port {port['id']} with a Floating IP."
    raise Failure(404, "ExternalGatewayForFloatingIPNotFound", message)


def floating_view(world: World, floating: Row) -> Row:
    """A floating IP with the details of its port."""
    port = world.get("port", floating["port_id"] or "")
    keys = ("name", "network_id", "mac_address", "admin_state_up", "status", "device_id", "device_owner")
    return {**floating, "port_details": {key: port[key] for key in keys} if port else None}


def may_delete_port(world: World, key: str) -> None:
    """Raises Failure where a server holds the port: only Nova and admins may delete it then."""
    port = world.get("port", key)
    if port and port["device_owner"].startswith("compute:"):
        raise Failure(403, "PolicyNotAuthorized", "rule:delete_port is disallowed by policy")


def delete_port(world: World, key: str) -> None:
    """Delete a port; its floating IP stays, at no port."""
    for floating in world.rows("floatingip"):
        if floating["port_id"] == key:
            associate(world, floating, None)
    world.drop("port", key)


def delete_security_group(world: World, key: str) -> None:
    """Delete a group. Raises Failure while a port uses it."""
    if any(key in port["security_groups"] for port in world.rows("port")):
        raise Failure(409, "SecurityGroupInUse", f"Security Group {key} in use.")
    world.drop("security_group", key)
