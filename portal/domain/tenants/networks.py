"""Networks: a tenant's network profiles, kept in step with what Neutron shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from portal.domain.store.db import db, only_writable
from portal.domain.tenants.models import NetworkProfile
from portal.openstack.neutron import Network, Subnet


@dataclass(frozen=True)
class Choice:
    """A subnet that can be chosen, and the profile of the network it is part of."""

    id: str
    cidr: str
    profile: NetworkProfile


def subnets(profiles: Sequence[NetworkProfile]) -> list[Choice]:
    """The subnets of these networks; those of one network IPv4 first."""
    return [Choice(one["id"], one["cidr"], profile) for profile in profiles for one in profile.subnets]


def mirror(tenant_id: UUID, networks: Sequence[Network], subnets: Sequence[Subnet]) -> None:
    """Adds a profile for each inner network that has a subnet, and marks those that are gone.

    Runs inside the caller's transaction. The floating IPs of all profiles come from the external network
    with the first name, as Neutron doesn't tell which one a router of somebody else leads to.
    """
    only_writable()
    known = {
        profile.network_id: profile
        for profile in db.session.scalars(select(NetworkProfile).where(NetworkProfile.tenant_id == tenant_id))
    }
    outer = min((network for network in networks if network.is_external), key=lambda n: n.name, default=None)
    parts: dict[str, list[dict[str, Any]]] = {}
    for subnet in sorted(subnets, key=lambda one: (one.ip_version, one.cidr)):
        facts = {"id": subnet.id, "cidr": subnet.cidr, "ip_version": subnet.ip_version}
        parts.setdefault(subnet.network_id, []).append(facts)
    inner = [network for network in networks if not network.is_external and network.id in parts]
    for network in inner:
        profile = known.pop(network.id, None)
        if profile is None:
            profile = NetworkProfile(tenant_id=tenant_id, network_id=network.id)
            db.session.add(profile)
        profile.name, profile.shared, profile.gone = network.name, network.is_shared, False
        profile.subnets = parts[network.id]
        profile.external_network_id = outer.id if outer else None
        profile.external_network_name = outer.name if outer else None
    for profile in known.values():
        profile.gone = True
