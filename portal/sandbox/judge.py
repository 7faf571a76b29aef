"""The judgement before a stack is made: values against constraints, resources against their types."""

import ipaddress
from typing import Any

from portal.sandbox import parameters
from portal.sandbox.functions import resolve, trace
from portal.sandbox.networking import find
from portal.sandbox.parameters import Invalid, invalid
from portal.sandbox.resource_types import CONSTRAINED, KINDS, Kind, find_plain
from portal.sandbox.state import Row, World
from portal.sandbox.template import Plain, Template, dependencies

RULE_KEYS = {
    "direction", "ethertype", "port_range_min", "port_range_max", "protocol", "remote_mode",
    "remote_group_id", "remote_ip_prefix", "description",
}  # fmt: skip
CUSTOM = {
    "nova.flavor", "nova.keypair", "glance.image", "neutron.network", "neutron.subnet", "neutron.port",
    "neutron.router", "neutron.security_group", "net_cidr",
}  # fmt: skip


class Judged(Plain):
    """The stage before anything exists, on which attributes are known by their names."""

    def attribute(self, name: str, path: list[Any]) -> Any:
        super().attribute(name, path)
        if path:
            know_attribute(KINDS[self.template.resources[name]["type"]], name, path[0])


def know_attribute(kind: Kind, name: str, attribute: Any) -> None:
    """Raises Invalid when resources of that kind have no such attribute."""
    if kind.properties is not None and attribute not in kind.attributes and attribute != "show":
        message = f"The Referenced Attribute ({name} {attribute}) is incorrect."
        raise Invalid("InvalidTemplateAttribute", message)


def judge(world: World, template: Template, given: Row, pseudo: Row) -> Row:
    """The typed values of all parameters, when the stack may be made. Raises Invalid."""
    project = pseudo["OS::project_id"]
    values = parameters.values(
        template.parameters, given, lambda name, value: flaw(world, project, name, value)
    )
    for definition in template.resources.values():
        if definition["type"] not in KINDS:
            kind = definition["type"]
            raise invalid(f"The Resource Type ({kind}) could not be found.")
    stage = Judged(template, values, pseudo)
    for name in dependencies(stage):
        _judge_resource(world, stage, name, project)
    for name, output in stage.outputs():
        trace(output["value"], stage, f"outputs.{name}.value")
    return values


def flaw(world: World, project: str, constraint: str, value: Any) -> str:
    """What is wrong with a value under a custom constraint, or ""."""
    if constraint not in CUSTOM:
        return f'"{value}" does not validate {constraint} (constraint not found)'
    problem = _missing(world, project, constraint, str(value))
    return f"Error validating value '{value}': {problem}" if problem else ""


def _missing(world: World, project: str, constraint: str, value: str) -> str:
    if constraint == "nova.flavor":
        found = find_plain(world, "flavor", value)
        return "" if found else f"No Flavor matching {{'name': '{value}'}}. (HTTP 404)"
    if constraint == "glance.image":
        return "" if find_plain(world, "image", value) else f"No images matching {{'name': '{value}'}}."
    if constraint == "nova.keypair":
        return f"The Key ({value}) could not be found."
    if constraint == "net_cidr":
        return _no_cidr(value)
    kind = constraint.removeprefix("neutron.")
    return "" if find(world, kind, value, project) else f"Unable to find {kind} with name or id '{value}'"


def _judge_resource(world: World, stage: Plain, name: str, project: str) -> None:
    definition = stage.template.resources[name]
    kind = KINDS[definition["type"]]
    if kind.properties is None:
        return
    where = f"resources.{name}.properties"
    _judge_keys(kind, definition.get("properties") or {}, where)
    properties = _properties(stage, name, where)
    for key, value in properties.items():
        constraint = CONSTRAINED.get((definition["type"], key))
        problem = flaw(world, project, constraint, value) if constraint and value else ""
        if problem:
            raise invalid(f"Property error: : {where}.{key}: : {problem}")
    for index, rule in enumerate(properties.get("rules") or []):
        _judge_rule(rule, f"{where}.rules[{index}]")
    if definition["type"] == "OS::Nova::Server":
        _judge_server(world, properties)


def _properties(stage: Plain, name: str, where: str) -> Row:
    written = stage.template.resources[name].get("properties") or {}
    for key, value in written.items():
        try:
            resolve(value, stage)
        except Invalid as error:
            raise invalid(f"Property error: : {where}.{key}: : {error.message}") from error
    return stage.properties(name)


def _judge_keys(kind: Kind, written: Row, where: str) -> None:
    for key in written:
        if key not in (kind.properties or ()):
            raise invalid(f"Property error: : {where}: : Unknown Property {key}")
    for key in kind.required:
        if key not in written:
            raise invalid(f"Property error: : {where}: : Property {key} not assigned")


def _judge_rule(rule: Row, where: str) -> None:
    """A rule of a security group, as far as Heat looks before it asks Neutron."""
    for key, value in rule.items():
        if key not in RULE_KEYS:
            raise invalid(f"Property error: : {where}: : Unknown Property {key}")
        if key.startswith("port_range") and value is not None and not 0 <= int(value) <= 65535:
            raise invalid(f"Property error: : {where}.{key}: : {value} is out of range (min: 0, max: 65535)")
    cidr = rule.get("remote_ip_prefix") or "0.0.0.0/0"
    if words := _no_cidr(cidr):
        words = f"Error validating value '{cidr}': {words}"
        raise invalid(f"Property error: : {where}.remote_ip_prefix: : {words}")


def _no_cidr(value: str) -> str:
    """What is wrong with a value that should be a network, or ""."""
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return f"Invalid net cidr invalid IPNetwork {value} "
    return ""


def _judge_server(world: World, properties: Row) -> None:
    """Heat looks itself whether the image's minimums fit the flavor."""
    flavor = find_plain(world, "flavor", str(properties["flavor"]))
    image = find_plain(world, "image", str(properties.get("image")))
    if flavor is None or image is None:
        return
    name, size = properties["image"], properties["flavor"]
    if flavor["ram"] < image["min_ram"]:
        words = (
            f"Image {name} requires {image['min_ram']} minimum ram. Flavor {size} has only {flavor['ram']}."
        )
        raise invalid(words)
    if flavor["disk"] < image["min_disk"]:
        words = f"Image {name} requires {image['min_disk']} GB minimum disk space."
        raise invalid(f"{words} Flavor {size} has only {flavor['disk']} GB.")
