"""The portal on the real cloud of `make lab`, with every process of it, and eyes of our own in that cloud."""

import contextlib
import functools
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from portal import config
from portal.app import create_app
from portal.domain.catalog import keys
from portal.domain.people import accounts
from portal.domain.people.models import User
from portal.domain.store.db import db
from portal.domain.tenants import tenants
from portal.domain.tenants.models import Tenant
from portal.domain.vms import drafts
from portal.domain.vms.models import State, Vm
from portal.openstack.cloud import Cloud
from tests.support import lab, running
from tests.support.running import Running
from tests.support.world import fresh

# What is waited for comes when the machine has time for it; only what never comes takes so long.
SECONDS = 300.0
# Outages are noticed by waiting for answers in vain; with the portal's default that would take minutes.
READ_TIMEOUT = "6"


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """What `make run CLOUD=lab` runs, with a database and restricted application credentials of its own."""
    with pytest.MonkeyPatch.context() as settings:
        settings.setenv("OPENSTACK_READ_TIMEOUT", READ_TIMEOUT)
        with running.portal(tmp_path_factory.mktemp("portal"), cloud="lab") as portal:
            yield portal


@pytest.fixture(scope="session")
def front(portal: Running) -> Iterator[Flask]:
    """The portal's front door in this process: the same database, queue and secrets."""
    app = create_app(config.load(portal.home.environment()))
    with app.app_context():
        yield app
        lab.forget_credentials()
        db.session.remove()


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """Tenant-a of the lab as its own user sees it, without the portal."""
    cloud = lab.eyes("a")
    yield cloud
    cloud.close()


@pytest.fixture(scope="session")
def member(front: Flask, tmp_path_factory: pytest.TempPathFactory) -> User:
    """Ada of the demo, with an SSH key."""
    ada = accounts.find("ada@example.org")
    assert ada
    key = tmp_path_factory.mktemp("key") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    keys.add(ada, "laptop", key.with_suffix(".pub").read_text())
    return ada


@pytest.fixture(scope="session")
def tenant(member: User) -> Tenant:
    """Ada's tenant that is tenant-a of the lab."""
    return next(tenant for tenant in tenants.of(member) if tenant.name == "Research Lab")


def _is(vm: Vm, state: State) -> bool:
    return vm.state is state


@dataclass
class Launcher:
    """Launches through the portal, waits for what its workers make of it, and cleans up."""

    member: User
    tenant: Tenant
    launched: list[UUID]

    def __call__(self, offering: str, **answers: Any) -> Vm:
        """A VM that was just submitted."""
        draft = drafts.start(offering, by=self.member, tenant=self.tenant)
        drafts.answer(draft, answers, by=self.member)
        vm = drafts.submit(draft.id, by=self.member)
        self.launched.append(vm.id)
        return vm

    def until(self, vm: Vm, state: State) -> Vm:
        """The VM once it is in that state."""
        self.see(vm, lambda: vm.state in {state, State.ERROR})
        assert vm.state is state, vm.failure
        return vm

    def becomes(self, state: State, *vms: Vm) -> None:
        """Waits for each to be in that state, whatever comes between."""
        for vm in vms:
            self.see(vm, functools.partial(_is, vm, state))

    def see(self, vm: Vm, condition: Callable[[], object]) -> None:
        """Waits for other processes to make it true."""
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"{vm.state} {vm.stack_status} {vm.trouble}"
            time.sleep(0.2)
            fresh(vm)


@contextlib.contextmanager
def launching(member: User, tenant: Tenant, cloud: Cloud) -> Iterator[Launcher]:
    """A launcher whose stacks are gone in the end."""
    launcher = Launcher(member, tenant, [])
    yield launcher
    for vm_id in launcher.launched:
        for stack in cloud.heat.by_tag(f"vm-{vm_id}"):
            if not stack.is_deleted:
                cloud.heat.delete(stack.id)


@pytest.fixture
def launch(front: Flask, member: User, tenant: Tenant, cloud: Cloud) -> Iterator[Launcher]:
    with launching(member, tenant, cloud) as launcher:
        yield launcher
