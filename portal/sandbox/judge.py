"""The judgement before a stack is made: values against constraints, resources against their types."""

from typing import Any

from portal.sandbox import parameters
from portal.sandbox.networking import find
from portal.sandbox.parameters import invalid
from portal.sandbox.resource_types import CONSTRAINED, KINDS, Kind, find_plain
from portal.sandbox.state import Row, World
from portal.sandbox.template import Plain, Template, dependencies


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
    stage = Plain(template, values, pseudo)
    for name in dependencies(stage):
        _judge_resource(world, stage, name, project)
    return values


def flaw(world: World, project: str, constraint: str, value: Any) -> str:
    """What is wrong with a value under a custom constraint, or ""."""
    value = str(value)
    if constraint == "nova.flavor":
        found = find_plain(world, "flavor", value)
        return "" if found else f"No Flavor matching {{'name': '{value}'}}. (HTTP 404)"
    if constraint == "glance.image":
        return "" if find_plain(world, "image", value) else f"No images matching {{'name': '{value}'}}."
    if constraint == "nova.keypair":
        return f"The Key ({value}) could not be found."
    kind = {"neutron.network": "network", "neutron.subnet": "subnet", "neutron.port": "port"}.get(
        constraint, {"neutron.security_group": "security_group", "neutron.router": "router"}.get(constraint)
    )
    if kind is None:
        return f'"{value}" does not validate {constraint} (constraint not found)'
    return "" if find(world, kind, value, project) else f"Unable to find {kind} with name or id '{value}'"


def _judge_resource(world: World, stage: Plain, name: str, project: str) -> None:
    definition = stage.template.resources[name]
    kind = KINDS[definition["type"]]
    if kind.properties is None:
        return
    where = f"resources.{name}.properties"
    _judge_keys(kind, definition.get("properties") or {}, where)
    properties = stage.properties(name)
    for key, value in properties.items():
        constraint = CONSTRAINED.get((definition["type"], key))
        problem = flaw(world, project, constraint, value) if constraint and value else ""
        if problem:
            raise invalid(f"Property error: : {where}.{key}: : Error validating value '{value}': {problem}")
    if definition["type"] == "OS::Nova::Server":
        _judge_server(world, properties)


def _judge_keys(kind: Kind, written: Row, where: str) -> None:
    for key in written:
        if key not in (kind.properties or ()):
            raise invalid(f"Property error: : {where}: : Unknown Property {key}")
    for key in kind.required:
        if key not in written:
            raise invalid(f"Property error: : {where}: : Property {key} not assigned")


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
