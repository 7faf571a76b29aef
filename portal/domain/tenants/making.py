"""Making: the next credential, made in Keystone by the one in use where that is unrestricted.

Its name and secret are written down before Keystone is asked, so whoever comes after a crash finds it by its
name and knows its secret.
"""

import secrets
from uuid import UUID

from sqlalchemy import update

from portal.domain.store.db import db, transaction
from portal.domain.tenants import clouds, credentials
from portal.domain.tenants.models import Credential, CredentialKind, Standing
from portal.openstack.cloud import ApplicationCredential
from portal.translation import N_


def planned(tenant_id: UUID, *, unrestricted: bool) -> Credential:
    """A staged row of a credential that Keystone doesn't know yet."""
    secret = ApplicationCredential(id="", secret=secrets.token_urlsafe(48))
    credential = credentials.sealed(
        tenant_id, secret, label=N_("made by the portal"), standing=Standing.STAGED
    )
    credential.made = True
    credential.public = {"name": f"portal-{credential.id}", "unrestricted": unrestricted}
    return credential


def is_pending(credential: Credential) -> bool:
    """Whether Keystone has yet to make it."""
    return credential.made and "id" not in credential.public


def finish(credential: Credential) -> None:
    """Has Keystone make it, or finds what it made before. Raises OpenStackError, DomainError, Unsealable."""
    if not is_pending(credential):
        return
    secret = credentials.reveal(credential).secret
    keystone, name = clouds.of(credential.tenant_id).keystone, credential.public["name"]
    found = keystone.application_credentials(name=name)
    if found:
        key = found[0].id
    else:
        free = bool(credential.public["unrestricted"])
        key = keystone.create_application_credential(name, unrestricted=free, secret=secret).id
    sealed = credentials.seal(credential.id, ApplicationCredential(id=key, secret=secret))
    with transaction():
        db.session.execute(
            update(Credential)
            .where(Credential.id == credential.id)
            .values(public={**credential.public, "id": key}, sealed=sealed)
            .execution_options(synchronize_session=False)
        )
    db.session.refresh(credential)


def can_make(credential: Credential | None) -> bool:
    """Whether it may make others: an unrestricted application credential, or its user with the password."""
    if credential is None or "user_id" not in credential.facts:
        return False
    password = credential.kind is CredentialKind.PASSWORD
    return password or credential.facts.get("restricted") is False
