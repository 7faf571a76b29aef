"""Requests to one cloud: signed with its token, found in its catalogue, repeated only when that is safe."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

import requests
from keystoneauth1 import access as ksa_access
from keystoneauth1 import exceptions as ksa_errors

from portal.openstack.access import Access, Call, TokenStore
from portal.openstack.errors import (
    SAFE_METHODS,
    BadCredential,
    BadRequest,
    NotAllowed,
    NotFound,
    OpenStackError,
    Unavailable,
)
from portal.openstack.http import Wire
from portal.openstack.tokens import MARGIN, Login

Json = dict[str, Any]
Params = Mapping[str, Any]
Answered = TypeVar("Answered")

# Safe calls are tried so many times when the connection breaks or a proxy has no service behind it.
TRIES = 3
PAUSE = 0.2

# What the clients speak, added to an address that names no version.
_VERSIONS = {
    "image": "/v2",
    "network": "/v2.0",
    "orchestration": "/v1",
    "identity": "/v3",
    "compute": "/v2.1",
}


@dataclass(frozen=True)
class Ask:
    """One request of a service. `hide` is what no error may repeat; `moved` accepts a redirect."""

    service: str
    method: str
    path: str
    params: Params = field(default_factory=dict)
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    hide: tuple[str, ...] = ()
    moved: bool = False


class Line:
    """The way to one cloud for all its clients."""

    def __init__(
        self,
        access: Access,
        tokens: TokenStore,
        observe: Callable[[Call], None],
        request_id: Callable[[], str | None],
    ) -> None:
        self._access = access
        self._wire = Wire(access, observe, request_id)
        self._login = Login(access, tokens)
        self.pause: Callable[[float], None] = time.sleep

    def token(self, min_life: float = MARGIN, refused: str | None = None) -> ksa_access.AccessInfo:
        """A token that is good for so many seconds. Raises BadCredential, Unavailable."""
        return self._safely(lambda: self._login.token(self._wire, min_life=min_life, refused=refused))

    def prove(self, min_life: float) -> None:
        """Ask Keystone whether the token is still good; sign in anew where it isn't, or may not be asked."""
        token = self.token(min_life)
        bearer = token.auth_token or ""
        ask = Ask("identity", "GET", "/auth/tokens", {"nocatalog": ""}, headers={"X-Subject-Token": bearer})
        try:
            self._send(ask, token)
        except (BadCredential, NotAllowed, NotFound):
            self.token(min_life, refused=bearer)

    def forget(self) -> None:
        """Drop the token, so that the next call signs in again."""
        self._login.forget()

    def close(self) -> None:
        self._wire.close()

    def endpoint(self, service: str) -> str:
        """Where a service is: the override, or the catalogue's endpoint of the region and interface."""
        return self._endpoint(service, self.token())

    def send(self, ask: Ask) -> requests.Response:
        """The answer. A refused token is renewed once, since a 401 doesn't tell whether that helps."""
        kind = f"{ask.method} {ask.service}"
        token = self.token()
        try:
            return self._send(ask, token)
        except BadCredential as error:
            if not self._login.may_help(kind):
                raise _denied(error) from None
        token = self.token(refused=token.auth_token)
        try:
            return self._send(ask, token)
        except BadCredential as error:
            self._login.did_not_help(kind)
            raise _denied(error) from None

    def _send(self, ask: Ask, token: ksa_access.AccessInfo) -> requests.Response:
        bearer = token.auth_token or ""
        url = self._endpoint(ask.service, token) + ask.path

        def once() -> requests.Response:
            return self._wire.request(
                url,
                ask.method,
                service=ask.service,
                params=ask.params,
                json=ask.body,
                headers={"Accept": "application/json", **ask.headers, "X-Auth-Token": bearer},
                authenticated=False,
                hide=(bearer, *ask.hide),
                moved=ask.moved,
            )

        return self._safely(once) if ask.method in SAFE_METHODS else once()

    def _safely(self, call: Callable[[], Answered]) -> Answered:
        """Repeat a call that changes nothing, unless it was slow to fail: that would make it worse."""
        for attempt in range(1, TRIES):
            try:
                return call()
            except Unavailable as error:
                if not error.told_at_once:
                    raise
            self.pause(attempt * PAUSE * random.uniform(0.5, 1.5))
        return call()

    def _endpoint(self, service: str, token: ksa_access.AccessInfo) -> str:
        project = token.project_id or ""
        url = self._access.overrides.get(service) or self._from_catalogue(service, token)
        url = url.replace("%(project_id)s", project).replace("%(tenant_id)s", project).rstrip("/")
        if not re.search(r"/v\d+(\.\d+)?(/|$)", url):
            url += _VERSIONS[service]
        if service == "orchestration" and not url.endswith(f"/{project}"):
            url += f"/{project}"
        return url

    def _from_catalogue(self, service: str, token: ksa_access.AccessInfo) -> str:
        region, interface = self._access.region, self._access.interface
        try:
            url = token.service_catalog.url_for(service_type=service, interface=interface, region_name=region)
        except ksa_errors.CatalogException:
            url = None
        if not url:
            where = f" in region {region}" if region else ""
            raise BadRequest(
                f"The service catalogue has no {interface} endpoint for {service}{where}.",
                service=service,
                kind="EndpointNotFound",
            )
        return url


