"""The world a test stands in: real databases and Valkey, a sandbox cloud on a port, movable time."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import time_machine
from sqlalchemy import func, select

from portal.domain.catalog import catalog
from portal.domain.people import accounts
from portal.domain.people.models import Role, User
from portal.domain.store import verification
from portal.domain.store.db import Base, db, now, transaction
from portal.domain.tenants import credentials, doctor, tenants
from portal.domain.tenants.models import Tenant
from portal.domain.vms import (
    changing,
    delivering,
    drafts,
    handover,
    ladder,
    leases,
    lifecycle,
    polling,
    power,
    provisioning,
    reconcile,
    removals,
)
from portal.domain.vms.models import Change, Finding, LaunchDraft, State, Vm
from portal.openstack.cloud import Access, Cloud, MemoryTokens, Password

PASSWORD = "correct-horse-1"
# What a module says that runs on both databases: DATABASES = BOTH.
BOTH = ("sqlite", "postgresql")
T = TypeVar("T", bound=Base)


def only(model: type[T]) -> T:
    """The one row of the table, read afresh."""
    db.session.rollback()
    return db.session.scalars(select(model)).unique().one()


def fresh(row: T) -> T:
    """The row as it is in the database now."""
    db.session.rollback()
    db.session.refresh(row)
    return row


@dataclass
class Clock:
    """Time that only tests move; real seconds go on passing."""

    traveller: time_machine.Traveller

    def forward(self, seconds: float) -> None:
        """Moves all time of this process, the sandbox's too."""
        self.traveller.shift(timedelta(seconds=seconds))


@dataclass
class Worker:
    """Does what the queue and its workers do, here and now, and lets the time between pass at once."""

    clock: Clock

    def once(self) -> int:
        """Everything that is due, once."""
        due = polling.due()
        work: list[tuple[Callable[[Any], Any], Any]] = [
            *((catalog.refresh, tenant_id) for tenant_id in due.catalogs),
            *((provisioning.step, vm_id) for vm_id in due.steps),
            *((polling.poll, tenant_id) for tenant_id in (*due.tenants, *due.resting)),
            *((power.step, vm_id) for vm_id in due.powers),
            *((changing.step, change_id) for change_id in due.changes),
            *((removals.step, vm_id) for vm_id in due.removals),
            *((leases.step, vm_id) for vm_id in due.leases),
            *((ladder.step, finding_id) for finding_id in due.settles),
            *((reconcile.sweep, tenant_id) for tenant_id in due.reconciles),
            *((doctor.examine, credential_id) for credential_id in due.doctors),
            *((handover.step, credential_id) for credential_id in due.handovers),
            *((verification.go_on, check_id) for check_id in due.verifications),
            *((delivering.step, delivery_id) for delivery_id in due.deliveries),
        ]
        db.session.rollback()
        for job, subject in work:
            job(subject)
            db.session.rollback()
        return len(work)

    def __call__(self, *, until: Callable[[], bool] | None = None, seconds: float = 7200) -> None:
        """Works until nothing is on its way any more, or `until` holds; at most so many virtual seconds."""
        deadline = now() + timedelta(seconds=seconds)
        while now() < deadline:
            self.once()
            if until() if until else not self._on_its_way():
                return
            self.clock.forward(self._idle())
        raise AssertionError(f"still at work after {seconds} virtual seconds: {self._on_its_way()}")

    def _idle(self) -> float:
        """Seconds until something is due again."""
        db.session.rollback()
        moments = db.session.execute(
            select(func.min(Vm.look_at), func.min(Vm.power_due_at)).where(Vm.state != State.DELETED)
        ).one()
        asked = db.session.scalar(select(func.min(Finding.due_at)).where(Finding.resolved_at.is_(None)))
        changed = db.session.scalar(select(func.min(Change.due_at)))
        planned = db.session.scalar(select(func.min(Vm.delete_due_at)))
        waits = [(moment - now()).total_seconds() for moment in (*moments, asked, changed, planned) if moment]
        return max(0.05, min(waits, default=1.0))

    def _on_its_way(self) -> list[str]:
        db.session.rollback()
        return [
            f"{vm.name} {vm.state} {vm.power_asked or ''} {vm.trouble or ''}"
            for vm in db.session.scalars(select(Vm)).unique()
            if vm.state in lifecycle.WORKING or vm.power_asked or removals.seconds_left(vm) is not None
        ] + [
            str(asked)
            for column in (Finding.asked, Change.due_at)
            for asked in db.session.scalars(select(column))
            if asked
        ]


def add_person(email: str, role: Role, *tenants_of: Tenant) -> User:
    """A person with the password PASSWORD, in these tenants."""
    user = accounts.create(email, email.partition("@")[0].capitalize(), PASSWORD, role)
    for tenant in tenants_of:
        accounts.join(user, tenant.id)
    return user


def add_tenant(name: str, project: str, auth_url: str, **quotas: int) -> Tenant:
    """A tenant with a restricted application credential, its catalogue read from the cloud."""
    tenant = connect(name, project, auth_url, **quotas)
    catalog.refresh(tenant.id)
    return fresh(tenant)


def connect(name: str, project: str, auth_url: str, **quotas: int) -> Tenant:
    """A tenant with a restricted application credential, its cloud not looked at yet."""
    limits = {"quota_vms": 20, "quota_vcpus": 100, "quota_ram_mib": 262144, "quota_gpus": 2} | quotas
    tenant = tenants.create(Tenant(name=name, auth_url=auth_url, region="RegionOne", **limits))
    made = outside(project, auth_url).keystone.create_application_credential(f"portal-{project}")
    credential = credentials.register(tenant.id, made, label="test")
    with transaction():  # the doctor comes when a test asks for it
        credential.doctor_due_at = None
    return fresh(tenant)


def outside(project: str, auth_url: str) -> Cloud:
    """The project's cloud as its own people use it, beside the portal."""
    secret = Password(username=project.replace("tenant", "user"), password="lab", project_name=project)
    return Cloud(Access(auth_url=auth_url, region="RegionOne", secret=secret), tokens=MemoryTokens())


def draft(user: User, tenant: Tenant, offering: str = "ubuntu-basic", **answers: Any) -> LaunchDraft:
    """A draft with its first answers, and these."""
    made = drafts.start(offering, by=user, tenant=tenant)
    if answers:
        drafts.answer(made, answers, by=user)
    return made


def launch(user: User, tenant: Tenant, offering: str = "ubuntu-basic", **answers: Any) -> Vm:
    """A launched VM, not worked on yet."""
    return drafts.submit(draft(user, tenant, offering, **answers).id, by=user)


def wait_for(what: Callable[[], Any], seconds: float = 10) -> Any:
    """What it answers once it is true. For other processes only; inside this one, time is moved instead."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
    return found
