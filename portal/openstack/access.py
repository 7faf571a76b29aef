"""What it takes to reach one cloud: the credential, the address, and where its token is kept."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class ApplicationCredential:
    """A Keystone application credential: bound to one user and one project."""

    id: str
    secret: str = field(repr=False)

    @property
    def parts(self) -> tuple[str, ...]:
        """What tells this credential from others, without its secret."""
        return ("application_credential", self.id)


@dataclass(frozen=True)
class Password:
    """A service user of one project, for clouds where application credentials are of no use."""

    username: str
    password: str = field(repr=False)
    project_name: str
    user_domain: str = "Default"
    project_domain: str = "Default"

    @property
    def secret(self) -> str:
        return self.password

    @property
    def parts(self) -> tuple[str, ...]:
        """What tells this credential from others, without its secret."""
        return ("password", self.username, self.user_domain, self.project_name, self.project_domain)


@dataclass(frozen=True)
class Access:
    """One project of one cloud.

    `auth_url` is Keystone's address with or without /v3. `overrides` gives the address of a service type
    ("orchestration", "compute", "network", "image", "identity") instead of the catalogue's; `%(project_id)s`
    in it is filled in. `ca_bundle` is the path of a PEM file, or the PEM text itself. Times in seconds.
    """

    auth_url: str
    secret: ApplicationCredential | Password
    region: str | None = None
    interface: str = "public"
    ca_bundle: str | None = None
    overrides: Mapping[str, str] = field(default_factory=lambda: _NOTHING, hash=False)
    connect_timeout: float = 3.05
    read_timeout: float = 20.0

    @property
    def token_key(self) -> str:
        """Where the token of this credential is kept. Made of nothing secret."""
        words = "\n".join((self.auth_url.rstrip("/"), *self.secret.parts))
        return hashlib.sha256(words.encode()).hexdigest()


@dataclass(frozen=True)
class Call:
    """One request as it went over the wire, for logs and metrics. Holds no secret.

    `path` is without its query, `status` is 0 when there was no answer, `request_id` is the service's own and
    `sent_request_id` the one given to it.
    """

    service: str
    method: str
    path: str
    status: int
    seconds: float
    request_id: str | None
    sent_request_id: str | None


class TokenStore(Protocol):
    """Keeps tokens for all processes. It never raises: a store that lost its memory answers None.

    A state holds a bearer token: whoever keeps it outside this process seals it.
    """

    def load(self, key: str) -> str | None:
        """The state saved under the key, if it is still there."""
        ...

    def save(self, key: str, state: str, ttl: float) -> None:
        """Keep the state for so many seconds."""
        ...

    def forget(self, key: str) -> None:
        """Drop the state."""
        ...

    def refreshing(self, key: str) -> AbstractContextManager[None]:
        """Held while a token is fetched, so that one does it; waits some seconds at most, then goes on."""
        ...


class MemoryTokens:
    """A token store of one process, for scripts and tests."""

    def __init__(self) -> None:
        self._states: dict[str, tuple[str, float]] = {}
        self._lock = threading.RLock()

    def load(self, key: str) -> str | None:
        state, until = self._states.get(key, (None, 0.0))
        return state if time.monotonic() < until else None

    def save(self, key: str, state: str, ttl: float) -> None:
        self._states[key] = (state, time.monotonic() + ttl)

    def forget(self, key: str) -> None:
        self._states.pop(key, None)

    @contextmanager
    def refreshing(self, key: str) -> Iterator[None]:
        with self._lock:
            yield
