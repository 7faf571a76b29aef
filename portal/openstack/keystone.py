"""Keystone: who the credential is, and the application credentials of its user. Source: Identity API v3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from keystoneauth1 import access as ksa_access

from portal.openstack.access import ApplicationCredential
from portal.openstack.errors import BadCredential, NotFound
from portal.openstack.line import Api, Json, Line, instant, moment, part


@dataclass(frozen=True)
class Identity:
    """What a token says of its credential. The application credential's facts are None for a password."""

    user_id: str
    user_name: str
    project_id: str
    project_name: str
    roles: tuple[str, ...]
    expires_at: datetime
    issued_at: datetime
    application_credential_id: str | None = None
    application_credential_name: str | None = None
    restricted: bool | None = None
    regions: tuple[str, ...] = ()

    @classmethod
    def from_token(cls, token: ksa_access.AccessInfo) -> Identity:
        body: Json = token._data["token"]
        credential = body.get("application_credential") or {}
        return cls(
            user_id=body["user"]["id"],
            user_name=body["user"]["name"],
            project_id=body["project"]["id"],
            project_name=body["project"]["name"],
            roles=tuple(role["name"] for role in body.get("roles") or ()),
            expires_at=instant(body["expires_at"]),
            issued_at=instant(body["issued_at"]),
            application_credential_id=credential.get("id"),
            application_credential_name=credential.get("name"),
            restricted=credential.get("restricted"),
            regions=tuple(sorted(_regions(body))),
        )


@dataclass(frozen=True)
class AccessRule:
    """One kind of call that an application credential may make. `service` is a type, such as "compute"."""

    service: str
    method: str
    path: str


@dataclass(frozen=True)
class CredentialFacts:
    """An application credential without its secret. Without access rules it may make every call."""

    id: str
    name: str
    project_id: str
    unrestricted: bool
    expires_at: datetime | None
    roles: tuple[str, ...]
    access_rules: tuple[AccessRule, ...] = ()

    @classmethod
    def from_api(cls, body: Json) -> CredentialFacts:
        return cls(
            id=body["id"],
            name=body["name"],
            project_id=body["project_id"],
            unrestricted=bool(body.get("unrestricted")),
            expires_at=moment(body.get("expires_at")),
            roles=tuple(role["name"] for role in body.get("roles") or ()),
            access_rules=tuple(
                AccessRule(rule["service"], rule["method"], rule["path"])
                for rule in body.get("access_rules") or ()
            ),
        )


class Keystone:
    """The application credentials of the credential's own user."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._api = Api(line, "identity")

    def create_application_credential(
        self,
        name: str,
        *,
        unrestricted: bool = False,
        expires_at: datetime | None = None,
        secret: str | None = None,
    ) -> ApplicationCredential:
        """A new one for the same project with the same roles. A restricted credential may not: NotAllowed.

        Raises Conflict for a name that is taken. `expires_at` carries its time zone. Who chooses the `secret`
        can still use a credential whose answer was lost: it is found by its name.
        """
        wanted: dict[str, Any] = {"name": name, "unrestricted": unrestricted}
        if secret is not None:
            wanted["secret"] = secret
        if expires_at is not None:
            wanted["expires_at"] = expires_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        with self._mine() as path:
            body = self._api.post(
                path,
                {"application_credential": wanted},
                key="application_credential",
                hide=(secret,) if secret else (),
            )
        return ApplicationCredential(body["id"], body["secret"])

    def delete_application_credential(self, credential_id: str) -> None:
        """Raises NotFound when it is gone already."""
        with self._mine() as path:
            self._api.delete(f"{path}/{part(credential_id)}")

    def application_credential(self, credential_id: str) -> CredentialFacts:
        """One of the user's own, also where the credential in use is restricted. Raises NotFound."""
        with self._mine() as path:
            body = self._api.get(f"{path}/{part(credential_id)}", "application_credential")
        return CredentialFacts.from_api(body)

    def application_credentials(self, *, name: str | None = None) -> list[CredentialFacts]:
        """Those of the user, in all projects; names are unique."""
        params = {"name": name} if name else None
        with self._mine() as path:
            rows = self._api.pages(path, "application_credentials", params)
            return [CredentialFacts.from_api(row) for row in rows if name in (None, row["name"])]

    @contextmanager
    def _mine(self) -> Iterator[str]:
        """The path of the user's credentials. Raises BadCredential when the one in use is no longer there."""
        identity = Identity.from_token(self._line.token())
        try:
            yield f"/users/{part(identity.user_id)}/application_credentials"
        except NotFound as error:
            # So Keystone answers the token of a deleted application credential, for as long as it lives.
            if identity.application_credential_id and identity.application_credential_id in error.message:
                raise error.turned_into(BadCredential) from None
            raise


def _regions(token: Json) -> set[str]:
    """The regions that the token's catalogue names."""
    endpoints = [endpoint for entry in token.get("catalog") or () for endpoint in entry["endpoints"]]
    return {region for each in endpoints if (region := each.get("region_id") or each.get("region"))}
