"""Rotation: a new credential is staged, examined and switched to; the old one drains and is revoked.

Each step is one row's new standing, so whoever comes after a crash goes on with it. Until Keystone is asked
to delete the old one, the switch can be rolled back.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, update

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store import wake
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import NotFound, Refused
from portal.domain.tenants import credentials, making
from portal.domain.tenants.credentials import Secret
from portal.domain.tenants.models import Checkup, Credential, Standing, Tenant
from portal.translation import N_, gettext

# Longer than any page that began under the old credential may still take; jobs are waited for one by one.
GRACE = timedelta(seconds=60)
DRAINS = {
    "0": (N_("as soon as its work has ended"), GRACE),
    "60": (N_("an hour from now"), timedelta(hours=1)),
    "1440": (N_("a day from now"), timedelta(days=1)),
    "10080": (N_("a week from now"), timedelta(days=7)),
}


def stage(tenant_id: UUID, secret: Secret, *, label: str, by: User) -> Credential:
    """Keeps a pasted credential, sealed, for the doctor to see. Raises Refused while another one is."""
    return _stage(credentials.sealed(tenant_id, secret, label=label, standing=Standing.STAGED), by=by)


def make(tenant_id: UUID, *, unrestricted: bool, by: User) -> Credential:
    """Has the one in use make the next one; a worker does that. Raises Refused where it may not."""
    access.require(by, Permission.CREDENTIAL_ROTATE)
    if not making.can_make(credentials.standing(tenant_id, Standing.CURRENT)):
        raise Refused(
            gettext("The credential in use is restricted: Keystone lets it make no other. Paste a new one.")
        )
    return _stage(making.planned(tenant_id, unrestricted=unrestricted), by=by)


def switch(tenant_id: UUID, *, drain: timedelta, by: User) -> None:
    """New work uses the staged one from now on, in every process; the old one drains. Raises Refused."""
    access.require(by, Permission.CREDENTIAL_ROTATE)
    with transaction():
        new, old = _required(tenant_id, Standing.STAGED), _locked(tenant_id, Standing.CURRENT)
        if problem := obstacle(new):
            raise Refused(problem)
        moment = now()
        if old:
            facts = {"retired_at": moment, "revoke_at": moment + max(GRACE, drain), "doctor_due_at": None}
            _put(old, Standing.DRAINING, handover_due_at=moment + GRACE, **facts)
        _put(new, Standing.CURRENT, current_since=moment, doctor_due_at=moment + timedelta(days=1))
        credentials.came_into_use(tenant_id)
        credentials.record("switched", new, by=by, earlier=old.public if old else None)
    wake.catalog(tenant_id)
    wake.resume(tenant_id)


def roll_back(tenant_id: UUID, *, by: User) -> None:
    """The old one is in use again, the new one staged. Raises Refused once the old one is being revoked."""
    access.require(by, Permission.CREDENTIAL_ROTATE)
    with transaction():
        old, new = _required(tenant_id, Standing.DRAINING), _locked(tenant_id, Standing.CURRENT)
        if old.revoke_sent_at:
            raise Refused(
                gettext(
                    "Keystone has been asked to delete the earlier credential; there is no way back to it."
                )
            )
        if new:
            _put(new, Standing.STAGED, doctor_due_at=None)
        nothing = {"retired_at": None, "revoke_at": None, "handover_due_at": None, "note": None}
        _put(old, Standing.CURRENT, current_since=now(), doctor_due_at=now(), **nothing)
        credentials.came_into_use(tenant_id)
        credentials.record("rolled_back", old, by=by, later=new.public if new else None)
    wake.doctor(old.id)
    wake.catalog(tenant_id)
    wake.resume(tenant_id)


def can_hasten(draining: Credential) -> bool:
    """Whether it could go earlier than was said at the switch."""
    earliest = (draining.retired_at or now()) + GRACE
    return draining.revoke_at is not None and draining.revoke_at > earliest


def hasten(tenant_id: UUID, *, by: User) -> None:
    """The draining one is revoked as soon as its work has ended. Raises Refused."""
    access.require(by, Permission.CREDENTIAL_ROTATE)
    with transaction():
        old = _required(tenant_id, Standing.DRAINING)
        soon = (old.retired_at or now()) + GRACE
        _put(old, Standing.DRAINING, revoke_at=soon, handover_due_at=now())
        credentials.record("hastened", old, by=by)
    wake.handover(old.id)


def discard(tenant_id: UUID, *, by: User) -> None:
    """The staged one isn't wanted: made by the portal it is deleted in Keystone, pasted it is forgotten."""
    access.require(by, Permission.CREDENTIAL_ROTATE)
    with transaction():
        staged = _required(tenant_id, Standing.STAGED)
        moment = now()
        facts = {"retired_at": moment, "doctor_due_at": None}
        if staged.made and _locked(tenant_id, Standing.DRAINING) is None:
            due = moment + GRACE if staged.current_since else moment  # it was in use until a rollback
            _put(staged, Standing.DRAINING, revoke_at=due, handover_due_at=due, **facts)
        else:
            _put(staged, Standing.REVOKED, sealed=b"", note=FORGOTTEN, **facts)
        credentials.record("discarded", staged, by=by)
    wake.handover(staged.id)


