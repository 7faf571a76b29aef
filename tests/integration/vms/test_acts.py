"""What people did with a VM, in words, on its own page and in its case file."""

import pytest

from portal.domain.people.models import User
from portal.domain.store.db import db, now
from portal.domain.tenants.models import Tenant
from portal.domain.vms import (
    casefile,
    changes,
    describing,
    history,
    leases,
    live,
    power,
    removals,
    support,
    wishes,
)
from portal.domain.vms.describing import Told
from portal.domain.vms.models import HeatEvent, Vm
from portal.domain.vms.power import Action
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.support.world import BOTH, Clock, Worker, fresh, launch

DATABASES = BOTH


@pytest.fixture
def vm(ada: User, lab: Tenant, work: Worker) -> Vm:
    made = launch(ada, lab, name="atelier", **{"vm:lease": "1"})
    work()
    return fresh(made)


def told(vm: Vm) -> list[tuple[str, str, str]]:
    """The acts of its timeline, oldest first: title, detail, who."""
    lines = history.timeline(fresh(vm))[::-1]
    return [(line.words, line.detail, line.who) for line in lines if line.teller == "act"]


def test_a_name_words_and_tags(vm: Vm, ada: User, clock: Clock, work: Worker) -> None:
    describing.describe(vm, Told("museum", "A site", "web demo"), by=ada)
    work()
    describing.describe(fresh(vm), Told("museum", "A site", "web"), by=ada)
    acts = told(vm)
    what = "Renamed from atelier to museum. Described anew. Tags added: demo, web."
    assert ("Name or description changed", what, "Ada") in acts
    assert ("Another name of the server asked for", "Server's name: museum.", "Ada") in acts
    assert ("Server renamed", "Server's name: museum.", "") in acts
    assert acts[-1] == ("Name or description changed", "Tag removed: demo.", "Ada")


def test_power_a_lease_and_a_deletion_taken_back(vm: Vm, ada: User, clock: Clock) -> None:
    power.ask(vm, Action.STOP, by=ada)
    clock.forward(1)
    assert vm.lease_ends_at
    leases.extend(fresh(vm), 7, seen=vm.lease_ends_at.isoformat(), by=ada)
    clock.forward(1)
    removals.plan(fresh(vm), by=ada)
    clock.forward(1)
    removals.undo(fresh(vm), by=ada)
    clock.forward(1)
    support.ask(fresh(vm), "It is slow.", by=ada)
    ends = fresh(vm).lease_ends_at
    assert told(vm) == [
        ("Stop asked for", "", "Ada"),
        ("Lease extended", f"Until {ends:%Y-%m-%d %H:%M} UTC.", "Ada"),
        ("Deletion planned", "", "Ada"),
        ("Deletion taken back", "", "Ada"),
        ("Support asked for help", "“It is slow.”", "Ada"),
    ]


def test_a_lease_that_ends_is_the_portals_act(vm: Vm, clock: Clock, work: Worker) -> None:
    clock.forward(86_400)
    leases.step(vm.id)
    [act] = told(vm)
    assert (act[0], act[2]) == ("Lease ended", "")
    assert act[1] == f"Stopped, and to be deleted on {fresh(vm).delete_due_at:%Y-%m-%d %H:%M} UTC."


def test_a_change_that_fails_says_why(vm: Vm, ada: User, cloud: Control, work: Worker) -> None:
    cloud.faults.add(Fault("status", "PATCH", "orchestration", r"/preview$", status=400))
    changes.ask(vm, wishes.firewall(vm, "web"), by=ada)
    work()
    asked, ended = told(vm)
    assert asked == ("Another firewall asked for", "Firewall: SSH, HTTP and HTTPS from anywhere.", "Ada")
    assert ended[0] == "Change failed"
    assert ended[1].startswith("Firewall: SSH, HTTP and HTTPS from anywhere. ")
    failed = [line for line in history.timeline(fresh(vm)) if line.failed]
    assert [line.words for line in failed] == ["Change failed"]


def test_support_reads_them_too_and_who_looked(vm: Vm, ada: User, sam: User) -> None:
    power.ask(vm, Action.REBOOT, by=ada)
    live.look(fresh(vm), by=sam)
    lines = [line for line in casefile.timeline(fresh(vm)) if line.kind == "audit"]
    assert [(line.title, line.who) for line in lines] == [
        ("Restart asked for", ada.email),
        ("OpenStack asked live", sam.email),
    ]
    assert lines[0].plain["action"] == "vm.reboot"
    assert told(vm) == [("Restart asked for", "", "Ada")]


def test_the_parts_of_an_own_template_are_told_by_their_names(vm: Vm) -> None:
    for number, action in enumerate(("CREATE", "DELETE", "SNAPSHOT"), 100):
        db.session.add(
            HeatEvent(
                id=f"event-{number}",
                vm_id=vm.id,
                stack_id=vm.stack_id,
                position=number,
                at=now(),
                resource="data_volume",
                status=f"{action}_COMPLETE",
                reason="state changed",
            )
        )
    db.session.commit()
    said = {entry.words for entry in history.timeline(fresh(vm))}
    assert said >= {"data_volume: done", "Removing data volume: done", "Snapshot data volume: done"}
