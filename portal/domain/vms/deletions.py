"""Deletions that fail: when they are tried again, what blocks them, and what Heat lost."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from portal.domain.vms import holds, marks
from portal.domain.vms.models import Vm
from portal.openstack.cloud import Cloud
from portal.openstack.errors import Conflict, NotAllowed, NotFound
from portal.openstack.heat import Stack, StackResource

logger = logging.getLogger(__name__)

# A failed deletion is tried again after so long; when they are used up, an admin gets a finding.
PAUSES = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2))


def has_failed(stack: Stack) -> bool:
    """Whether Heat tried to delete the stack, and couldn't."""
    return stack.action == "DELETE" and stack.has_failed


def blockers(stack: Stack, cloud: Cloud) -> list[dict[str, str]]:
    """The resources whose deletion failed, or doesn't end; a port with the server that holds it."""
    return [
        {"resource": one.name, "type": one.type, "id": one.physical_id, "reason": one.reason}
        | _held(one, cloud)
        for one in cloud.heat.resources(stack.name, stack.id)
        if one.status in {"DELETE_FAILED", "DELETE_IN_PROGRESS"}
    ]


def _held(part: StackResource, cloud: Cloud) -> dict[str, str]:
    is_port = part.type == "OS::Neutron::Port" and part.physical_id
    hold = holds.of(cloud, part.physical_id) if is_port else None
    return {"held_by": hold.server_id, "holder": hold.words} if hold else {}


def proof(stack: Stack, cloud: Cloud) -> dict[str, Any]:
    """What a finding tells: the stack, Heat's reason, and the resources that are in the way."""
    return {"stack": stack.id, "reason": stack.reason, "blockers": blockers(stack, cloud)}


def freed(vm: Vm, stack: Stack, cloud: Cloud) -> bool:
    """Deletes what bears the VM's mark and its stack doesn't know; True: something was asked to go.

    A heat-engine that dies after it asked Nova or Neutron for something, and before it noted which, loses it.
    A lost server keeps the stack's port, a lost port its security group; Neutron then refuses to delete
    those, so the stack can never be deleted. What still is held by something is left alone.
    """
    known = {resource.physical_id for resource in cloud.heat.resources(stack.name, stack.id)}
    servers = [
        one.id
        for one in cloud.nova.servers()
        if marks.of_server(one) == vm.id and one.id not in known and one.task_state != "deleting"
    ]
    ports = [
        one.id
        for one in cloud.neutron.ports()
        if marks.of_port(one) == vm.id and one.id not in known and not one.device_id
    ]
    asked = [_lost(cloud.nova.delete, each) for each in servers]
    asked += [_lost(cloud.neutron.delete_port, each) for each in ports]
    return any(asked)


def _lost(delete: Callable[[str], None], thing_id: str) -> bool:
    """Deletes one thing; a refusal is no reason not to try the rest."""
    logger.warning("what Heat lost is deleted: %s", thing_id)
    try:
        delete(thing_id)
    except NotFound:
        return True
    except (NotAllowed, Conflict) as error:
        logger.warning("not deleted: %s", error)
        return False
    return True
