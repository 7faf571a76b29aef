"""Stacks as Heat 27 shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from portal.openstack.cloud import Cloud
from portal.openstack.errors import Conflict, NotFound, Unavailable
from portal.openstack.heat import Stack, StackEvent, StackResource
from portal.openstack.previews import Touched
from tests.unit.openstack.wire import PROJECT, Asked, FakeCloud, Reply

STACKS = f"/orchestration/v1/{PROJECT}/stacks"
TEMPLATE = "heat_template_version: 2018-08-31"
HTML = {"Content-Type": "text/html; charset=UTF-8"}


def row(stack_id: str = "s-1", status: str = "CREATE_COMPLETE", **more: Any) -> dict[str, Any]:
    return {
        "id": stack_id,
        "stack_name": f"vm-{stack_id}",
        "stack_status": status,
        "stack_status_reason": "Stack CREATE completed successfully",
        "creation_time": "2026-11-23T14:18:16Z",
        "updated_time": None,
        "deletion_time": None,
        "tags": ["portal", "vm-1"],
        **more,
    }


def event(number: int) -> dict[str, Any]:
    return {
        "id": f"e-{number}",
        "event_time": "2026-11-23T14:18:19Z",
        "resource_name": "server",
        "logical_resource_id": "server",
        "physical_resource_id": "59977a3f",
        "resource_status": "CREATE_COMPLETE",
        "resource_status_reason": "state changed",
    }


def moved(name: str, stack_id: str) -> Reply:
    """As Heat sends on from a name or an id, naming a host that only it knows."""
    return Reply(
        "<html>302 Found</html>", 302, {"Location": f"http://inside:8004{STACKS}/{name}/{stack_id}", **HTML}
    )


@pytest.fixture
def stack_there(fake: FakeCloud) -> None:
    outputs = [
        {"output_key": "private_ip", "output_value": "10.10.0.73", "description": "x"},
        {"output_key": "no"},
    ]
    fake.answers("GET", f"{STACKS}/(vm-s-1|s-1)", moved("vm-s-1", "s-1"))
    fake.answers("GET", f"{STACKS}/vm-s-1/s-1", Reply({"stack": row(outputs=outputs)}))


def test_a_create_sends_the_template_as_it_is_and_answers_the_id(fake: FakeCloud, cloud: Cloud) -> None:
    fake.answers("POST", STACKS, Reply({"stack": {"id": "s-1", "links": []}}, 201))
    assert cloud.heat.create("vm-1", TEMPLATE, {"n": 1}, tags=["portal", "vm-1"], timeout_mins=30) == "s-1"
    assert fake.requests(STACKS)[0].body == {
        "stack_name": "vm-1",
        "template": TEMPLATE,
        "parameters": {"n": 1},
        "tags": "portal,vm-1",
        "timeout_mins": 30,
        "disable_rollback": True,
    }


def test_a_name_that_is_taken_is_a_conflict(fake: FakeCloud, cloud: Cloud) -> None:
    exists = {"type": "StackExists", "message": "The Stack (vm-1) already exists.", "traceback": None}
    fake.answers("POST", STACKS, Reply({"code": 409, "title": "Conflict", "error": exists}, 409))
    with pytest.raises(Conflict) as caught:
        cloud.heat.create("vm-1", TEMPLATE, {}, tags=[], timeout_mins=30)
    assert caught.value.kind == "StackExists"


def test_a_refused_trust_keeps_heats_word_for_it(fake: FakeCloud, cloud: Cloud) -> None:
    remote = {"type": "RemoteError", "traceback": None}
    fake.answers("POST", STACKS, Reply({"code": 500, "explanation": "Erred.", "error": remote}, 500))
    with pytest.raises(Unavailable) as caught:
        cloud.heat.create("vm-1", TEMPLATE, {}, tags=[], timeout_mins=30)
    assert (caught.value.kind, caught.value.maybe_done) == ("RemoteError", True)


@pytest.mark.usefixtures("stack_there")
def test_a_stack_is_shown_by_its_name_or_its_id(cloud: Cloud) -> None:
    by_name, by_id = cloud.heat.show("vm-s-1"), cloud.heat.show("s-1")
    assert by_name == by_id
    assert (by_id.id, by_id.name, by_id.tags) == ("s-1", "vm-s-1", ("portal", "vm-1"))
    assert by_id.created_at == datetime(2026, 11, 23, 14, 18, 16, tzinfo=UTC)
    assert by_id.updated_at is None


@pytest.mark.usefixtures("stack_there")
def test_a_known_name_saves_a_request(fake: FakeCloud, cloud: Cloud) -> None:
    assert cloud.heat.show("s-1", name="vm-s-1").id == "s-1"
    assert len(fake.requests(STACKS)) == 1


@pytest.mark.usefixtures("stack_there")
def test_outputs_are_resolved_only_on_demand(fake: FakeCloud, cloud: Cloud) -> None:
    cloud.heat.show("s-1")
    assert cloud.heat.outputs("s-1", "vm-s-1") == {"private_ip": "10.10.0.73", "no": None}
    assert [asked.query["resolve_outputs"] for asked in fake.requests(STACKS)] == [
        ["False"],
        ["False"],
        ["True"],
    ]


def test_a_name_can_hold_what_a_path_cannot(fake: FakeCloud, cloud: Cloud) -> None:
    fake.answers("GET", f"{STACKS}/a%2Fb%3F", moved("a%2Fb%3F", "s-1"))
    fake.answers("GET", f"{STACKS}/a%2Fb%3F/s-1", Reply({"stack": row()}))
    assert cloud.heat.show("a/b?").id == "s-1"


@pytest.mark.parametrize("where", ["", "http://elsewhere/login", "/"])
def test_a_redirect_to_nowhere_is_unavailable(fake: FakeCloud, cloud: Cloud, where: str) -> None:
    fake.answers("GET", f"{STACKS}/vm", Reply("", 302, {"Location": where}))
    with pytest.raises(Unavailable, match="where the stack is"):
        cloud.heat.show("vm")


def test_finding_nothing_is_none(fake: FakeCloud, cloud: Cloud) -> None:
    missing = {"error": {"type": "EntityNotFound", "message": "The Stack (vm) could not be found."}}
    fake.answers("GET", f"{STACKS}/vm", Reply(missing, 404))
    assert cloud.heat.find("vm") is None
    with pytest.raises(NotFound):
        cloud.heat.show("vm")


@pytest.mark.usefixtures("stack_there")
def test_finding_answers_the_stack(cloud: Cloud) -> None:
    found = cloud.heat.find("vm-s-1")
    assert found is not None
    assert found.id == "s-1"


def test_a_tag_that_heat_overlooked_is_looked_at_again(fake: FakeCloud, cloud: Cloud) -> None:
    rows = [row("a"), row("b", tags=None), row("c", tags=["portal"])]
    fake.answers("GET", STACKS, Reply({"stacks": rows}))
    assert [stack.id for stack in cloud.heat.by_tag("vm-1")] == ["a"]
    assert fake.requests(STACKS)[0].query["tags"] == ["vm-1"]


def test_tagged_stacks_come_page_by_page(fake: FakeCloud, cloud: Cloud) -> None:
    more = {"links": [{"rel": "next", "href": "x"}]}
    fake.answers("GET", STACKS, Reply({"stacks": [row("a")], **more}), Reply({"stacks": [row("b")]}))
    stacks = cloud.heat.tagged("portal")
    assert next(stacks).id == "a"
    assert len(fake.requests(STACKS)) == 1
    assert next(stacks).id == "b"


def test_many_ids_are_asked_in_chunks_each_id_repeated(fake: FakeCloud, cloud: Cloud) -> None:
    def those_asked_for(asked: Asked) -> Reply:
        return Reply({"stacks": [row(i) for i in [*asked.query["id"], "of-somebody-else"]]})

    fake.answers("GET", STACKS, those_asked_for)
    wanted = [f"s-{number}" for number in range(250)]
    assert [stack.id for stack in cloud.heat.by_ids(wanted)] == wanted
    assert [len(asked.query["id"]) for asked in fake.requests(STACKS)] == [100, 100, 50]


def test_no_ids_is_no_question(fake: FakeCloud, cloud: Cloud) -> None:
    assert cloud.heat.by_ids([]) == []
    assert not fake.asked


def test_a_delete_without_the_name_asks_heat_for_it(fake: FakeCloud, cloud: Cloud) -> None:
    fake.answers("GET", f"{STACKS}/s-1", moved("vm-s-1", "s-1"))
    fake.answers("DELETE", f"{STACKS}/vm-s-1/s-1", Reply("", 204))
    cloud.heat.delete("s-1")
    cloud.heat.delete("s-1", "vm-s-1")
    assert [asked.method for asked in fake.requests(STACKS)] == ["GET", "DELETE", "DELETE"]


def test_deleting_what_is_gone_says_so(fake: FakeCloud, cloud: Cloud) -> None:
    gone = {"error": {"type": "EntityNotFound", "message": "The Stack (vm-s-1) could not be found."}}
    fake.answers("DELETE", f"{STACKS}/vm-s-1/s-1", Reply(gone, 404))
    with pytest.raises(NotFound):
        cloud.heat.delete("s-1", "vm-s-1")


def test_a_check_is_an_action_without_an_answer(fake: FakeCloud, cloud: Cloud) -> None:
    fake.answers("POST", f"{STACKS}/vm-s-1/s-1/actions", Reply(None))
    cloud.heat.check("s-1", "vm-s-1")
    assert fake.requests("/actions")[0].body == {"check": None}


def test_events_come_oldest_first_through_all_pages(fake: FakeCloud, cloud: Cloud) -> None:
    pages = [Reply({"events": [event(2), event(3)]}), Reply({"events": [event(4)]})]
    fake.answers("GET", f"{STACKS}/vm-s-1/s-1/events", *pages)
    events = cloud.heat.events("vm-s-1", "s-1", after="e-1", limit=2)
    assert [happened.id for happened in events] == ["e-2", "e-3", "e-4"]
    assert events[0] == StackEvent(
        id="e-2",
        at=datetime(2026, 11, 23, 14, 18, 19, tzinfo=UTC),
        resource="server",
        resource_type="",
        status="CREATE_COMPLETE",
        reason="state changed",
        physical_id="59977a3f",
    )
    first, second = fake.requests("/events")
    assert first.query == {"sort_dir": ["asc"], "limit": ["2"], "marker": ["e-1"]}
    assert second.query["marker"] == ["e-3"]


def test_events_end_though_heat_ignores_the_marker(fake: FakeCloud, cloud: Cloud) -> None:
    fake.answers("GET", f"{STACKS}/vm-s-1/s-1/events", Reply({"events": [event(1), event(2)]}))
    assert len(cloud.heat.events("vm-s-1", "s-1", limit=2)) == 2
    assert len(fake.requests("/events")) == 2


def test_older_clouds_leave_out_the_time_zone() -> None:
    at = StackEvent.from_api({**event(1), "event_time": "2019-01-01T00:00:00"}).at
    assert at == datetime(2019, 1, 1, tzinfo=UTC)


def test_resources_tell_type_and_state(fake: FakeCloud, cloud: Cloud) -> None:
    body = {
        "resource_name": "port",
        "resource_type": "OS::Neutron::Port",
        "resource_status": "INIT_COMPLETE",
        "resource_status_reason": "",
        "physical_resource_id": None,
        "updated_time": "2026-11-23T14:18:16Z",
    }
    fake.answers("GET", f"{STACKS}/vm-s-1/s-1/resources", Reply({"resources": [body]}))
    at = datetime(2026, 11, 23, 14, 18, 16, tzinfo=UTC)
    assert cloud.heat.resources("vm-s-1", "s-1") == [
        StackResource("port", "OS::Neutron::Port", "INIT_COMPLETE", "", "", at)
    ]


def test_validation_sends_template_and_parameters(fake: FakeCloud, cloud: Cloud) -> None:
    path = f"/orchestration/v1/{PROJECT}/validate"
    fake.answers("POST", path, Reply({"Description": "", "Parameters": {}}))
    cloud.heat.validate(TEMPLATE, {"name": "vm"})
    assert fake.requests(path)[0].body == {"template": TEMPLATE, "parameters": {"name": "vm"}}


@pytest.mark.parametrize(
    ("status", "action", "phase", "questions"),
    [
        ("CREATE_IN_PROGRESS", "CREATE", "IN_PROGRESS", {"is_working"}),
        ("CREATE_COMPLETE", "CREATE", "COMPLETE", {"is_complete"}),
        ("CREATE_FAILED", "CREATE", "FAILED", {"has_failed"}),
        ("CHECK_COMPLETE", "CHECK", "COMPLETE", {"is_complete"}),
        ("ROLLBACK_COMPLETE", "ROLLBACK", "COMPLETE", {"has_failed"}),
        ("DELETE_IN_PROGRESS", "DELETE", "IN_PROGRESS", {"is_working", "is_deleting"}),
        ("DELETE_FAILED", "DELETE", "FAILED", {"has_failed"}),
        ("DELETE_COMPLETE", "DELETE", "COMPLETE", {"is_deleted"}),
        (None, "", "", set()),
    ],
)
def test_a_status_answers_questions(status: str | None, action: str, phase: str, questions: set[str]) -> None:
    stack = Stack.from_api(row(status=status))  # type: ignore[arg-type]  # Heat may answer null
    asked = ("is_working", "is_complete", "has_failed", "is_deleting", "is_deleted")
    assert (stack.action, stack.phase) == (action, phase)
    assert {question for question in asked if getattr(stack, question)} == questions


def test_a_preview_tells_what_would_be_made_anew(fake: FakeCloud, cloud: Cloud) -> None:
    server = {"resource_name": "server", "resource_type": "OS::Nova::Server"}
    changes = {"replaced": [server], "updated": [{"resource_name": "port"}], "added": [], "unchanged": []}
    fake.answers("PATCH", f"{STACKS}/vm-1/s-1/preview", Reply({"resource_changes": changes}))
    preview = cloud.heat.preview("s-1", "vm-1", {"flavor": "m1.medium"})
    assert preview.replaced == (Touched("server", "OS::Nova::Server"),)
    assert (preview.added, preview.deleted) == ((), ())


def test_an_update_leaves_what_it_does_not_name(fake: FakeCloud, cloud: Cloud) -> None:
    fake.answers("PATCH", f"{STACKS}/vm-1/s-1", Reply("<html>202 Accepted</html>", 202, HTML))
    cloud.heat.update("s-1", "vm-1", {"flavor": "m1.medium"}, timeout_mins=10)
    assert fake.asked[-1].body == {"parameters": {"flavor": "m1.medium"}, "timeout_mins": 10}
