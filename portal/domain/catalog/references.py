"""What the parts of a HOT template refer to, and which of it isn't there: Heat would refuse the template."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

PSEUDO_PARAMETERS = ("OS::stack_id", "OS::stack_name", "OS::region", "OS::project_id")


@dataclass(frozen=True)
class Declared:
    """The names that may be referred to."""

    parameters: Collection[str]
    resources: Collection[str]
    conditions: Collection[str]


def missing(sections: Mapping[str, Any], declared: Declared) -> list[str]:
    """A sentence for each reference in conditions, resources and outputs that leads nowhere."""
    found: dict[str, None] = {}
    for name, value in sections["conditions"].items():
        found |= dict.fromkeys(_in_condition(value, f"Condition “{name}”", declared))
    for kind, section in (("Resource", "resources"), ("Output", "outputs")):
        for name, definition in sections[section].items():
            place = f"{kind} “{name}”"
            found |= dict.fromkeys(_in_condition(definition.get("condition"), place, declared))
            found |= dict.fromkeys(_in_value(definition, place, declared))
            found |= dict.fromkeys(_in_depends_on(definition.get("depends_on"), place, declared))
    return list(found)


def _in_value(value: object, place: str, declared: Declared) -> Iterator[str]:
    """Every call of a function in a value: Heat takes a mapping of one key for a call."""
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if not isinstance(part, dict | list) or id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, dict) and len(part) == 1:
            yield from _in_call(*next(iter(part.items())), place, declared)
        waiting.extend(part.values() if isinstance(part, dict) else part)


def _in_call(function: object, argument: object, place: str, declared: Declared) -> Iterator[str]:
    name = argument[0] if isinstance(argument, list) and argument else argument
    if function == "get_file":
        yield f"{place} uses get_file, but a template is sent alone: put its text here."
    elif function == "if":
        yield from _in_condition(name, place, declared)
    elif not isinstance(name, str):
        return
    elif function == "get_param" and name not in (*declared.parameters, *PSEUDO_PARAMETERS):
        yield f"{place} refers to the parameter “{name}”, which isn't declared."
    elif function in ("get_resource", "get_attr") and name not in declared.resources:
        yield f"{place} refers to the resource “{name}”, which isn't declared."


def _in_condition(value: object, place: str, declared: Declared) -> Iterator[str]:
    """A condition is a name, or a call; and, or and not take conditions again."""
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        part = waiting.pop(0)
        if isinstance(part, str) and part not in declared.conditions:
            yield f"{place} refers to the condition “{part}”, which isn't declared."
        # A YAML alias may lead back to where it stands.
        if not isinstance(part, dict) or id(part) in seen:
            continue
        seen.add(id(part))
        yield from _in_value(part, place, declared)
        for function, argument in part.items():
            if function in ("and", "or", "not"):
                waiting += argument if isinstance(argument, list) else [argument]


def _in_depends_on(value: object, place: str, declared: Declared) -> Iterator[str]:
    for name in value if isinstance(value, list) else [value]:
        if name is not None and name not in declared.resources:
            yield f"{place} depends on the resource “{name}”, which isn't declared."
