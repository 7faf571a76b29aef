"""Flavors, servers, power, consoles and limits as Nova shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from portal.openstack.cloud import Cloud
from portal.openstack.errors import BadRequest, Conflict
from portal.openstack.nova import Flavor, InstanceAction
from portal.openstack.quota import Quota
from tests.unit.openstack.wire import FakeCloud, Reply

NOVA = "/compute/v2.1"


def flavor(**specs: str) -> dict[str, Any]:
    return {
        "id": "f-1",
        "name": "m1.small",
        "ram": 2048,
        "disk": 20,
        "vcpus": 1,
        "os-flavor-access:is_public": True,
        "extra_specs": specs,
    }


def server(**more: Any) -> dict[str, Any]:
    addresses = {"net-a": [{"version": 4, "addr": "10.10.0.73"}, {"version": 4, "addr": "203.0.114.162"}]}
    return {
        "id": "i-1",
        "name": "vm-1",
        "status": "ACTIVE",
        "created": "2026-11-23T14:18:17Z",
        "addresses": addresses,
        "metadata": {"portal_vm": "1"},
        "OS-EXT-STS:power_state": 1,
        "OS-EXT-STS:vm_state": "active",
        "OS-EXT-STS:task_state": None,
        **more,
    }


def test_flavors_are_asked_with_their_extra_specs(fake: FakeCloud, cloud: Cloud) -> None:
    more = {"flavors_links": [{"rel": "next", "href": "x"}]}
    first, last = (
        {"flavors": [flavor()], **more},
        {"flavors": [{**flavor(), "id": "f-2", "extra_specs": None}]},
    )
    fake.answers("GET", f"{NOVA}/flavors/detail", Reply(first), Reply(last))
    flavors = cloud.nova.flavors()
    assert flavors[0] == Flavor("f-1", "m1.small", 1, 2048, 20, {}, is_public=True)
    assert [size.id for size in flavors] == ["f-1", "f-2"]
    assert fake.requests("/flavors")[0].headers["openstack-api-version"] == "compute 2.61"


@pytest.mark.parametrize(
    ("specs", "gpus"),
    [
        ({}, 0),
        ({"hw:cpu_policy": "dedicated", "resources:CUSTOM_BAREMETAL": "1"}, 0),
        ({"resources:VGPU": "2"}, 2),
        ({"resources_GPU1:VGPU": "1", "resources2:PGPU": "1"}, 2),
        ({"resources:CUSTOM_GPU_H200": "4"}, 4),
        ({"pci_passthrough:alias": "h200:1"}, 1),
        ({"pci_passthrough:alias": "h200:2, a100:1"}, 3),
        ({"pci_passthrough:alias": "h200"}, 1),
    ],
)
def test_gpus_are_counted_however_the_cloud_gives_them(specs: dict[str, str], gpus: int) -> None:
    assert Flavor.from_api(flavor(**specs)).gpus == gpus


def test_a_server_is_shown(fake: FakeCloud, cloud: Cloud) -> None:
    fake.answers("GET", f"{NOVA}/servers/i-1", Reply({"server": server()}))
    shown = cloud.nova.server("i-1")
    assert (shown.id, shown.name, shown.status, shown.vm_state, shown.task_state) == (
        "i-1",
        "vm-1",
        "ACTIVE",
        "active",
        "",
    )
    assert (shown.power_state, shown.metadata, shown.fault) == (1, {"portal_vm": "1"}, "")
    assert shown.addresses == {"net-a": ("10.10.0.73", "203.0.114.162")}
    assert shown.created_at == datetime(2026, 11, 23, 14, 18, 17, tzinfo=UTC)


def test_a_broken_server_tells_its_fault(fake: FakeCloud, cloud: Cloud) -> None:
    broken = server(status="ERROR", fault={"code": 500, "message": "No valid host was found. "}, addresses={})
    fake.answers("GET", f"{NOVA}/servers/i-1", Reply({"server": broken}))
    assert cloud.nova.server("i-1").fault == "No valid host was found. "


def test_servers_come_page_by_page(fake: FakeCloud, cloud: Cloud) -> None:
    more = {"servers_links": [{"rel": "next", "href": "x"}]}
    pages = Reply({"servers": [server()], **more}), Reply({"servers": [server(id="i-2")]})
    fake.answers("GET", f"{NOVA}/servers/detail", *pages)
    assert [shown.id for shown in cloud.nova.servers()] == ["i-1", "i-2"]


def test_power_is_asked_as_actions(fake: FakeCloud, cloud: Cloud) -> None:
    fake.answers("POST", f"{NOVA}/servers/i-1/action", Reply("", 202))
    cloud.nova.start("i-1")
    cloud.nova.stop("i-1")
    cloud.nova.reboot("i-1")
    cloud.nova.reboot("i-1", hard=True)
    assert [asked.body for asked in fake.requests("/action")] == [
        {"os-start": None},
        {"os-stop": None},
        {"reboot": {"type": "SOFT"}},
        {"reboot": {"type": "HARD"}},
    ]


def test_a_server_is_deleted_by_its_id(fake: FakeCloud, cloud: Cloud) -> None:
    fake.answers("DELETE", f"{NOVA}/servers/i-1", Reply("", 204))
    cloud.nova.delete("i-1")
    assert [asked.method for asked in fake.requests("/servers/i-1")] == ["DELETE"]


def test_power_in_the_wrong_state_is_a_conflict(fake: FakeCloud, cloud: Cloud) -> None:
    words = "Cannot 'start' instance i-1 while it is in vm_state active"
    fake.answers("POST", f"{NOVA}/servers/i-1/action", Reply({"conflictingRequest": {"message": words}}, 409))
    with pytest.raises(Conflict) as caught:
        cloud.nova.start("i-1")
    assert (caught.value.kind, caught.value.message) == ("conflictingRequest", words)


@pytest.mark.parametrize(("output", "text"), [("boot\nlogin:", "boot\nlogin:"), (None, "")])
def test_console_output_is_text(fake: FakeCloud, cloud: Cloud, output: str | None, text: str) -> None:
    fake.answers("POST", f"{NOVA}/servers/i-1/action", Reply({"output": output}))
    assert cloud.nova.console_output("i-1", lines=50) == text
    assert fake.requests("/action")[0].body == {"os-getConsoleOutput": {"length": 50}}


def test_a_console_opens_in_the_browser(fake: FakeCloud, cloud: Cloud) -> None:
    url = "http://console/vnc_auto.html?token=x"
    console = {"protocol": "vnc", "type": "novnc", "url": url}
    fake.answers("POST", f"{NOVA}/servers/i-1/remote-consoles", Reply({"remote_console": console}))
    assert cloud.nova.console_url("i-1") == url


def test_a_cloud_with_the_other_console_is_asked_for_that(fake: FakeCloud, cloud: Cloud) -> None:
    refused = Reply({"badRequest": {"message": "Unavailable console type novnc."}}, 400)
    spice = Reply({"remote_console": {"protocol": "spice", "url": "http://spice"}})
    fake.answers("POST", f"{NOVA}/servers/i-1/remote-consoles", refused, spice)
    assert cloud.nova.console_url("i-1") == "http://spice"
    fake.answers("POST", f"{NOVA}/servers/i-1/remote-consoles", refused)
    with pytest.raises(BadRequest, match="Unavailable console"):
        cloud.nova.console_url("i-1")


def test_limits_are_quotas(fake: FakeCloud, cloud: Cloud) -> None:
    absolute = {
        "maxTotalInstances": 200,
        "totalInstancesUsed": 3,
        "maxTotalCores": -1,
        "totalCoresUsed": 4,
        "maxTotalRAMSize": 2000,
        "totalRAMUsed": 2500,
    }
    fake.answers("GET", f"{NOVA}/limits", Reply({"limits": {"rate": [], "absolute": absolute}}))
    limits = cloud.nova.limits()
    assert (limits.instances, limits.cores) == (Quota(200, 3), Quota(-1, 4))
    assert (limits.instances.free, limits.cores.free, limits.ram_mib.free) == (197, None, 0)


def test_what_was_done_to_a_server_has_its_request_ids(fake: FakeCloud, cloud: Cloud) -> None:
    done = {"action": "create", "request_id": "req-1", "start_time": "2026-11-23T19:46:31.000000"}
    ended = {"updated_at": "2026-11-23T19:46:33.000000", "message": "Error"}
    fake.answers(
        "GET",
        f"{NOVA}/servers/i-1/os-instance-actions",
        Reply({"instanceActions": [done | ended, {**done, "request_id": None, "message": None}]}),
    )
    failed, bare = cloud.nova.instance_actions("i-1")
    at = datetime(2026, 11, 23, 19, 46, 31, tzinfo=UTC)
    assert failed == InstanceAction("create", "req-1", at, at.replace(second=33), "Error")
    assert (bare.request_id, bare.message, bare.updated_at) == ("", "", None)
    assert fake.requests("/os-instance-actions")[0].headers["openstack-api-version"] == "compute 2.61"
