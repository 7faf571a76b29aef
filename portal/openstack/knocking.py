"""Knocking: whether a Keystone answers at an address, before there is any credential for it."""

from __future__ import annotations

from collections.abc import Callable

from portal.openstack.access import Access, Call
from portal.openstack.errors import BadRequest
from portal.openstack.http import Wire


def knock(access: Access, observe: Callable[[Call], None], request_id: Callable[[], str | None]) -> None:
    """Asks for the version document, which needs no token. Raises OpenStackError unless it is Keystone's v3.

    Source: Identity API v3, show version details.
    """
    url = access.auth_url.rstrip("/")
    wire = Wire(access, observe, request_id)
    answer = wire.request(url if url.endswith("/v3") else f"{url}/v3", "GET", authenticated=False)
    try:
        version = str(answer.json()["version"]["id"])
    except (ValueError, KeyError, TypeError):
        raise BadRequest("What answers there is not a Keystone.", service="identity") from None
    if not version.startswith("v3"):
        raise BadRequest(f"This Keystone speaks {version}; v3 is needed.", service="identity")
