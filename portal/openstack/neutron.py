"""Neutron: networks, subnets, floating IPs and quotas. Source: Networking API v2.0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from portal.openstack.line import Api, Json, Line, moment, part
from portal.openstack.quota import Quota


@dataclass(frozen=True)
class Network:
    """A network the project may see: its own, shared ones, and external ones."""

    id: str
    name: str
    is_external: bool
    is_shared: bool
    subnet_ids: tuple[str, ...]
    status: str
    project_id: str

    @classmethod
    def from_api(cls, body: Json) -> Network:
        return cls(
            id=body["id"],
            name=body["name"],
            is_external=bool(body.get("router:external")),
            is_shared=bool(body.get("shared")),
            subnet_ids=tuple(body.get("subnets") or ()),
            status=body.get("status") or "",
            project_id=body.get("project_id") or body.get("tenant_id") or "",
        )


@dataclass(frozen=True)
class Subnet:
    """A range of addresses of a network. `ip_version` is 4 or 6."""

    id: str
    name: str
    network_id: str
    cidr: str
    ip_version: int

    @classmethod
    def from_api(cls, body: Json) -> Subnet:
        return cls(body["id"], body["name"], body["network_id"], body["cidr"], body["ip_version"])


@dataclass(frozen=True)
class Port:
    """A place on a network. `device_id` is what holds it, such as a server, "" while nothing does."""

    id: str
    addresses: tuple[str, ...]
    network_id: str
    device_id: str
    device_owner: str
    name: str
    tags: tuple[str, ...]
    project_id: str
    created_at: datetime | None

    @classmethod
    def from_api(cls, body: Json) -> Port:
        return cls(
            id=body["id"],
            addresses=tuple(ip["ip_address"] for ip in body.get("fixed_ips") or ()),
            network_id=body["network_id"],
            device_id=body.get("device_id") or "",
            device_owner=body.get("device_owner") or "",
            name=body.get("name") or "",
            tags=tuple(body.get("tags") or ()),
            project_id=body.get("project_id") or body.get("tenant_id") or "",
            created_at=moment(body.get("created_at")),
        )


@dataclass(frozen=True)
class FloatingIp:
    """A public address. `fixed_ip` and `port_id` are "" while nothing has it.

    `device_id` is what holds its port, such as a server; "" also where a cloud doesn't tell.
    """

    id: str
    address: str
    fixed_ip: str
    port_id: str
    network_id: str
    status: str
    description: str = ""
    device_id: str = ""
    project_id: str = ""
    created_at: datetime | None = None

    @classmethod
    def from_api(cls, body: Json) -> FloatingIp:
        return cls(
            id=body["id"],
            address=body["floating_ip_address"],
            fixed_ip=body.get("fixed_ip_address") or "",
            port_id=body.get("port_id") or "",
            network_id=body["floating_network_id"],
            status=body.get("status") or "",
            description=body.get("description") or "",
            device_id=(body.get("port_details") or {}).get("device_id") or "",
            project_id=body.get("project_id") or body.get("tenant_id") or "",
            created_at=moment(body.get("created_at")),
        )


class Neutron:
    """Networks as one project sees them."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._api = Api(line, "network")

    def networks(self) -> list[Network]:
        return [Network.from_api(row) for row in self._api.pages("/networks", "networks")]

    def subnets(self) -> list[Subnet]:
        return [Subnet.from_api(row) for row in self._api.pages("/subnets", "subnets")]

    def floating_ips(self) -> list[FloatingIp]:
        """The project's own."""
        return [FloatingIp.from_api(row) for row in self._api.pages("/floatingips", "floatingips")]

    def floating_ip(self, floating_ip_id: str) -> FloatingIp:
        """Raises NotFound."""
        return FloatingIp.from_api(self._api.get(f"/floatingips/{part(floating_ip_id)}", "floatingip"))

    def ports(self) -> list[Port]:
        """The project's own."""
        own = self._line.token().project_id or ""
        rows = self._api.pages("/ports", "ports", {"project_id": own})
        # Whoever owns a network sees what others have on it, should a cloud leave the filter out.
        return [port for port in map(Port.from_api, rows) if port.project_id == own]

    def port(self, port_id: str) -> Port:
        """Raises NotFound."""
        return Port.from_api(self._api.get(f"/ports/{part(port_id)}", "port"))

    def release_port(self, port_id: str) -> None:
        """Write into the port that no device holds it; for one whose server is gone. Raises NotFound."""
        self._api.put(f"/ports/{part(port_id)}", {"port": {"device_id": "", "device_owner": ""}})

    def delete_port(self, port_id: str) -> None:
        """Raises NotFound, Conflict; NotAllowed for one that a server holds: since 2025 members may not."""
        self._api.delete(f"/ports/{part(port_id)}")

    def delete_floating_ip(self, floating_ip_id: str) -> None:
        """Raises NotFound."""
        self._api.delete(f"/floatingips/{part(floating_ip_id)}")

    def quotas(self) -> Mapping[str, Quota]:
        """By resource: "floatingip", "port", "network", "security_group", ..."""
        project = part(self._line.token().project_id or "")
        body: Json = self._api.get(f"/quotas/{project}/details.json", "quota")
        return {
            name: Quota(entry["limit"], entry["used"], entry["reserved"])
            for name, entry in body.items()
            if isinstance(entry, dict)
        }
