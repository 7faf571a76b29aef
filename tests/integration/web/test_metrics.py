"""Metrics as Prometheus scrapes them: who may, and whether the figures are right, whoever counted."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from portal.config import ROOT
from portal.domain.people.models import User
from portal.domain.store import metrics, volatile, wake
from portal.domain.store.db import afterwards, db, now, transaction
from portal.domain.tenants import circuits, clouds, credentials
from portal.domain.tenants.models import Tenant
from portal.domain.vms import provisioning, vms
from portal.domain.vms.counts import LAUNCHES
from portal.domain.vms.lifecycle import Event, State
from portal.domain.vms.models import Finding, FindingKind, Vm
from portal.openstack.cloud import ApplicationCredential, Call
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.support.page import Page
from tests.support.world import BOTH, Clock, Worker, fresh, launch

DATABASES = BOTH
TOKEN = "scrape-me-if-you-can"
Read = Callable[..., float | None]


@pytest.fixture
def scraping(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """A portal that was given a token."""
    monkeypatch.setitem(app.config, "PORTAL", replace(app.config["PORTAL"], metrics_token=TOKEN))


@pytest.fixture
def read(page: Page, scraping: None) -> Read:
    """A sample of a fresh scrape by its name and labels; None where there is none."""

    def sample(name: str, **labels: str) -> float | None:
        found = [
            each.value
            for family in text_string_to_metric_families(scrape(page))
            for each in family.samples
            if each.name == name and each.labels == labels
        ]
        assert len(found) <= 1
        return found[0] if found else None

    return sample


def scrape(page: Page) -> str:
    answer = page.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status == 200
    return answer.response.get_data(as_text=True)


def test_without_a_token_configured_there_is_no_such_page(page: Page) -> None:
    assert page.get("/metrics", headers={"Authorization": "Bearer "}).status == 404


@pytest.mark.parametrize(
    "given", [None, "", "Bearer", "Bearer wrong-but-long-enough", f"Basic {TOKEN}", TOKEN, "Bearer ü"]
)
def test_only_the_token_opens_it(page: Page, scraping: None, given: str | None) -> None:
    answer = page.get("/metrics", headers={"Authorization": given} if given is not None else None)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "portal_" not in answer.response.get_data(as_text=True)


def test_a_scrape_leaves_no_session(page: Page, scraping: None) -> None:
    answer = page.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.headers["Content-Type"] == metrics.CONTENT_TYPE
    assert "Set-Cookie" not in answer.headers


def test_every_metric_is_told(page: Page, scraping: None, lab: Tenant) -> None:
    told = {family.name for family in text_string_to_metric_families(scrape(page))}
    assert told == {name.removesuffix("_total") for name in metrics.known}


def test_after_a_launch(ada: User, lab: Tenant, work: Worker, read: Read) -> None:
    vm = launch(ada, lab)
    assert read("portal_launches_total", template="ubuntu-basic") == 1
    assert read("portal_vms", tenant="Research Lab", state="requested") == 1
    work()
    assert read("portal_vms", tenant="Research Lab", state="requested") == 0
    assert read("portal_vms", tenant="Research Lab", state="active") == 1
    assert read("portal_vm_moves_total", old="requested", new="provisioning") == 1
    labels = {"template": "ubuntu-basic", "outcome": "complete"}
    assert read("portal_stack_create_seconds_count", **labels) == 1
    assert read("portal_stack_create_seconds_bucket", le="1.0", **labels) == 0
    assert read("portal_stack_create_seconds_bucket", le="30.0", **labels) == 1
    took = read("portal_stack_create_seconds_sum", **labels)
    assert took
    assert 3 < took < 30
    assert read("portal_status_lag_seconds_count", action="create") == 1
    assert read("portal_status_lag_seconds_bucket", action="create", le="5.0") == 1
    assert read("portal_openstack_calls_total", service="orchestration", method="POST", status="201") == 1
    assert read("portal_openstack_call_seconds_count", service="orchestration", method="POST") == 1
    vm = fresh(vm)
    assert read("portal_quota_used", tenant="Research Lab", resource="ram_mib") == vm.ram_mib
    assert read("portal_quota_limit", tenant="Research Lab", resource="ram_mib") == lab.quota_ram_mib


def test_after_a_failed_launch(ada: User, lab: Tenant, cloud: Control, work: Worker, read: Read) -> None:
    cloud.set_quota("tenant-a", cores=0)
    launch(ada, lab)
    work()
    assert read("portal_vm_failures_total", action="create", cause="nova_quota") == 1
    assert read("portal_unknown_failures_total", action="create") is None
    assert read("portal_vms", tenant="Research Lab", state="error") == 1
    assert read("portal_stack_create_seconds_count", template="ubuntu-basic", outcome="failed") == 1
    assert read("portal_stack_create_seconds_count", template="ubuntu-basic", outcome="complete") is None


def test_a_failure_that_no_rule_explains_is_counted(
    ada: User, lab: Tenant, cloud: Control, work: Worker, read: Read
) -> None:
    vm = launch(ada, lab)
    work()
    cloud.spoil_delete(f"vm-{vm.id}", "Flux capacitor discharged", times=9)
    vms.ask(fresh(vm), Event.DELETE, by=ada)
    work()
    assert fresh(vm).state is State.ERROR
    assert read("portal_vm_failures_total", action="delete", cause="unknown") == 1
    assert read("portal_unknown_failures_total", action="delete") == 1


def test_after_a_deletion(ada: User, lab: Tenant, work: Worker, read: Read) -> None:
    vm = launch(ada, lab)
    work()
    vms.ask(fresh(vm), Event.DELETE, by=ada)
    work()
    assert fresh(vm).state is State.DELETED
    assert read("portal_vm_moves_total", old="deleting", new="deleted") == 1
    assert read("portal_status_lag_seconds_count", action="delete") == 1
    assert read("portal_quota_used", tenant="Research Lab", resource="vms") == 0


def test_a_poisoned_row_and_what_is_late_show(
    ada: User, lab: Tenant, read: Read, clock: Clock, app: Flask
) -> None:
    vm = launch(ada, lab)
    with transaction():
        db.session.execute(update(Vm).where(Vm.id == vm.id).values(look_failures=6))
    clock.forward(90)
    assert read("portal_poisoned_vms", tenant="Research Lab") == 1
    overdue = read("portal_look_overdue_seconds", state="requested")
    assert overdue
    assert 90 <= overdue < 120
    assert read("portal_look_overdue_seconds", state="active") == 0
    age = read("portal_poll_age_seconds", state="requested")
    assert age
    assert age >= 90


def test_a_launch_that_failed_without_a_stack_is_never_late(
    ada: User, lab: Tenant, read: Read, clock: Clock, app: Flask
) -> None:
    vm = launch(ada, lab)
    with transaction():
        db.session.execute(update(Vm).where(Vm.id == vm.id).values(state="error"))
    clock.forward(3600)
    assert read("portal_look_overdue_seconds", state="error") == 0
    assert read("portal_poll_age_seconds", state="error") == 0
    with transaction():
        db.session.execute(update(Vm).where(Vm.id == vm.id).values(stack_id="there"))
    assert (read("portal_look_overdue_seconds", state="error") or 0) >= 3600
    assert (read("portal_poll_age_seconds", state="error") or 0) >= 3600


def test_credential_trouble_shows(lab: Tenant, ada: User, clock: Clock, read: Read) -> None:
    assert read("portal_credential_missing", tenant="Research Lab") == 0
    assert read("portal_credential_expires_seconds", tenant="Research Lab") is None
    credentials.register(
        lab.id,
        ApplicationCredential("0" * 32, "wrong"),
        label="mistyped",
        expires_at=now() + timedelta(hours=1),
    )
    assert read("portal_credential_refused", tenant="Research Lab") == 0
    provisioning.step(launch(ada, lab).id)
    assert read("portal_credential_refused", tenant="Research Lab") == 1
    assert read("portal_looks_in_vain_total", tenant="Research Lab", error="BadCredential") == 1
    left = read("portal_credential_expires_seconds", tenant="Research Lab")
    assert left
    assert 3500 < left < 3601


def test_a_tenant_without_a_credential_shows(app: Flask, read: Read) -> None:
    with transaction():
        db.session.add(Tenant(name="New", auth_url="http://127.0.0.1:9/v3"))
    assert read("portal_credential_missing", tenant="New") == 1


def test_an_open_circuit_shows(lab: Tenant, read: Read) -> None:
    assert read("portal_circuit_open", tenant="Research Lab") == 0
    for _ in range(circuits.OPENS_AFTER):
        circuits.silent(lab.id)
    assert read("portal_circuit_open", tenant="Research Lab") == 1


def test_an_open_finding_shows(lab: Tenant, read: Read) -> None:
    with transaction():
        for number in range(2):
            db.session.add(
                Finding(tenant_id=lab.id, kind=FindingKind.ORPHAN_STACK, subject=f"stack-{number}", proof={})
            )
    assert read("portal_findings_open", tenant="Research Lab", kind="orphan_stack") == 2
    with transaction():
        db.session.execute(update(Finding).values(resolved_at=now()))
    assert read("portal_findings_open", tenant="Research Lab", kind="orphan_stack") is None


def test_an_unanswered_call_is_counted(lab: Tenant, cloud: Control, read: Read) -> None:
    cloud.faults.add(Fault("drop_before", "GET", "compute", r".*", times=9))
    with pytest.raises(Exception, match="connection"):
        clouds.of(lab.id).nova.flavors()
    assert read("portal_openstack_calls_total", service="compute", method="GET", status="none") == 3


def test_queues_workers_and_clock_show(read: Read, ada: User, lab: Tenant) -> None:
    waiting = read("portal_queue_jobs", queue="vms")
    assert read("portal_workers", queue="vms") == 0
    assert read("portal_heartbeat_age_seconds", process="worker-vms") == float("inf")
    assert read("portal_heartbeat_age_seconds", process="clock") == float("inf")
    volatile.beat("worker:vms-host-1")
    volatile.beat("worker:vms-host-2")
    volatile.beat("clock")
    launch(ada, lab)
    assert read("portal_queue_jobs", queue="vms") == (waiting or 0) + 1
    assert read("portal_queue_failed_jobs", queue="vms") == 0
    assert read("portal_workers", queue="vms") == 2
    assert read("portal_workers", queue=wake.CHORES) == 0
    age = read("portal_heartbeat_age_seconds", process="clock")
    assert age is not None
    assert age < 5


COUNTS = """
import sys
from portal.domain.store import metrics, volatile
from portal.domain.tenants import counts
from portal.openstack.cloud import Call

