"""Outages of a real OpenStack under launches and deletions, and what its own people do behind our back."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import update

from portal.domain.people import accounts
from portal.domain.people.models import User
from portal.domain.store import volatile
from portal.domain.store.db import db, now, transaction
from portal.domain.tenants import circuits
from portal.domain.tenants.models import Tenant
from portal.domain.vms import explain, findings, quotas, verdicts, vms
from portal.domain.vms.lifecycle import PATIENCE, Event
from portal.domain.vms.models import Finding, FindingKind, State, Vm
from portal.domain.vms.quotas import Amount
from portal.openstack.cloud import Cloud
from tests.lab.conftest import Launcher, launching
from tests.lab.visits import Visits
from tests.support import lab
from tests.support.page import Page
from tests.support.running import Running
from tests.support.world import fresh

ADMIN = "root@example.org"
BANNER = "your VMs keep running, launches wait"


@pytest.fixture(scope="module")
def held_before(front: Flask, tenant: Tenant) -> Amount:
    """What the tenant's VMs held before any of this."""
    return quotas.usage(tenant.id)


@pytest.fixture(scope="module")
def launch(held_before: Amount, member: User, tenant: Tenant, cloud: Cloud) -> Iterator[Launcher]:
    """One for all outages: nothing is cleaned up while a service is away."""
    with launching(member, tenant, cloud) as launcher:
        yield launcher


@pytest.fixture(scope="module")
def fleet(launch: Launcher) -> list[Vm]:
    """VMs that were up before anything happened."""
    made = [launch("ubuntu-basic") for _ in range(4)]
    launch.becomes(State.ACTIVE, *made)
    return made


@pytest.fixture(scope="module")
def standing(fleet: list[Vm]) -> Vm:
    """A VM that nobody touches."""
    return fleet.pop()


@pytest.fixture(scope="module")
def member_visits(portal: Running, standing: Vm, request: pytest.FixtureRequest) -> Iterator[Visits]:
    made = Visits(portal, ["/vms/", f"/vms/{standing.id}"])
    yield made
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        made.tell()


@pytest.fixture
def visits(member_visits: Visits, standing: Vm) -> Iterator[Visits]:
    """What a member sees meanwhile: whatever happens, a VM that was up stays up."""
    yield member_visits
    assert fresh(standing).state is State.ACTIVE


@pytest.fixture
def on_its_way(launch: Launcher) -> Vm:
    """A VM that Heat is working on."""
    vm = launch("ubuntu-basic")
    launch.becomes(State.PROVISIONING, vm)
    return vm


def run_out_of_patience(vm: Vm) -> None:
    """As if Heat had been at it for longer than it may."""
    with transaction():
        vm.state_since = now() - PATIENCE[vm.state]


def let_the_minute_pass(*vms: Vm) -> None:
    """After which a VM at rest is looked at."""
    with transaction():
        for vm in vms:
            vm.look_at = now()


def let_heat_stall(*vms: Vm) -> None:
    """As if a deletion that Heat lost with its queue had not gone on for as long as it is waited for."""
    sent = update(Vm).where(Vm.id.in_([vm.id for vm in vms]), Vm.delete_sent_at.is_not(None))
    with transaction():
        db.session.execute(sent.values(delete_sent_at=now() - verdicts.STALLED, look_at=now()))


def forget_tokens() -> None:
    """As if the token that all workers share had ended."""
    for name in volatile.client().scan_iter("portal:token:*"):
        volatile.client().delete(name)


def is_silent(tenant: Tenant) -> bool:
    db.session.refresh(tenant)
    return circuits.is_open(tenant)


def stacks(cloud: Cloud, vm: Vm) -> list[str]:
    return [stack.id for stack in cloud.heat.by_tag(f"vm-{vm.id}") if not stack.is_deleted]


def words(front: Flask, email: str, path: str) -> str:
    """A page as that person reads it."""
    person = accounts.find(email)
    assert person
    return Page(front).sign_in(person).get(path).text


def found() -> dict[UUID | None, Finding]:
    """The open findings by VM."""
    admin = accounts.find(ADMIN)
    assert admin
    return {finding.vm_id: finding for finding in findings.open_ones(admin)}


def test_a_stack_whose_engine_was_killed_is_given_up_in_time_then_made_anew_or_deleted(
    visits: Visits, on_its_way: Vm, launch: Launcher, cloud: Cloud, member: User, tenant: Tenant
) -> None:
    with visits.during("heat-engine killed"):
        retried, deleted = on_its_way, launch("ubuntu-basic")
        launch.becomes(State.PROVISIONING, deleted)
        with lab.without("heat-engine", how="kill"):
            for vm in (retried, deleted):
                run_out_of_patience(vm)
            launch.becomes(State.ERROR, retried, deleted)
        launch.see(retried, lambda: not is_silent(tenant))
        for vm in (retried, deleted):
            assert explain.failure(fresh(vm).failure or "").cause == "The cloud didn't finish in time."
            # Heat has forgotten the work, not the stack: it stays like this for ever.
            assert cloud.heat.show(str(vm.stack_id)).status == "CREATE_IN_PROGRESS"
        vms.ask(fresh(retried), Event.RETRY, by=member)
        vms.ask(fresh(deleted), Event.DELETE, by=member)
        launch.becomes(State.ACTIVE, retried)
        launch.becomes(State.DELETED, deleted)
        assert (stacks(cloud, retried), stacks(cloud, deleted)) == ([retried.stack_id], [])


