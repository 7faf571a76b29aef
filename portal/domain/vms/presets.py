"""Presets: the firewall that an admin chose for a network, as far as a template can have it."""

import ipaddress
from contextlib import suppress

from portal.domain.catalog.hot import Template
from portal.domain.tenants.models import NetworkProfile
from portal.translation import gettext, translated

# The parameter that chooses among a template's firewalls.
FIREWALL = "firewall"


def of(template: Template, network: NetworkProfile | None) -> str:
    """The preset that VMs of this template have in the network; empty: their people choose."""
    parameter, chosen = template.parameter(FIREWALL), network.firewall if network else None
    return chosen if chosen and parameter and chosen in parameter.choices else ""


def explain(words: str) -> str:
    """Why no other firewall than the one with these words can be had."""
    return gettext(
        "VMs in this network have the firewall “%(words)s”: an administrator chose it.",
        words=translated(words),
    )


def source(typed: str) -> str:
    """What SSH is let in from: a bare address is meant alone, and gets its length as Neutron wants it."""
    bare = typed.strip()
    with suppress(ValueError):
        return str(ipaddress.ip_network(ipaddress.ip_address(bare)))
    return bare
