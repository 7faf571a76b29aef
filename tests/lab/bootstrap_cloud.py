"""What the lab's tenants find: flavors, images, an outside network, and each a network with a router.

Runs in the lab's own environment; whatever is there already is left as it is.
"""

from typing import Any

import openstack  # type: ignore[import-not-found] # lives in the lab's own environment

IP, PASSWORD, REGION = "127.0.0.1", "lab", "RegionOne"
FLAVORS: tuple[
    tuple[str, int, int, int, dict[str, str]], ...
] = (  # vCPU, RAM in MiB, disk in GiB, extra specs
    ("m1.tiny", 1, 512, 1, {}),
    ("m1.small", 1, 2048, 20, {}),
    ("m1.medium", 2, 4096, 40, {}),
    ("g1.h200", 8, 65536, 100, {"resources:CUSTOM_GPU_H200": "1"}),
    ("g1.pci", 8, 65536, 100, {"pci_passthrough:alias": "h200:1"}),
    ("g1.vgpu", 4, 16384, 40, {"resources:VGPU": "1"}),
    ("x1.toolarge", 100000, 900000000, 1000, {}),  # never fits: "No valid host was found"
)
IMAGES = ("dummy-raw", "ubuntu-24.04")
TENANTS = (("a", "10.10.0.0/16"), ("b", "10.20.0.0/16"))


def connect(user: str, project: str) -> Any:
    """The cloud as that user of that project sees it."""
    return openstack.connect(
        auth_url=f"http://{IP}:5000/v3",
        username=user,
        password=PASSWORD,
        project_name=project,
        user_domain_name="Default",
        project_domain_name="Default",
        region_name=REGION,
    )


def flavors_and_images(admin: Any) -> None:
    """Sizes, GPU sizes, a size that never fits, and images of a megabyte of nothing."""
    for name, vcpus, ram, disk, specs in FLAVORS:
        if not admin.compute.find_flavor(name):
            flavor = admin.compute.create_flavor(name=name, vcpus=vcpus, ram=ram, disk=disk)
            if specs:
                admin.compute.create_flavor_extra_specs(flavor, specs)
    for name in IMAGES:
        admin.image.find_image(name) or admin.image.create_image(
            name=name,
            disk_format="raw",
            container_format="bare",
            visibility="public",
            data=bytes(1048576),
            min_disk=0,
            min_ram=0,
        )


def outside(network: Any) -> Any:
    """The network that floating IPs come from."""
    public = network.find_network("public") or network.create_network(
        name="public",
        is_router_external=True,
        provider_network_type="flat",
        provider_physical_network="public",
    )
    network.find_subnet("public-v4") or network.create_subnet(
        name="public-v4",
        network_id=public.id,
        ip_version=4,
        cidr="203.0.112.0/22",
        gateway_ip="203.0.112.1",
        is_dhcp_enabled=False,
        allocation_pools=[{"start": "203.0.112.10", "end": "203.0.115.250"}],
    )
    return public


def inside(cloud: Any, letter: str, cidr: str, public: Any) -> None:
    """A tenant's own network, and the way out of it."""
    network, project = cloud.network, cloud.current_project_id
    own = network.find_network(f"net-{letter}", project_id=project) or network.create_network(
        name=f"net-{letter}"
    )
    subnet = network.find_subnet(f"subnet-{letter}") or network.create_subnet(
        name=f"subnet-{letter}", network_id=own.id, ip_version=4, cidr=cidr
    )
    if not network.find_router(f"router-{letter}"):
        router = network.create_router(
            name=f"router-{letter}", external_gateway_info={"network_id": public.id}
        )
        network.add_interface_to_router(router, subnet_id=subnet.id)


def main() -> None:
    """First what an admin makes, then each tenant's own."""
    admin = connect("admin", "admin")
    flavors_and_images(admin)
    public = outside(admin.network)
    for letter, cidr in TENANTS:
        inside(connect(f"user-{letter}", f"tenant-{letter}"), letter, cidr, public)


if __name__ == "__main__":
    main()
