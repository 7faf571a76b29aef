"""The doctor: whether a credential can do its work, examined when added, on request, and daily.

A checkup is a row that goes on where it was: quick checks and the sending of the probe, then a look at the
probe every second until it is judged and gone. A worker that dies in between is followed by the next one.
"""

import logging
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, select, update

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store import wake
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import DomainError, NotFound, Refused
from portal.domain.store.vault import Unsealable
from portal.domain.tenants import checks, clouds, credentials, making, news, probe, refusals, ways
from portal.domain.tenants.checks import Check, Examination, Tone
from portal.domain.tenants.credentials import Secret
from portal.domain.tenants.models import KEPT, Cause, Checkup, Credential, Standing, Tenant
from portal.openstack.cloud import Call
from portal.openstack.errors import OpenStackError
from portal.translation import N_, gettext

__all__ = ["Checkup", "ask", "due", "examine", "history", "running"]

logger = logging.getLogger(__name__)

# Longer than all quick checks together may take.
LEASE = timedelta(seconds=150)
PACE, DAILY = timedelta(seconds=1), timedelta(days=1)
READ_TIMEOUT = 10.0
REMEMBERED = timedelta(days=90)
EXAMINED = (Standing.STAGED, Standing.CURRENT)


def ask(credential_id: UUID, *, by: User) -> None:
    """Has the credential examined now. Raises NotFound, Forbidden, Refused."""
    access.require(by, Permission.CREDENTIAL_EXAMINE)
    with transaction():
        credential = db.session.get(Credential, credential_id)
        if credential is None:
            raise NotFound(gettext("There is no such credential."))
        if credential.standing not in EXAMINED:
            raise Refused(gettext("It is out of use; there is nothing to examine."))
        _begin_anew(credential_id)
        credential.doctor_due_at = now()
        credentials.record("examination_asked", credential, by=by)
    wake.doctor(credential_id)


def _begin_anew(credential_id: UUID) -> None:
    """One that has its word is over, and leaves its probe to the next; one that hasn't goes on."""
    going_on = running(credential_id)
    if going_on and going_on.tone is None:
        return
    if going_on:
        going_on.finished_at = now()
        db.session.flush()
    db.session.add(Checkup(credential_id=credential_id, cause=Cause.ASKED))


def running(credential_id: UUID) -> Checkup | None:
    """The examination that is going on."""
    return db.session.scalar(
        select(Checkup).where(Checkup.credential_id == credential_id, Checkup.finished_at.is_(None))
    )


def history(credential: Credential) -> list[Checkup]:
    """The examinations of this credential, newest first."""
    rows = select(Checkup).where(Checkup.credential_id == credential.id).order_by(Checkup.started_at.desc())
    return list(db.session.scalars(rows.limit(20)))


def is_awaited(credential: Credential) -> bool:
    """Whether a page should look again soon: the doctor is at it, or about to come."""
    soon = credential.doctor_due_at is not None and credential.doctor_due_at <= now() + LEASE
    return credential.standing in EXAMINED and soon


def due() -> Sequence[UUID]:
    """The credentials that should be examined, or whose examination goes on."""
    return db.session.scalars(
        select(Credential.id)
        .join(Tenant, Tenant.id == Credential.tenant_id)
        .where(Credential.doctor_due_at <= now(), Credential.standing.in_(EXAMINED), KEPT)
    ).all()


def examine(credential_id: UUID) -> bool:
    """Goes on with the credential's examination; False: not due, or somebody else does it."""
    if not _claim(credential_id):
        return False
    credential = db.session.get_one(Credential, credential_id)
    tenant = db.session.get_one(Tenant, credential.tenant_id)
    checkup = running(credential_id) or _begin(credential)
    secret = _open(credential, checkup)
    if secret is not None:
        with _examination(tenant, credential, secret) as examination:
            _go_on(checkup, examination)
    return True


def _go_on(checkup: Checkup, examination: Examination) -> None:
    if not checkup.checks:
        _ask_quickly(checkup, examination)
    elif checkup.tone is None:
        _judge(checkup, probe.look(examination, checkup))
    else:
        _clean_up(checkup, examination)


@contextmanager
def _examination(tenant: Tenant, credential: Credential, secret: Secret) -> Iterator[Examination]:
    """The cloud under this credential, with every call noted."""
    calls: list[Call] = []
    stop = clouds.watch(calls.append)
    cloud = clouds.try_out(tenant, secret, read_timeout=READ_TIMEOUT)
    known = credentials.standing(tenant.id, Standing.CURRENT)
    owner = known.facts.get("user_id") if known and known.id != credential.id else None
    try:
        yield Examination(cloud, credential, tenant.region, tenant.project_id, owner, calls)
    finally:
        stop()
        cloud.close()


def _open(credential: Credential, checkup: Checkup) -> Secret | None:
    """The secret to examine with; None: there is none, and the checkup says why."""
    try:
        making.finish(credential)
        return credentials.reveal(credential)
    except Unsealable as error:
        words, facts = N_("Its secret doesn't open. %(problem)s"), {"problem": str(error)}
        lost = Check(N_("secret"), Tone.BAD, words, facts, ways=ways.LOST_KEY)
    except (OpenStackError, DomainError) as error:
        words, facts = N_("Keystone didn't make it. %(problem)s"), {"problem": str(error)}
        lost = Check(N_("making"), Tone.BAD, words, facts, ways=ways.NOT_MADE)
    _judge(checkup, lost)
    _finish(checkup)
    return None


