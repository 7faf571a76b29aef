"""The seed: the people, sizes, images and networks a new miniature cloud starts with."""

import uuid
from typing import Any

from portal.sandbox.state import Row, World, stamp

REGION = "RegionOne"
PASSWORD = "lab"  # noqa: S105  the demo cloud's documented password, on loopback only
_HOME = uuid.UUID("5d6f0c1e-6a52-4f0a-9d8b-5a4dbf0c0de5")
_BUILT = 1_764_000_000.0  # images and networks are older than the cloud's first stack

PEOPLE = {
    "admin": ("admin", ("admin", "manager", "member", "reader")),
    "user-a": ("tenant-a", ("member", "heat_stack_owner", "reader")),
    "user-b": ("tenant-b", ("member", "heat_stack_owner", "reader")),
    "plain-a": ("tenant-a", ("member", "reader")),
    "plain-b": ("tenant-b", ("member", "reader")),
    "reader-a": ("tenant-a", ("reader",)),
    "reader-b": ("tenant-b", ("reader",)),
}
# name: vcpus, RAM in MiB, disk in GiB, extra specs
FLAVORS: dict[str, tuple[int, int, int, dict[str, str]]] = {
    "m1.tiny": (1, 512, 1, {}),
    "m1.small": (1, 2048, 20, {}),
    "m1.medium": (2, 4096, 40, {}),
    "m1.large": (4, 8192, 80, {}),
    "m1.xlarge": (8, 16384, 160, {}),
    "c1.large": (8, 8192, 40, {}),
    "g1.h200": (8, 65536, 100, {"resources:CUSTOM_GPU_H200": "1"}),
    "g1.h200x2": (16, 131072, 200, {"resources:CUSTOM_GPU_H200": "2"}),
    "g1.pci": (8, 65536, 100, {"pci_passthrough:alias": "h200:1"}),
    "g1.vgpu": (4, 16384, 40, {"resources:VGPU": "1"}),
    "x1.massive": (192, 786432, 1000, {}),
    "x1.toolarge": (100000, 900000000, 1000, {}),
}
# name: distribution, version, size in bytes, minimal disk in GiB, minimal RAM in MiB
IMAGES: dict[str, tuple[str, str, int, int, int]] = {
    "ubuntu-24.04": ("ubuntu", "24.04", 624_951_296, 0, 0),
    "dummy-raw": ("", "", 1_048_576, 0, 0),
    "ubuntu-22.04": ("ubuntu", "22.04", 691_863_552, 5, 512),
    "debian-12": ("debian", "12", 354_549_760, 3, 256),
    "rocky-9": ("rocky", "9", 1_143_078_912, 0, 0),  # too large for m1.tiny, which only Nova finds out
    "ubuntu-24.04-cuda": ("ubuntu", "24.04", 9_126_805_504, 40, 8192),
}
# name: owner, external, CIDR, gateway, first and last address
NETWORKS = {
    "public": ("admin", True, "203.0.112.0/22", "203.0.112.1", "203.0.112.10", "203.0.115.250"),
    "net-a": ("tenant-a", False, "10.10.0.0/16", "10.10.0.1", "10.10.0.2", "10.10.255.254"),
    "net-b": ("tenant-b", False, "10.20.0.0/16", "10.20.0.1", "10.20.0.2", "10.20.255.254"),
}


def ident(kind: str, name: str) -> str:
    """The id of a seeded row, the same in every new cloud."""
    return str(uuid.uuid5(_HOME, f"{kind}/{name}"))


def hex_ident(kind: str, name: str) -> str:
    """The same for Keystone, which writes ids without hyphens."""
    return ident(kind, name).replace("-", "")


def plant(world: World) -> None:
    """Fill an empty world."""
    for project in dict.fromkeys(project for project, _ in PEOPLE.values()):
        world.put("project", {"id": hex_ident("project", project), "name": project})
    for name, (project, roles) in PEOPLE.items():
        held = {hex_ident("project", project): list(roles)}
        world.put("user", {"id": hex_ident("user", name), "name": name, "password": PASSWORD, "roles": held})
    for name in FLAVORS:
        world.put("flavor", _flavor(name))
    for name in IMAGES:
        world.put("image", _image(name))
    _plant_networks(world)


