"""Blockers: servers, ports and floating IPs that are deleted by their own API, and what still uses them."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from portal.openstack.cloud import Cloud
from portal.openstack.errors import NotFound


@dataclass(frozen=True)
class Way:
    """How one kind of thing is found and deleted, what it is called, and what else uses it."""

    word: str
    find: Callable[[Cloud, str], object]
    used_by: Callable[[Cloud, str, Collection[str]], str]
    delete: Callable[[Cloud, str], None]


def _port_used_by(cloud: Cloud, port_id: str, ours: Collection[str]) -> str:
    port = cloud.neutron.port(port_id)
    if not port.device_id or port.device_id in ours:
        return ""
    if port.device_owner.startswith("compute:") and not is_there(SERVER, cloud, port.device_id):
        return ""
    return f"{port.device_owner or 'device'} {port.device_id}"


def _floating_ip_used_by(cloud: Cloud, floating_ip_id: str, ours: Collection[str]) -> str:
    address = cloud.neutron.floating_ip(floating_ip_id)
    if not address.port_id:
        return ""
    if address.port_id in ours:
        return _port_used_by(cloud, address.port_id, ours)
    return f"port {address.port_id}"


SERVER = Way(
    "server",
    lambda cloud, server_id: cloud.nova.server(server_id),
    lambda _cloud, _server_id, _ours: "",
    lambda cloud, server_id: cloud.nova.delete(server_id),
)
PORT = Way(
    "port",
    lambda cloud, port_id: cloud.neutron.port(port_id),
    _port_used_by,
    lambda cloud, port_id: cloud.neutron.delete_port(port_id),
)
FLOATING_IP = Way(
    "floating IP",
    lambda cloud, floating_ip_id: cloud.neutron.floating_ip(floating_ip_id),
    _floating_ip_used_by,
    lambda cloud, floating_ip_id: cloud.neutron.delete_floating_ip(floating_ip_id),
)
# In the order in which they go: a server holds its ports, a port its floating IP.
WAYS = {"OS::Nova::Server": SERVER, "OS::Neutron::Port": PORT, "OS::Neutron::FloatingIP": FLOATING_IP}


def is_there(way: Way, cloud: Cloud, thing_id: str) -> bool:
    """Whether the cloud still has it."""
    try:
        way.find(cloud, thing_id)
    except NotFound:
        return False
    return True


def used_by(way: Way, cloud: Cloud, thing_id: str, ours: Collection[str]) -> str:
    """What lives and uses it, `ours` aside; "" for nothing, and for a thing that is gone."""
    try:
        return way.used_by(cloud, thing_id, ours)
    except NotFound:
        return ""


def delete(way: Way, cloud: Cloud, thing_id: str) -> None:
    """Asks for its end; one that is gone already is as good."""
    try:
        way.delete(cloud, thing_id)
    except NotFound:
        return
