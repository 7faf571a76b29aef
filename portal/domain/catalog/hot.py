"""HOT: a template read from its text and checked as Heat would check it, for its author.

Source: heat/engine/hot/template.py. What Heat alone can know (resource types, their properties, what a custom
constraint names in the cloud) is left to Heat.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from portal.domain.catalog import parameters as reading
from portal.domain.catalog import references, yamltext
from portal.domain.catalog.constraints import Constraint, Refused
from portal.domain.catalog.parameters import Parameter, Role
from portal.domain.catalog.template import ASKED, Checked, Group, Template

__all__ = [
    "ASKED",
    "Checked",
    "Constraint",
    "Group",
    "Mistake",
    "Parameter",
    "Refused",
    "Role",
    "Template",
    "read",
]

# Heat's default max_template_size.
LARGEST = 524_288
VERSIONS = (
    *("2013-05-23", "2014-10-16", "2015-04-30", "2015-10-15", "2016-04-08", "2016-10-14"),
    *("2017-02-24", "2017-09-01", "2018-03-02", "2018-08-31", "2021-04-16"),
)
NAMED_VERSIONS = {
    **{"newton": "2016-10-14", "ocata": "2017-02-24", "pike": "2017-09-01", "queens": "2018-03-02"},
    **{"rocky": "2018-08-31", "wallaby": "2021-04-16"},
}
SECTIONS = ("description", "parameter_groups", "parameters", "conditions", "resources", "outputs")
RESOURCE_KEYS = (
    *("type", "properties", "metadata", "depends_on", "deletion_policy", "update_policy", "description"),
    *("external_id", "condition"),
)
OUTPUT_KEYS = ("value", "description", "condition")
# What the portal shows of every server.
OUTPUTS = ("server_id", "private_ip", "public_ip")

# The parameters that the portal fills in: known by their name first, then by the constraint they bear.
WELL_KNOWN = {
    "name": (Role.NAME, "string"),
    "image": (Role.IMAGE, "string"),
    "flavor": (Role.FLAVOR, "string"),
    "network": (Role.NETWORK, "string"),
    "subnet": (Role.SUBNET, "string"),
    "external_network": (Role.EXTERNAL_NETWORK, "string"),
    "floating_ip": (Role.FLOATING_IP, "boolean"),
    "ssh_from": (Role.SSH_FROM, "string"),
    "ssh_keys": (Role.SSH_KEYS, "json"),
    "user_data": (Role.USER_DATA, "string"),
    "metadata": (Role.METADATA, "json"),
    "key_name": (Role.KEYPAIR, "string"),
}
ROLE_OF_CONSTRAINT = {
    "glance.image": Role.IMAGE,
    "nova.flavor": Role.FLAVOR,
    "neutron.network": Role.NETWORK,
    "neutron.subnet": Role.SUBNET,
    "nova.keypair": Role.KEYPAIR,
}


class Mistake(ValueError):
    """A text that is no usable template. `sentences` say what is wrong, one by one."""

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = tuple(sentences)


def read(text: str) -> Template:
    """The template of a text. Raises Mistake with everything that is wrong with it."""
    if len(text.encode(errors="replace")) > LARGEST:
        raise Mistake([f"It is larger than {LARGEST // 1024} KiB, which is the most that Heat takes."])
    try:
        document = yamltext.load(text)
    except yamltext.Mistake as error:
        raise Mistake(error.sentences) from error
    if not isinstance(document, dict):
        raise Mistake(
            ["It must be a mapping, with heat_template_version, parameters, resources and outputs."]
        )
    sections: dict[str, Any] = {name: document.get(name) or {} for name in SECTIONS}
    # The parts can only be looked into when they have their shape.
    if wrong := [*_version(document), *_shape(sections)]:
        raise Mistake(wrong)
    made, wrong = _parameters(sections["parameters"])
    groups = tuple(_groups(sections["parameter_groups"], wrong, sections["parameters"]))
    wrong += _too_new(document, made)
    wrong += _resources(sections["resources"])
    wrong += [
        f"Output “{name}” is missing; every template has it."
        for name in OUTPUTS
        if name not in sections["outputs"]
    ]
    names = references.Declared(sections["parameters"], sections["resources"], sections["conditions"])
    wrong += references.missing(sections, names)
    if wrong:
        raise Mistake(wrong)
    return Template(
        description=" ".join(str(document.get("description") or "").split()),
        parameters=tuple(made),
        parameter_groups=groups,
        resources={name: definition["type"] for name, definition in sections["resources"].items()},
        outputs=tuple(sections["outputs"]),
        text=text,
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )


def _version(document: Mapping[Any, Any]) -> Iterator[str]:
    version = document.get("heat_template_version")
    if version is None:
        yield "It has no heat_template_version."
    elif str(version) not in (*VERSIONS, *NAMED_VERSIONS):
        yield f"There is no heat_template_version “{version}”; 2018-08-31 is one that most clouds know."
    for name in document:
        if name not in (*SECTIONS, "heat_template_version"):
            yield f"There is no section “{name}” in a template."


def _shape(sections: Mapping[str, Any]) -> Iterator[str]:
    """Every section a mapping of names, in which each resource and output is a mapping again."""
    if not isinstance(sections["parameter_groups"] or [], list):
        yield "Section “parameter_groups” must be a list."
    for section in ("parameters", "conditions", "resources", "outputs"):
        entries = sections[section]
        if not isinstance(entries, dict):
            yield f"Section “{section}” must be a mapping of names."
            continue
        for name, entry in entries.items():
            if not isinstance(name, str):
                yield f"The name “{name}” in “{section}” must be a text; put quotes around it."
            if section in ("resources", "outputs"):
                yield from _entry(section, name, entry)


def _entry(section: str, name: object, entry: object) -> Iterator[str]:
    keys, needed = (RESOURCE_KEYS, "type") if section == "resources" else (OUTPUT_KEYS, "value")
    place = f"{section[:-1].capitalize()} “{name}”"
    if not isinstance(entry, dict):
        yield f"{place} must be a mapping with a {needed}."
        return
    if needed not in entry:
        yield f"{place} has no {needed}."
    yield from (f"{place} has an unknown key “{key}”." for key in entry if key not in keys)


def _parameters(definitions: Mapping[str, object]) -> tuple[list[Parameter], list[str]]:
    made: list[Parameter] = []
    wrong: list[str] = []
    for name, definition in definitions.items():
        parameter, mistakes = reading.from_definition(name, definition)
        wrong += [f"Parameter “{name}”: {mistake.removesuffix('.')}." for mistake in mistakes]
        role, type_ = WELL_KNOWN.get(name, (Role.ANSWER, ""))
        if parameter is None:
            continue
        if type_ and parameter.type != type_:
            wrong.append(f"Parameter “{name}” is filled in by the portal and must have the type {type_}.")
        made.append(replace(parameter, role=role))
    taken = {one.role for one in made}
    return [_with_role(one, taken) for one in made], wrong


def _with_role(parameter: Parameter, taken: set[Role]) -> Parameter:
    """The first parameter of a constraint such as glance.image gets the role that no name has taken."""
    role = parameter.role
    bears = parameter.constraint("custom_constraint")
    if role is Role.ANSWER and bears and parameter.type == "string":
        role = ROLE_OF_CONSTRAINT.get(bears.detail, Role.ANSWER)
        role = Role.ANSWER if role in taken else role
        taken.add(role)
    # The portal has no key pairs: they are the credential's user's.
    if role is Role.KEYPAIR and not parameter.has_default:
        role = Role.ANSWER
    return replace(parameter, role=role)


def _groups(entries: Sequence[object], wrong: list[str], declared: Mapping[str, object]) -> Iterator[Group]:
    seen: set[object] = set()
    for entry in entries:
        names = entry.get("parameters") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(names, list):
            wrong.append("Each of parameter_groups must be a mapping with a list of parameters.")
            continue
        for name in names:
            if name not in declared:
                wrong.append(f"A parameter group names the parameter “{name}”, which isn't declared.")
            elif name in seen:
                wrong.append(f"The parameter “{name}” is in two parameter groups.")
            seen.add(name)
        yield Group(str(entry.get("label") or ""), str(entry.get("description") or ""), tuple(names))


def _too_new(document: Mapping[str, Any], made: Sequence[Parameter]) -> Iterator[str]:
    version = str(document["heat_template_version"])
    version = NAMED_VERSIONS.get(version, version)
    if version < "2016-10-14" and "conditions" in document:
        yield "Conditions need heat_template_version 2016-10-14 or later."
    if version < "2017-02-24" and any(one.constraint("modulo") for one in made):
        yield "A modulo constraint needs heat_template_version 2017-02-24 or later."


def _resources(definitions: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    if not definitions:
        yield "It has no resources."
    for name, definition in definitions.items():
        type_ = definition["type"]
        if not isinstance(type_, str):
            yield f"Resource “{name}” has a type that is no text."
        elif type_.endswith((".yaml", ".yml", ".template")):
            yield f"Resource “{name}” is made from the file “{type_}”, but a template is sent alone."