def _plant_networks(world: World) -> None:
    for name, (owner, external, *_rest) in NETWORKS.items():
        world.put("network", _network(name))
        world.put("subnet", _subnet(name))
        if not external:
            world.put("router", _router(f"router-{name[-1]}", owner))


def _flavor(name: str) -> Row:
    vcpus, ram, disk, specs = FLAVORS[name]
    key = ident("flavor", name)
    return {"id": key, "name": name, "vcpus": vcpus, "ram": ram, "disk": disk, "extra_specs": specs}


def _image(name: str) -> Row:
    distribution, version, size, disk, ram = IMAGES[name]
    key = ident("image", name)
    known = {"os_distro": distribution, "os_version": version} if distribution else {}
    return {
        "owner_specified.openstack.md5": "",
        "owner_specified.openstack.sha256": "",
        "owner_specified.openstack.object": f"images/{name}",
        **known,
        "name": name,
        "disk_format": "raw",
        "container_format": "bare",
        "visibility": "public",
        "size": size,
        "virtual_size": size,
        "status": "active",
        "checksum": hex_ident("checksum", name),
        "protected": False,
        "min_ram": ram,
        "min_disk": disk,
        "owner": hex_ident("project", "admin"),
        "os_hidden": False,
        "os_hash_algo": "sha512",
        "os_hash_value": hex_ident("hash", name) * 4,
        "id": key,
        "created_at": stamp(_BUILT + list(IMAGES).index(name)),
        "updated_at": stamp(_BUILT + list(IMAGES).index(name)),
        "tags": [],
        "self": f"/v2/images/{key}",
        "file": f"/v2/images/{key}/file",
        "schema": "/v2/schemas/image",
        "stores": "file",
    }


def dated(row: Row, at: float, revision: int = 0) -> Row:
    """What Neutron adds to every row: two times, a revision, tags, and the project under its old name."""
    when = stamp(at)
    return {
        **row, "tags": [], "created_at": when, "updated_at": when, "revision_number": revision,
        "tenant_id": row["project_id"],
    }  # fmt: skip


def _network(name: str) -> Row:
    owner, external, *_rest = NETWORKS[name]
    row: dict[str, Any] = {
        "id": ident("network", name),
        "name": name,
        "project_id": hex_ident("project", owner),
        "admin_state_up": True,
        "mtu": 1500 if external else 1450,
        "status": "ACTIVE",
        "subnets": [ident("subnet", name)],
        "shared": False,
        "availability_zone_hints": [],
        "availability_zones": [],
        "ipv4_address_scope": None,
        "ipv6_address_scope": None,
        "router:external": external,
        "qinq": False,
        "vlan_transparent": False,
        "description": "",
        "port_security_enabled": True,
    }
    if external:
        row["is_default"] = False
    return dated(row, _BUILT, 2)


def _subnet(name: str) -> Row:
    owner, external, cidr, gateway, first, last = NETWORKS[name]
    row = {
        "id": ident("subnet", name),
        "name": f"{name}-v4" if external else f"subnet-{name[-1]}",
        "project_id": hex_ident("project", owner),
        "network_id": ident("network", name),
        "ip_version": 4,
        "subnetpool_id": None,
        "enable_dhcp": not external,
        "ipv6_ra_mode": None,
        "ipv6_address_mode": None,
        "gateway_ip": gateway,
        "cidr": cidr,
        "allocation_pools": [{"start": first, "end": last}],
        "host_routes": [],
        "dns_nameservers": [],
        "description": "",
        "router:external": external,
        "service_types": [],
    }
    return dated(row, _BUILT)


def _router(name: str, owner: str) -> Row:
    gateway = {
        "subnet_id": ident("subnet", "public"),
        "ip_address": f"203.0.115.{251 + ord(name[-1]) - ord('a')}",
    }
    row = {
        "id": ident("router", name),
        "name": name,
        "project_id": hex_ident("project", owner),
        "admin_state_up": True,
        "status": "ACTIVE",
        "external_gateway_info": {
            "network_id": ident("network", "public"), "external_fixed_ips": [gateway], "enable_snat": True
        },
        "description": "",
        "availability_zones": [],
        "availability_zone_hints": [],
        "routes": [],
        "flavor_id": None,
    }  # fmt: skip
    return dated(row, _BUILT, 3)
