"""Security groups, ports, floating IPs and their associations, as templates make them."""

from typing import Any

import pytest

from portal.sandbox.control import Control
from tests.unit.sandbox.conftest import Ada

GROUP = {"type": "OS::Neutron::SecurityGroup"}
FLOATING = {"type": "OS::Neutron::FloatingIP", "properties": {"floating_network": "public"}}


def port(**properties: Any) -> dict[str, Any]:
    return {"type": "OS::Neutron::Port", "properties": {"network": "net-a", **properties}}


def build(
    ada: Ada, control: Control, resources: dict[str, Any], outputs: dict[str, Any] | None = None
) -> str:
    """Make a stack of these and wait. Answers what became of it."""
    shown = {name: {"value": value} for name, value in (outputs or {}).items()}
    template = {"heat_template_version": "2018-08-31", "resources": resources, "outputs": shown}
    answer = ada.launch(template=template)
    assert answer.status_code == 201, answer.text
    control.advance(10)
    stack = ada.stack()
    return f"{stack['stack_status']} {stack['stack_status_reason']}"


def rows(ada: Ada, noun: str) -> list[dict[str, Any]]:
    answer = ada.ask("GET", f"/network/v2.0/{noun}").json
    assert answer
    return list(answer[noun.replace("-", "_")])


def test_a_rule_of_its_own_joins_its_group(ada: Ada, control: Control) -> None:
    rule = {
        "security_group": {"get_resource": "group"},
        "protocol": "tcp",
        "port_range_min": 22,
        "port_range_max": 22,
    }
    resources = {"group": GROUP, "rule": {"type": "OS::Neutron::SecurityGroupRule", "properties": rule}}
    assert build(ada, control, resources).startswith("CREATE_COMPLETE")
    (group,) = [row for row in rows(ada, "security-groups") if row["name"].startswith("vm-group-")]
    ingress = [r["port_range_min"] for r in group["security_group_rules"] if r["direction"] == "ingress"]
    assert ingress == [22]
    ada.delete()
    control.advance(10)
    assert ada.status() == "DELETE_COMPLETE"


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        (
            [{"protocol": "icmp"}, {"protocol": "icmp"}],
            "Conflict: resources.group: Security group rule already exists",
        ),
        (
            [{"protocol": "tcp", "port_range_min": 9, "port_range_max": 1}],
            "port_range_min must be <= port_range_max",
        ),
    ],
)
def test_bad_rules_fail_the_group_and_leave_none_behind(
    ada: Ada, control: Control, rules: list[dict[str, Any]], reason: str
) -> None:
    assert reason in build(ada, control, {"group": {**GROUP, "properties": {"rules": rules}}})
    ada.delete()
    control.advance(10)
    assert [row["name"] for row in rows(ada, "security-groups")] == ["default"]


def test_a_port_takes_the_wanted_address_once(ada: Ada, control: Control) -> None:
    fixed = [{"subnet": "subnet-a", "ip_address": "10.10.0.9"}]
    resources = {"one": port(fixed_ips=fixed), "two": {**port(fixed_ips=fixed), "depends_on": "one"}}
    result = build(ada, control, resources)
    assert "IpAddressAlreadyAllocatedClient: resources.two: IP address 10.10.0.9 already allocated" in result
    assert [row["fixed_ips"][0]["ip_address"] for row in rows(ada, "ports")] == ["10.10.0.9"]


def test_a_port_takes_no_address_from_elsewhere(ada: Ada, control: Control) -> None:
    result = build(ada, control, {"one": port(fixed_ips=[{"ip_address": "192.0.2.1"}])})
    assert "InvalidIpForNetworkClient: resources.one: IP address 192.0.2.1 is not a valid IP" in result


def test_a_port_without_groups_gets_the_default_one(ada: Ada, control: Control) -> None:
    build(ada, control, {"one": port(), "two": port(security_groups=[])})
    (default,) = [row["id"] for row in rows(ada, "security-groups")]
    groups = {row["name"].split("-")[1]: row["security_groups"] for row in rows(ada, "ports")}
    assert groups == {"one": [default], "two": []}


