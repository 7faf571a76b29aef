"""What changed behind our back: mended by itself where that is safe, else marked as OpenStack has it."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from portal.domain.people.models import User
from portal.domain.store.db import db
from portal.domain.store.errors import Refused
from portal.domain.tenants.models import Tenant
from portal.domain.vms import findings, ladder, lifecycle, polling, quotas, remedies, vms
from portal.domain.vms.lifecycle import Event, State
from portal.domain.vms.models import Finding, FindingKind, Vm
from portal.domain.vms.remedies import Remedy
from portal.openstack.cloud import Cloud
from portal.openstack.nova import Nova
from portal.sandbox.control import Control
from tests.support.calls import observed
from tests.support.settling import ask, causes, told
from tests.support.world import BOTH, Clock, Worker, fresh, launch, only

DATABASES = BOTH


@pytest.fixture
def vm(ada: User, lab: Tenant, work: Worker) -> Vm:
    made = launch(ada, lab, floating_ip=True)
    work()
    return fresh(made)


@pytest.fixture
def server(vm: Vm, cloud: Control) -> dict[str, Any]:
    """The server as it was while it was there."""
    return cloud.row("server", str(vm.server_id))


@pytest.fixture
def lost(vm: Vm, server: dict[str, Any], cloud: Control, work: Worker) -> Finding:
    """Its server was deleted behind our back."""
    cloud.delete_server(str(vm.server_id))
    work(until=lambda: fresh(vm).state is State.ERROR)
    return only(Finding)


@pytest.fixture
def vanished(vm: Vm, behind: Cloud, work: Worker) -> Finding:
    """Its stack was deleted behind our back."""
    behind.heat.delete(str(vm.stack_id))
    work(until=lambda: fresh(vm).state is State.ERROR)
    return only(Finding)


def test_what_is_gone_altogether_is_marked_as_deleted_and_its_quota_given_back(
    vanished: Finding, vm: Vm, lab: Tenant, root: User, work: Worker
) -> None:
    assert remedies.of(vanished, root)[0] is Remedy.RESTORE
    assert quotas.usage(lab.id).vms == 1
    with pytest.raises(Refused, match="Say why"):
        remedies.apply(vanished, Remedy.RESTORE, reason="", by=root)
    with observed() as calls:
        ask(vanished, Remedy.RESTORE, root, work, reason="Ada's own doing.")
    assert not [call for call in calls if call.method == "DELETE"]
    assert fresh(vm).state is State.DELETED
    assert vm.deleted_at
    assert quotas.usage(lab.id).vms == 0
    words = "Marked as OpenStack has it: nothing is left of it. Ada's own doing."
    assert fresh(vanished).answer == words
    assert vanished.by_id == root.id
    assert causes()[-1] == words


def test_a_server_that_came_back_makes_the_vm_active_again(
    lost: Finding, vm: Vm, server: dict[str, Any], root: User, cloud: Control, work: Worker
) -> None:
    since = fresh(vm).active_at
    with db.engine.begin() as connection:
        connection.execute(update(Vm).values(public_ip="198.51.100.1"))
    cloud.put("server", server)
    ask(lost, Remedy.RESTORE, root, work, reason="It was restored in Nova.")
    seen = fresh(vm)
    assert (seen.state, seen.power, seen.active_at) == (State.ACTIVE, "ACTIVE", since)
    assert seen.failure is None
    assert seen.public_ip != "198.51.100.1"
    assert "It was restored in Nova." in (fresh(lost).answer or "")
    work.once()
    assert fresh(vm).state is State.ACTIVE


def test_a_stack_without_its_server_is_accepted_as_it_is(
    lost: Finding, vm: Vm, lab: Tenant, root: User, work: Worker
) -> None:
    ask(lost, Remedy.RESTORE, root, work, reason="Known.")
    assert fresh(vm).state is State.ERROR
    assert quotas.usage(lab.id).vms == 1
    assert (fresh(lost).answer or "").startswith("Marked as OpenStack has it: Its stack is there, its server")
    assert findings.of_vm(vm) == []


def test_nothing_is_marked_while_another_stack_bears_the_mark(
    vanished: Finding, vm: Vm, root: User, behind: Cloud, work: Worker
) -> None:
    nothing = "heat_template_version: 2018-08-31\nresources:\n  nothing: {type: OS::Heat::None}\n"
    twin = behind.heat.create("twin", nothing, {}, tags=("portal", f"vm-{vm.id}"), timeout_mins=5)
    words = ask(vanished, Remedy.RESTORE, root, work, reason="x").tried[-1]["words"]
    assert words == f"Nothing is marked: another stack bears the VM's mark ({twin}). Adopt it."
    assert fresh(vm).state is State.ERROR


def test_nothing_is_marked_while_the_server_lives_without_its_stack(
    vm: Vm, lab: Tenant, root: User, cloud: Control, work: Worker
) -> None:
    cloud.abandon(lifecycle.stack_name(vm.id))
    work(until=lambda: fresh(vm).state is State.ERROR)
    [finding] = [one for one in findings.of_vm(vm) if one.kind is FindingKind.VANISHED]
    words = ask(finding, Remedy.RESTORE, root, work, reason="x").tried[-1]["words"]
    assert words.startswith(
        f"Nothing is marked: the server {vm.server_id} (ACTIVE) is there without its stack"
    )
    assert quotas.usage(lab.id).vms == 1


def test_nothing_is_marked_while_heat_deletes_the_stack(
    lost: Finding, vm: Vm, root: User, behind: Cloud, cloud: Control, work: Worker
) -> None:
    cloud.configure(stack_seconds=600)
    cloud.block_delete(lifecycle.stack_name(vm.id), "port", "in use")
    behind.heat.delete(str(vm.stack_id))
    words = ask(lost, Remedy.RESTORE, root, work, reason="x").tried[-1]["words"]
    assert words.startswith("Nothing is marked: Heat deletes the stack (DELETE_")


def test_a_vm_that_is_no_longer_in_error_isnt_marked(
    lost: Finding, vm: Vm, ada: User, root: User, work: Worker
) -> None:
    remedies.apply(lost, Remedy.RESTORE, reason="x", by=root)
    vms.ask(fresh(vm), Event.DELETE, by=ada)
    ladder.step(lost.id)
    assert told(lost) == "Nothing to mark: the VM isn't in error any more."
    assert Remedy.RESTORE not in remedies.of(lost, root)


def test_a_server_that_heat_replaced_is_followed(vm: Vm, cloud: Control, work: Worker, clock: Clock) -> None:
    server, stack = cloud.row("server", str(vm.server_id)), cloud.row("stack", str(vm.stack_id))
    another = stack["resources"]["server"]["physical"] = str(uuid4())
    cloud.put("server", server | {"id": another})
    cloud.put("stack", stack)
    cloud.delete_server(server["id"])
    clock.forward(300)
    work.once()
    seen = fresh(vm)
    assert (seen.state, seen.server_id, seen.power) == (State.ACTIVE, another, "ACTIVE")
    assert db.session.scalars(select(Finding)).all() == []


def test_a_list_that_leaves_a_server_out_isnt_believed(
    vm: Vm, cloud: Control, work: Worker, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "FEW_SERVERS", 0)
    monkeypatch.setattr(Nova, "servers", lambda _nova: [])
    clock.forward(300)
    work.once()
    assert fresh(vm).state is State.ACTIVE
    assert db.session.scalars(select(Finding)).all() == []


def test_the_servers_of_many_vms_are_one_question(ada: User, lab: Tenant, work: Worker, clock: Clock) -> None:
    for _ in range(polling.FEW_SERVERS + 1):
        launch(ada, lab)
    work()
    clock.forward(300)
    with observed() as calls:
        polling.poll(lab.id)
    assert [call.path for call in calls if call.service == "compute"] == ["/compute/v2.1/servers/detail"]
