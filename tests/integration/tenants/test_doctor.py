"""The doctor: each thing that can be wrong with a credential is found, and its way out told."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from portal.domain.people.models import User
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import Forbidden, NotFound, Refused
from portal.domain.store.models import AuditEntry
from portal.domain.tenants import checks, clouds, credentials, doctor, probe
from portal.domain.tenants.models import Cause, Checkup, Credential, Standing, Tenant
from portal.openstack.cloud import ApplicationCredential, Cloud, Password
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.integration.conftest import Sandbox
from tests.support.world import BOTH, Clock, Worker, fresh, outside

DATABASES = BOTH


def examine(credential: Credential, work: Worker, *, until: Callable[[], bool] | None = None) -> Checkup:
    """The doctor's word, with the time between its looks passing at once."""
    with transaction():
        db.session.execute(update(Credential).where(Credential.id == credential.id).values(doctor_due_at=now()))
    for _ in range(400):
        doctor.examine(credential.id)
        db.session.rollback()
        if until() if until else doctor.running(credential.id) is None:
            break
        work.clock.forward(1)
    [newest, *_] = doctor.history(credential)
    return newest


def tones(checkup: Checkup) -> dict[str, str]:
    return {check["name"]: check["tone"] for check in checkup.checks}


def words(checkup: Checkup, name: str) -> str:
    [check] = [check for check in checkup.checks if check["name"] == name]
    return " ".join([check["answered"], *check["ways"]])


def test_a_restricted_credential_is_green_all_through(
    lab: Tenant, work: Worker, cloud: Control
) -> None:
    credential = credentials.current(lab.id)
    checkup = examine(credential, work)
    assert set(tones(checkup).values()) == {"good"}
    assert (checkup.tone, checkup.cause) == ("good", Cause.ADDED)
    assert list(tones(checkup)) == [
        "token", "clock", "project", "restriction", "expiry", "access rules", "roles", "catalogue",
        "Heat", "Nova", "Neutron", "Glance", "probe",
    ]  # fmt: skip
    for check in checkup.checks:
        assert check["asked"]
        assert check["request_id"].startswith("req-")
    assert cloud.stack_names("tenant-a") == []
    facts = fresh(credential).facts
    assert (facts["user"], facts["project"], facts["restricted"]) == ("user-a", "tenant-a", True)
