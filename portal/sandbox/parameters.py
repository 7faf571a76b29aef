"""Parameters of a HOT template: their types and constraints, read and judged as Heat does."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from portal.sandbox.state import Row

TYPES = ("string", "number", "comma_delimited_list", "json", "boolean")
_KEYS = {"type", "description", "default", "constraints", "hidden", "label", "immutable", "tags"}
_CONSTRAINTS = ("range", "length", "modulo", "allowed_values", "allowed_pattern", "custom_constraint")
_TRUE = ("1", "t", "true", "on", "y", "yes")
_FALSE = ("0", "f", "false", "off", "n", "no")
# name of the constraint and value → what is wrong with it, or ""
Custom = Callable[[str, Any], str]


class Invalid(Exception):
    """What Heat refuses, with the type it gives in its error body."""

    def __init__(self, kind: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.status = status


def invalid(message: str) -> Invalid:
    return Invalid("StackValidationFailed", message)


@dataclass
class Parameter:
    """One parameter of a template."""

    name: str
    type: str
    default: Any = None
    constraints: list[Row] = field(default_factory=list)
    hidden: bool = False
    label: str = ""
    description: str = ""

    @classmethod
    def read(cls, name: str, schema: Any) -> "Parameter":
        """Raises Invalid for a schema Heat would not take."""
        if not isinstance(schema, dict) or "type" not in schema:
            raise Invalid("InvalidSchemaError", f"Missing parameter type for parameter: {name}")
        unknown = [key for key in schema if key not in _KEYS]
        if unknown:
            raise Invalid("InvalidSchemaError", f"Invalid key '{unknown[0]}' for parameter ({name})")
        if schema["type"] not in TYPES:
            raise Invalid("InvalidSchemaError", f"Invalid type ({schema['type']})")
        constraints = schema.get("constraints") or []
        if not isinstance(constraints, list):
            message = f"Invalid parameter constraints for parameter {name}, expected a list"
            raise Invalid("InvalidSchemaError", message)
        for constraint in constraints:
            _check_constraint(constraint)
        return cls(
            name,
            schema["type"],
            schema.get("default"),
            constraints,
            str(schema.get("hidden", False)).lower() == "true",
            schema.get("label") or name,
            schema.get("description") or "",
        )

    def value(self, given: Any, custom: Custom) -> Any:
        """The value in its type. Raises Invalid when it is missing or breaks a constraint."""
        if self.default is not None:
            _value, problem = self._judged(self.default, None)
            if problem:
                words = f"Parameter '{self.name}' is invalid: Invalid default {self.default} ({problem})"
                raise Invalid("InvalidSchemaError", words)
        raw = self.default if given is None else given
        if raw is None:
            raise Invalid("UserParameterMissing", f"The Parameter ({self.name}) was not provided.")
        value, problem = self._judged(raw, custom)
        if problem:
            raise invalid(f"Parameter '{self.name}' is invalid: {problem}")
        return value

    def _judged(self, raw: Any, custom: Custom | None) -> tuple[Any, str]:
        """The value in its type and what is wrong with it, or ""."""
        try:
            value = _READ[self.type](raw)
            problems = (self._problem(constraint, value, custom) for constraint in self.constraints)
            return value, next(filter(None, problems), "")
        except (ValueError, TypeError) as error:
            return None, str(error)

    def _problem(self, constraint: Row, value: Any, custom: Custom | None) -> str:
        """What is wrong with the value, in the constraint's own words where it has some, or ""."""
        problem = ""
        for name, check in _CHECKS.items():
            if name in constraint:
                problem = check(value, constraint[name], self.type)
        if "custom_constraint" in constraint and custom:
            problem = custom(constraint["custom_constraint"], value)
        return str(constraint.get("description") or problem) if problem else ""


