"""The resource types of this cloud: their properties, how each is made, deleted and shown."""

from collections.abc import Callable
from dataclasses import dataclass

from portal.sandbox import compute, networking, server_views
from portal.sandbox.networking import Failure, find
from portal.sandbox.state import Row, World


@dataclass
class Making:
    """A resource to be made: for whom, its properties, its name where it has none, and how long it takes."""

    world: World
    project: str
    user: Row
    properties: Row
    name: str
    seconds: float

    def find(self, kind: str, wanted: str) -> Row:
        """Raises Failure when it is not there (any more)."""
        row = find(self.world, kind, wanted, self.project)
        if row is None:
            raise Failure(404, "NotFound", f"Unable to find {kind} with name or id '{wanted}'")
        return row


@dataclass(frozen=True)
class Kind:
    """`weight` is its share of a stack's time; `make` answers its id; `show` is None for what is gone."""

    weight: float
    properties: frozenset[str] | None  # None: any
    required: tuple[str, ...]
    make: Callable[[Making], str]
    delete: Callable[[World, str], None]
    show: Callable[[World, str], Row | None]
    attributes: frozenset[str] = frozenset()
    more: Callable[[World, Row], Row] = lambda _world, _shown: {}  # attributes that `show` leaves out


def _make_group(making: Making) -> str:
    wanted = making.properties
    rules = [{"direction": "ingress", **rule} for rule in wanted.get("rules") or []]
    group = networking.make_security_group(
        making.world,
        making.project,
        wanted.get("name") or making.name,
        wanted.get("description") or "",
        rules,
    )
    return str(group["id"])


def _delete_group(world: World, key: str) -> None:
    if world.get("security_group", key):
        networking.delete_security_group(world, key)


def _make_rule(making: Making) -> str:
    group = making.find("security_group", making.properties["security_group"])
    return str(networking.add_rule(making.world, group, making.properties)["id"])


def _rule(world: World, key: str) -> tuple[Row, Row] | None:
    for group in world.rows("security_group"):
        for rule in group["security_group_rules"]:
            if rule["id"] == key:
                return group, rule
    return None


def _delete_rule(world: World, key: str) -> None:
    found = _rule(world, key)
    if found:
        group, rule = found
        group["security_group_rules"].remove(rule)
        world.put("security_group", group)


def _show_rule(world: World, key: str) -> Row | None:
    found = _rule(world, key)
    return found[1] if found else None


def _make_port(making: Making) -> str:
    wanted = making.properties
    network = making.find("network", wanted.get("network") or wanted["network_id"])
    fixed = [_fixed(making, entry) for entry in wanted.get("fixed_ips") or []]
    groups = wanted.get("security_groups")
    keys = None if groups is None else [making.find("security_group", group)["id"] for group in groups]
    port = networking.make_port(
        making.world,
        making.project,
        network,
        {
            "name": wanted.get("name") or making.name,
            "fixed_ips": fixed,
            "security_groups": keys,
            "tags": wanted.get("tags"),
        },
    )
    return str(port["id"])


def _fixed(making: Making, entry: Row) -> Row:
    subnet = entry.get("subnet") or entry.get("subnet_id")
    found: Row = {"ip_address": entry.get("ip_address")}
    if subnet:
        found["subnet_id"] = making.find("subnet", subnet)["id"]
    return found


def _delete_port(world: World, key: str) -> None:
    networking.may_delete_port(world, key)
    networking.delete_port(world, key)


def _more_of_port(world: World, port: Row) -> Row:
    subnets = [world.tables["subnet"][ip["subnet_id"]] for ip in port["fixed_ips"]]
    return {"subnets": subnets, "network": world.tables["network"][port["network_id"]]}


def _make_floating_ip(making: Making) -> str:
    wanted = making.properties
    network = making.find("network", wanted.get("floating_network") or wanted["floating_network_id"])
    port = making.find("port", wanted["port_id"]) if wanted.get("port_id") else None
    words = (wanted.get("value_specs") or {}).get("description", "")
    row = networking.make_floating_ip(making.world, making.project, network, port, words)
    return str(row["id"])


def _show_floating_ip(world: World, key: str) -> Row | None:
    row = world.get("floatingip", key)
    return networking.floating_view(world, row) if row else None


def _make_association(making: Making) -> str:
    wanted = making.properties
    floating = making.world.get("floatingip", wanted["floatingip_id"])
    if floating is None:
        raise Failure(404, "NotFound", f"Floating IP {wanted['floatingip_id']} could not be found")
    networking.associate(making.world, floating, making.find("port", wanted["port_id"]))
    return str(floating["id"])


def _delete_association(world: World, key: str) -> None:
    floating = world.get("floatingip", key)
    if floating:
        networking.associate(world, floating, None)


