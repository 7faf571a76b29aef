"""Places: where a tenant's cloud is, checked before it is kept; connecting a tenant, and changing it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from sqlalchemy import update

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store import audit, wake
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import Refused
from portal.domain.tenants import clouds, tenants
from portal.domain.tenants.models import Credential, Standing, Tenant
from portal.openstack.errors import OpenStackError
from portal.translation import gettext

__all__ = ["INTERFACES", "SERVICES", "Place", "change", "connect"]

INTERFACES = ("public", "internal", "admin")
# What an endpoint override may be given for, and what people call it.
SERVICES = {
    "identity": "Keystone",
    "orchestration": "Heat",
    "compute": "Nova",
    "network": "Neutron",
    "image": "Glance",
}


@dataclass(frozen=True)
class Place:
    """A tenant's name and where its cloud is, as typed; `overrides` are addresses by service type."""

    name: str
    auth_url: str
    region: str = ""
    interface: str = "public"
    ca_bundle: str = ""
    overrides: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def connect(place: Place, *, unheard: bool = False, by: User) -> Tenant:
    """A new tenant, once its Keystone answers; `unheard`: also where it doesn't.

    Raises Forbidden, or Refused with the field that has to change.
    """
    access.require(by, Permission.TENANT_MANAGE)
    facts = _checked(place)
    if not unheard:
        _knock(facts)
    return tenants.create(Tenant(**facts), by=by)


def change(tenant: Tenant, place: Place, *, unheard: bool = False, by: User) -> None:
    """Another name or address for the tenant; what changed is used and looked at at once.

    Raises Forbidden, or Refused with the field that has to change.
    """
    access.require(by, Permission.TENANT_MANAGE)
    facts = _checked(place)
    changed = {name: value for name, value in facts.items() if value != getattr(tenant, name)}
    if not changed:
        return
    moved = changed.keys() - {"name"}
    if moved & {"auth_url", "ca_bundle"} and not unheard:
        _knock(facts)
    with transaction():
        tenants.require_free(facts["name"], but=tenant.id)
        before = {name: _said(name, getattr(tenant, name)) for name in changed}
        if moved:
            changed |= _looked_at_anew(tenant)
        db.session.execute(update(Tenant).where(Tenant.id == tenant.id).values(**changed))
        after = {name: _said(name, facts[name]) for name in before}
        detail = {"name": facts["name"], "before": before, "after": after}
        audit.record("tenant.changed", by=by, tenant_id=tenant.id, detail=detail)
    db.session.refresh(tenant)
    wake.catalog(tenant.id)


def _looked_at_anew(tenant: Tenant) -> dict[str, Any]:
    """What begins again at another address: the circuit, the catalogue, the sweep, the doctor's word."""
    moment = now()
    db.session.execute(
        update(Credential)
        .where(Credential.tenant_id == tenant.id, Credential.standing == Standing.CURRENT)
        .values(doctor_due_at=moment)
    )
    circuit = {"silent_since": None, "silent_tries": 0, "ask_again_at": None}
    return circuit | {"catalog_due_at": moment, "reconcile_due_at": moment}


def _checked(place: Place) -> dict[str, Any]:
    """The columns of the tenant. Raises Refused."""
    name = " ".join(place.name.split())
    if not name:
        raise Refused(gettext("Give it a name."), field="name")
    if place.interface not in INTERFACES:
        raise Refused(gettext("Choose one of the three."), field="interface")
    return {
        "name": name,
        "auth_url": _address(place.auth_url, "auth_url"),
        "region": place.region.strip() or None,
        "interface": place.interface,
        "ca_bundle": _certificates(place.ca_bundle),
        "endpoint_overrides": {
            service: _address(place.overrides[service], f"override_{service}")
            for service in SERVICES
            if place.overrides.get(service, "").strip()
        },
    }


def _address(typed: str, field_name: str) -> str:
    """The address without what means nothing at its end."""
    text = typed.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    if not whole or not text.isprintable() or " " in text:
        raise Refused(
            gettext("Give a whole address, such as https://keystone.example.org:5000/v3."), field=field_name
        )
    if "@" in parts.netloc:
        raise Refused(gettext("A name or password has no place in an address."), field=field_name)
    if parts.query or parts.fragment:
        raise Refused(gettext("Leave out what follows the “?” or “#”."), field=field_name)
    return text


def _certificates(typed: str) -> str | None:
    text = typed.strip().replace("\r\n", "\n")
    if not text:
        return None
    try:
        x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        raise Refused(gettext("This is not a list of certificates in PEM."), field="ca_bundle") from None
    return f"{text}\n"


def _knock(facts: Mapping[str, Any]) -> None:
    try:
        clouds.knock(facts["auth_url"], facts["ca_bundle"])
    except OpenStackError as error:
        where = "ca_bundle" if "CA bundle" in error.message else "auth_url"
        words = gettext("No Keystone answers there. %(problem)s", problem=error.message)
        raise Refused(words, field=where) from None


def _said(name: str, value: Any) -> Any:
    """As the audit keeps it: of certificates only what tells them apart."""
    if name == "ca_bundle" and value:
        return f"sha256:{hashlib.sha256(value.encode()).hexdigest()}"
    return value
