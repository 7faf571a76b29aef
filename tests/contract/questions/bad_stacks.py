"""Heat: what it refuses to make, and in which words."""

from typing import Any

from tests.contract.asking import TEMPLATE, Asker

_HEAD = "heat_template_version: 2018-08-31\n"
_ONE = _HEAD + "resources: {x: %s}"
_PARAMETER = _HEAD + "parameters: {x: %s}"
_OUTPUT = _HEAD + "outputs: {x: %s}"


def put(asker: Asker) -> None:
    """Ask for stacks that can't be."""
    _requests(asker)
    _templates(asker)
    _parameters(asker)
    _values(asker)
    _validation(asker)


def _refused(asker: Asker, question: str, body: Any) -> None:
    """Ask for it; should a cloud take it, take it away again."""
    if body.get("stack_name") == asker.name("x"):
        body = {**body, "stack_name": asker.name(f"x{len(asker.answers)}")}  # what was taken is still going
    answer = asker.ask(question, "POST", "orchestration /stacks", json=body)
    if answer.status_code == 201:
        key = answer.json()["stack"]["id"]
        asker.send("DELETE", f"orchestration /stacks/{body['stack_name']}/{key}")


def _requests(asker: Asker) -> None:
    asker.ask(
        "no JSON",
        "POST",
        "orchestration /stacks",
        data=b"{nope",
        headers={"Content-Type": "application/json"},
    )
    _refused(asker, "no stack name", {"template": TEMPLATE})
    _refused(asker, "no template", {"stack_name": asker.name("x")})
    _refused(asker, "a space in the name", asker.stack("x", stack_name="bad name"))
    _refused(asker, "a digit before the name", asker.stack("x", stack_name="9bad"))
    _refused(asker, "a timeout in words", asker.stack("x", timeout_mins="soon"))
    _refused(asker, "tags as a list", asker.stack("x", tags=["a", "b"]))
    _refused(asker, "a tag of 100 characters", asker.stack("x", tags="a" * 100))


def _templates(asker: Asker) -> None:
    for question, template in {
        "no YAML": ": : {{{",
        "YAML of a list": "[1, 2]",
        "no version": "resources: {}",
        "an unknown version": "heat_template_version: 1999-01-01\nresources: {}",
        "an unknown section": _HEAD + "resource: {}",
        "resources as a list": _HEAD + "resources: [a, b]",
        "a resource of text": _ONE % "nope",
        "a resource without a type": _ONE % "{properties: {}}",
        "a resource with an unknown key": _ONE % "{type: OS::Heat::None, nope: 1}",
        "an unknown type": _ONE % "{type: OS::No::Such}",
        "an unknown property": _ONE % "{type: OS::Nova::Server, properties: {nope: 1}}",
        "a missing property": _ONE % "{type: OS::Nova::Server, properties: {name: x}}",
        "an unknown resource meant": _ONE % "{type: OS::Heat::None, depends_on: y}",
        "an unknown parameter meant": _OUTPUT % "{value: {get_param: nope}}",
        "an unknown parameter in a property": _ONE
        % "{type: OS::Neutron::SecurityGroup, properties: {name: {get_param: nope}}}",
        "a CIDR that is none": _ONE
        % "{type: OS::Neutron::SecurityGroup, properties: {rules: [{remote_ip_prefix: nope}]}}",
        "a port number too high": _ONE
        % "{type: OS::Neutron::SecurityGroup, properties: {rules: [{port_range_min: 99999}]}}",
        "a rule with an unknown key": _ONE
        % "{type: OS::Neutron::SecurityGroup, properties: {rules: [{nope: 1}]}}",
        "an unknown condition meant": _ONE % "{type: OS::Heat::None, condition: nope}",
        "an unknown attribute": _OUTPUT % "{value: {get_attr: [y, nope]}}"
        + "\nresources: {y: {type: OS::Neutron::Port, properties: {network: net-a}}}",
        "an attribute of an unknown resource": _OUTPUT % "{value: {get_attr: [y, name]}}",
        "an unknown resource in a property": _ONE
        % "{type: OS::Neutron::Port, properties: {network: net-a, security_groups: [{get_resource: y}]}}",
        "a circle": _ONE % "{type: OS::Heat::None, depends_on: y}, y: {type: OS::Heat::None, depends_on: x}",
        "an output without a value": _OUTPUT % "{description: nope}",
        "a parameter and a resource of one name": _PARAMETER % "{type: string, default: a}"
        + "\nresources: {x: {type: OS::Heat::None}}",
        "a parameter of an unknown type": _PARAMETER % "{type: colour}",
        "a parameter without a type": _PARAMETER % "{default: 1}",
        "a parameter with an unknown key": _PARAMETER % "{type: string, nope: 1}",
        "a constraint of an unknown kind": _PARAMETER % "{type: string, constraints: [{nope: 1}]}",
        "constraints as a map": _PARAMETER % "{type: string, constraints: {length: 1}}",
        "a default that breaks its constraint": _PARAMETER
        % "{type: string, default: abc, constraints: [{length: {max: 1}}]}",
        "wrong arguments of str_replace": _OUTPUT % "{value: {str_replace: nope}}",
        "wrong arguments of if": _OUTPUT % "{value: {if: [a]}}",
    }.items():
        _refused(asker, question, {"stack_name": asker.name("x"), "template": template})
    big = f"{TEMPLATE}# {'x' * 600_000}\n"
    _refused(asker, "a template too large", {"stack_name": asker.name("x"), "template": big})


