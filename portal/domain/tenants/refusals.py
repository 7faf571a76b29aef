"""Refusals: since when Keystone refuses the credential in use. Only signing in tells."""

from uuid import UUID

from sqlalchemy import select, update

from portal.domain.store import audit, wake
from portal.domain.store.db import db, now, transaction
from portal.domain.tenants import news
from portal.domain.tenants.models import Credential, Standing, Tenant


def refused(tenant_id: UUID, credential_id: UUID) -> None:
    """Keystone said no to this credential. The first time, members are told and the doctor looks why."""
    if _since(tenant_id):
        return
    with transaction():
        told = db.session.scalar(
            update(Tenant)
            .where(
                Tenant.id == tenant_id,
                Tenant.refused_since.is_(None),
                # A process may have tried one that was replaced meanwhile.
                select(Credential.id)
                .where(Credential.id == credential_id, Credential.standing == Standing.CURRENT)
                .exists(),
            )
            .values(refused_since=now())
            .returning(Tenant.id)
            .execution_options(synchronize_session=False)
        )
        if told:
            db.session.execute(
                update(Credential)
                .where(Credential.id == credential_id)
                .values(doctor_due_at=now())
                .execution_options(synchronize_session=False)
            )
            audit.record("credential.refused", by=None, tenant_id=tenant_id)
            news.refused(tenant_id)
    if told:
        wake.doctor(credential_id)


def accepted(tenant_id: UUID, credential_id: UUID) -> None:
    """Keystone took this credential: what waited for that goes on."""
    if not _since(tenant_id):
        return
    with transaction():
        over = db.session.scalar(
            update(Tenant)
            .where(
                Tenant.id == tenant_id,
                Tenant.refused_since.is_not(None),
                select(Credential.id)
                .where(Credential.id == credential_id, Credential.standing == Standing.CURRENT)
                .exists(),
            )
            .values(refused_since=None, catalog_due_at=now())
            .returning(Tenant.id)
            .execution_options(synchronize_session=False)
        )
        if over:
            audit.record("credential.accepted_again", by=None, tenant_id=tenant_id)
    if over:
        wake.resume(tenant_id)


def _since(tenant_id: UUID) -> object:
    return db.session.scalar(select(Tenant.refused_since).where(Tenant.id == tenant_id))
