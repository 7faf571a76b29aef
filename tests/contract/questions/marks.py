"""Heat and Neutron: what a template marks, how the mark is found, and a deletion that something blocks."""

from typing import Any

from tests.contract.asking import Asker

_GROUP = {"type": "OS::Neutron::SecurityGroup", "properties": {"rules": [{"protocol": "icmp"}]}}


def _marked(run: str) -> dict[str, Any]:
    """A port with tags and a floating IP with a description, made from a parameter that may be empty."""
    vm = {"get_param": ["mark", "vm"]}
    port = {
        "network": "net-a",
        "security_groups": [{"get_resource": "sg"}],
        "tags": [run, {"list_join": ["-", ["vm", vm]]}],
    }
    fip = {
        "floating_network": "public",
        "value_specs": {"description": {"list_join": ["-", [f"{run} vm", vm]]}},
    }
    return {
        "heat_template_version": "2018-08-31",
        "parameters": {"mark": {"type": "json", "default": {}}},
        "resources": {
            "sg": _GROUP,
            "port": {"type": "OS::Neutron::Port", "properties": port},
            "fip": {"type": "OS::Neutron::FloatingIP", "properties": fip},
        },
    }


def put(asker: Asker) -> None:
    """Ask about stacks with marks and with empty marks, then about one that can't be deleted at first."""
    body = asker.stack("marked", template=_marked(asker.run), parameters={"mark": {"vm": "one"}})
    path = _made(asker, body)
    try:
        _find(asker)
        port = asker.send("GET", f"network /v2.0/ports?tags={asker.run}").json()["ports"][0]["id"]
        asker.ask("delete a port of a stack", "DELETE", f"network /v2.0/ports/{port}")
        asker.ask("delete a port of a stack again", "DELETE", f"network /v2.0/ports/{port}")
    finally:
        asker.gone(path)
    path = _made(asker, asker.stack("plain", template=_marked(asker.run), parameters={}))
    run = asker.run
    asker.ask("ports with an empty mark", "GET", f"network /v2.0/ports?tags={run}&fields=tags")
    asker.ask("floating IPs with an empty mark", "GET", f"network /v2.0/floatingips?description={run} vm-")
    asker.gone(path)
    _blocked(asker)


def _made(asker: Asker, body: dict[str, Any]) -> str:
    made = asker.send("POST", "orchestration /stacks", json=body)
    path = f"/stacks/{body['stack_name']}/{made.json()['stack']['id']}"
    asker.settled(path)
    return path


def _find(asker: Asker) -> None:
    run, ports = asker.run, "network /v2.0/ports"
    asker.ask("ports by tag", "GET", f"{ports}?tags={run}")
    asker.ask("ports by two tags", "GET", f"{ports}?tags={run},vm-one&fields=tags&fields=device_id")
    asker.ask("ports by a tag too many", "GET", f"{ports}?tags={run},nope")
    asker.ask("ports by either tag", "GET", f"{ports}?tags-any={run},nope&fields=tags")
    asker.ask("ports without a tag", "GET", f"{ports}?tags=vm-one&not-tags={run}")
    asker.ask("ports without either tag", "GET", f"{ports}?tags=vm-one&not-tags-any={run},nope")
    asker.ask("floating IPs by description", "GET", f"network /v2.0/floatingips?description={run} vm-one")
    asker.ask("no floating IPs by tag", "GET", f"network /v2.0/floatingips?tags={run}")


def _blocked(asker: Asker) -> None:
    template = {"heat_template_version": "2018-08-31", "resources": {"sg": _GROUP}}
    path = _made(asker, asker.stack("blocked", template=template, parameters={}))
    resources = f"orchestration {path}/resources"
    group = asker.send("GET", f"{resources}/sg").json()["resource"]["physical_resource_id"]
    other = {"type": "OS::Neutron::Port", "properties": {"network": "net-a", "security_groups": [group]}}
    template = {"heat_template_version": "2018-08-31", "resources": {"port": other}}
    user = _made(asker, asker.stack("user", template=template, parameters={}))
    try:
        asker.send("DELETE", f"orchestration {path}")
        asker.until("the delete to begin", lambda: "DELETE" in str(asker.state(path)["stack_status"]))
        asker.settled(path)
        asker.ask("show after a blocked deletion", "GET", f"orchestration {path}")
        asker.ask("resources after a blocked deletion", "GET", resources)
        asker.send("POST", f"orchestration {path}/actions", json={"check": None})
        asker.until("the check to begin", lambda: "CHECK" in str(asker.state(path)["stack_status"]))
        asker.settled(path)
        asker.ask("show after a check of a blocked deletion", "GET", f"orchestration {path}")
        asker.ask("resources after a check of a blocked deletion", "GET", resources)
    finally:
        asker.gone(user)
        asker.gone(path)
