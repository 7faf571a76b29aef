"""Rotation: each step, what each refuses, the way back; whoever is killed between two is followed."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from rq import Queue
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from sqlalchemy import select, update

from portal.domain.people.models import User
from portal.domain.store import volatile, wake
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import Forbidden, NotFound, Refused
from portal.domain.store.models import AuditEntry
from portal.domain.tenants import clouds, credentials, doctor, making, revoking, rotation
from portal.domain.tenants.models import Credential, Standing, Tenant
from portal.domain.vms import handover
from portal.domain.vms.models import State
from portal.openstack.cloud import ApplicationCredential, Cloud, Password
from portal.openstack.errors import BadCredential
from portal.openstack.keystone import Keystone
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.integration.conftest import Sandbox
from tests.support.calls import observed
from tests.support.wizard import write
from tests.support.world import Worker, fresh, launch, outside

DATABASES = ("sqlite", "postgresql")


def new(sandbox: Sandbox, project: str = "tenant-a", *, unrestricted: bool = False) -> ApplicationCredential:
    name = f"n-{uuid4().hex[:8]}"
    keystone = outside(project, sandbox.auth_url).keystone
    return keystone.create_application_credential(name, unrestricted=unrestricted)


def examine(credential: Credential, work: Worker) -> None:
    """Until the doctor is through."""
    with transaction():
        fresh_due = update(Credential).where(Credential.id == credential.id).values(doctor_due_at=now())
        db.session.execute(fresh_due)
    for _ in range(400):
        doctor.examine(credential.id)
        db.session.rollback()
        if doctor.running(credential.id) is None:
            return
        work.clock.forward(1)


def staged(tenant: Tenant, secret: credentials.Secret, root: User, work: Worker) -> Credential:
    """Staged and examined."""
    row = rotation.stage(tenant.id, secret, label="new", by=root)
    examine(row, work)
    return fresh(row)


def use(tenant: Tenant, secret: credentials.Secret, root: User, work: Worker) -> Credential:
    """The tenant's credential at once, examined."""
    row = credentials.register(tenant.id, secret, label="free")
    examine(row, work)
    return fresh(row)


def standing(*rows: Credential) -> list[Standing]:
    return [fresh(row).standing for row in rows]


def steps(tenant: Tenant) -> list[str]:
    """What the audit holds of this tenant's credentials, in order."""
    rows = select(AuditEntry.action).where(AuditEntry.tenant_id == tenant.id).order_by(AuditEntry.id)
    return [action.removeprefix("credential.") for action in db.session.scalars(rows) if "cred" in action]


def drained(work: Worker, seconds: float = 130) -> None:
    """The time passes in which work ends, and somebody looks."""
    work.clock.forward(seconds)
    for credential_id in revoking.due():
        handover.step(credential_id)


def test_a_rotation_from_the_paste_to_the_end(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker, behind: Cloud
) -> None:
    old = use(lab, new(sandbox, unrestricted=True), root, work)
    row = staged(lab, new(sandbox), root, work)
    rotation.switch(lab.id, drain=timedelta(), by=root)
    assert standing(old, row) == [Standing.DRAINING, Standing.CURRENT]
    drained(work, 50)
    assert standing(old) == [Standing.DRAINING]
    drained(work)
    assert standing(old, row) == [Standing.REVOKED, Standing.CURRENT]
    assert (old.note, old.sealed) == (revoking.DELETED, b"")
    left = {facts.id for facts in behind.keystone.application_credentials()}
    assert old.public["id"] not in left
    assert row.public["id"] in left
    assert steps(lab)[-4:] == ["staged", "examined", "switched", "revoked"]


def test_new_work_uses_the_new_one_at_once_in_every_process(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker
) -> None:
    before = clouds.of(lab.id)
    row = staged(lab, new(sandbox), root, work)
    assert clouds.of(lab.id) is before
    rotation.switch(lab.id, drain=timedelta(), by=root)
    assert clouds.of(lab.id) is not before
    assert clouds.of(lab.id).identity().application_credential_id == row.public["id"]


