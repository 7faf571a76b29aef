"""The parameters of a HOT template: what each is for, and what is wrong with its definition, for the author.

Source: heat/engine/parameters.py.
"""

import json
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from portal.domain.catalog import constraints, values
from portal.domain.catalog.constraints import Constraint, Refused, Unusable

TYPES = ("string", "number", "comma_delimited_list", "json", "boolean")
KEYS = ("type", "label", "description", "default", "hidden", "constraints", "immutable", "tags")


class Role(StrEnum):
    """Who fills a parameter in: the portal, from what was picked; or the person, in a form (ANSWER)."""

    NAME = "name"
    IMAGE = "image"
    FLAVOR = "flavor"
    NETWORK = "network"
    SUBNET = "subnet"
    EXTERNAL_NETWORK = "external_network"
    FLOATING_IP = "floating_ip"
    SSH_FROM = "ssh_from"
    SSH_KEYS = "ssh_keys"
    USER_DATA = "user_data"
    METADATA = "metadata"
    KEYPAIR = "keypair"
    ANSWER = "answer"


@dataclass(frozen=True)
class Parameter:
    """One parameter. `default` is a value of its type, or None without one."""

    name: str
    type: str
    label: str
    description: str = ""
    default: Any = None
    has_default: bool = False
    hidden: bool = False
    constraints: tuple[Constraint, ...] = ()
    role: Role = Role.ANSWER

    @property
    def choices(self) -> tuple[str, ...]:
        """The allowed values as a form sends them; empty when anything may be entered."""
        allowed = self.constraint("allowed_values")
        return tuple(self.as_text(value) for value in allowed.detail) if allowed else ()

    def constraint(self, kind: str) -> Constraint | None:
        """The first constraint of a kind, such as "range"."""
        return next((one for one in self.constraints if one.kind == kind), None)

    def read(self, given: object) -> Any:
        """The value that a text (or a value of JSON) stands for. Raises Refused."""
        value = values.READERS[self.type](given)
        for one in self.constraints:
            one.judge(value)
        return value

    def as_text(self, value: object) -> str:
        """A value of the parameter (or one of a list's) as a form shows and sends it."""
        if self.type == "json":
            return json.dumps(value, ensure_ascii=False)
        if isinstance(value, bool):
            return "true" if value else "false"
        return ",".join(value) if isinstance(value, list) else str(value)

    def is_blank(self, given: object) -> bool:
        """Is this no answer? An empty text is one where Heat reads it and it may differ from a default."""
        if given is None:
            return True
        if self.has_default and self.type in ("string", "comma_delimited_list"):
            return False
        return isinstance(given, str) and not given.strip()


def from_definition(name: str, definition: object) -> tuple[Parameter | None, list[str]]:
    """The parameter that an entry of `parameters` stands for, and what is wrong with it, in sentences."""
    if not isinstance(definition, dict):
        return None, ["it must be a mapping with a type"]
    type_ = definition.get("type")
    if type_ not in TYPES:
        return None, [f"its type must be one of {', '.join(TYPES)}"]
    wrong = [f"there is no key “{key}” in a parameter" for key in definition if key not in KEYS]
    wrong += [
        f"its {key} must be a text" for key in ("label", "description") if _is_no_text(definition.get(key))
    ]
    made, unusable = _constraints(definition.get("constraints"), type_)
    parameter = Parameter(
        name=name,
        type=type_,
        label=str(definition.get("label") or name.replace("_", " ").capitalize()),
        description=" ".join(str(definition.get("description") or "").split()),
        hidden=_is_hidden(definition.get("hidden", False)),
        constraints=made,
    )
    if definition.get("default") is None:
        return parameter, wrong + unusable
    try:
        default = parameter.read(definition["default"])
        _judge_as_written(definition["default"], parameter)
        parameter = replace(parameter, default=default, has_default=True)
    except Refused as error:
        unusable.append(f"its default doesn't fit it. {error}")
    return parameter, wrong + unusable


def _constraints(definitions: object, type_: str) -> tuple[tuple[Constraint, ...], list[str]]:
    if definitions is None:
        return (), []
    if not isinstance(definitions, list):
        return (), ["its constraints must be a list"]
    made, unusable = [], []
    for definition in definitions:
        try:
            made.append(constraints.from_definition(definition, type_, values.READERS[type_]))
        except Unusable as error:
            unusable.append(str(error))
    return tuple(made), unusable


def _judge_as_written(default: object, parameter: Parameter) -> None:
    """Heat also holds the constraints against a default as written: a JSON's characters, a list's one ""."""
    if parameter.type == "string" and not isinstance(default, str):
        if parameter.constraint("length") or parameter.constraint("allowed_pattern"):
            raise Refused("Put quotes around it.")
    elif parameter.type in ("json", "comma_delimited_list") and isinstance(default, str):
        for one in parameter.constraints:
            one.judge(default if parameter.type == "json" else default.split(","))


def _is_no_text(value: object) -> bool:
    return isinstance(value, dict | list)


def _is_hidden(value: object) -> bool:
    return str(value).strip().lower() in values.TRUE
