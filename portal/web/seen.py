"""Where a request comes from, as a network that a firewall can let in."""

import ipaddress

from flask import request


def network() -> str:
    """The one address of whoever asks, such as 203.0.113.7/32."""
    address = ipaddress.ip_address(request.remote_addr or "127.0.0.1")
    # A socket for both kinds shows IPv4 addresses so.
    address = getattr(address, "ipv4_mapped", None) or address
    return str(ipaddress.ip_network(address))
