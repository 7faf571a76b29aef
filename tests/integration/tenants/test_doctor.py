"""The doctor: each thing that can be wrong with a credential is found, and its way out told."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import requests
from flask import Flask
from sqlalchemy import select, update

from portal.domain.people.models import User
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import Forbidden, NotFound, Refused
from portal.domain.store.models import AuditEntry
from portal.domain.tenants import credentials, doctor, probe, rotation
from portal.domain.tenants import rules as access_rules
from portal.domain.tenants.models import Cause, Checkup, Credential, Tenant
from portal.domain.vms import findings, reconcile
from portal.openstack.cloud import ApplicationCredential, Cloud, Password
from portal.openstack.errors import OverQuota
from portal.openstack.heat import Heat, Stack
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.contract.asking import by_password
from tests.integration.conftest import Sandbox
from tests.support.wizard import write
from tests.support.world import Worker, fresh

DATABASES = ("sqlite",)


def examine(credential: Credential, work: Worker, *, until: Callable[[], bool] | None = None) -> Checkup:
    """The doctor's word, with the time between its looks passing at once."""
    with transaction():
        db.session.execute(
            update(Credential).where(Credential.id == credential.id).values(doctor_due_at=now())
        )
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


def test_a_restricted_credential_is_green_all_through(lab: Tenant, work: Worker, cloud: Control) -> None:
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


def stage(tenant: Tenant, secret: credentials.Secret, root: User) -> Credential:
    return rotation.stage(tenant.id, secret, label="new", by=root)


def app_cred(
    sandbox: Sandbox, project: str = "tenant-a", *, owner: str = "", **body: Any
) -> ApplicationCredential:
    """An application credential with anything that the API can be asked for."""
    sign_in = by_password(owner or project.replace("tenant", "user"), project)
    signed_in = requests.post(f"{sandbox.auth_url}/auth/tokens", json=sign_in, timeout=5)
    user_id = signed_in.json()["token"]["user"]["id"]
    made = requests.post(
        f"{sandbox.auth_url}/users/{user_id}/application_credentials",
        json={"application_credential": body},
        headers={"X-Auth-Token": signed_in.headers["X-Subject-Token"]},
        timeout=5,
    ).json()["application_credential"]
    return ApplicationCredential(made["id"], made["secret"])


@pytest.mark.parametrize("unrestricted", [False, True])
def test_the_trust_refusal_is_found_with_its_three_ways_out(
    unrestricted: bool, lab: Tenant, root: User, sandbox: Sandbox, cloud: Control, work: Worker
) -> None:
    cloud.configure(deferred_auth="trusts")
    staged = stage(lab, app_cred(sandbox, name="n", unrestricted=unrestricted), root)
    checkup = examine(staged, work)
    probed = checkup.checks[-1]
    assert (probed["name"], probed["tone"], checkup.tone) == ("probe", "bad", "bad")
    ways = " ".join(probed["ways"])
    assert len(probed["ways"]) == 3
    assert "deferred_auth_method=password" in ways
    assert "allow_insecure_application_credential_trust_escalation=true" in ways
    assert "service user" in ways
    assert probed["request_id"].startswith("req-")


def test_a_service_user_is_the_way_out_of_the_trust_refusal(
    lab: Tenant, root: User, cloud: Control, work: Worker
) -> None:
    cloud.configure(deferred_auth="trusts")
    checkup = examine(stage(lab, Password("plain-a", "lab", "tenant-a"), root), work)
    assert tones(checkup)["probe"] == "good"
    assert "restriction" not in tones(checkup)


