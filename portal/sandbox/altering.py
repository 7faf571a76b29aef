"""Altering: how a resource that is there takes on other properties, by its type."""

from collections.abc import Callable

from portal.sandbox import compute, networking
from portal.sandbox.networking import Failure
from portal.sandbox.resource_types import find_plain
from portal.sandbox.state import Row, World

Alter = Callable[[World, Row, str, Row], None]


def alter(world: World, stack: Row, name: str, properties: Row) -> None:
    """Begin to give the resource these properties. Raises Failure."""
    resource = stack["resources"][name]
    known = _ALTER.get(resource["type"])
    if known and resource["physical"]:
        known(world, stack, resource["physical"], properties)


def _server(world: World, stack: Row, key: str, wanted: Row) -> None:
    server = world.get("server", key)
    if server is None:
        raise Failure(404, "itemNotFound", f"Instance {key} could not be found.")
    compute.look(world, server)
    server.update(name=wanted.get("name") or server["name"], metadata=wanted.get("metadata") or {})
    flavor = find_plain(world, "flavor", wanted["flavor"])
    if flavor and flavor["id"] != server["flavor"]["id"]:
        compute.resize(world, server, flavor, stack["token"])
    image = find_plain(world, "image", wanted.get("image") or server["image_id"])
    if image and image["id"] != server["image_id"]:
        compute.rebuild(world, server, image, stack["token"])
    world.put("server", server)


def _group(world: World, _stack: Row, key: str, wanted: Row) -> None:
    group = world.tables["security_group"][key]
    own = [rule for rule in group["security_group_rules"] if rule["direction"] == "egress"]
    group["security_group_rules"] = own
    for rule in wanted.get("rules") or []:
        networking.add_rule(world, group, {"direction": "ingress", **rule})


def _port(world: World, _stack: Row, key: str, wanted: Row) -> None:
    port = world.tables["port"][key]
    port.update(tags=sorted(wanted.get("tags") or []))
    world.put("port", port)


def _floating_ip(world: World, _stack: Row, key: str, wanted: Row) -> None:
    networking.associate(world, world.tables["floatingip"][key], world.get("port", wanted.get("port_id", "")))


_ALTER: dict[str, Alter] = {
    "OS::Nova::Server": _server,
    "OS::Neutron::SecurityGroup": _group,
    "OS::Neutron::Port": _port,
    "OS::Neutron::FloatingIP": _floating_ip,
}