def test_a_floating_ip_is_put_at_a_port_by_an_association(ada: Ada, control: Control) -> None:
    between = {"floatingip_id": {"get_resource": "address"}, "port_id": {"get_resource": "port"}}
    resources = {
        "port": port(), "address": FLOATING,
        "between": {"type": "OS::Neutron::FloatingIPAssociation", "properties": between},
    }  # fmt: skip
    outputs = {
        "subnet": {"get_attr": ["port", "subnets", 0, "name"]},
        "network": {"get_attr": ["port", "network", "name"]},
        "all": {"get_attr": ["port", "show", "nope"]},
    }
    assert build(ada, control, resources, outputs).startswith("CREATE_COMPLETE")
    assert ada.outputs() == {"subnet": "subnet-a", "network": "net-a", "all": None}
    (address,) = rows(ada, "floatingips")
    (inner,) = rows(ada, "ports")
    assert address["port_id"] == inner["id"]
    assert address["fixed_ip_address"] == inner["fixed_ips"][0]["ip_address"]
    assert address["port_details"]["name"] == inner["name"]
    ada.delete()
    control.advance(10)
    assert rows(ada, "floatingips") == rows(ada, "ports") == []


def test_a_port_has_one_floating_ip(ada: Ada, control: Control) -> None:
    at_port = {**FLOATING["properties"], "port_id": {"get_resource": "port"}}  # type: ignore[dict-item]  # a dict
    second = {"type": FLOATING["type"], "properties": at_port}
    result = build(ada, control, {"port": port(), "one": second, "two": {**second, "depends_on": "one"}})
    assert "Conflict: resources.two: Cannot associate floating IP" in result


def test_a_floating_ip_comes_from_an_external_network(ada: Ada, control: Control) -> None:
    result = build(ada, control, {"one": {**FLOATING, "properties": {"floating_network": "net-a"}}})
    assert "BadRequest: resources.one: Bad floatingip request" in result


def test_a_floating_ip_needs_a_router_on_the_way(ada: Ada, control: Control) -> None:
    for row in ada.sandbox.world.rows("router"):
        ada.sandbox.world.drop("router", row["id"])
    at_port = {"floating_network": "public", "port_id": {"get_resource": "port"}}
    result = build(ada, control, {"port": port(), "one": {"type": FLOATING["type"], "properties": at_port}})
    assert "NotFound: resources.one: External network" in result
    assert "is not reachable from subnet" in result


def test_a_server_on_a_network_gets_a_port_of_nova_s(ada: Ada, control: Control) -> None:
    properties = {"flavor": "m1.tiny", "image": "dummy-raw", "networks": [{"network": "net-a"}]}
    outputs = {
        "first": {"get_attr": ["server", "first_address"]},
        "networks": {"get_attr": ["server", "networks", "net-a", 0]},
        "name": {"get_attr": ["server", "name"]},
    }
    assert build(ada, control, {"server": {"type": "OS::Nova::Server", "properties": properties}}, outputs)
    shown = ada.outputs()
    assert shown["first"] == shown["networks"]
    assert shown["first"].startswith("10.10.")
    assert shown["name"].startswith("vm-server-")
    ada.delete()
    control.advance(10)
    assert rows(ada, "ports") == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"user_data": "#" * 50_000}, "Invalid input for field/attribute user_data."),
        ({"metadata": {"note": "x" * 300}}, "Invalid input for field/attribute note."),
    ],
)
def test_nova_takes_only_so_much_text(ada: Ada, control: Control, more: dict[str, Any], words: str) -> None:
    properties = {"flavor": "m1.tiny", "image": "dummy-raw", "networks": [{"network": "net-a"}], **more}
    result = build(ada, control, {"server": {"type": "OS::Nova::Server", "properties": properties}})
    assert words in result
    assert "is too long (HTTP 400)" in result


def test_pages_of_neutron(ada: Ada, control: Control) -> None:
    build(ada, control, {f"p{number}": port() for number in range(5)})
    seen, address = [], "/network/v2.0/ports?limit=2&sort_key=name&sort_dir=desc"
    while address:
        answer = ada.ask("GET", address.removeprefix("http://localhost")).json
        assert answer
        seen += [row["name"].split("-")[1] for row in answer["ports"]]
        address = next((link["href"] for link in answer.get("ports_links", []) if link["rel"] == "next"), "")
    assert seen == ["p4", "p3", "p2", "p1", "p0"]


def test_what_others_have_is_not_there(ada: Ada, control: Control) -> None:
    build(ada, control, {"port": port(), "address": FLOATING})
    ben = Ada(ada.sandbox, user="user-b", project="tenant-b")
    (inner,) = rows(ada, "ports")
    assert rows(ben, "ports") == rows(ben, "floatingips") == []
    assert ben.ask("DELETE", f"/network/v2.0/ports/{inner['id']}").status_code == 404
    assert ada.ask("DELETE", f"/network/v2.0/ports/{inner['id']}").status_code == 204