def _parameters(asker: Asker) -> None:
    good = asker.stack("x")["parameters"]
    wrong: dict[str, dict[str, Any]] = {
        "an unknown parameter": {"extra": 1},
        "an unknown flavor": {"flavor": "nope"},
        "an unknown image": {"image": "nope"},
        "an unknown network": {"network": "nope"},
        "somebody else's network": {"network": "net-b"},
        "an unknown floating network": {"ext": "nope"},
    }
    for question, changes in wrong.items():
        _refused(asker, question, asker.stack("x", parameters={**good, **changes}))
    missing = {key: value for key, value in good.items() if key != "flavor"}
    _refused(asker, "a missing parameter", asker.stack("x", parameters=missing))


# question: type, constraints, value
_VALUES: dict[str, tuple[str, str, Any]] = {
    "text for a number": ("number", "[]", "many"),
    "text for a boolean": ("boolean", "[]", "maybe"),
    "text for JSON": ("json", "[]", "{nope"),
    "a map for a list": ("comma_delimited_list", "[]", {"a": 1}),
    "out of range": ("number", "[{range: {min: 1, max: 4}}]", 5),
    "out of range, low, as text": ("number", "[{range: {min: 1}}]", "0.5"),
    "too short": ("string", "[{length: {min: 3, max: 5}}]", "ab"),
    "too long a list": ("comma_delimited_list", "[{length: {max: 1}}]", "a,b"),
    "no multiple": ("number", "[{modulo: {step: 2, offset: 0}}]", 3),
    "not allowed": ("string", "[{allowed_values: [a, b]}]", "c"),
    "not an allowed number": ("number", "[{allowed_values: [1, 2]}]", 3),
    "a list with what is not allowed": ("comma_delimited_list", "[{allowed_values: [a, b]}]", "a,c"),
    "half a pattern": ("string", "[{allowed_pattern: '[a-z]+'}]", "abc1"),
    "wrong, in own words": ("string", "[{length: {max: 1}, description: One letter.}]", "ab"),
    "an unknown constraint": ("string", "[{custom_constraint: no.such}]", "a"),
    "an unknown subnet": ("string", "[{custom_constraint: neutron.subnet}]", "nope"),
    "an unknown key pair": ("string", "[{custom_constraint: nova.keypair}]", "nope"),
    "an unknown security group": ("string", "[{custom_constraint: neutron.security_group}]", "nope"),
    "an unknown port": ("string", "[{custom_constraint: neutron.port}]", "nope"),
    "an unknown router": ("string", "[{custom_constraint: neutron.router}]", "nope"),
}


def _values(asker: Asker) -> None:
    for question, (kind, constraints, value) in _VALUES.items():
        template = _PARAMETER % f"{{type: {kind}, constraints: {constraints}}}"
        body = {"stack_name": asker.name("x"), "template": template, "parameters": {"x": value}}
        _refused(asker, f"value: {question}", body)


def _validation(asker: Asker) -> None:
    asker.ask("validate", "POST", "orchestration /validate", json={"template": TEMPLATE})
    bad = _ONE % "{type: OS::No::Such}"
    asker.ask("validate an unknown type", "POST", "orchestration /validate", json={"template": bad})
    asker.ask("validate nothing", "POST", "orchestration /validate", json={})
    good = asker.stack("x")["parameters"]
    body = {"template": TEMPLATE, "parameters": {**good, "flavor": "nope"}}
    asker.ask("validate a wrong value", "POST", "orchestration /validate", json=body)
