"""Revoking: a credential that drained is deleted in Keystone where that is allowed, and forgotten."""

import logging
from collections.abc import Iterator, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, update

from portal.domain.store.db import db, now, transaction
from portal.domain.store.vault import Unsealable
from portal.domain.tenants import clouds, credentials, making
from portal.domain.tenants.models import Credential, CredentialKind, Standing, Tenant
from portal.openstack.cloud import Cloud
from portal.openstack.errors import BadCredential, NotAllowed, NotFound, OpenStackError
from portal.translation import N_

logger = logging.getLogger(__name__)

LEASE, AFTER_TROUBLE = timedelta(seconds=150), timedelta(minutes=1)

DELETED = N_("Deleted in Keystone by the portal.")
GONE = N_("It was gone from Keystone already.")
UNMADE = N_("Keystone never made it.")
PASSWORD = N_("Its user still has the password: change it, or disable the user, when nothing else needs it.")
BY_HAND = (
    "A restricted credential can't delete itself. As its owner: openstack application credential delete {id}"
)


def due() -> Sequence[UUID]:
    """The draining credentials somebody should look at."""
    return db.session.scalars(
        select(Credential.id).where(
            Credential.handover_due_at <= now(), Credential.standing == Standing.DRAINING
        )
    ).all()


def claim(credential_id: UUID) -> Credential | None:
    """The draining credential, for this caller alone for a while; None: not due, or somebody else's."""
    with transaction():
        mine = db.session.scalar(
            update(Credential)
            .where(
                Credential.id == credential_id,
                Credential.handover_due_at <= now(),
                Credential.standing == Standing.DRAINING,
            )
            .values(handover_due_at=now() + LEASE)
            .returning(Credential.id)
            .execution_options(synchronize_session=False)
        )
    return db.session.get(Credential, credential_id) if mine else None


def put_back(credential: Credential, pause: timedelta, note: str | None = None) -> None:
    """It is looked at again after the pause; the note says what it waits for."""
    _write(credential, handover_due_at=now() + pause, note=note)


def revoke(credential: Credential) -> None:
    """Deletes it in Keystone where that is allowed, and forgets its secret. There is no way back."""
    if credential.revoke_sent_at is None and not _write(credential, revoke_sent_at=now()):
        return  # rolled back meanwhile
    try:
        note = _end(credential)
    except OpenStackError as error:
        logger.warning("not revoked yet: %s", error, extra={"tenant_id": str(credential.tenant_id)})
        put_back(
            credential, AFTER_TROUBLE, f"Keystone was asked in vain to delete it; it is asked again. {error}"
        )
        return
    with transaction():
        if _put(credential, standing=Standing.REVOKED, sealed=b"", note=note, handover_due_at=None):
            credentials.record("revoked", credential, by=None, outcome=note)
    db.session.refresh(credential)


def _end(credential: Credential) -> str:
    """What became of it, in words. Raises OpenStackError where it is worth another try."""
    if credential.kind is CredentialKind.PASSWORD:
        return PASSWORD
    if making.is_pending(credential) and not _made_after_all(credential):
        return UNMADE
    for who in _able(credential):
        if outcome := _delete(credential, who):
            return outcome
    return BY_HAND.format(id=credential.public["id"])


def _delete(credential: Credential, who: Credential) -> str | None:
    """None: this one could not do it."""
    cloud = _cloud(who)
    try:
        cloud.keystone.delete_application_credential(credential.public["id"])
    except NotFound:
        return GONE
    except BadCredential:
        return GONE if who.id == credential.id else None
    except NotAllowed as error:
        logger.info("it may not delete credentials after all: %s", error)
        return None
    finally:
        cloud.close()
    return DELETED


def _able(credential: Credential) -> Iterator[Credential]:
    """Who may delete it: the one in use, else itself, where it is its user's and unrestricted."""
    for who in (credentials.standing(credential.tenant_id, Standing.CURRENT), credential):
        same = who and (who.id == credential.id or _owner(who) == _owner(credential) or credential.made)
        if who and same and making.can_make(who):
            yield who


def _owner(credential: Credential) -> object:
    return credential.facts.get("user_id", credential.id)


def _made_after_all(credential: Credential) -> bool:
    """A making that nobody heard the answer of is found by its name."""
    who = credentials.standing(credential.tenant_id, Standing.CURRENT)
    if who is None:
        return False
    cloud = _cloud(who)
    try:
        found = cloud.keystone.application_credentials(name=credential.public["name"])
    finally:
        cloud.close()
    if found:
        _write(credential, public={**credential.public, "id": found[0].id})
    return bool(found)


def _cloud(who: Credential) -> Cloud:
    tenant = db.session.get_one(Tenant, who.tenant_id)
    try:
        return clouds.try_out(tenant, credentials.reveal(who))
    except Unsealable as error:
        raise BadCredential(str(error)) from None


def _write(credential: Credential, **facts: object) -> bool:
    """False: it isn't draining any more."""
    with transaction():
        written = _put(credential, **facts)
    db.session.refresh(credential)
    return written


def _put(credential: Credential, **facts: object) -> bool:
    """The same inside the caller's transaction."""
    written = db.session.scalar(
        update(Credential)
        .where(Credential.id == credential.id, Credential.standing == Standing.DRAINING)
        .values(**facts)
        .returning(Credential.id)
        .execution_options(synchronize_session=False)
    )
    return written is not None
