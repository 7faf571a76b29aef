"""Credentials: what opens a tenant's project, sealed; where each one is in its life, and which is in use."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, or_, select, update

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store import audit, vault, wake
from portal.domain.store.db import db, now, only_writable, transaction
from portal.domain.store.errors import DomainError, NotFound
from portal.domain.tenants.models import KEPT, Checkup, Credential, CredentialKind, Standing, Tenant
from portal.openstack.cloud import ApplicationCredential, Password
from portal.translation import N_, gettext

__all__ = ["Credential", "CredentialKind", "Secret", "Standing"]

Secret = ApplicationCredential | Password
REPLACED = N_("Replaced at once from the command line; delete it in Keystone when nothing else uses it.")
# Admins are told so long before a credential ends; the colour grows with each.
SOON, VERY_SOON, AT_ONCE = timedelta(days=30), timedelta(days=7), timedelta(days=1)


class NoCredential(DomainError):
    """The tenant has no credential yet."""


def application_credential(key: str, secret: str) -> Secret:
    """A pasted application credential."""
    return ApplicationCredential(id=key.strip(), secret=secret.strip())


def service_user(
    username: str, password: str, *, project: str, user_domain: str = "", project_domain: str = ""
) -> Secret:
    """A user's name and password, as somebody typed them."""
    return Password(
        username=username.strip(),
        password=password,
        project_name=project.strip(),
        user_domain=user_domain.strip() or "Default",
        project_domain=project_domain.strip() or "Default",
    )


def register(
    tenant_id: UUID, secret: Secret, *, label: str, expires_at: datetime | None = None, by: User | None = None
) -> Credential:
    """Makes this the tenant's credential at once; the earlier one is forgotten. `rotation` does it gently.

    What waited for it, such as the first look at the catalogue, is due at once.
    """
    credential = sealed(tenant_id, secret, label=label)
    credential.expires_at, credential.current_since = expires_at, now()
    with transaction():
        replaced = db.session.scalars(
            update(Credential)
            .where(Credential.tenant_id == tenant_id, Credential.standing == Standing.CURRENT)
            .values(
                standing=Standing.REVOKED, retired_at=now(), sealed=b"", note=REPLACED, doctor_due_at=None
            )
            .returning(Credential.id)
        ).all()
        db.session.add(credential)
        came_into_use(tenant_id)
        record("registered", credential, by=by)
    wake.doctor(credential.id)
    wake.catalog(tenant_id)
    if replaced:
        wake.resume(tenant_id)
    return credential


def sealed(
    tenant_id: UUID, secret: Secret, *, label: str, standing: Standing = Standing.CURRENT
) -> Credential:
    """A row with the secret sealed in it, not yet in the database; the doctor is to see it at once."""
    row_id = uuid4()
    return Credential(
        id=row_id,
        tenant_id=tenant_id,
        kind=_kind(secret),
        standing=standing,
        label=label,
        public=_public(secret),
        sealed=seal(row_id, secret),
        doctor_due_at=now(),
    )


def seal(row_id: UUID, secret: Secret) -> bytes:
    """The secret as it rests in this row."""
    return vault.seal(json.dumps(asdict(secret)).encode(), place=_place(row_id))


def came_into_use(tenant_id: UUID) -> None:
    """Another credential is in use: nobody has refused it yet. Runs inside the caller's transaction."""
    only_writable()
    moment = now()
    db.session.execute(
        update(Tenant)
        .where(Tenant.id == tenant_id)
        .values(catalog_due_at=moment, reconcile_due_at=moment, refused_since=None)
        .execution_options(synchronize_session=False)
    )


def record(step: str, credential: Credential, *, by: User | None, **detail: Any) -> None:
    """One step of a credential's life, in the audit."""
    audit.record(
        f"credential.{step}",
        by=by,
        tenant_id=credential.tenant_id,
        detail={"label": credential.label, "kind": credential.kind.value, **credential.public, **detail},
    )


def current(tenant_id: UUID) -> Credential:
    """The tenant's credential in use. Raises NoCredential."""
    credential = standing(tenant_id, Standing.CURRENT)
    if credential is None:
        raise NoCredential(
            gettext("This tenant has no OpenStack credential yet; an administrator has to add one.")
        )
    return credential


def standing(tenant_id: UUID, where: Standing) -> Credential | None:
    """The tenant's credential that stands there, not for the revoked ones."""
    return db.session.scalar(
        select(Credential).where(Credential.tenant_id == tenant_id, Credential.standing == where)
    )


