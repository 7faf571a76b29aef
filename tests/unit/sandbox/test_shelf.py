"""Every template on the portal's shelf becomes a stack in the sandbox, with and without a floating IP."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from portal.sandbox.control import Control
from tests.unit.sandbox.conftest import Ada

SHELF = Path(__file__).parents[3] / "hot_templates"
TEMPLATES = sorted(path.name for path in SHELF.glob("*.yaml"))


def answers(text: str, *, floating: bool) -> dict[str, Any]:
    """Something for each parameter that a template asks for."""
    known = {
        "name": "vm", "image": "ubuntu-24.04", "flavor": "m1.medium", "network": "net-a",
        "external_network": "public" if floating else "", "floating_ip": floating,
        "ssh_keys": ["ssh-ed25519 AAAA ada@example"], "metadata": {"vm_id": "1"},
        "user_data": "#cloud-config\n{}\n",
    }  # fmt: skip
    return {name: known[name] for name in yaml.safe_load(text)["parameters"] if name in known}


@pytest.mark.parametrize("floating", [True, False])
@pytest.mark.parametrize("template", TEMPLATES)
def test_it_becomes_a_server(ada: Ada, control: Control, template: str, floating: bool) -> None:
    text = (SHELF / template).read_text()
    answer = ada.launch(template=text, **answers(text, floating=floating))
    assert answer.status_code == 201, answer.text
    control.advance(10)
    assert ada.status() == "CREATE_COMPLETE", ada.stack()["stack_status_reason"]
    outputs = ada.outputs()
    (server,) = control.servers("tenant-a")
    assert outputs["server_id"] == server["id"]
    assert outputs["private_ip"].startswith("10.10.")
    assert str(outputs["public_ip"]).startswith("203.0.11") is floating
    assert server["metadata"] == {"vm_id": "1"}
    ada.delete()
    control.advance(10)
    assert ada.status() == "DELETE_COMPLETE"


@pytest.mark.parametrize(("cidr", "kind"), [("203.0.113.7/32", "IPv4"), ("2001:db8::/64", "IPv6")])
@pytest.mark.parametrize("template", TEMPLATES)
def test_ssh_is_let_in_from_some_addresses_only(
    ada: Ada, control: Control, template: str, cidr: str, kind: str
) -> None:
    text = (SHELF / template).read_text()
    given = answers(text, floating=False) | {"firewall": "mine", "ssh_from": cidr}
    assert ada.launch(template=text, **given).status_code == 201
    control.advance(10)
    groups = ada.ask("GET", "/network/v2.0/security-groups").json
    assert groups
    access = next(each for each in groups["security_groups"] if each["description"].startswith("Access"))
    rules = [rule for rule in access["security_group_rules"] if rule["direction"] == "ingress"]
    assert [(rule["protocol"], rule["remote_ip_prefix"], rule["ethertype"]) for rule in rules] == [
        ("tcp", cidr, kind),
        ("icmp", None, "IPv4"),
    ]


def test_what_is_no_network_is_refused(ada: Ada) -> None:
    text = (SHELF / "ubuntu-basic.yaml").read_text()
    answer = ada.launch(template=text, **answers(text, floating=False), ssh_from="nowhere")
    assert answer.status_code == 400
    assert "Write an address with its length" in answer.text
