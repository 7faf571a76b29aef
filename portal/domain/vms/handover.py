"""Handover from one credential to the next: what waited goes on at once, what is in flight ends first.

Heat holds the token that a create or delete was sent with until it is done, and a job keeps the client that
it began with, so the old credential is revoked only when neither is on its way any more. Whatever begins
later uses the new one.
"""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from portal.domain.store import wake
from portal.domain.store.db import db, now, transaction
from portal.domain.tenants import revoking
from portal.domain.tenants.credentials import Credential
from portal.domain.vms.models import State, Vm
from portal.translation import N_

PACE = timedelta(seconds=5)
# No token lives longer than this on a sane cloud: what Heat does with one by then has failed already.
LONGEST = timedelta(minutes=90)
# Workers' clocks may be off by so much.
SKEW = timedelta(seconds=30)
# A create that a job sent later than this was sent under the new one.
LAST = timedelta(seconds=wake.JOB_SECONDS)


def in_flight(credential: Credential) -> int:
    """How many VMs Heat may still be making or deleting under this credential."""
    return db.session.scalar(select(func.count(Vm.id)).where(_sent_under(credential))) or 0


def step(credential_id: UUID) -> None:
    """Revokes the draining credential when its time has come and its work has ended."""
    credential = revoking.claim(credential_id)
    if credential is None:
        return
    due = credential.revoke_at or now()
    if now() < due:
        revoking.put_back(credential, min(due - now(), timedelta(minutes=1)))
    elif now() < due + LONGEST and credential.revoke_sent_at is None and (left := _left(credential)):
        revoking.put_back(credential, PACE, left)
    else:
        revoking.revoke(credential)


def resume(tenant_id: UUID) -> None:
    """What waited for another credential, or for the cloud, is due now."""
    with transaction():
        waited = db.session.scalars(
            update(Vm)
            .where(Vm.tenant_id == tenant_id, Vm.trouble.is_not(None), Vm.state != State.DELETED)
            .values(look_at=now(), look_failures=0)
            .returning(Vm.id)
            .execution_options(synchronize_session=False)
        ).all()
    for vm_id in waited:
        wake.vm(vm_id)
    if waited:
        wake.tenant(tenant_id)


def _left(credential: Credential) -> str:
    """What is still on its way under it, in words."""
    if left := in_flight(credential):
        return f"VMs that Heat still works on under it: {left}."
    try:
        jobs = wake.running_since((credential.retired_at or now()) + SKEW)
    except ConnectionError:
        return N_("Redis doesn't answer, so nobody knows whether jobs still use it.")
    return f"Jobs that may still use it: {jobs}." if jobs else ""


def _sent_under(credential: Credential) -> ColumnElement[bool]:
    until = (credential.retired_at or now()) + LAST
    making = and_(Vm.state.in_((State.REQUESTED, State.PROVISIONING)), Vm.create_sent_at <= until)
    deleting = and_(Vm.state == State.DELETING, Vm.delete_sent_at <= until)
    return and_(Vm.tenant_id == credential.tenant_id, or_(making, deleting))
