"""Credentials on a real OpenStack: what the doctor finds, a rotation under load, one deleted behind us."""

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
import requests
from flask import Flask
from sqlalchemy import func, select

from portal.domain.people import accounts
from portal.domain.people.models import User
from portal.domain.store.db import db
from portal.domain.tenants import credentials, doctor, making, rotation
from portal.domain.tenants.models import Checkup, Credential, Standing, Tenant
from portal.domain.vms.models import State, Vm
from portal.openstack.cloud import ApplicationCredential, Cloud
from tests.lab.conftest import Launcher
from tests.support import lab
from tests.support.page import Page
from tests.support.running import Running
from tests.support.world import fresh

FLEET = 20
CONF = lab.HOME / "etc/heat/heat.conf"


@pytest.fixture(scope="module")
def admin(front: Flask) -> User:
    """Who looks after the portal."""
    robin = accounts.find("root@example.org")
    assert robin
    return robin


@pytest.fixture
def visitor(front: Flask) -> Page:
    return Page(front)


def wait(what: str, condition: Callable[[], object], seconds: float) -> None:
    """Waits for other processes to make it true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.3)
        db.session.rollback()
        db.session.expire_all()


def examined(credential_id: object, seconds: float = 90) -> Checkup:
    """The doctor's newest word, once the examination is through."""
    credential = db.session.get(Credential, credential_id)
    assert credential
    wait(
        "the doctor's word",
        lambda: not doctor.is_awaited(credential) and doctor.running(credential.id) is None,
        seconds,
    )
    return doctor.history(credential)[0]


def ask(tenant: Tenant, admin: User) -> Checkup:
    credential = credentials.current(tenant.id)
    doctor.ask(credential.id, by=admin)
    return examined(credential.id)


def rotate(tenant: Tenant, secret: ApplicationCredential, admin: User) -> Credential:
    """Stages, has it examined, switches."""
    staged = rotation.stage(tenant.id, secret, label="test", by=admin)
    assert examined(staged.id).tone != "bad"
    rotation.switch(tenant.id, drain=timedelta(), by=admin)
    return fresh(staged)


@contextlib.contextmanager
def heat_making_trusts() -> Iterator[None]:
    """heat-engine as it comes by default."""
    usual = CONF.read_text()
    with lab.without("heat-engine"):
        CONF.write_text(re.sub(r"(?m)^(deferred_auth_method *= *).*$", r"\1trusts", usual))
    try:
        yield
    finally:
        with lab.without("heat-engine"):
            CONF.write_text(usual)


def counted(portal: Running, name: str) -> dict[str, float]:
    """The samples of a metric, by their labels."""
    token = (portal.home.path / "metrics_token").read_text().strip()
    text = requests.get(
        f"{portal.url}/metrics", headers={"Authorization": f"Bearer {token}"}, timeout=30
    ).text
    return {match[1]: float(match[2]) for match in re.finditer(rf"(?m)^{name}\{{(.*)\}} (\S+)$", text)}


def failures(portal: Running) -> dict[str, float]:
    """Looks in vain, and calls that were refused or had no answer."""
    calls = {
        f"calls {labels}": count
        for labels, count in counted(portal, "portal_openstack_calls_total").items()
        if not re.search(r'status="(2|3)\d\d"', labels)
    }
    return calls | counted(portal, "portal_looks_in_vain_total")


def test_a_restricted_credential_is_found_fit(tenant: Tenant, admin: User, cloud: Cloud) -> None:
    checkup = ask(tenant, admin)
    assert {check["tone"] for check in checkup.checks} == {"good"}, checkup.checks
    assert len(checkup.checks) == 13
    assert [stack.name for stack in cloud.heat.tagged("portal-probe") if not stack.is_deleted] == []


def test_heat_making_trusts_is_found_before_a_member_meets_it(
    tenant: Tenant, admin: User, visitor: Page
) -> None:
    with heat_making_trusts():
        checkup = ask(tenant, admin)
        probe = checkup.checks[-1]
        assert (probe["name"], probe["tone"], len(probe["ways"])) == ("probe", "bad", 3)
        shown = visitor.sign_in(admin).get(f"/admin/credentials/{tenant.id}").text
        for way in (
            "deferred_auth_method=password",
            "allow_insecure_application_credential_trust_escalation=true",
            "a service user's name and password",
        ):
            assert way in shown
    assert ask(tenant, admin).tone == "good"


def test_a_rotation_under_load_loses_nothing_and_fails_no_call(
    portal: Running, tenant: Tenant, admin: User, cloud: Cloud, launch: Launcher
) -> None:
    demo = credentials.current(tenant.id)
    free = cloud.keystone.create_application_credential(f"portal-test-{uuid4().hex[:8]}", unrestricted=True)
    old = rotate(tenant, free, admin)
    assert making.can_make(old)
    wait("the end of the first one", lambda: fresh(demo).standing is Standing.REVOKED, 240)
    assert "Deleted in Keystone" in (demo.note or "")  # by the new one, which is the same user's
    before = failures(portal)
    fleet = [launch("ubuntu-basic") for _ in range(FLEET)]
    ids = [vm.id for vm in fleet]

    def how_many(*states: State) -> int:
        return db.session.scalar(select(func.count(Vm.id)).where(Vm.id.in_(ids), Vm.state.in_(states))) or 0

    wait("work in flight", lambda: how_many(State.PROVISIONING) >= 3, 60)
    staged = rotation.make(tenant.id, unrestricted=False, by=admin)
    assert examined(staged.id, 180).tone == "good"
    in_flight = how_many(State.REQUESTED, State.PROVISIONING)
    rotation.switch(tenant.id, drain=timedelta(), by=admin)
    assert in_flight > 0
    wait("all of the fleet", lambda: how_many(State.ACTIVE) == FLEET, 600)
    wait("the end of the old one", lambda: fresh(old).standing is Standing.REVOKED, 600)
    assert "Deleted in Keystone" in (old.note or "")
    left = {facts.id for facts in cloud.keystone.application_credentials()}
    assert old.public["id"] not in left
    assert credentials.current(tenant.id).public["id"] in left
    assert failures(portal) == before
    print(f"{in_flight} of {FLEET} were in flight at the switch")


def test_a_credential_deleted_behind_the_portal_is_told_and_nothing_is_lost(
    tenant: Tenant, admin: User, member: User, visitor: Page, cloud: Cloud, launch: Launcher
) -> None:
    gone = credentials.current(tenant.id)
    cloud.keystone.delete_application_credential(gone.public["id"])
    vm = launch("ubuntu-basic")
    wait("the refusal", lambda: fresh(tenant).refused_since, 60)
    told = visitor.sign_in(member).get("/")
    assert "OpenStack refuses the portal's credential since" in told.text
    system = visitor.sign_in(admin).get("/admin/system/")
    assert "Refuses the credential" in system.text
    assert examined(gone.id).tone == "bad"
    assert fresh(vm).state is State.REQUESTED
    new = cloud.keystone.create_application_credential(f"portal-test-{uuid4().hex[:8]}")
    rotate(tenant, new, admin)
    launch.until(vm, State.ACTIVE)
    assert fresh(tenant).refused_since is None
    assert "OpenStack refuses" not in visitor.sign_in(member).get("/").text