def _ask_quickly(checkup: Checkup, examination: Examination) -> None:
    """Everything but the probe; then the probe is sent, where there is a Heat to send it to."""
    found = list(checks.quick(examination))
    _note_identity(examination)
    heat = examination.seen.get(checks.SERVICES["orchestration"])
    if heat is None or heat.tone is not Tone.GOOD:
        _write(checkup, checks=[check.plain for check in found])
        _judge(checkup, None, over=True)
        _finish(checkup)
        return
    _write(checkup, checks=[check.plain for check in found], probe_sent_at=now())
    stack_id, refusal = probe.send(examination, checkup.id)
    _write(checkup, probe_stack_id=stack_id)
    _judge(checkup, refusal)


def _judge(checkup: Checkup, last: Check | None, *, over: bool = False) -> None:
    """Adds the last check, with which the word is known; without one the probe is looked at again."""
    if last is None and not over:
        _again(checkup, PACE)
        return
    found = [*checkup.checks, *([last.plain] if last else [])]
    _write(checkup, checks=found, tone=checks.worst(found))
    _again(checkup, PACE)


def _clean_up(checkup: Checkup, examination: Examination) -> None:
    """The probe's stack goes; where that can't be asked, the next checkup of the tenant sweeps it."""
    try:
        probe.sweep(examination.cloud, checkup)
        gone = probe.remove(examination.cloud, checkup)
    except OpenStackError as error:
        logger.warning("the probe's stack is left for the next checkup: %s", error)
        gone = True
    if gone:
        _finish(checkup)
    else:
        _again(checkup, PACE)


def _note_identity(examination: Examination) -> None:
    """What the token says of the credential, kept for pages and for who may revoke it."""
    credential, identity = examination.credential, examination.identity
    refused = examination.seen["token"].tone is Tone.BAD
    if identity is None:
        if refused and examination.calls and examination.calls[-1].status in (401, 403, 404):
            refusals.refused(credential.tenant_id, credential.id)
        return
    facts = {
        "user_id": identity.user_id,
        "user": identity.user_name,
        "project_id": identity.project_id,
        "project": identity.project_name,
        "roles": list(identity.roles),
        "restricted": identity.restricted,
    }
    expires_at = examination.facts.expires_at if examination.facts else credential.expires_at
    with transaction():
        db.session.execute(
            update(Credential)
            .where(Credential.id == credential.id)
            .values(facts=facts, expires_at=expires_at)
            .execution_options(synchronize_session=False)
        )
        news.ending(credential, expires_at)
    refusals.accepted(credential.tenant_id, credential.id)


def _claim(credential_id: UUID) -> bool:
    with transaction():
        mine = db.session.scalar(
            update(Credential)
            .where(
                Credential.id == credential_id,
                Credential.doctor_due_at <= now(),
                Credential.standing.in_(EXAMINED),
            )
            .values(doctor_due_at=now() + LEASE)
            .returning(Credential.id)
            .execution_options(synchronize_session=False)
        )
    return mine is not None


def _begin(credential: Credential) -> Checkup:
    first = db.session.scalar(select(Checkup.id).where(Checkup.credential_id == credential.id).limit(1))
    checkup = Checkup(id=uuid4(), credential_id=credential.id, cause=Cause.DAILY if first else Cause.ADDED)
    with transaction():
        db.session.add(checkup)
    return checkup


def _finish(checkup: Checkup) -> None:
    with transaction():
        credential = db.session.get_one(Credential, checkup.credential_id)
        checkup.finished_at = now()
        if running(credential.id) is None:  # or somebody asked for another one meanwhile
            credential.doctor_due_at = _next(credential)
        not_good = [check["name"] for check in checkup.checks if check["tone"] != Tone.GOOD]
        credentials.record(
            "examined", credential, by=None, cause=checkup.cause.value, tone=checkup.tone, not_good=not_good
        )
        db.session.execute(
            delete(Checkup)
            .where(Checkup.credential_id == credential.id, Checkup.finished_at < now() - REMEMBERED)
            .execution_options(synchronize_session=False)
        )


def _next(credential: Credential) -> datetime | None:
    """The one in use is seen daily, not all at the same hour; a staged one when somebody asks."""
    if credential.standing is not Standing.CURRENT:
        return None
    return now() + DAILY * random.uniform(0.9, 1.1)


def _again(checkup: Checkup, pause: timedelta) -> None:
    with transaction():
        db.session.execute(
            update(Credential)
            .where(Credential.id == checkup.credential_id)
            .values(doctor_due_at=now() + pause)
            .execution_options(synchronize_session=False)
        )


def _write(checkup: Checkup, **facts: Any) -> None:
    with transaction():
        db.session.execute(
            update(Checkup)
            .where(Checkup.id == checkup.id)
            .values(**facts)
            .execution_options(synchronize_session=False)
        )
    db.session.refresh(checkup)
