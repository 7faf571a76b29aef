"""Matters: what needs a person now, and what happened lately where they work."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import lazyload, load_only

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store.db import db, now
from portal.domain.store.models import AuditEntry
from portal.domain.tenants import credentials
from portal.domain.tenants.models import Answer, QuotaRequest
from portal.domain.vms import explain, findings, leases, requests
from portal.domain.vms.models import State, Vm

MOST = 5
SOON = timedelta(days=3)
NEWS = timedelta(days=7)
LATELY = 8
# What is told of a tenant's VMs; who may not read the audit reads these.
TOLD = ("launch", "completed", "failed", "vanished", "retry", "start", "stop", "reboot", "delete", "gone")


@dataclass(frozen=True)
class Failed:
    """A VM of theirs that failed, and what it means in plain words."""

    vm: Vm
    cause: str


@dataclass(frozen=True)
class Matters:
    """What needs them: their own VMs and requests; and what waits for who looks after all tenants."""

    failed: Sequence[Failed]
    ending: Sequence[Vm]
    answers: Sequence[QuotaRequest]
    findings: int
    credentials: int
    requests: int


@dataclass(frozen=True)
class Act:
    """One thing that happened to a VM; `who` None: the portal or its cloud did it."""

    at: datetime
    action: str
    who: str | None
    vm_id: UUID
    vm_name: str


def of(user: User) -> Matters:
    """What needs this person now."""
    mine = _mine(user)
    return Matters(
        failed=[
            Failed(vm, explain.failure(vm.failure or "").cause) for vm in mine if vm.state is State.ERROR
        ],
        ending=[vm for vm in mine if vm.state is not State.ERROR],
        answers=_answers(user),
        findings=findings.how_many_open() if access.allows(user, Permission.FINDING_VIEW) else 0,
        credentials=credentials.how_many_bad() if access.allows(user, Permission.CREDENTIAL_VIEW) else 0,
        requests=requests.how_many_wait() if access.allows(user, Permission.QUOTA_CHANGE) else 0,
    )


def lately(user: User, tenant_id: UUID | None) -> list[Act]:
    """What happened last to VMs of the tenant, or of all tenants, newest first."""
    if not (access.everywhere(user, Permission.VM_VIEW) or tenant_id in user.tenant_ids):
        return []
    rows = (
        select(AuditEntry.at, AuditEntry.action, User.name, Vm.id, Vm.name)
        .join(Vm, Vm.id == AuditEntry.vm_id)
        .outerjoin(User, User.id == AuditEntry.user_id)
        .where(AuditEntry.action.in_([f"vm.{each}" for each in TOLD]))
        .order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
        .limit(LATELY)
    )
    if tenant_id is not None:
        rows = rows.where(AuditEntry.tenant_id == tenant_id)
    return [Act(*row) for row in db.session.execute(rows)]


def _mine(user: User) -> Sequence[Vm]:
    """Their own VMs that failed or whose lease ends soon, the newest first."""
    there = Vm.state.not_in((State.DELETING, State.DELETED))
    ends = and_(leases.warned(), Vm.lease_ends_at < now() + SOON, there)
    rows = (
        select(Vm)
        .options(
            load_only(Vm.name, Vm.state, Vm.state_since, Vm.failure, Vm.lease_ends_at),
            lazyload(Vm.owner),
            lazyload(Vm.tenant),
        )
        .where(Vm.owner_id == user.id, or_(Vm.state == State.ERROR, ends), Vm.tenant_id.in_(user.tenant_ids))
    )
    return db.session.scalars(rows.order_by(Vm.requested_at.desc()).limit(MOST)).all()


def _answers(user: User) -> Sequence[QuotaRequest]:
    """What was answered lately of what they asked for."""
    rows = select(QuotaRequest).where(
        QuotaRequest.by_id == user.id,
        QuotaRequest.answer.in_((Answer.APPROVED, Answer.CHANGED, Answer.REFUSED)),
        QuotaRequest.answered_at > now() - NEWS,
    )
    return db.session.scalars(rows.order_by(QuotaRequest.answered_at.desc()).limit(MOST)).all()