def test_what_was_begun_under_the_old_one_ends_before_it_goes(
    ada: User, lab: Tenant, root: User, sandbox: Sandbox, work: Worker, cloud: Control
) -> None:
    old = use(lab, new(sandbox, unrestricted=True), root, work)
    cloud.configure(stack_seconds=1000)
    vm = launch(ada, lab)
    work.once()
    assert fresh(vm).state is State.PROVISIONING
    staged(lab, new(sandbox), root, work)
    rotation.switch(lab.id, drain=timedelta(), by=root)
    assert handover.in_flight(fresh(old)) == 1
    drained(work)
    assert standing(old) == [Standing.DRAINING]
    assert "still works on under it: 1" in (old.note or "")
    with observed() as calls:
        work()
        drained(work, 30)
    assert fresh(vm).state is State.ACTIVE
    assert standing(old) == [Standing.REVOKED]
    assert [call for call in calls if call.status >= 400 or not call.status] == []


@pytest.fixture
def running(app: Flask) -> Job:
    """A job that a worker began with just now."""
    job = Queue(wake.VMS, connection=volatile.client(), serializer=JSONSerializer).enqueue_call(
        "portal.worker.step"
    )
    with volatile.client().pipeline() as pipeline:
        job.prepare_for_execution("somebody", pipeline)
        Execution.create(job, 3600, pipeline)
        pipeline.execute()
    return job


def test_a_job_that_began_under_the_old_one_ends_before_it_goes(
    running: Job, lab: Tenant, root: User, sandbox: Sandbox, work: Worker
) -> None:
    old = switched(lab, new(sandbox), new(sandbox), root, work)
    drained(work)
    assert standing(old) == [Standing.DRAINING]
    assert old.note == "Jobs that may still use it: 1."
    running.delete()
    drained(work, 10)
    assert standing(old) == [Standing.REVOKED]


def test_a_job_that_began_later_holds_nothing_up(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker, request: pytest.FixtureRequest
) -> None:
    old = switched(lab, new(sandbox), new(sandbox), root, work)
    work.clock.forward(40)
    request.getfixturevalue("running")
    drained(work)
    assert standing(old) == [Standing.REVOKED]


