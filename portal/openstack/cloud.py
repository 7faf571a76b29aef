"""One project of one cloud, as the portal speaks to it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from portal.openstack.access import (
    Access,
    ApplicationCredential,
    Call,
    MemoryTokens,
    Password,
    TokenStore,
)
from portal.openstack.glance import Glance
from portal.openstack.heat import Heat
from portal.openstack.keystone import Identity, Keystone
from portal.openstack.line import Line
from portal.openstack.neutron import Neutron
from portal.openstack.nova import Nova

__all__ = [
    "Access",
    "ApplicationCredential",
    "Call",
    "Cloud",
    "Identity",
    "MemoryTokens",
    "Password",
    "TokenStore",
]


class Cloud:
    """The clients of one cloud. Every method may raise the errors of `portal.openstack.errors`."""

    def __init__(
        self,
        access: Access,
        *,
        tokens: TokenStore,
        observe: Callable[[Call], None] = lambda _call: None,
        request_id: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._parts = (access, tokens, observe, request_id)

    @cached_property
    def _line(self) -> Line:
        return Line(*self._parts)

    @cached_property
    def heat(self) -> Heat:
        return Heat(self._line)

    @cached_property
    def nova(self) -> Nova:
        return Nova(self._line)

    @cached_property
    def neutron(self) -> Neutron:
        return Neutron(self._line)

    @cached_property
    def glance(self) -> Glance:
        return Glance(self._line)

    @cached_property
    def keystone(self) -> Keystone:
        return Keystone(self._line)

    @property
    def project_id(self) -> str:
        """The project the credential belongs to, from the token."""
        return self.identity().project_id

    def identity(self) -> Identity:
        """Who the credential is, from the token. Raises BadCredential, Unavailable."""
        return Identity.from_token(self._line.token())

    def endpoint(self, service: str) -> str:
        """Where a service type ("orchestration", ...) is. Raises BadRequest when the catalogue lacks it."""
        return self._line.endpoint(service)

    def renew(self, *, min_life: float = 900) -> None:
        """Before a create: see that the token lives so many seconds, since Heat goes on with it by itself,
        and that its credential is still there, since services believe a token for minutes after that.

        Raises BadCredential, Unavailable.
        """
        self._line.prove(min_life)

    def forget(self) -> None:
        """Drop the token everywhere, so that the next call proves the credential anew."""
        self._line.forget()

    def close(self) -> None:
        """Close the connections. The cloud may still be used."""
        if "_line" in vars(self):
            self._line.close()