def _make_server(making: Making) -> str:
    wanted = making.properties
    image = find_plain(making.world, "image", wanted["image"])
    if image is None:
        raise Failure(404, "NotFound", f"No images matching {{'name': '{wanted['image']}'}}.")
    flavor = find_plain(making.world, "flavor", wanted["flavor"])
    if flavor is None:
        raise Failure(404, "NotFound", f"No Flavor matching {{'name': '{wanted['flavor']}'}}.")
    entries = wanted.get("networks") or []
    ports = [making.find("port", entry["port"]) for entry in entries if entry.get("port")]
    named = [entry.get("network") or entry.get("uuid") for entry in entries if not entry.get("port")]
    request = {
        **wanted, "name": wanted.get("name") or making.name, "flavor": flavor, "image": image, "ports": ports,
        "networks": [making.find("network", str(name)) for name in named],
    }  # fmt: skip
    server = compute.make(making.world, making.project, making.user, request, making.seconds)
    return str(server["id"])


def _delete_server(world: World, key: str) -> None:
    server = world.get("server", key)
    if server:
        compute.delete(world, server)


def _show_server(world: World, key: str) -> Row | None:
    server = world.get("server", key)
    if server is None:
        return None
    view = server_views.view(world, compute.look(world, server), f"{world.host}/compute/v2.1", 96)
    return {**view, "os_collect_config": {}}


def _more_of_server(_world: World, view: Row) -> Row:
    networks = {name: [ip["addr"] for ip in ips] for name, ips in view["addresses"].items()}
    return {"networks": networks, "first_address": next((ips[0] for ips in networks.values() if ips), "")}


def find_plain(world: World, kind: str, wanted: str) -> Row | None:
    """A row by id or name, whosever it is."""
    return world.get(kind, wanted) or next((row for row in world.rows(kind) if row["name"] == wanted), None)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


KINDS = {
    "OS::Neutron::SecurityGroup": Kind(
        1.0, _words("name description rules stateful"), (), _make_group, _delete_group,
        lambda world, key: world.get("security_group", key),
    ),
    "OS::Neutron::SecurityGroupRule": Kind(
        0.5,
        _words(
            "security_group description direction ethertype port_range_min port_range_max protocol "
            "remote_group remote_ip_prefix"
        ),
        ("security_group",), _make_rule, _delete_rule, _show_rule,
    ),
    "OS::Neutron::Port": Kind(
        1.0,
        _words(
            "name network_id network fixed_ips security_groups replacement_policy device_id device_owner "
            "dns_name tags value_specs admin_state_up mac_address allowed_address_pairs binding:vnic_type "
            "qos_policy "
            "port_security_enabled propagate_uplink_status no_fixed_ips"
        ),
        ("network",), _make_port, _delete_port, lambda world, key: world.get("port", key),
        _words(
            "admin_state_up device_id device_owner fixed_ips mac_address name network_id security_groups "
            "status tenant_id allowed_address_pairs subnets port_security_enabled qos_policy_id "
            "dns_assignment network "
            "propagate_uplink_status"
        ),
        _more_of_port,
    ),
    "OS::Neutron::FloatingIP": Kind(
        1.0,
        _words(
            "floating_network_id floating_network floating_subnet value_specs port_id fixed_ip_address "
            "floating_ip_address dns_name dns_domain"
        ),
        ("floating_network",), _make_floating_ip, lambda world, key: world.drop("floatingip", key),
        _show_floating_ip,
        _words("router_id tenant_id floating_network_id fixed_ip_address floating_ip_address port_id"),
    ),
    "OS::Neutron::FloatingIPAssociation": Kind(
        0.5, _words("floatingip_id port_id fixed_ip_address"), ("floatingip_id",), _make_association,
        _delete_association, _show_floating_ip,
    ),
    "OS::Nova::Server": Kind(
        4.0,
        _words(
            "name image block_device_mapping block_device_mapping_v2 flavor flavor_update_policy "
            "image_update_policy "
            "key_name admin_user availability_zone security_groups networks scheduler_hints metadata "
            "user_data_format user_data reservation_id config_drive diskConfig personality admin_pass "
            "software_config_transport user_data_update_policy tags deployment_swift_data"
        ),
        ("flavor",), _make_server, _delete_server, _show_server,
        _words(
            "name addresses networks first_address instance_name accessIPv4 accessIPv6 console_urls tags "
            "os_collect_config"
        ),
        _more_of_server,
    ),
    "OS::Heat::None": Kind(
        0.2, None, (), lambda making: making.name, lambda _world, _key: None, lambda _world, _key: {}
    ),
}  # fmt: skip
# type, property: the custom constraint its value must meet
CONSTRAINED = {
    ("OS::Nova::Server", "flavor"): "nova.flavor",
    ("OS::Nova::Server", "image"): "glance.image",
    ("OS::Nova::Server", "key_name"): "nova.keypair",
    ("OS::Neutron::Port", "network"): "neutron.network",
    ("OS::Neutron::FloatingIP", "floating_network"): "neutron.network",
}