def _check_constraint(constraint: Any) -> None:
    for key in constraint:
        if key not in (*_CONSTRAINTS, "description"):
            raise Invalid("InvalidSchemaError", f"Invalid key '{key}' for parameter constraints")
    if not set(constraint) & set(_CONSTRAINTS):
        raise Invalid("InvalidSchemaError", "No constraint expressed")


def values(parameters: Mapping[str, Parameter], given: Mapping[str, Any], custom: Custom) -> dict[str, Any]:
    """All values by name. Raises Invalid for the first that is unknown, missing or wrong."""
    for name in given:
        if name not in parameters:
            raise Invalid("UnknownUserParameter", f"The Parameter ({name}) was not defined in template.")
    return {name: parameter.value(given.get(name), custom) for name, parameter in parameters.items()}


def shown(parameter: Parameter, value: Any) -> str:
    """A value as `GET /stacks/NAME/ID` writes it: always text."""
    if parameter.hidden:
        return "******"
    if parameter.type in ("json", "comma_delimited_list") and not isinstance(value, str):
        return json.dumps(value) if parameter.type == "json" else ",".join(value)
    return str(value)


def number(value: Any) -> int | float:
    """Raises ValueError for what is no number; true is one, as in Heat."""
    if isinstance(value, int | float):
        return value
    try:
        return int(value)
    except ValueError:
        return float(value)


def boolean(value: Any) -> bool:
    text = str(value).strip().lower()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    allowed = ", ".join(f"'{word}'" for word in sorted(_TRUE + _FALSE))
    raise ValueError(f"Unrecognized value '{value}', acceptable values are: {allowed}")


def _string(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def _list(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(entry) for entry in value]
    if not isinstance(value, str):
        message = f"'{type(value).__name__}' object has no attribute 'split'"
        raise ValueError(f"Value must be a comma-delimited list string: {message}")  # noqa: TRY004  a bad value, not a bug
    return value.split(",") if value else []


def _json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value else {}
    except ValueError as error:
        raise ValueError(f"Value must be valid JSON: {error}") from error


_READ: dict[str, Callable[[Any], Any]] = {
    "string": _string,
    "number": number,
    "boolean": boolean,
    "comma_delimited_list": _list,
    "json": _json,
}


def _outside(value: Any, limits: Row) -> bool:
    low, high = limits.get("min"), limits.get("max")
    return (low is not None and value < number(low)) or (high is not None and value > number(high))


def _range(value: Any, limits: Row, _type: str) -> str:
    if not _outside(number(value), limits):
        return ""
    return f"{value} is out of range (min: {limits.get('min')}, max: {limits.get('max')})"


def _length(value: Any, limits: Row, _type: str) -> str:
    if not _outside(len(value), limits):
        return ""
    return f"length ({len(value)}) is out of range (min: {limits.get('min')}, max: {limits.get('max')})"


def _modulo(value: Any, wanted: Row, _type: str) -> str:
    step, offset = number(wanted["step"]), number(wanted["offset"])
    return (
        ""
        if number(value) % step == offset
        else f"{value} is not a multiple of {step} with an offset of {offset}"
    )


def _allowed_values(value: Any, allowed: list[Any], kind: str) -> str:
    read = _READ[kind] if kind in ("string", "number", "boolean") else lambda entry: entry
    known = [read(entry) for entry in allowed]
    if all(entry in known for entry in value) if isinstance(value, list) else read(value) in known:
        return ""
    words = ", ".join(json.dumps(entry) for entry in allowed)
    return f"{json.dumps(value)} is not an allowed value [{words}]"


def _allowed_pattern(value: Any, pattern: str, _type: str) -> str:
    match = re.match(pattern, value)
    whole = match is not None and match.end() == len(value)
    return "" if whole else f'"{value}" does not match pattern "{pattern}"'


_CHECKS: dict[str, Callable[[Any, Any, str], str]] = {
    "range": _range,
    "length": _length,
    "modulo": _modulo,
    "allowed_values": _allowed_values,
    "allowed_pattern": _allowed_pattern,
}
