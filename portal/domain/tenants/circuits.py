"""Circuits: a cloud that doesn't answer is left alone for a while, so that it holds up nobody else.

Closed: asked as usual. Open: after a few questions in vain nobody asks until `ask_again_at`. Half-open: then
one worker may ask; its answer closes the circuit, its silence opens it for twice as long.
"""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, update

from portal.domain.store import wake
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import DomainError
from portal.domain.tenants.models import Tenant
from portal.translation import gettext

# So many questions in vain, one after the other, open the circuit.
OPENS_AFTER = 3
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(minutes=2)
# Longer than a question takes, so that one worker alone tries.
TRIAL = timedelta(seconds=45)


class Silent(DomainError):
    """The cloud doesn't answer; nobody asks it before `Tenant.ask_again_at`."""


def guard(tenant: Tenant) -> None:
    """Raises Silent while the circuit is open. When its pause is over, lets one caller through."""
    if tenant.silent_tries < OPENS_AFTER or tenant.ask_again_at is None:
        return
    with transaction():
        mine = db.session.scalar(
            update(Tenant)
            .where(Tenant.id == tenant.id, Tenant.ask_again_at <= now())
            .values(ask_again_at=now() + TRIAL)
            .returning(Tenant.id)
            .execution_options(synchronize_session=False)
        )
    db.session.refresh(tenant)
    if mine is None and tenant.silent_tries >= OPENS_AFTER:
        since = f"{tenant.silent_since:%H:%M}"
        raise Silent(
            gettext(
                "OpenStack doesn't answer since %(since)s UTC. What you asked for is kept and goes on by "
                "itself.",
                since=since,
            )
        )


def silent(tenant_id: UUID) -> None:
    """The cloud was asked in vain."""
    with transaction():
        tenant = db.session.scalars(
            select(Tenant)
            .where(Tenant.id == tenant_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).one()
        tenant.silent_since = tenant.silent_since or now()
        tenant.silent_tries += 1
        tenant.ask_again_at = now() + _pause(tenant.silent_tries)


def answered(tenant_id: UUID) -> bool:
    """The cloud answered; True: it had been silent before."""
    tenant = db.session.get_one(Tenant, tenant_id)
    if tenant.silent_tries == 0:
        return False
    with transaction():
        closed = db.session.scalar(
            update(Tenant)
            .where(Tenant.id == tenant_id, Tenant.silent_tries > 0)
            .values(silent_since=None, silent_tries=0, ask_again_at=None)
            .returning(Tenant.id)
            .execution_options(synchronize_session=False)
        )
    db.session.refresh(tenant)
    return closed is not None


def heard(tenant_id: UUID) -> None:
    """The cloud answered somebody who doesn't look after VMs: who does may ask at once."""
    tenant = db.session.get_one(Tenant, tenant_id)
    if not is_open(tenant):
        return
    with transaction():
        db.session.execute(
            update(Tenant)
            .where(Tenant.id == tenant_id, Tenant.silent_tries >= OPENS_AFTER)
            .values(ask_again_at=now())
            .execution_options(synchronize_session=False)
        )
    db.session.refresh(tenant)
    wake.resume(tenant_id)


def is_open(tenant: Tenant) -> bool:
    """Whether the cloud is left alone at present."""
    return tenant.silent_tries >= OPENS_AFTER


def _pause(tries: int) -> timedelta:
    return min(FIRST_PAUSE * 2.0 ** max(0, tries - OPENS_AFTER), LONGEST_PAUSE)