class Api:
    """One service on a line: the verbs its client uses."""

    def __init__(self, line: Line, service: str, headers: Mapping[str, str] | None = None) -> None:
        self._line = line
        self._service = service
        self._headers = headers or {}

    def get(self, path: str, key: str, params: Params | None = None) -> Any:
        """What the answer holds under the key. Raises NotFound and the other errors."""
        return self.under(key, self.ask("GET", path, params=params or {}))

    def post(self, path: str, body: object, *, key: str | None = None, hide: tuple[str, ...] = ()) -> Any:
        """What the answer holds under the key; with no key, nothing."""
        answer = self.ask("POST", path, body=body, hide=hide)
        return None if key is None else self.under(key, answer)

    def put(self, path: str, body: object) -> None:
        self.ask("PUT", path, body=body)

    def delete(self, path: str) -> None:
        self.ask("DELETE", path)

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        return self._line.send(Ask(self._service, method, path, headers=self._headers, **more))

    def pages(self, path: str, key: str, params: Params | None = None) -> Iterator[Json]:
        """Every row once, page after page, until a page brings nothing new.

        A service that doesn't know the marker answers its first page again.
        """
        asked = dict(params or {})
        seen: set[str] = set()
        while True:
            answer = self.ask("GET", path, params=asked)
            rows = self.under(key, answer)
            new = [row for row in rows if row["id"] not in seen]
            yield from new
            if not new or not (_has_next(answer.json(), key) or len(rows) == asked.get("limit")):
                return
            seen.update(row["id"] for row in new)
            asked["marker"] = rows[-1]["id"]

    def under(self, key: str, answer: requests.Response) -> Any:
        """What the answer holds under the key. Raises Unavailable when it holds something else."""
        try:
            return answer.json()[key]
        except (ValueError, KeyError, TypeError):
            raise Unavailable(
                "The service answered with something that is not its answer.",
                service=self._service,
                status=answer.status_code,
                maybe_done=answer.request.method not in SAFE_METHODS,
            ) from None


def part(text: str) -> str:
    """A piece of a path, made safe: whatever it holds stays one piece."""
    return quote(text, safe="")


def instant(text: str) -> datetime:
    """A time as services write it: UTC, said or not."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def moment(text: str | None) -> datetime | None:
    """A time that need not have come yet."""
    return instant(text) if text else None


def _has_next(body: Json, key: str) -> bool:
    """Glance names the next page, Heat links it, Nova and Neutron link it under a name of their own.

    Keystone's list of what one user owns is whole.
    """
    links = body.get(f"{key}_links") or body.get("links") or ()
    linked = isinstance(links, list) and any(link.get("rel") == "next" for link in links)
    return linked or bool(body.get("next"))


def _denied(error: OpenStackError) -> OpenStackError:
    words = "The service refuses a token that Keystone has issued; an access rule may forbid this."
    return error.turned_into(NotAllowed, f"{words} {error.message}")