def get(credential_id: UUID, *, for_: User) -> Credential:
    """The credential. Raises NotFound, Forbidden."""
    access.require(for_, Permission.CREDENTIAL_VIEW)
    credential = db.session.get(Credential, credential_id)
    if credential is None:
        raise NotFound(gettext("There is no such credential."))
    return credential


def of_tenant(tenant_id: UUID, *, for_: User) -> list[Credential]:
    """What the tenant has and had, newest first; not the oldest revoked ones. Raises Forbidden."""
    access.require(for_, Permission.CREDENTIAL_VIEW)
    rows = select(Credential).where(Credential.tenant_id == tenant_id).order_by(Credential.created_at.desc())
    return list(db.session.scalars(rows.limit(50)))


def in_use(*, for_: User, limit: int) -> list[tuple[Tenant, Credential | None, Checkup | None]]:
    """Each tenant with its credential and the newest word of the doctor, those in trouble first."""
    access.require(for_, Permission.CREDENTIAL_VIEW)
    newest = _newest_checkups()
    rows = db.session.execute(
        select(Tenant, Credential, Checkup)
        .outerjoin(
            Credential, (Credential.tenant_id == Tenant.id) & (Credential.standing == Standing.CURRENT)
        )
        .outerjoin(newest, newest.c.credential_id == Credential.id)
        .outerjoin(
            Checkup,
            (Checkup.credential_id == newest.c.credential_id) & (Checkup.started_at == newest.c.started_at),
        )
        .where(KEPT)
        .order_by(
            Tenant.refused_since.is_(None),
            Credential.id.is_not(None),
            func.coalesce(Checkup.tone, "") != "bad",
            Credential.expires_at.is_(None),
            Credential.expires_at,
            Tenant.name,
        )
        .limit(limit)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def how_many_bad() -> int:
    """How many tenants need an admin: refused, none in use, found unfit, or ending within a week."""
    newest = _newest_checkups()
    return (
        db.session.scalar(
            select(func.count(Tenant.id.distinct()))
            .outerjoin(
                Credential, (Credential.tenant_id == Tenant.id) & (Credential.standing == Standing.CURRENT)
            )
            .outerjoin(newest, newest.c.credential_id == Credential.id)
            .outerjoin(
                Checkup,
                (Checkup.credential_id == newest.c.credential_id)
                & (Checkup.started_at == newest.c.started_at),
            )
            .where(
                KEPT,
                or_(
                    Tenant.refused_since.is_not(None),
                    Credential.id.is_(None),
                    Checkup.tone == "bad",
                    Credential.expires_at < now() + VERY_SOON,
                ),
            )
        )
        or 0
    )


def checkups(found: Sequence[Credential]) -> dict[UUID, Checkup]:
    """The newest word of the doctor about each of these, by the credential's id."""
    newest = _newest_checkups(Checkup.credential_id.in_([credential.id for credential in found]))
    rows = db.session.scalars(
        select(Checkup).join(
            newest,
            (Checkup.credential_id == newest.c.credential_id) & (Checkup.started_at == newest.c.started_at),
        )
    )
    return {checkup.credential_id: checkup for checkup in rows}


def word(tenant_id: UUID) -> tuple[Credential | None, Checkup | None]:
    """The tenant's credential in use, and the doctor's newest word about it."""
    credential = standing(tenant_id, Standing.CURRENT)
    return credential, checkups([credential]).get(credential.id) if credential else None


def urgency(expires_at: datetime | None) -> str:
    """How near its end is: "good", "warn" within 30 days, "bad" within 7."""
    left = expires_at - now() if expires_at else None
    if left is None or left > SOON:
        return "good"
    return "warn" if left > VERY_SOON else "bad"


def reveal(credential: Credential) -> Secret:
    """The opened credential, for the client only. Raises vault.Unsealable."""
    fields = json.loads(vault.unseal(credential.sealed, place=_place(credential.id)))
    if credential.kind is CredentialKind.APPLICATION_CREDENTIAL:
        return ApplicationCredential(**fields)
    return Password(**fields)


def _newest_checkups(*conditions: Any) -> Any:
    """(credential_id, started_at) of the newest checkup of each whose word is known."""
    return (
        select(Checkup.credential_id, func.max(Checkup.started_at).label("started_at"))
        .where(Checkup.tone.is_not(None), *conditions)
        .group_by(Checkup.credential_id)
        .subquery()
    )


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
