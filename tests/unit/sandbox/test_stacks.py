"""Stacks in virtual time: made, failing, deleted, and changed behind Heat's back."""

import threading

import pytest

from portal.sandbox.app import Sandbox
from portal.sandbox.control import Control
from tests.unit.sandbox.conftest import Ada, password

NONE = {"heat_template_version": "2018-08-31", "resources": {"one": {"type": "OS::Heat::None"}}}


def test_a_stack_is_made_in_the_time_it_takes(ada: Ada, control: Control) -> None:
    assert ada.launch().status_code == 201
    assert ada.status() == "CREATE_IN_PROGRESS"
    control.advance(9.9)
    assert ada.status() == "CREATE_IN_PROGRESS"
    control.advance(0.2)
    assert ada.status() == "CREATE_COMPLETE"


def test_resources_come_in_the_order_of_need(ada: Ada, control: Control) -> None:
    ada.launch()
    control.advance(10)
    events = ada.events()
    assert events[0] == "vm CREATE_IN_PROGRESS"
    assert events[-1] == "vm CREATE_COMPLETE"
    assert len(events) == 10
    for first, then in (("sg", "port"), ("port", "server"), ("port", "fip")):
        assert events.index(f"{first} CREATE_COMPLETE") < events.index(f"{then} CREATE_IN_PROGRESS")


def test_the_past_is_the_same_however_often_one_looks(ada: Ada, control: Control) -> None:
    ada.launch("seen")
    ada.launch("unseen")
    for _ in range(20):
        control.advance(0.5)
        ada.stack("seen")
    seen = [event.replace("seen", "vm") for event in ada.events("seen")]
    assert seen == [event.replace("unseen", "vm") for event in ada.events("unseen")]


def test_outputs_come_with_their_resources(ada: Ada, control: Control) -> None:
    ada.launch()
    assert ada.outputs() == {"server_id": "server", "private_ip": None, "public_ip": None}
    control.advance(10)
    outputs = ada.outputs()
    assert outputs["private_ip"].startswith("10.10.")
    assert outputs["public_ip"].startswith("203.0.11")
    answer = ada.ask("GET", f"/compute/v2.1/servers/{outputs['server_id']}")
    assert answer.json
    addresses = [ip["addr"] for ip in answer.json["server"]["addresses"]["net-a"]]
    assert addresses == [outputs["private_ip"], outputs["public_ip"]]


def test_a_condition_leaves_a_resource_out(ada: Ada, control: Control) -> None:
    ada.launch(public=False)
    control.advance(10)
    assert ada.outputs()["public_ip"] == ""
    assert not any(event.startswith("fip") for event in ada.events())


def test_a_delete_takes_everything_with_it(ada: Ada, control: Control) -> None:
    ada.launch()
    control.advance(10)
    assert ada.delete().status_code == 204
    assert ada.status() == "DELETE_IN_PROGRESS"
    control.advance(5)
    assert ada.status() == "DELETE_COMPLETE"
    assert control.servers("tenant-a") == []
    assert control.stack_names("tenant-a") == []
    quota = ada.ask("GET", "/network/v2.0/quotas/{project}/details.json").json
    assert quota
    assert {name: quota["quota"][name]["used"] for name in ("port", "floatingip")} == {
        "port": 0,
        "floatingip": 0,
    }
    assert ada.launch().status_code == 201


@pytest.mark.parametrize("passed", [0, 1.5, 4, 9])
def test_a_delete_while_creating_leaves_nothing(ada: Ada, control: Control, passed: float) -> None:
    ada.launch()
    control.advance(passed)
    assert ada.delete().status_code == 204
    assert ada.delete().status_code == 204
    control.advance(10)
    assert ada.status() == "DELETE_COMPLETE"
    counts = control.state()["counts"]
    assert [counts.get(kind, 0) for kind in ("server", "port", "floatingip")] == [0, 0, 0]


def test_a_spoiled_delete_fails_once(ada: Ada, control: Control) -> None:
    ada.launch()
    control.advance(10)
    control.spoil_delete("vm", "Conflict: resources.sg: Security Group in use")
    ada.delete()
    control.advance(10)
    assert ada.status() == "DELETE_FAILED"
    assert "in use" in ada.stack()["stack_status_reason"]
    ada.delete()
    control.advance(10)
    assert ada.status() == "DELETE_COMPLETE"


