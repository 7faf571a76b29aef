"""Marks: by what stacks, servers, ports and floating IPs are known as a VM's, wherever they are found."""

import re
from collections.abc import Iterable
from uuid import UUID

from portal.openstack.neutron import FloatingIp, Port
from portal.openstack.nova import Server

# Stacks and ports bear it beside the VM's own tag, floating IPs in their description.
TAG = "portal"
# The server's metadatum that names its VM.
SERVER = "portal_vm"
_NAMED_AFTER = re.compile(r"(vm-[0-9a-f-]{36})-.")


def of(words: Iterable[str]) -> UUID | None:
    """The VM whose mark is among the words."""
    for word in words:
        if word.startswith("vm-"):
            try:
                return UUID(word.removeprefix("vm-"))
            except ValueError:
                continue
    return None


def of_port(port: Port) -> UUID | None:
    """The VM of a port.

    Heat writes the tags after it made the port; one that it lost in between has only the name that Heat
    gives, which begins with the stack's.
    """
    if TAG in port.tags and (vm_id := of(port.tags)):
        return vm_id
    named = _NAMED_AFTER.match(port.name)
    return of([named[1]]) if named else None


def of_floating_ip(address: FloatingIp) -> UUID | None:
    """The VM of a floating IP; Heat gives it no tags, so the mark stands in its description."""
    words = address.description.split()
    return of(words) if TAG in words else None


def of_server(server: Server) -> UUID | None:
    """The VM of a server."""
    return of([f"vm-{server.metadata.get(SERVER)}"])