@pytest.mark.parametrize(
    ("secret", "found"),
    [
        (ApplicationCredential("0" * 32, "nope"), "Keystone doesn't know it"),
        (Password("user-a", "wrong", "tenant-a"), "the secret is wrong"),
        (Password("user-a", "lab", "tenant-b"), "the secret is wrong"),
    ],
    ids=["deleted", "wrong secret", "foreign project"],
)
def test_a_credential_that_opens_nothing_has_one_red_check(
    secret: credentials.Secret, found: str, lab: Tenant, root: User, work: Worker
) -> None:
    checkup = examine(stage(lab, secret, root), work)
    assert tones(checkup) == {"token": "bad"}
    assert found in words(checkup, "token")
    assert "openstack application credential create" in words(checkup, "token")


def test_one_that_ended_is_told_so(lab: Tenant, root: User, sandbox: Sandbox, work: Worker) -> None:
    ends = (now() + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    staged = stage(lab, app_cred(sandbox, name="brief", expires_at=ends), root)
    assert tones(examine(staged, work))["expiry"] == "bad"
    work.clock.forward(7300)
    assert "It has ended" in words(examine(staged, work), "token")


@pytest.mark.parametrize(("days", "tone"), [(0.5, "bad"), (5, "warn"), (20, "warn"), (40, "good")])
def test_an_end_that_is_near_is_told(
    days: float, tone: str, lab: Tenant, root: User, sandbox: Sandbox, work: Worker
) -> None:
    ends = (now() + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    staged = stage(lab, app_cred(sandbox, name="e", expires_at=ends), root)
    checkup = examine(staged, work)
    assert tones(checkup)["expiry"] == tone
    assert ("hours" if days < 2 else "days") in words(checkup, "expiry")
    assert fresh(staged).expires_at is not None


def test_a_silent_keystone_is_one_red_check_and_no_refusal(lab: Tenant, work: Worker, cloud: Control) -> None:
    cloud.faults.add(Fault("status", service="identity", status=503, times=0))
    checkup = examine(credentials.current(lab.id), work)
    assert tones(checkup) == {"token": "bad"}
    assert "gave no token" in words(checkup, "token")
    assert fresh(lab).refused_since is None


def test_clocks_that_differ_are_told(lab: Tenant, work: Worker, cloud: Control) -> None:
    credential = credentials.current(lab.id)
    cloud.advance(60)
    assert tones(examine(credential, work))["clock"] == "warn"
    cloud.advance(600)
    checkup = examine(credential, work)
    assert tones(checkup)["clock"] == "bad"
    assert "chronyc" in words(checkup, "clock")


def test_another_project_and_another_owner_are_told(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker
) -> None:
    examine(credentials.current(lab.id), work)
    foreign = stage(lab, app_cred(sandbox, "tenant-b", name="b"), root)
    checkup = examine(foreign, work)
    assert (tones(checkup)["project"], tones(checkup)["owner"]) == ("bad", "warn")
    assert "another tenant" in words(checkup, "project")
    rotation.discard(lab.id, by=root)
    plain = stage(lab, app_cred(sandbox, owner="plain-a", name="p"), root)
    checkup = examine(plain, work)
    assert (tones(checkup)["project"], tones(checkup)["owner"]) == ("good", "warn")
    assert "trusts" in words(checkup, "owner")


def test_roles_that_lack_or_exceed_are_told(lab: Tenant, root: User, sandbox: Sandbox, work: Worker) -> None:
    checkup = examine(stage(lab, Password("reader-a", "lab", "tenant-a"), root), work)
    assert (tones(checkup)["roles"], tones(checkup)["probe"]) == ("bad", "bad")
    assert "openstack role add" in words(checkup, "roles")
    assert "lets it make no stack" in words(checkup, "probe")
    rotation.discard(lab.id, by=root)
    checkup = examine(stage(lab, Password("admin", "lab", "admin"), root), work)
    assert tones(checkup)["roles"] == "warn"
    assert "admin, manager" in words(checkup, "roles")


def test_an_unrestricted_one_is_told(lab: Tenant, root: User, sandbox: Sandbox, work: Worker) -> None:
    checkup = examine(stage(lab, app_cred(sandbox, name="u", unrestricted=True), root), work)
    assert tones(checkup)["restriction"] == "warn"
    assert checkup.tone == "warn"


def rules(*services: str, methods: tuple[str, ...] = access_rules.METHODS) -> list[dict[str, str]]:
    return [
        {"service": service, "method": method, "path": access_rules.NEEDED[service]}
        for service in services
        for method in methods
    ]


SELF = {
    "service": "identity", "method": "GET", "path": "/v3/users/*/application_credentials/*"
}  # fmt: skip


def test_access_rules_that_break_heat_are_named(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker
) -> None:
    narrow = [*rules("orchestration"), *rules("compute", methods=("GET",)), SELF]
    checkup = examine(stage(lab, app_cred(sandbox, name="r", access_rules=narrow), root), work)
    assert tones(checkup)["access rules"] == "bad"
    assert "POST, PUT, PATCH, DELETE on compute /v2.1/**" in words(checkup, "access rules")
    assert "Make it without access rules" in words(checkup, "access rules")
    assert tones(checkup)["Neutron"] == "bad"


def test_access_rules_that_are_wide_enough_are_green(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker
) -> None:
    wide = [*rules(*access_rules.NEEDED), SELF]
    checkup = examine(stage(lab, app_cred(sandbox, name="w", access_rules=wide), root), work)
    assert tones(checkup)["access rules"] == "good"


def test_access_rules_may_hide_themselves(lab: Tenant, root: User, sandbox: Sandbox, work: Worker) -> None:
    hidden = rules(*access_rules.NEEDED)
    checkup = examine(stage(lab, app_cred(sandbox, name="h", access_rules=hidden), root), work)
    assert tones(checkup)["expiry"] == "warn"
    assert "hide it from itself" in words(checkup, "expiry")


def test_a_catalogue_without_the_region_is_told(lab: Tenant, work: Worker) -> None:
    write(update(Tenant).values(region="Elsewhere"))
    checkup = examine(credentials.current(lab.id), work)
    assert tones(checkup)["catalogue"] == "bad"
    assert "the regions it knows: RegionOne" in words(checkup, "catalogue")
    assert tones(checkup)["Heat"] == "bad"
    assert "probe" not in tones(checkup)


def test_without_a_region_any_will_do(lab: Tenant, work: Worker) -> None:
    write(update(Tenant).values(region=None))
    assert tones(examine(credentials.current(lab.id), work))["catalogue"] == "good"


def test_each_service_that_does_not_answer_is_named(lab: Tenant, work: Worker, cloud: Control) -> None:
    cloud.faults.add(Fault("status", service="compute", status=503, times=0))
    cloud.faults.add(Fault("status", service="image", status=400, times=0))
    checkup = examine(credentials.current(lab.id), work)
    assert (tones(checkup)["Nova"], tones(checkup)["Glance"]) == ("bad", "bad")
    assert "doesn't answer" in words(checkup, "Nova")
    assert "says no" in words(checkup, "Glance")


# --- the probe


def sent(*, status: int, times: int = 1) -> Fault:
    return Fault("status", "POST", "orchestration", r"/stacks$", status=status, times=times)


@pytest.mark.parametrize(
    ("fault", "tone", "found"),
    [
        (sent(status=403), "bad", "lets it make no stack"),
        (sent(status=500), "bad", "made no stack with it"),
        (Fault("drop_before", "POST", "orchestration", r"/stacks$"), "warn", "never showed the stack"),
    ],
    ids=["forbidden", "broken", "lost"],
)
def test_a_probe_that_is_not_made_is_told(
    fault: Fault, tone: str, found: str, lab: Tenant, work: Worker, cloud: Control
) -> None:
    cloud.faults.add(fault)
    checkup = examine(credentials.current(lab.id), work)
    assert found in words(checkup, "probe") or checkup.checks[-1]["tone"] == "bad"
    assert cloud.stack_names("tenant-a") == []


def test_a_probe_whose_answer_was_lost_is_found_and_deleted(
    lab: Tenant, work: Worker, cloud: Control
) -> None:
    cloud.faults.add(Fault("drop_after", "POST", "orchestration", r"/stacks$"))
    examine(credentials.current(lab.id), work)
    assert cloud.stack_names("tenant-a") == []


def test_a_full_heat_is_amber(lab: Tenant, work: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> str:
        raise OverQuota("You have reached the maximum stacks per tenant", service="orchestration", status=403)

    monkeypatch.setattr(Heat, "create", full)
    checkup = examine(credentials.current(lab.id), work)
    assert tones(checkup)["probe"] == "warn"
    assert "max_stacks_per_tenant" in words(checkup, "probe")


def test_a_worker_that_dies_between_two_steps_leaves_nothing_behind(
    lab: Tenant, work: Worker, cloud: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """kill -9"""

    credential, send = credentials.current(lab.id), probe.send

    def die(*args: Any) -> Any:
        send(*args)
        raise Killed

    monkeypatch.setattr(probe, "send", die)
    with pytest.raises(Killed):
        examine(credential, work)
    assert len(cloud.stack_names("tenant-a")) == 1
    monkeypatch.setattr(probe, "send", send)
    db.session.rollback()
    assert not doctor.examine(credential.id)  # its lease has not ended
    work.clock.forward(200)
    checkup = examine(credential, work)
    assert checkup.tone == "good"
    assert cloud.stack_names("tenant-a") == []


def test_a_worker_that_dies_before_it_sends_is_amber(
    lab: Tenant, work: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """kill -9"""

    def die(*_: object) -> None:
        raise Killed

    credential = credentials.current(lab.id)
    with monkeypatch.context() as patch:
        patch.setattr(probe, "send", die)
        with pytest.raises(Killed):
            examine(credential, work)
    db.session.rollback()
    work.clock.forward(200)
    assert "never showed the stack" in words(examine(credential, work), "probe")


def test_the_next_checkup_sweeps_what_an_earlier_one_could_not_delete(
    lab: Tenant, work: Worker, cloud: Control, behind: Cloud
) -> None:
    credential = credentials.current(lab.id)
    behind.heat.create("probe-of-others", probe.TEMPLATE, {}, tags=[probe.TAG], timeout_mins=5)
    cloud.faults.add(Fault("status", "DELETE", "orchestration", status=503, times=0))
    first = examine(credential, work)
    assert probe.mark(first.id) in cloud.stack_names("tenant-a")
    cloud.faults.clear()
    examine(credential, work)
    work.clock.forward(60)
    assert cloud.stack_names("tenant-a") == ["probe-of-others"]


def test_a_probe_that_is_gone_already_is_no_trouble(lab: Tenant, work: Worker, cloud: Control) -> None:
    cloud.faults.add(Fault("status", "DELETE", "orchestration", status=404))
    assert examine(credentials.current(lab.id), work).tone == "good"


def test_a_heat_that_never_ends_is_amber(lab: Tenant, work: Worker, cloud: Control) -> None:
    credential = credentials.current(lab.id)

    def stuck() -> bool:
        for name in cloud.stack_names("tenant-a"):
            cloud.stick(name)
        return True

    examine(credential, work, until=stuck)
    checkup = examine(credential, work)
    assert tones(checkup)["probe"] == "warn"
    assert "didn't finish it" in words(checkup, "probe")


def test_a_heat_that_falls_silent_is_amber(lab: Tenant, work: Worker, cloud: Control) -> None:
    credential = credentials.current(lab.id)
    examine(credential, work, until=lambda: True)
    cloud.faults.add(Fault("status", "GET", "orchestration", status=500, times=0))
    checkup = examine(credential, work)
    assert "didn't say what became of it" in words(checkup, "probe")


def test_a_probe_that_fails_is_red(lab: Tenant, work: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    credential = credentials.current(lab.id)
    failed = Stack("s", "probe", "CREATE_FAILED", reason="engine is tired")

    def found(*_: object) -> Stack | None:
        going_on = doctor.running(credential.id)
        return failed if going_on and going_on.tone is None else None

    monkeypatch.setattr(probe, "find", found)
    checkup = examine(credential, work)
    assert tones(checkup)["probe"] == "bad"
    assert "engine is tired" in words(checkup, "probe")


# --- when, and for whom


def test_it_comes_daily_and_remembers_for_a_while(lab: Tenant, work: Worker) -> None:
    credential = credentials.current(lab.id)
    examine(credential, work)
    assert credential.id not in doctor.due()
    work.clock.forward(27 * 3600)
    assert credential.id in doctor.due()
    assert examine(credential, work).cause is Cause.DAILY
    work.clock.forward(91 * 86400)
    examine(credential, work)
    assert len(doctor.history(credential)) == 1


def test_an_admin_asks_and_nobody_else(lab: Tenant, ada: User, root: User, work: Worker) -> None:
    credential = credentials.current(lab.id)
    with pytest.raises(Forbidden):
        doctor.ask(credential.id, by=ada)
    with pytest.raises(NotFound):
        doctor.ask(uuid4(), by=root)
    doctor.ask(credential.id, by=root)
    doctor.ask(credential.id, by=root)
    assert doctor.is_awaited(fresh(credential))
    assert examine(credential, work).cause is Cause.ASKED
    assert len(doctor.history(credential)) == 1


def test_asking_while_the_probe_is_being_removed_begins_anew(lab: Tenant, root: User, work: Worker) -> None:
    credential = credentials.current(lab.id)
    examine(credential, work, until=lambda: bool(doctor.history(credential)[0].tone))
    doctor.ask(credential.id, by=root)
    examine(credential, work)
    assert [one.cause for one in doctor.history(credential)] == [Cause.ASKED, Cause.ADDED]


def test_asking_between_removal_and_end_is_not_lost(
    lab: Tenant, root: User, work: Worker, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    credential, remove = credentials.current(lab.id), probe.remove
    asked: list[bool] = []

    def meanwhile(*args: Any) -> bool:
        if not asked:
            asked.append(True)
            doctor.ask(credential.id, by=root)
            return True
        return remove(*args)

    monkeypatch.setattr(probe, "remove", meanwhile)
    examine(credential, work)
    assert [one.cause for one in doctor.history(credential)] == [Cause.ASKED, Cause.ADDED]


def test_what_is_out_of_use_is_not_examined(lab: Tenant, root: User, sandbox: Sandbox) -> None:
    earlier = credentials.current(lab.id)
    credentials.register(lab.id, app_cred(sandbox, name="n"), label="n")
    with pytest.raises(Refused, match="out of use"):
        doctor.ask(earlier.id, by=root)


def test_a_secret_that_does_not_open_is_told(lab: Tenant, work: Worker) -> None:
    write(update(Credential).values(sealed=b"torn"))
    checkup = examine(credentials.current(lab.id), work)
    assert tones(checkup) == {"secret": "bad"}
    assert "PORTAL_MASTER_KEYS" in words(checkup, "secret")


def test_each_examination_is_in_the_audit(lab: Tenant, work: Worker, cloud: Control) -> None:
    cloud.configure(deferred_auth="trusts")
    examine(credentials.current(lab.id), work)
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "credential.examined")).one()
    assert (entry.detail["tone"], entry.detail["not_good"]) == ("bad", ["probe"])


def test_the_reconciler_takes_no_probe_for_an_orphan(lab: Tenant, work: Worker, cloud: Control) -> None:
    credential = credentials.current(lab.id)
    examine(credential, work, until=lambda: True)
    assert len(cloud.stack_names("tenant-a")) == 1
    write(update(Tenant).values(reconcile_due_at=now()))
    reconcile.sweep(lab.id)
    assert findings.count_open() == {}
    assert len(cloud.stack_names("tenant-a")) == 1