def test_a_blocked_delete_fails_until_what_blocks_it_is_gone(ada: Ada, control: Control) -> None:
    ada.launch()
    control.advance(10)
    control.block_delete("vm", "port", "Port is in use")
    for _ in range(2):
        ada.delete()
        control.advance(10)
        assert ada.status() == "DELETE_FAILED"
    listed = ada.ask("GET", "/network/v2.0/ports").json
    assert listed
    [port] = [one for one in listed["ports"] if one["name"].startswith("vm-port")]
    assert ada.ask("DELETE", f"/network/v2.0/ports/{port['id']}").status_code == 204
    ada.delete()
    control.advance(10)
    assert ada.status() == "DELETE_COMPLETE"


def test_an_abandoned_stack_leaves_what_it_made(ada: Ada, control: Control) -> None:
    ada.launch()
    control.advance(10)
    control.abandon("vm")
    assert control.stack_names("tenant-a") == []
    assert len(control.servers("tenant-a")) == 1
    control.advance(10)


def test_a_stuck_stack_stays_in_progress_until_deleted(ada: Ada, control: Control) -> None:
    ada.launch()
    control.advance(3)
    control.stick("vm")
    control.advance(86_400)
    ada.sign_in(password("user-a", "tenant-a"))
    assert ada.status() == "CREATE_IN_PROGRESS"
    ada.delete()
    control.advance(10)
    assert ada.status() == "DELETE_COMPLETE"


@pytest.mark.parametrize(
    ("flavor", "reason"),
    [
        ("x1.massive", "No valid host was found. , Code: 500"),
        ("g1.vgpu", "No valid host was found. , Code: 500"),
        ("g1.pci", "Exceeded maximum number of retries. Exhausted all hosts available"),
        (
            "x1.toolarge",
            "Forbidden: resources.server: Quota exceeded for cores, ram: Requested 100000, 900000000",
        ),
    ],
)
def test_a_size_that_fits_nowhere_fails_the_stack(
    ada: Ada, control: Control, flavor: str, reason: str
) -> None:
    ada.launch(flavor=flavor)
    control.advance(10)
    stack = ada.stack()
    assert stack["stack_status"] == "CREATE_FAILED"
    assert reason in stack["stack_status_reason"]


def test_no_host_is_found_only_after_some_seconds(ada: Ada, control: Control) -> None:
    ada.launch(flavor="x1.massive")
    control.advance(5)
    assert ada.status() == "CREATE_IN_PROGRESS"
    assert control.servers("tenant-a")[0]["status"] == "BUILD"


def test_gpus_run_out(ada: Ada, control: Control) -> None:
    for number in range(5):
        ada.launch(f"gpu{number}", flavor="g1.h200x2")
        control.advance(10)
    assert [ada.status(f"gpu{number}") for number in range(5)] == ["CREATE_COMPLETE"] * 4 + ["CREATE_FAILED"]


@pytest.mark.parametrize(
    ("quota", "reason"),
    [
        (
            {"instances": 0},
            "Quota exceeded for instances: Requested 1, but already used 0 of 0 instances (HTTP 403)",
        ),
        (
            {"cores": 0, "ram": 0},
            "Quota exceeded for cores, ram: Requested 1, 2048, but already used 0, 0 of 0, 0",
        ),
        ({"ports": 0}, "OverQuotaClient: resources.port: Quota exceeded for resources: ['port']."),
        (
            {"floating_ips": 0},
            "OverQuotaClient: resources.fip: Quota exceeded for resources: ['floatingip'].",
        ),
        (
            {"security_groups": 0},
            "OverQuotaClient: resources.sg: Quota exceeded for resources: ['security_group']",
        ),
    ],
)
def test_a_full_quota_fails_the_stack(ada: Ada, control: Control, quota: dict[str, int], reason: str) -> None:
    control.set_quota("tenant-a", **quota)
    ada.launch()
    control.advance(10)
    assert ada.status() == "CREATE_FAILED"
    assert reason in ada.stack()["stack_status_reason"]