volatile.connect(sys.argv[1])
for _ in range(200):
    counts.called(Call("compute", "GET", "/v2.1/servers", 200, 0.25, None, None))
"""


def test_processes_count_together(read: Read, redis_url: str) -> None:
    both = [subprocess.Popen([sys.executable, "-c", COUNTS, redis_url], cwd=ROOT) for _ in range(2)]
    assert [each.wait(timeout=60) for each in both] == [0, 0]
    assert read("portal_openstack_calls_total", service="compute", method="GET", status="200") == 400
    assert read("portal_openstack_call_seconds_count", service="compute", method="GET") == 400
    assert read("portal_openstack_call_seconds_sum", service="compute", method="GET") == 100
    assert read("portal_openstack_call_seconds_bucket", service="compute", method="GET", le="0.1") == 0
    assert read("portal_openstack_call_seconds_bucket", service="compute", method="GET", le="0.25") == 400


def test_what_is_rolled_back_is_not_counted(app: Flask, read: Read) -> None:
    def change_of_mind() -> None:
        with transaction():
            afterwards(lambda: metrics.record(LAUNCHES.plus("ubuntu-basic")))
            raise RuntimeError("not in the end")

    with pytest.raises(RuntimeError, match="not in the end"):
        change_of_mind()
    with transaction():
        pass
    assert read("portal_launches_total", template="ubuntu-basic") is None


def test_a_scrape_answers_without_redis(
    lab: Tenant, page: Page, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read("portal_part_up", part="redis") == 1
    monkeypatch.setattr(volatile, "_client", [])
    volatile.connect("redis://127.0.0.1:9")
    counts_nothing_and_raises_nothing = Call("compute", "GET", "/", 200, 0.1, None, None)
    clouds._observe(counts_nothing_and_raises_nothing)
    assert read("portal_part_up", part="redis") == 0
    assert read("portal_vms", tenant="Research Lab", state="active") == 0


def test_a_scrape_answers_without_a_database(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_args: object, **_more: object) -> None:
        raise OperationalError("SELECT 1", {}, ConnectionRefusedError())

    monkeypatch.setattr(db.session, "execute", away)
    assert read("portal_part_up", part="database") == 0
    assert read("portal_part_up", part="redis") == 1
    assert read("portal_workers", queue="vms") == 0