def test_a_stack_that_was_given_up_and_completes_later_is_active_by_itself(
    visits: Visits, on_its_way: Vm, launch: Launcher, cloud: Cloud
) -> None:
    with visits.during("heat-engine frozen"):
        with lab.without("heat-engine", how="freeze"):
            run_out_of_patience(on_its_way)
            later = launch("ubuntu-basic")
            launch.becomes(State.ERROR, on_its_way)
            assert fresh(later).state is State.REQUESTED
        launch.becomes(State.ACTIVE, later)
        launch.see(on_its_way, lambda: cloud.heat.show(str(on_its_way.stack_id)).is_complete)
        let_the_minute_pass(on_its_way)
        launch.becomes(State.ACTIVE, on_its_way)
        for vm in (on_its_way, later):
            assert (vm.failure, vm.trouble, stacks(cloud, vm)) == (None, None, [vm.stack_id])


@pytest.mark.parametrize("service", ["heat-api", "rabbitmq", "keystone"])
def test_what_is_asked_while_a_service_is_away_waits_and_ends_as_asked(
    service: str,
    visits: Visits,
    fleet: list[Vm],
    launch: Launcher,
    front: Flask,
    cloud: Cloud,
    member: User,
    tenant: Tenant,
) -> None:
    with visits.during(f"{service} stopped"):
        doomed = fleet.pop()
        with lab.without(service):
            forget_tokens()
            vms.ask(fresh(doomed), Event.DELETE, by=member)
            waiting, unwanted = launch("ubuntu-basic"), launch("ubuntu-basic")
            vms.ask(unwanted, Event.DELETE, by=member)
            launch.see(waiting, lambda: is_silent(tenant))
            assert BANNER in words(front, member.email, "/vms/")
            assert "Silent since" in words(front, ADMIN, "/admin/system")
            asked = [fresh(vm).state for vm in (waiting, doomed, unwanted)]
            assert asked == [State.REQUESTED, State.DELETING, State.DELETING]
        launch.becomes(State.ACTIVE, waiting)
        let_heat_stall(doomed, unwanted)
        launch.becomes(State.DELETED, doomed, unwanted)
        assert [stacks(cloud, vm) for vm in (waiting, doomed, unwanted)] == [[waiting.stack_id], [], []]
        assert BANNER not in words(front, member.email, "/vms/")


def test_what_is_done_behind_the_portals_back_is_noticed(
    visits: Visits, launch: Launcher, member: User
) -> None:
    with visits.during("changes behind our back"):
        made = no_stack, no_server, stopped = [launch("ubuntu-basic") for _ in range(3)]
        launch.becomes(State.ACTIVE, *made)
        deeds = (
            ("stack", "delete", "--yes", "--wait", no_stack.stack_id),
            ("server", "delete", "--wait", no_server.server_id),
            ("server", "stop", stopped.server_id),
        )
        with ThreadPoolExecutor() as people:
            list(people.map(lambda deed: lab.openstack(*map(str, deed)), deeds))
        let_the_minute_pass(*made)
        launch.becomes(State.ERROR, no_stack, no_server)
        launch.see(stopped, lambda: stopped.power == "SHUTOFF")
        assert stopped.state is State.ACTIVE
        for vm, subject in ((no_stack, no_stack.stack_id), (no_server, no_server.server_id)):
            assert "outside the portal" in (vm.failure or "")
            assert (found()[vm.id].kind, found()[vm.id].subject) == (FindingKind.VANISHED, subject)
        assert stopped.id not in found()


def test_all_that_went_through_it_can_be_deleted_and_holds_nothing_any_more(
    launch: Launcher, held_before: Amount, cloud: Cloud, member: User, tenant: Tenant
) -> None:
    left = [vm for vm in map(vm_of, launch.launched) if vm.state is not State.DELETED]
    for vm in left:
        vms.ask(vm, Event.DELETE, by=member)
    launch.becomes(State.DELETED, *left)
    assert [stacks(cloud, vm) for vm in left] == [[] for _ in left]
    assert quotas.usage(tenant.id) == held_before
    assert not set(found()) & set(launch.launched)


def vm_of(vm_id: UUID) -> Vm:
    return db.session.get_one(Vm, vm_id)
