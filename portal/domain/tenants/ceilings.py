"""Ceilings: what the cloud itself allows a project, as Nova and Neutron count it, by our names of quotas."""

import logging
from collections.abc import Mapping
from typing import Any

from portal.openstack.cloud import Cloud
from portal.openstack.errors import BadRequest, NotAllowed, NotFound
from portal.openstack.quota import Quota

logger = logging.getLogger(__name__)

# A Neutron without routers knows nothing of floating IPs.
_OF_NEUTRON = {"floatingip": "floating_ips"}


def read(cloud: Cloud) -> dict[str, Any]:
    """{name: {limit, used}}, -1 for no limit; without what the cloud won't tell. Raises OpenStackError.

    Nova and Neutron know nothing of GPUs.
    """
    found: dict[str, Quota] = {}
    for ask in (_nova, _neutron):
        try:
            found |= ask(cloud)
        except (BadRequest, NotAllowed, NotFound) as error:
            logger.info("the cloud doesn't tell its limits: %s", error)
    return {name: {"limit": one.limit, "used": one.used + one.reserved} for name, one in found.items()}


def _nova(cloud: Cloud) -> Mapping[str, Quota]:
    limits = cloud.nova.limits()
    return {"vms": limits.instances, "vcpus": limits.cores, "ram_mib": limits.ram_mib}


def _neutron(cloud: Cloud) -> Mapping[str, Quota]:
    quotas = cloud.neutron.quotas()
    return {ours: quotas[theirs] for theirs, ours in _OF_NEUTRON.items() if theirs in quotas}