FORGOTTEN = N_("The portal forgot it. It is still in Keystone: delete it there when nothing else uses it.")


def obstacle(staged: Credential) -> str | None:
    """Why this credential can't be switched to; None: it can."""
    if making.is_pending(staged):
        return gettext("Keystone hasn't made it yet.")
    word = newest_word(staged)
    if word is None:
        return gettext("The doctor is still examining it.")
    red = ", ".join(check["name"] for check in word.told if check["tone"] == "bad")
    words = gettext(
        "The doctor found it unfit (%(red)s). Do what it says, and have it examined again.", red=red
    )
    return words if red else None


def newest_word(credential: Credential) -> Checkup | None:
    """The doctor's word about it; None while the newest examination has none."""
    newest = db.session.scalar(
        select(Checkup)
        .where(Checkup.credential_id == credential.id)
        .order_by(Checkup.started_at.desc(), Checkup.finished_at.is_(None).desc())
        .limit(1)
    )
    return newest if newest and newest.tone else None


def _stage(credential: Credential, *, by: User) -> Credential:
    access.require(by, Permission.CREDENTIAL_ROTATE)
    with transaction():
        if db.session.get(Tenant, credential.tenant_id) is None:
            raise NotFound(gettext("There is no such tenant."))
        if _under_way(credential.tenant_id):
            raise Refused(gettext("A rotation is under way already: end that one first, or discard it."))
        db.session.add(credential)
        credentials.record("staged", credential, by=by)
    wake.doctor(credential.id)
    return credential


def _under_way(tenant_id: UUID) -> Sequence[UUID]:
    moving = Credential.standing.in_((Standing.STAGED, Standing.DRAINING))
    return db.session.scalars(select(Credential.id).where(Credential.tenant_id == tenant_id, moving)).all()


def _locked(tenant_id: UUID, where: Standing) -> Credential | None:
    return db.session.scalar(
        select(Credential)
        .where(Credential.tenant_id == tenant_id, Credential.standing == where)
        .with_for_update(of=Credential)
    )


def _required(tenant_id: UUID, where: Standing) -> Credential:
    found = _locked(tenant_id, where)
    if found is None:
        raise Refused(gettext("The rotation has moved on meanwhile; look again."))
    return found


def _put(credential: Credential, where: Standing, **facts: object) -> None:
    """Gives it its new standing at once, since the next one may need the old one's place."""
    db.session.execute(
        update(Credential)
        .where(Credential.id == credential.id)
        .values(standing=where, **facts)
        .execution_options(synchronize_session=False)
    )
    db.session.refresh(credential)
