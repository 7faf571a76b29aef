"""Nova: flavors, servers, power, console and limits. Source: Compute API v2.1."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from portal.openstack.errors import BadRequest
from portal.openstack.line import Api, Json, Line, instant, moment, part
from portal.openstack.quota import Quota

# The first version whose flavors tell their extra specs; every cloud since 2018 has it.
MICROVERSION = "2.61"
PAGE = 500

_NOVNC = {"remote_console": {"protocol": "vnc", "type": "novnc"}}
_SPICE = {"remote_console": {"protocol": "spice", "type": "spice-html5"}}

_GPU_RESOURCE = re.compile(r"resources[\w-]*:([VP]GPU|CUSTOM_\w*GPU\w*)")


@dataclass(frozen=True)
class Flavor:
    """A size. RAM in MiB, disk in GiB."""

    id: str
    name: str
    vcpus: int
    ram_mib: int
    disk_gib: int
    extra_specs: Mapping[str, str] = field(default_factory=dict)
    is_public: bool = True

    @classmethod
    def from_api(cls, body: Json) -> Flavor:
        return cls(
            id=body["id"],
            name=body["name"],
            vcpus=body["vcpus"],
            ram_mib=body["ram"],
            disk_gib=body["disk"],
            extra_specs=body.get("extra_specs") or {},
            is_public=body.get("os-flavor-access:is_public", True),
        )

    @property
    def gpus(self) -> int:
        """How many GPUs a server gets: as placement resources, or as PCI devices ("h200:1, a100:2")."""
        count = 0
        for spec, value in self.extra_specs.items():
            if _GPU_RESOURCE.fullmatch(spec):
                count += _number(value)
            elif spec == "pci_passthrough:alias":
                count += sum(_number(alias.rpartition(":")[2]) for alias in value.split(","))
        return count


@dataclass(frozen=True)
class Server:
    """A server. `addresses` are its IPs by network name; `fault` is Nova's reason for status ERROR."""

    id: str
    name: str
    status: str
    power_state: int
    vm_state: str
    task_state: str
    addresses: Mapping[str, tuple[str, ...]]
    metadata: Mapping[str, str]
    created_at: datetime | None
    fault: str

    @classmethod
    def from_api(cls, body: Json) -> Server:
        addresses = body.get("addresses") or {}
        return cls(
            id=body["id"],
            name=body["name"],
            status=body["status"],
            power_state=body.get("OS-EXT-STS:power_state") or 0,
            vm_state=body.get("OS-EXT-STS:vm_state") or "",
            task_state=body.get("OS-EXT-STS:task_state") or "",
            addresses={net: tuple(ip["addr"] for ip in ips) for net, ips in addresses.items()},
            metadata=body.get("metadata") or {},
            created_at=moment(body.get("created")),
            fault=(body.get("fault") or {}).get("message") or "",
        )


@dataclass(frozen=True)
class InstanceAction:
    """What was done to a server, under which request id; `message` is "Error" where it failed, else ""."""

    action: str
    request_id: str
    started_at: datetime
    updated_at: datetime | None
    message: str

    @classmethod
    def from_api(cls, body: Json) -> InstanceAction:
        return cls(
            action=body["action"],
            request_id=body["request_id"] or "",
            started_at=instant(body["start_time"]),
            updated_at=moment(body.get("updated_at")),
            message=body.get("message") or "",
        )


@dataclass(frozen=True)
class Limits:
    """What the project may use and uses, as Nova counts."""

    instances: Quota
    cores: Quota
    ram_mib: Quota

    @classmethod
    def from_api(cls, body: Json) -> Limits:
        absolute = body["absolute"]
        return cls(
            instances=Quota(absolute["maxTotalInstances"], absolute["totalInstancesUsed"]),
            cores=Quota(absolute["maxTotalCores"], absolute["totalCoresUsed"]),
            ram_mib=Quota(absolute["maxTotalRAMSize"], absolute["totalRAMUsed"]),
        )


class Nova:
    """Servers of one project and the sizes it may have."""

    def __init__(self, line: Line) -> None:
        version = {"OpenStack-API-Version": f"compute {MICROVERSION}"}
        self._api = Api(line, "compute", version)

    def flavors(self) -> list[Flavor]:
        """Every size the project may use."""
        return [Flavor.from_api(row) for row in self._api.pages("/flavors/detail", "flavors")]

    def server(self, server_id: str) -> Server:
        """Raises NotFound, also for a server of another project."""
        return Server.from_api(self._api.get(f"/servers/{part(server_id)}", "server"))

    def servers(self) -> Iterator[Server]:
        """Every server of the project, page by page."""
        for row in self._api.pages("/servers/detail", "servers", {"limit": PAGE}):
            yield Server.from_api(row)

    def instance_actions(self, server_id: str) -> list[InstanceAction]:
        """What was done to a server, newest first, also one that is gone. Raises NotFound."""
        rows = self._api.get(f"/servers/{part(server_id)}/os-instance-actions", "instanceActions")
        return [InstanceAction.from_api(row) for row in rows]

    def start(self, server_id: str) -> None:
        """Raises Conflict unless it is stopped."""
        self._act(server_id, {"os-start": None})

    def stop(self, server_id: str) -> None:
        """Raises Conflict unless it is running."""
        self._act(server_id, {"os-stop": None})

    def delete(self, server_id: str) -> None:
        """Ask for its end; it is gone when `server` raises NotFound. Raises NotFound, Conflict."""
        self._api.delete(f"/servers/{part(server_id)}")

    def detach(self, server_id: str, port_id: str) -> None:
        """Ask the server to let go of a port; it has when the port names no device.

        Raises NotFound for a server that is gone, Conflict for one that is locked, in error or at work.
        """
        self._api.delete(f"/servers/{part(server_id)}/os-interface/{part(port_id)}")

    def reboot(self, server_id: str, *, hard: bool = False) -> None:
        """Raises Conflict in a state without reboot; hard pulls the plug."""
        self._act(server_id, {"reboot": {"type": "HARD" if hard else "SOFT"}})

    def rebuild(self, server_id: str, image_id: str) -> None:
        """Ask for its disk to be made anew from the image; id, addresses, metadata and user data stay.

        Raises Conflict in a state without it, BadRequest for an image that is gone or doesn't fit.
        """
        self._act(server_id, {"rebuild": {"imageRef": image_id}})

    def console_output(self, server_id: str, lines: int = 200) -> str:
        """The last lines of the serial console. Raises Conflict when the server isn't ready for it."""
        body = {"os-getConsoleOutput": {"length": lines}}
        return self._api.post(f"/servers/{part(server_id)}/action", body, key="output") or ""

    def console_url(self, server_id: str) -> str:
        """Where a browser opens the console. The URL holds a short-lived token: show it, never keep it."""
        path = f"/servers/{part(server_id)}/remote-consoles"
        try:
            console = self._api.post(path, _NOVNC, key="remote_console")
        except BadRequest:  # this cloud has the other kind
            console = self._api.post(path, _SPICE, key="remote_console")
        return str(console["url"])

    def limits(self) -> Limits:
        """What the project may use, and uses."""
        return Limits.from_api(self._api.get("/limits", "limits"))

    def _act(self, server_id: str, action: Json) -> None:
        self._api.post(f"/servers/{part(server_id)}/action", action)


def _number(text: str) -> int:
    """A count as people write it into extra specs; one that can't be read is one device."""
    text = text.strip()
    return int(text) if text.isdecimal() else 1
