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
