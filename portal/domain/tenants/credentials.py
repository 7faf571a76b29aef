"""Credentials: what opens a tenant's project, sealed; one is current, the earlier ones are retired."""

import json
from dataclasses import asdict
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import select, update

from portal.domain.people.models import User
from portal.domain.store import audit, vault, wake
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import DomainError
from portal.domain.tenants.models import Credential, CredentialKind, Tenant
from portal.openstack.cloud import ApplicationCredential, Password

Secret = ApplicationCredential | Password


class NoCredential(DomainError):
    """The tenant has no credential yet."""


def register(
    tenant_id: UUID, secret: Secret, *, label: str, expires_at: datetime | None = None, by: User | None = None
) -> Credential:
    """Seals the credential and makes it the tenant's current one; the earlier one is retired.

    What waited for it, such as the first look at the catalogue, is due at once.
    """
    row_id = uuid4()
    credential = Credential(
        id=row_id,
        tenant_id=tenant_id,
        kind=_kind(secret),
        label=label,
        public=_public(secret),
        sealed=vault.seal(json.dumps(asdict(secret)).encode(), place=_place(row_id)),
        expires_at=expires_at,
    )
    with transaction():
        db.session.execute(
            update(Credential)
            .where(Credential.tenant_id == tenant_id, Credential.retired_at.is_(None))
            .values(retired_at=now())
        )
        db.session.add(credential)
        db.session.execute(update(Tenant).where(Tenant.id == tenant_id).values(catalog_due_at=now()))
        audit.record(
            "credential.registered",
            by=by,
            tenant_id=tenant_id,
            detail={"label": label, "kind": credential.kind.value, **credential.public},
        )
    wake.catalog(tenant_id)
    return credential


def current(tenant_id: UUID) -> Credential:
    """The tenant's credential in use. Raises NoCredential."""
    credential = db.session.scalar(
        select(Credential).where(Credential.tenant_id == tenant_id, Credential.retired_at.is_(None))
    )
    if credential is None:
        raise NoCredential("This tenant has no OpenStack credential yet; an administrator has to add one.")
    return credential


def reveal(credential: Credential) -> Secret:
    """The opened credential, for the client only. Raises vault.Unsealable."""
    fields = json.loads(vault.unseal(credential.sealed, place=_place(credential.id)))
    if credential.kind is CredentialKind.APPLICATION_CREDENTIAL:
        return ApplicationCredential(**fields)
    return Password(**fields)


def _kind(secret: Secret) -> CredentialKind:
    if isinstance(secret, ApplicationCredential):
        return CredentialKind.APPLICATION_CREDENTIAL
    return CredentialKind.PASSWORD


def _public(secret: Secret) -> dict[str, str]:
    if isinstance(secret, ApplicationCredential):
        return {"id": secret.id}
    return {"username": secret.username, "project": secret.project_name}


def _place(row_id: UUID) -> str:
    return f"credentials.sealed/{row_id}"
