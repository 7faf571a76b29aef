"""A deletion that a port blocks because a server holds it: what becomes of it depends on whose that is."""

import pytest

from portal.domain.people.models import User
from portal.domain.tenants.models import Tenant
from portal.domain.vms import ladder, lifecycle, marks, remedies, vms
from portal.domain.vms.lifecycle import Event, State
from portal.domain.vms.models import Finding, Vm
from portal.domain.vms.remedies import Remedy
from portal.openstack.cloud import Cloud
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.support.settling import ask, told
from tests.support.world import BOTH, Clock, Worker, fresh, launch, only

DATABASES = BOTH


@pytest.fixture
def other(vm: Vm, ada: User, lab: Tenant, work: Worker) -> Vm:
    made = launch(ada, lab)
    work()
    return fresh(made)


@pytest.fixture
def port(vm: Vm, behind: Cloud) -> str:
    [found] = [one.id for one in behind.neutron.ports() if f"vm-{vm.id}" in one.tags]
    return found


def give(cloud: Control, port: str, server: str) -> None:
    """Somebody takes the port from its server and attaches it to another."""
    cloud.alter("port", port, device_id=server, device_owner="compute:nova")


def stuck_with(vm: Vm, ada: User, work: Worker) -> Finding:
    vms.ask(fresh(vm), Event.DELETE, by=ada)
    work()
    assert fresh(vm).state is State.ERROR
    return only(Finding)


@pytest.fixture
def stuck(vm: Vm, other: Vm, port: str, ada: User, cloud: Control, work: Worker) -> Finding:
    """Another VM's server holds the port."""
    give(cloud, port, str(other.server_id))
    return stuck_with(vm, ada, work)


def test_the_server_that_holds_it_is_named_then_lets_go_of_it_and_keeps_running(
    stuck: Finding, vm: Vm, other: Vm, port: str, root: User, behind: Cloud, work: Worker
) -> None:
    assert "rule:delete_port is disallowed by policy" in stuck.proof["reason"]
    [blocker] = [each for each in stuck.proof["blockers"] if each["id"] == port]
    holder = f"server {other.server_id} ({other.name})"
    assert (blocker["held_by"], blocker["holder"]) == (other.server_id, holder)
    ask(stuck, Remedy.REMOVE_BLOCKERS, root, work)
    assert told(stuck) == f"Removed: port {port} from {holder}, port {port}. The deletion is tried again."
    assert fresh(vm).state is State.DELETED
    assert behind.nova.server(str(other.server_id)).status == "ACTIVE"


def test_another_holder_than_the_one_that_was_shown_is_left_alone(
    stuck: Finding, vm: Vm, port: str, root: User, ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    third = launch(ada, lab)
    work(until=lambda: fresh(third).state is State.ACTIVE)
    give(cloud, port, str(third.server_id))
    words = ask(stuck, Remedy.REMOVE_BLOCKERS, root, work).tried[-1]["words"]
    assert words.startswith(
        f"Not removed: server {third.server_id} ({third.name}) holds port {port} and isn't part"
    )
    assert fresh(vm).state is State.ERROR
    assert cloud.row("port", port)["device_id"] == third.server_id


def test_a_server_that_may_not_let_go_is_told_with_who_has_to_act(
    stuck: Finding, vm: Vm, other: Vm, port: str, root: User, cloud: Control, work: Worker
) -> None:
    cloud.alter("server", str(other.server_id), vm_state="error", status="ERROR")
    words = ask(stuck, Remedy.REMOVE_BLOCKERS, root, work).tried[-1]["words"]
    assert (
        f"doesn't let go of it (Cannot 'detach_interface' instance {other.server_id} while it is in" in words
    )
    assert words.endswith("Whoever owns that server has to unlock, start or delete it; then try again.")
    assert fresh(vm).state is State.ERROR


def test_one_that_keeps_it_though_nova_took_it_on_is_told(
    stuck: Finding, other: Vm, port: str, root: User, cloud: Control, work: Worker
) -> None:
    cloud.faults.add(Fault("status", "DELETE", "compute", "/os-interface/", status=202, times=9))
    words = ask(stuck, Remedy.REMOVE_BLOCKERS, root, work).tried[-1]["words"]
    holder = f"server {other.server_id} ({other.name})"
    assert words == f"OpenStack took it on to free port {port}, but {holder} still holds it."


def test_a_server_with_the_vms_own_mark_goes(
    stuck: Finding, vm: Vm, other: Vm, root: User, cloud: Control, work: Worker
) -> None:
    """Heat lost it, and it came to light only after the last try."""
    metadata = {marks.SERVER: str(vm.id)}
    cloud.put("server", cloud.row("server", str(other.server_id)) | {"metadata": metadata})
    ask(stuck, Remedy.REMOVE_BLOCKERS, root, work)
    assert fresh(vm).state is State.DELETED
    assert other.server_id not in {server["id"] for server in cloud.servers("tenant-a")}


def test_a_port_that_a_server_holds_which_is_gone_is_released(
    vm: Vm, port: str, ada: User, root: User, cloud: Control, behind: Cloud, work: Worker
) -> None:
    """Nova couldn't reach Neutron when it deleted the server."""
    give(cloud, port, "gone")
    stuck = stuck_with(vm, ada, work)
    assert stuck.proof["blockers"][0]["holder"] == "server gone (gone)"
    ask(stuck, Remedy.REMOVE_BLOCKERS, root, work)
    assert told(stuck).startswith(f"Removed: the hold of port {port} by server gone (gone), port {port}.")
    assert fresh(vm).state is State.DELETED


def test_what_the_credential_may_not_delete_is_told_with_the_command(
    vm: Vm, port: str, ada: User, root: User, cloud: Control, work: Worker
) -> None:
    cloud.block_delete(lifecycle.stack_name(vm.id), "port", "in use")
    stuck = stuck_with(vm, ada, work)
    cloud.faults.add(Fault("status", "DELETE", "network", "/ports/", status=403, times=9))
    words = ask(stuck, Remedy.REMOVE_BLOCKERS, root, work).tried[-1]["words"]
    assert words.startswith(f"The tenant's credential may not delete port {port} (")
    assert words.endswith(f"has to: openstack port delete {port}. Then try the deletion again.")


def test_a_port_that_goes_while_its_holder_is_looked_for_is_as_good(
    stuck: Finding, vm: Vm, port: str, root: User, behind: Cloud, clock: Clock, work: Worker
) -> None:
    remedies.apply(stuck, Remedy.REMOVE_BLOCKERS, reason="", by=root)
    ladder.step(stuck.id)
    clock.forward(5)
    behind.neutron.delete_port(port)
    work()
    assert fresh(vm).state is State.DELETED
