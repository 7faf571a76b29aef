"""Networks: a tenant's network profiles, kept in step with what Neutron shows, and as an admin wants them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store import audit
from portal.domain.store.db import db, only_writable, transaction
from portal.domain.store.errors import NotFound, Refused
from portal.domain.tenants.models import NetworkProfile, Tenant
from portal.openstack.neutron import Network, Subnet
from portal.translation import gettext


@dataclass(frozen=True)
class Wish:
    """How an admin wants a network offered; `external`: the id of where floating IPs come from, "" as is.

    `firewall`: the preset that VMs in it have, "" for as their people choose.
    """

    name: str
    offered: bool
    floating_ips: bool
    external: str = ""
    firewall: str = ""


# The firewalls that templates know by these words.
PRESETS = ("ssh", "mine", "web", "closed")


@dataclass(frozen=True)
class Choice:
    """A subnet that can be chosen, and the profile of the network it is part of."""

    id: str
    cidr: str
    profile: NetworkProfile


def subnets(profiles: Sequence[NetworkProfile]) -> list[Choice]:
    """The subnets of these networks; those of one network IPv4 first."""
    return [Choice(one["id"], one["cidr"], profile) for profile in profiles for one in profile.subnets]


def no_way_out(network: NetworkProfile | None) -> str:
    """Why VMs of this network get no floating IP; empty when they do."""
    if network is None or network.gives_floating_ips:
        return ""
    if network.external_network_id:
        return gettext("An administrator allows no floating IPs in this network.")
    return gettext("This network has no way out, so it can't have a floating IP.")


def find(tenant_id: UUID, network_id: str) -> NetworkProfile | None:
    """The network with this id in Neutron, also while it is switched off."""
    named = (NetworkProfile.tenant_id == tenant_id, NetworkProfile.network_id == network_id)
    return db.session.scalar(select(NetworkProfile).where(*named))


def mirror(tenant_id: UUID, networks: Sequence[Network], subnets: Sequence[Subnet]) -> None:
    """Adds a profile for each inner network that has a subnet, and marks those that are gone.

    Runs inside the caller's transaction. The floating IPs of a profile come from the external network that an
    admin chose, else from the one with the first name, as Neutron doesn't tell which one a router of somebody
    else leads to. What an admin set stays, as long as Neutron shows it.
    """
    only_writable()
    known = {
        profile.network_id: profile
        for profile in db.session.scalars(select(NetworkProfile).where(NetworkProfile.tenant_id == tenant_id))
    }
    outer = sorted((network for network in networks if network.is_external), key=lambda one: one.name)
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
        if profile.name in (None, profile.os_name):
            profile.name = network.name
        profile.os_name, profile.shared, profile.gone = network.name, network.is_shared, False
        profile.subnets = parts[network.id]
        _lead_out(profile, outer)
    for profile in known.values():
        profile.gone = True
    shown = [{"id": one.id, "name": one.name} for one in outer]
    db.session.execute(update(Tenant).where(Tenant.id == tenant_id).values(external_networks=shown))


def _lead_out(profile: NetworkProfile, outer: Sequence[Network]) -> None:
    """Where the floating IPs come from: the admin's choice while it is there, else the first."""
    chosen = next((one for one in outer if one.id == profile.external_network_id), None)
    if not profile.external_chosen or chosen is None:
        chosen, profile.external_chosen = next(iter(outer), None), False
    profile.external_network_id = chosen.id if chosen else None
    profile.external_network_name = chosen.name if chosen else None


def all_of(tenant_id: UUID) -> list[NetworkProfile]:
    """Every network Neutron showed, also those that are switched off or gone, by name."""
    return list(
        db.session.scalars(
            select(NetworkProfile)
            .where(NetworkProfile.tenant_id == tenant_id)
            .order_by(NetworkProfile.gone, NetworkProfile.name)
        )
    )


def get(profile_id: UUID, *, of: Tenant) -> NetworkProfile:
    """One network of the tenant. Raises NotFound."""
    profile = db.session.get(NetworkProfile, profile_id)
    if profile is None or profile.tenant_id != of.id:
        raise NotFound(gettext("There is no such network."))
    return profile


def change(profile: NetworkProfile, wish: Wish, *, by: User) -> None:
    """Has the network offered as the admin wishes. Raises Forbidden, Refused."""
    access.require(by, Permission.TENANT_MANAGE)
    with transaction():
        tenant = db.session.get_one(Tenant, profile.tenant_id)
        outer = {one["id"]: one["name"] for one in tenant.external_networks}
        if wish.external and wish.external not in outer:
            raise Refused(gettext("Neutron doesn't show this external network any more."), field="external")
        if wish.firewall not in ("", *PRESETS):
            raise Refused(gettext("Choose one of the firewalls."), field="firewall")
        before = _said(profile)
        profile.name = " ".join(wish.name.split()) or profile.os_name
        profile.offered, profile.floating_ips_allowed = wish.offered, wish.floating_ips
        profile.firewall = wish.firewall or None
        if wish.external and wish.external != profile.external_network_id:
            profile.external_network_id, profile.external_network_name = wish.external, outer[wish.external]
            profile.external_chosen = True
        detail = {"network": profile.network_id, "before": before, "after": _said(profile)}
        audit.record("network.changed", by=by, tenant_id=tenant.id, detail=detail)


def _said(profile: NetworkProfile) -> dict[str, Any]:
    names = ("name", "offered", "floating_ips_allowed", "external_network_id", "firewall")
    return {name: getattr(profile, name) for name in names}
