"""Holds: the server that holds a port, which Neutron then deletes for no member; and how it lets go."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from portal.domain.vms import marks
from portal.openstack.cloud import Cloud
from portal.openstack.errors import NotFound
from portal.openstack.nova import Server

COMPUTE = "compute:"


@dataclass(frozen=True)
class Hold:
    """A port and the server that holds it; `server` is None where Nova has none with that id any more."""

    port_id: str
    server_id: str
    server: Server | None

    @property
    def words(self) -> str:
        """The server, for people."""
        return f"server {self.server_id} ({self.server.name if self.server else 'gone'})"


def of(cloud: Cloud, port_id: str) -> Hold | None:
    """The server that holds the port, if one does."""
    try:
        port = cloud.neutron.port(port_id)
    except NotFound:
        return None
    if not port.device_id or not port.device_owner.startswith(COMPUTE):
        return None
    try:
        server = cloud.nova.server(port.device_id)
    except NotFound:
        server = None
    return Hold(port.id, port.device_id, server)


def loosen(hold: Hold, cloud: Cloud, *, vm_id: UUID | None, parts: Collection[str], seen: str) -> str:
    """One act towards the port being free, in words of what was done; "" for nothing that may be done.

    A server that is gone is struck from the port. One that is the VM's own goes, as its deletion was asked
    for: a part of its stack, or one with its mark. One that an admin saw as the holder (`seen`) is only
    detached. Raises NotFound, NotAllowed, Conflict.
    """
    if hold.server is None:
        cloud.neutron.release_port(hold.port_id)
        return f"the hold of port {hold.port_id} by {hold.words}"
    if hold.server_id in parts or (vm_id and marks.of_server(hold.server) == vm_id):
        cloud.nova.delete(hold.server_id)
        return hold.words
    if hold.server_id == seen:
        cloud.nova.detach(hold.server_id, hold.port_id)
        return f"port {hold.port_id} from {hold.words}"
    return ""
