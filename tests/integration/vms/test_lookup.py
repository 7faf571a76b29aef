"""From what somebody was told to a VM: every way there, its reason, and each by an index."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, text, update

from portal import log
from portal.domain.people.models import Role, User
from portal.domain.store import audit
from portal.domain.store.db import db, transaction
from portal.domain.store.errors import Forbidden
from portal.domain.tenants.models import Tenant
from portal.domain.vms import lookup, vms
from portal.domain.vms.lifecycle import Event
from portal.domain.vms.models import HeatEvent, State, Transition, Vm
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.support.world import BOTH, Worker, add_person, fresh, launch

SOME_ID = "0b7f8a52-3f0e-4c39-9a52-6a1d9d0c3b77"
DATABASES = BOTH
TABLES = ("vms", "heat_events", "transitions", "audit_entries")


@pytest.fixture
def vm(ada: User, lab: Tenant, work: Worker) -> Vm:
    made = launch(ada, lab, name="quiet-otter", floating_ip="true")
    work()
    return fresh(made)


def why(wanted: object, sam: User) -> dict[str, list[str]]:
    """The reasons by the names of the VMs found."""
    return {match.vm.name: list(match.why) for match in lookup.find(str(wanted), by=sam).matches}


def test_a_vm_is_found_by_its_ids_whole_and_begun(vm: Vm, sam: User) -> None:
    assert why(vm.id, sam) == {"quiet-otter": ["id of the VM"]}
    assert why(f"vm-{vm.id}", sam) == {"quiet-otter": ["id of the VM"]}
    assert why(f" {str(vm.id)[:13].upper()} ", sam) == {"quiet-otter": ["id of the VM"]}
    assert why(vm.id.hex, sam) == {"quiet-otter": ["id of the VM"]}
    assert why(vm.stack_id, sam) == {"quiet-otter": ["id of its stack", "id of a stack of it, as Heat told"]}
    server = ["id of its server", "id of its resource server, as Heat told"]
    assert why(str(vm.server_id)[:8], sam) == {"quiet-otter": server}
    port = db.session.query(HeatEvent).filter_by(resource="port", status="CREATE_COMPLETE").one()
    assert why(port.physical_id, sam) == {"quiet-otter": ["id of its resource port, as Heat told"]}
    assert why(uuid4(), sam) == {}


def test_by_how_a_name_or_an_address_begins(vm: Vm, sam: User) -> None:
    assert why("quiet-otter", sam) == {"quiet-otter": ["name is quiet-otter"]}
    assert why("Quiet", sam) == {"quiet-otter": ["name begins so"]}
    assert why("otter", sam) == {}
    assert why("quiet_otter", sam) == why("quiet%", sam) == {}
    assert "public address is" in why(vm.public_ip, sam)["quiet-otter"][0]
    assert why(str(vm.private_ip)[:-1], sam) == {"quiet-otter": ["private address begins so"]}
    assert lookup.find("q", by=sam) == lookup.Found()


def test_by_its_owner(vm: Vm, ada: User, sam: User) -> None:
    owned = {"quiet-otter": ["launched by Ada (ada@example.org)"]}
    assert why("ada@example.org", sam) == why("ADA", sam) == why("ada@e", sam) == owned
    found = lookup.find("ada@example.org", by=sam)
    assert [person.email for person in found.people] == ["ada@example.org"]


def test_by_a_request_id_of_ours_and_of_openstacks(
    vm: Vm, ada: User, sam: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    ours = f"req-{uuid4()}"
    with log.context(request_id=ours):
        vms.ask(vm, Event.DELETE, by=ada)
    for wanted in (ours, ours.removeprefix("req-")):
        assert why(wanted, sam) == {"quiet-otter": ["request of the act vm.delete"]}
    assert [act.actor for act in lookup.find(ours, by=sam).acts] == ["ada@example.org"]
    work()
    cloud.set_quota("tenant-a", cores=0)
    launch(ada, lab, name="loud-otter")
    work()
    move = db.session.query(Transition).filter_by(new=State.ERROR).one()
    assert "Quota exceeded" in (move.failure or "")
    assert str(move.cloud_request_id) in (move.failure or "")
    assert why(move.cloud_request_id, sam) == {"loud-otter": ["request of OpenStack's that failed"]}


def test_an_act_without_a_vm_is_told_alone(ada: User, sam: User) -> None:
    with log.context(request_id="req-of-mine"), transaction():
        audit.record("person.renamed", by=ada)
    found = lookup.find("req-of-mine", by=sam)
    assert ([act.action for act in found.acts], found.matches) == (["person.renamed"], [])


def test_a_failed_launch_is_known_by_the_address_it_had(
    ada: User, sam: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    for size in ("m1.tiny", "m1.small"):  # no host has room for either any more
        cloud.change("flavor", size, extra_specs={"resources:VGPU": "1"})
    vm = launch(ada, lab, name="lost-otter", floating_ip="true")
    work()
    vm = fresh(vm)
    assert vm.state is State.ERROR
    assert "public address is" in why(vm.public_ip, sam)["lost-otter"][0]
    vms.ask(vm, Event.RETRY, by=ada)
    vm = fresh(vm)
    assert (vm.server_id, vm.private_ip, vm.public_ip) == (None, None, None)


def test_a_failed_stack_that_tells_no_outputs_fails_the_launch_all_the_same(
    ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    cloud.set_quota("tenant-a", cores=0)
    one_stack = r"/stacks/vm-[^/]+/[^/]+$"
    cloud.faults.add(Fault("status", method="GET", service="orchestration", path_regex=one_stack, times=0))
    vm = launch(ada, lab)
    work()
    vm = fresh(vm)
    assert (vm.state, vm.private_ip) == (State.ERROR, None)
    assert "Quota exceeded" in (vm.failure or "")


def test_the_deleted_are_found_after_those_that_live(
    vm: Vm, ada: User, sam: User, lab: Tenant, work: Worker
) -> None:
    vms.ask(vm, Event.DELETE, by=ada)
    work()
    launch(ada, lab, name="quiet-owl")
    assert [match.vm.name for match in lookup.find("quiet", by=sam).matches] == ["quiet-owl", "quiet-otter"]


def test_more_than_a_page_of_them_is_said(
    vm: Vm, ada: User, sam: User, lab: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "MOST", 1)
    launch(ada, lab, name="quiet-owl")
    found = lookup.find("quiet", by=sam)
    assert ([match.vm.name for match in found.matches], found.more) == (["quiet-owl"], True)


def test_members_may_not_search(vm: Vm, ada: User) -> None:
    with pytest.raises(Forbidden):
        lookup.find("quiet", by=ada)


@pytest.fixture
def asked(app: object) -> Iterator[list[tuple[str, Any]]]:
    """The questions put to the database meanwhile."""
    found: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            found.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    yield found
    event.remove(db.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("wanted", ["quiet-otter", "10.10.3.4", "Ada", f"req-{SOME_ID}", SOME_ID])
def test_every_question_goes_by_an_index(
    vm: Vm, ada: User, sam: User, wanted: str, asked: list[tuple[str, Any]]
) -> None:
    lookup.find(wanted, by=sam)
    questions = list(asked)
    assert len(questions) >= 5
    with db.engine.connect() as connection:
        if db.engine.dialect.name == "postgresql":
            # The tables are small: it would rather read them whole.
            connection.execute(text("SET enable_seqscan = off"))
        explain = "EXPLAIN" if db.engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        for statement, parameters in questions:
            plan = "\n".join(
                str(row) for row in connection.exec_driver_sql(f"{explain} {statement}", parameters)
            )
            scans = re.findall(rf"(?:SCAN|Seq Scan on) (?:{'|'.join(TABLES)})\b(?! USING)", plan)
            assert scans == [], f"{statement}\n{plan}"


def test_the_reason_of_a_stack_of_an_earlier_try(vm: Vm, sam: User) -> None:
    earlier = str(UUID(int=uuid4().int))
    with transaction():
        db.session.add(
            HeatEvent(
                id="e1", vm_id=vm.id, stack_id=earlier, position=1, at=vm.requested_at,
                resource=f"vm-{vm.id}", status="CREATE_FAILED", physical_id=earlier,
            )
        )  # fmt: skip
    assert why(earlier, sam) == {"quiet-otter": ["id of a stack of it, as Heat told"]}


def test_people_who_left_are_found_too(app: object, sam: User) -> None:
    gone = add_person("zoe@example.org", Role.MEMBER)
    with transaction():
        db.session.execute(update(User).where(User.id == gone.id).values(active=False))
    assert [person.active for person in lookup.find("zoe", by=sam).people] == [False]
