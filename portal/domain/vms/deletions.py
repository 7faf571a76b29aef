"""Deletions that fail: when they are tried again, what blocks them, and the servers that Heat lost."""

import contextlib
import logging
from datetime import timedelta
from typing import Any

from portal.domain.vms.models import Vm
from portal.openstack.cloud import Cloud
from portal.openstack.errors import NotFound
from portal.openstack.heat import Stack

logger = logging.getLogger(__name__)

# A failed deletion is tried again after so long; when they are used up, an admin gets a finding.
PAUSES = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2))
# The server's metadatum that names its VM.
MARK = "portal_vm"


def has_failed(stack: Stack) -> bool:
    """Whether Heat tried to delete the stack, and couldn't."""
    return stack.action == "DELETE" and stack.has_failed


def blockers(stack: Stack, cloud: Cloud) -> list[dict[str, str]]:
    """The resources whose deletion failed, or doesn't end."""
    return [
        {"resource": one.name, "type": one.type, "id": one.physical_id, "reason": one.reason}
        for one in cloud.heat.resources(stack.name, stack.id)
        if one.status in {"DELETE_FAILED", "DELETE_IN_PROGRESS"}
    ]


def proof(stack: Stack, cloud: Cloud) -> dict[str, Any]:
    """What a finding tells: the stack, Heat's reason, and the resources that are in the way."""
    return {"stack": stack.id, "reason": stack.reason, "blockers": blockers(stack, cloud)}


def freed(vm: Vm, stack: Stack, cloud: Cloud) -> bool:
    """Deletes servers that bear the VM's mark and that its stack doesn't know; True: one was asked to go.

    A heat-engine that dies after it asked Nova for a server, and before it noted which, loses it. The server
    keeps the stack's port, which Neutron then refuses to delete, so the stack can never be deleted.
    """
    known = {resource.physical_id for resource in cloud.heat.resources(stack.name, stack.id)}
    lost = [
        server
        for server in cloud.nova.servers()
        if server.metadata.get(MARK) == str(vm.id) and server.id not in known
        if server.task_state != "deleting"
    ]
    for server in lost:
        logger.warning("a server that Heat lost is deleted: %s", server.id)
        with contextlib.suppress(NotFound):
            cloud.nova.delete(server.id)
    return bool(lost)