def test_an_image_too_large_for_the_disk_is_nova_s_to_refuse(ada: Ada, control: Control) -> None:
    ada.launch(image="rocky-9", flavor="m1.tiny")
    control.advance(10)
    assert "BadRequest: resources.server: Flavor's disk is too small" in ada.stack()["stack_status_reason"]


def test_an_image_that_asks_for_more_is_heat_s_to_refuse(ada: Ada) -> None:
    answer = ada.launch(image="ubuntu-24.04-cuda", flavor="m1.small")
    assert answer.status_code == 400
    assert "requires 8192 minimum ram" in answer.text


def test_a_token_that_ends_during_the_create_fails_it(ada: Ada, control: Control) -> None:
    control.configure(token_seconds=4)
    ada.sign_in(password("user-a", "tenant-a"))
    ada.launch()
    control.advance(10)
    ada.sign_in(password("user-a", "tenant-a"))
    assert ada.status() == "CREATE_FAILED"
    assert "Unauthorized: resources." in ada.stack()["stack_status_reason"]


def test_a_rollback_takes_everything_back(ada: Ada, control: Control) -> None:
    properties = {"flavor": "x1.massive", "image": "dummy-raw", "networks": [{"network": "net-a"}]}
    resources = {
        "sg": {"type": "OS::Neutron::SecurityGroup"},
        "server": {"type": "OS::Nova::Server", "depends_on": "sg", "properties": properties},
    }
    template = {"heat_template_version": "2018-08-31", "resources": resources}
    ada.heat("POST", "/stacks", {"stack_name": "vm", "template": template, "disable_rollback": False})
    control.advance(30)
    assert ada.status() == "ROLLBACK_COMPLETE"
    assert control.servers("tenant-a") == []


def test_a_check_finds_what_was_deleted_behind_heat_s_back(ada: Ada, control: Control) -> None:
    ada.launch()
    control.advance(10)
    server = ada.outputs()["server_id"]
    control.delete_server(server)
    assert ada.status() == "CREATE_COMPLETE"
    ada.heat("POST", f"/stacks/vm/{ada.stack()['id']}/actions", {"check": None})
    control.advance(1)
    assert ada.status() == "CHECK_FAILED"
    assert f"Instance {server} could not be found. (HTTP 404)" in ada.stack()["stack_status_reason"]
    ada.delete()
    control.advance(5)
    assert ada.status() == "DELETE_COMPLETE"


def test_suspend_and_resume_move_the_server(ada: Ada, control: Control) -> None:
    ada.launch()
    control.advance(10)
    for action, status in (("suspend", "SUSPENDED"), ("resume", "ACTIVE")):
        ada.heat("POST", f"/stacks/vm/{ada.stack()['id']}/actions", {action: None})
        control.advance(2)
        assert ada.status() == f"{action.upper()}_COMPLETE"
        assert [server["status"] for server in control.servers("tenant-a")] == [status]


def test_one_name_may_be_taken_twice(sandbox: Sandbox, ada: Ada, control: Control) -> None:
    control.configure(create_latency=0.2)
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(_launch(sandbox, ada))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [201, 201, 201]
    assert control.stack_names("tenant-a") == ["vm"] * 3
    assert ada.launch().status_code == 409


def _launch(sandbox: Sandbox, ada: Ada) -> int:
    twin = Ada(sandbox, token=ada.token, user_id=ada.user_id, project_id=ada.project_id)
    return twin.launch(template=NONE).status_code


def test_hundreds_of_stacks_are_listed_by_tag(ada: Ada, control: Control) -> None:
    for number in range(200):
        body = {"stack_name": f"s{number}", "template": NONE, "tags": f"portal,t{number % 2}"}
        assert ada.heat("POST", "/stacks", body).status_code == 201
    control.advance(10)
    found = ada.heat("GET", "/stacks?tags=portal,t1").json
    assert found
    assert len(found["stacks"]) == 100
    assert {stack["stack_status"] for stack in found["stacks"]} == {"CREATE_COMPLETE"}