def test_nothing_is_revoked_while_nobody_knows_what_runs(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = switched(lab, new(sandbox), new(sandbox), root, work)
    with monkeypatch.context() as away:
        away.setattr(volatile, "_client", [])
        volatile.connect("redis://127.0.0.1:9")
        drained(work)
    assert standing(old) == [Standing.DRAINING]
    assert "Redis doesn't answer" in (old.note or "")
    drained(work, 10)
    assert standing(old) == [Standing.REVOKED]


def test_work_that_never_ends_holds_nothing_up_for_ever(
    ada: User, lab: Tenant, root: User, sandbox: Sandbox, work: Worker, cloud: Control
) -> None:
    old = use(lab, new(sandbox, unrestricted=True), root, work)
    cloud.configure(stack_seconds=1e6)
    launch(ada, lab)
    work.once()
    staged(lab, new(sandbox), root, work)
    rotation.switch(lab.id, drain=timedelta(), by=root)
    drained(work, 92 * 60)
    assert standing(old) == [Standing.REVOKED]


def test_a_launch_that_waited_for_the_credential_goes_on(
    ada: User, lab: Tenant, root: User, sandbox: Sandbox, work: Worker, cloud: Control
) -> None:
    cloud.delete_credential("portal-tenant-a")
    vm = launch(ada, lab)
    work.once()
    assert fresh(lab).refused_since
    assert fresh(vm).state is State.REQUESTED
    row = staged(lab, new(sandbox), root, work)
    rotation.switch(lab.id, drain=timedelta(), by=root)
    assert fresh(lab).refused_since is None
    handover.resume(lab.id)
    assert fresh(vm).look_at <= now()
    work()
    assert fresh(vm).state is State.ACTIVE
    assert standing(row) == [Standing.CURRENT]
    handover.resume(lab.id)


def test_the_way_back_is_open_until_keystone_is_asked(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker, cloud: Control
) -> None:
    old = use(lab, new(sandbox, unrestricted=True), root, work)
    row = staged(lab, new(sandbox), root, work)
    rotation.switch(lab.id, drain=timedelta(hours=1), by=root)
    rotation.roll_back(lab.id, by=root)
    assert standing(old, row) == [Standing.CURRENT, Standing.STAGED]
    assert clouds.of(lab.id).identity().application_credential_id == old.public["id"]
    rotation.switch(lab.id, drain=timedelta(hours=1), by=root)
    write(update(Credential).where(Credential.id == old.id).values(handover_due_at=now()))
    handover.step(old.id)
    assert fresh(old).standing is Standing.DRAINING
    assert rotation.can_hasten(fresh(old))
    rotation.hasten(lab.id, by=root)
    assert not rotation.can_hasten(fresh(old))
    cloud.faults.add(Fault("status", "DELETE", "identity", status=503, times=0))
    drained(work)
    assert standing(old) == [Standing.DRAINING]
    assert "asked in vain" in (old.note or "")
    with pytest.raises(Refused, match="no way back"):
        rotation.roll_back(lab.id, by=root)
    cloud.faults.clear()
    drained(work)
    assert standing(old) == [Standing.REVOKED]
    with pytest.raises(Refused, match="moved on"):
        rotation.roll_back(lab.id, by=root)
    assert "rolled_back" in steps(lab)


def test_a_first_credential_is_used_without_draining_any(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker
) -> None:
    write(update(Credential).values(standing=Standing.REVOKED))
    row = staged(lab, new(sandbox), root, work)
    rotation.switch(lab.id, drain=timedelta(), by=root)
    assert standing(row) == [Standing.CURRENT]
    with pytest.raises(Refused):
        rotation.hasten(lab.id, by=root)


def test_a_rollback_to_one_after_the_current_was_lost(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker
) -> None:
    old = credentials.current(lab.id)
    row = staged(lab, new(sandbox), root, work)
    rotation.switch(lab.id, drain=timedelta(hours=1), by=root)
    write(update(Credential).where(Credential.id == row.id).values(standing=Standing.REVOKED))
    rotation.roll_back(lab.id, by=root)
    assert standing(old) == [Standing.CURRENT]


# --- refusals


def test_another_project_is_never_switched_to(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker
) -> None:
    staged(lab, new(sandbox, "tenant-b"), root, work)
    with pytest.raises(Refused, match=r"unfit \(project\)"):
        rotation.switch(lab.id, drain=timedelta(), by=root)


def test_one_that_the_doctor_has_not_seen_is_not_switched_to(
    lab: Tenant, root: User, sandbox: Sandbox
) -> None:
    rotation.stage(lab.id, new(sandbox), label="new", by=root)
    with pytest.raises(Refused, match="still examining"):
        rotation.switch(lab.id, drain=timedelta(), by=root)


def test_one_rotation_at_a_time(lab: Tenant, root: User, sandbox: Sandbox, work: Worker) -> None:
    staged(lab, new(sandbox), root, work)
    with pytest.raises(Refused, match="under way"):
        rotation.stage(lab.id, new(sandbox), label="second", by=root)
    rotation.switch(lab.id, drain=timedelta(), by=root)
    with pytest.raises(Refused, match="under way"):
        rotation.stage(lab.id, new(sandbox), label="second", by=root)


def test_only_admins_rotate(lab: Tenant, ada: User, sam: User, sandbox: Sandbox) -> None:
    for person in (ada, sam):
        commands: list[Any] = [
            lambda by=person: rotation.stage(lab.id, new(sandbox), label="x", by=by),
            lambda by=person: rotation.make(lab.id, unrestricted=False, by=by),
            lambda by=person: rotation.switch(lab.id, drain=timedelta(), by=by),
            lambda by=person: rotation.roll_back(lab.id, by=by),
            lambda by=person: rotation.hasten(lab.id, by=by),
            lambda by=person: rotation.discard(lab.id, by=by),
        ]
        for command in commands:
            with pytest.raises(Forbidden):
                command()


def test_there_is_no_rotation_of_no_tenant(root: User, sandbox: Sandbox) -> None:
    with pytest.raises(NotFound):
        rotation.stage(uuid4(), new(sandbox), label="x", by=root)


def test_no_credential_of_nobody(root: User, lab: Tenant) -> None:
    with pytest.raises(NotFound):
        credentials.get(uuid4(), for_=root)
    assert credentials.get(credentials.current(lab.id).id, for_=root).tenant_id == lab.id


# --- made by the portal


def test_an_unrestricted_one_makes_the_next_one(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker, behind: Cloud
) -> None:
    use(lab, new(sandbox, unrestricted=True), root, work)
    row = rotation.make(lab.id, unrestricted=False, by=root)
    assert rotation.obstacle(row) == "Keystone hasn't made it yet."
    examine(row, work)
    assert fresh(row).facts["restricted"] is True
    assert row.public["id"] in {facts.id for facts in behind.keystone.application_credentials()}
    rotation.switch(lab.id, drain=timedelta(), by=root)
    assert clouds.of(lab.id).nova.flavors()


def test_a_restricted_one_makes_none(lab: Tenant, root: User, work: Worker) -> None:
    examine(credentials.current(lab.id), work)
    with pytest.raises(Refused, match="restricted"):
        rotation.make(lab.id, unrestricted=False, by=root)
    assert not making.can_make(None)


def test_a_making_whose_answer_was_lost_is_found_again(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker, behind: Cloud, cloud: Control
) -> None:
    use(lab, new(sandbox, unrestricted=True), root, work)
    row = rotation.make(lab.id, unrestricted=True, by=root)
    cloud.faults.add(Fault("drop_after", "POST", "identity", "application_credentials"))
    examine(row, work)
    [checkup] = doctor.history(fresh(row))
    assert (checkup.tone, checkup.checks[0]["name"]) == ("bad", "making")
    examine(row, work)
    assert doctor.history(fresh(row))[0].tone == "warn"
    made = [f for f in behind.keystone.application_credentials() if f.name == row.public["name"]]
    assert [facts.id for facts in made] == [row.public["id"]]
    assert made[0].unrestricted


def test_what_the_portal_made_is_deleted_when_it_is_not_wanted(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker, behind: Cloud
) -> None:
    use(lab, new(sandbox, unrestricted=True), root, work)
    row = rotation.make(lab.id, unrestricted=False, by=root)
    examine(row, work)
    rotation.discard(lab.id, by=root)
    drained(work, 1)
    assert standing(row) == [Standing.REVOKED]
    assert row.note == revoking.DELETED
    assert row.public["id"] not in {f.id for f in behind.keystone.application_credentials()}


def test_one_that_was_in_use_until_a_rollback_drains_before_it_is_deleted(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker
) -> None:
    use(lab, new(sandbox, unrestricted=True), root, work)
    row = rotation.make(lab.id, unrestricted=False, by=root)
    examine(row, work)
    rotation.switch(lab.id, drain=timedelta(hours=1), by=root)
    rotation.roll_back(lab.id, by=root)
    rotation.discard(lab.id, by=root)
    drained(work, 1)
    assert standing(row) == [Standing.DRAINING]
    drained(work)
    assert standing(row) == [Standing.REVOKED]


@pytest.mark.parametrize("made_after_all", [False, True])
def test_one_discarded_before_it_was_made_leaves_nothing(
    made_after_all: bool,
    lab: Tenant,
    root: User,
    sandbox: Sandbox,
    work: Worker,
    behind: Cloud,
    cloud: Control,
) -> None:
    use(lab, new(sandbox, unrestricted=True), root, work)
    row = rotation.make(lab.id, unrestricted=False, by=root)
    if made_after_all:
        cloud.faults.add(Fault("drop_after", "POST", "identity", "application_credentials"))
        examine(row, work)
    rotation.discard(lab.id, by=root)
    drained(work, 1)
    assert fresh(row).note == (revoking.DELETED if made_after_all else revoking.UNMADE)
    assert row.public["name"] not in {f.name for f in behind.keystone.application_credentials()}


def test_one_never_made_is_forgotten_also_without_a_current_one(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker
) -> None:
    free = use(lab, new(sandbox, unrestricted=True), root, work)
    row = rotation.make(lab.id, unrestricted=False, by=root)
    rotation.discard(lab.id, by=root)
    write(update(Credential).where(Credential.id == free.id).values(standing=Standing.REVOKED))
    drained(work, 1)
    assert fresh(row).note == revoking.UNMADE


def test_what_was_pasted_is_forgotten_and_left_in_keystone(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker, behind: Cloud
) -> None:
    row = staged(lab, new(sandbox), root, work)
    rotation.discard(lab.id, by=root)
    assert standing(row) == [Standing.REVOKED]
    assert (row.note, row.sealed) == (rotation.FORGOTTEN, b"")
    assert row.public["id"] in {facts.id for facts in behind.keystone.application_credentials()}


# --- revoking


def switched(
    tenant: Tenant, old: credentials.Secret, to: credentials.Secret, root: User, work: Worker
) -> Credential:
    """The old one, draining."""
    earlier = use(tenant, old, root, work)
    staged(tenant, to, root, work)
    rotation.switch(tenant.id, drain=timedelta(), by=root)
    return fresh(earlier)


def test_a_restricted_one_is_to_be_deleted_by_hand(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker
) -> None:
    old = switched(lab, new(sandbox), new(sandbox), root, work)
    with observed() as calls:
        drained(work)
    assert f"openstack application credential delete {old.public['id']}" in (fresh(old).note or "")
    assert calls == []


def test_the_new_one_deletes_the_old_one_of_the_same_user(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker
) -> None:
    old = switched(lab, new(sandbox), new(sandbox, unrestricted=True), root, work)
    drained(work)
    assert fresh(old).note == revoking.DELETED


def test_the_users_password_deletes_it_as_well_and_is_itself_left_to_its_owner(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker
) -> None:
    secret = Password("user-a", "lab", "tenant-a")
    old = switched(lab, new(sandbox), secret, root, work)
    drained(work)
    assert fresh(old).note == revoking.DELETED
    user = credentials.current(lab.id)
    staged(lab, new(sandbox), root, work)
    rotation.switch(lab.id, drain=timedelta(), by=root)
    drained(work)
    assert fresh(user).note == revoking.PASSWORD


def test_one_that_is_gone_already_is_as_good_as_deleted(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker, behind: Cloud
) -> None:
    old = switched(lab, new(sandbox), new(sandbox, unrestricted=True), root, work)
    behind.keystone.delete_application_credential(old.public["id"])
    drained(work)
    assert fresh(old).note == revoking.GONE
    self_deleting = switched(lab, new(sandbox, unrestricted=True), new(sandbox), root, work)
    behind.keystone.delete_application_credential(self_deleting.public["id"])
    drained(work)
    assert fresh(self_deleting).note == revoking.GONE


def test_who_may_not_after_all_leaves_it_to_the_next(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker, cloud: Control
) -> None:
    old = switched(lab, new(sandbox, unrestricted=True), new(sandbox, unrestricted=True), root, work)
    cloud.faults.add(Fault("status", "DELETE", "identity", status=403))
    drained(work)
    assert fresh(old).note == revoking.DELETED


def test_a_current_one_that_is_refused_leaves_it_to_the_old_one_itself(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker, behind: Cloud
) -> None:
    old = switched(lab, new(sandbox, unrestricted=True), new(sandbox, unrestricted=True), root, work)
    behind.keystone.delete_application_credential(credentials.current(lab.id).public["id"])
    drained(work)
    assert fresh(old).note == revoking.DELETED


def test_a_secret_that_does_not_open_deletes_nothing(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker
) -> None:
    old = switched(lab, new(sandbox, unrestricted=True), new(sandbox), root, work)
    write(update(Credential).where(Credential.id == old.id).values(sealed=b"torn"))
    drained(work)
    assert standing(old) == [Standing.DRAINING]
    assert "asked in vain" in (old.note or "")


def test_a_process_killed_after_the_deletion_is_followed_by_the_next(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """kill -9"""

    old = switched(lab, new(sandbox, unrestricted=True), new(sandbox), root, work)
    delete = Keystone.delete_application_credential

    def die(self: Keystone, key: str) -> None:
        delete(self, key)
        raise Killed

    monkeypatch.setattr(Keystone, "delete_application_credential", die)
    with pytest.raises(Killed):
        drained(work)
    monkeypatch.undo()
    db.session.rollback()
    assert standing(old) == [Standing.DRAINING]
    drained(work, 200)
    assert standing(old) == [Standing.REVOKED]
    assert old.note == revoking.GONE


def test_two_who_come_at_once_revoke_it_once(lab: Tenant, root: User, sandbox: Sandbox, work: Worker) -> None:
    old = switched(lab, new(sandbox, unrestricted=True), new(sandbox), root, work)
    work.clock.forward(130)
    handover.step(old.id)
    handover.step(old.id)
    assert steps(lab).count("revoked") == 1


def test_a_rollback_at_the_last_moment_wins(lab: Tenant, root: User, sandbox: Sandbox, work: Worker) -> None:
    old = switched(lab, new(sandbox, unrestricted=True), new(sandbox), root, work)
    work.clock.forward(130)
    claimed = revoking.claim(old.id)
    assert claimed
    rotation.roll_back(lab.id, by=root)
    revoking.revoke(claimed)
    assert standing(old) == [Standing.CURRENT]
    assert clouds.of(lab.id).nova.flavors()


# --- refused and accepted again


def test_a_refusal_is_told_once_and_ends_by_itself(lab: Tenant, sandbox: Sandbox, cloud: Control) -> None:
    clouds.of(lab.id).forget()
    cloud.faults.add(Fault("status", "POST", "identity", "auth/tokens", status=401, times=2))
    for _ in range(2):
        with pytest.raises(BadCredential):
            clouds.of(lab.id).identity()
    assert fresh(lab).refused_since
    assert credentials.current(lab.id).id in doctor.due()
    clouds.of(lab.id).identity()
    assert fresh(lab).refused_since is None
    assert steps(lab)[-2:] == ["refused", "accepted_again"]


def test_a_refusal_of_one_that_was_replaced_meanwhile_is_nobodys(
    lab: Tenant, sandbox: Sandbox, cloud: Control
) -> None:
    late = clouds.of(lab.id)
    late.forget()
    cloud.delete_credential("portal-tenant-a")
    credentials.register(lab.id, new(sandbox), label="new")
    with pytest.raises(BadCredential):
        late.identity()
    assert fresh(lab).refused_since is None


def test_a_late_acceptance_of_one_that_was_replaced_ends_no_refusal(lab: Tenant, sandbox: Sandbox) -> None:
    late = clouds.of(lab.id)
    late.forget()
    credentials.register(lab.id, new(sandbox), label="new")
    write(update(Tenant).values(refused_since=now()))
    late.identity()
    assert fresh(lab).refused_since


def test_two_that_revoke_at_once_note_it_once(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = switched(lab, new(sandbox, unrestricted=True), new(sandbox), root, work)

    def quicker(_self: Keystone, _key: str) -> None:
        write(update(Credential).where(Credential.id == old.id).values(standing=Standing.REVOKED))

    monkeypatch.setattr(Keystone, "delete_application_credential", quicker)
    drained(work)
    assert "revoked" not in steps(lab)
