"""The functions of HOT: get_param, get_attr, str_replace, if, and the others that templates use."""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from portal.sandbox.parameters import Invalid, invalid


class Stage(Protocol):
    """What functions look at: parameters and conditions by name, resources and their attributes."""

    def parameter(self, name: str) -> Any: ...
    def condition(self, name: str) -> bool: ...
    def reference(self, name: str) -> Any: ...
    def attribute(self, name: str, path: list[Any]) -> Any: ...


@dataclass(frozen=True)
class _Unset:
    """The place of a value that an `if` without an else leaves out."""


UNSET = _Unset()


def resolve(node: Any, stage: Stage) -> Any:
    """The node with every function called. Raises Invalid for wrong arguments or unknown names."""
    if isinstance(node, list):
        return [value for value in (resolve(entry, stage) for entry in node) if value is not UNSET]
    if not isinstance(node, dict):
        return node
    if len(node) == 1:
        ((name, argument),) = node.items()
        function = _FUNCTIONS.get(name)
        if function:
            try:
                return function(argument, stage)
            except (TypeError, ValueError, KeyError, IndexError) as error:
                raise invalid(str(error)) from error
    resolved = ((key, resolve(value, stage)) for key, value in node.items())
    return {key: value for key, value in resolved if value is not UNSET}


def trace(node: Any, stage: Stage, path: str) -> None:
    """Try every function of a node. Raises Invalid that says where."""
    if isinstance(node, list):
        for index, entry in enumerate(node):
            trace(entry, stage, f"{path}.{index}")
    if not isinstance(node, dict):
        return
    name = next(iter(node), "")
    if len(node) == 1 and name in _FUNCTIONS:
        try:
            resolve(node, stage)
        except Invalid as error:
            # Heat lets an unknown parameter pass here and tells of it in the output
            if error.kind != "UserParameterMissing":
                raise invalid(f"{path}.{name}: : {error.message}") from error
        return
    for key, value in node.items():
        trace(value, stage, f"{path}.{key}")


def holds(node: Any, stage: Stage) -> bool:
    """Whether a condition holds: a name, a boolean or a function."""
    if isinstance(node, bool):
        return node
    if isinstance(node, str):
        return stage.condition(node)
    value = resolve(node, stage)
    if not isinstance(value, bool):
        raise invalid(f"The condition value should be boolean, after resolution: {value}")
    return value


def _get_param(argument: Any, stage: Stage) -> Any:
    path = resolve(argument, stage)
    name, *steps = path if isinstance(path, list) else [path]
    value = stage.parameter(name)
    try:
        return _walk(value, steps)
    except (KeyError, IndexError, TypeError, ValueError):
        return ""


def _walk(value: Any, steps: list[Any]) -> Any:
    for step in steps:
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def _get_attr(argument: Any, stage: Stage) -> Any:
    path = resolve(argument, stage)
    if not isinstance(path, list) or not path:
        raise TypeError('Argument to "get_attr" must be a list')
    return stage.attribute(path[0], path[1:])


def select(value: Any, steps: list[Any]) -> Any:
    """An attribute's inner value, or None where the path leads nowhere."""
    try:
        return _walk(value, steps) if value is not None else None
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def _get_resource(argument: Any, stage: Stage) -> Any:
    return stage.reference(resolve(argument, stage))


def _text(value: Any, empty: str = "") -> str:
    if value is None:
        return empty
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True)
    return str(value)


def _str_replace(argument: Any, stage: Stage) -> str:
    return _replaced(argument, stage, "str_replace")[0]


def _str_replace_strict(argument: Any, stage: Stage) -> str:
    text, missing, _values = _replaced(argument, stage, "str_replace_strict")
    if missing:
        raise ValueError(f"The following params were not found in the template: {','.join(missing)}")
    return text


def _str_replace_vstrict(argument: Any, stage: Stage) -> str:
    text, missing, values = _replaced(argument, stage, "str_replace_vstrict")
    for name, value in values.items():
        if not _text(value) or value in ([], {}):
            words = "has an undefined or empty value for param"
            raise ValueError(f"str_replace_vstrict {words} {name}, must be a defined non-empty value")
    if missing:
        raise ValueError(f"The following params were not found in the template: {','.join(missing)}")
    return text


def _replaced(argument: Any, stage: Stage, name: str) -> tuple[str, list[str], dict[str, Any]]:
    if not isinstance(argument, dict) or not {"template", "params"} <= set(argument):
        raise TypeError(f'Arguments to "{name}" must be a map')
    template, values = resolve(argument["template"], stage), resolve(argument["params"], stage)
    if not isinstance(template, str):
        raise TypeError(f'"{name}" template must be a string')
    if not isinstance(values, dict):
        raise TypeError(f'"{name}" params must be a map')
    keys = sorted(sorted(values), key=len, reverse=True)
    missing = [key for key in keys if key not in template]

    def replace(text: str, rest: list[str]) -> str:
        if not rest:
            return text
        return _text(values[rest[0]]).join(replace(part, rest[1:]) for part in text.split(rest[0]))

    return replace(template, keys), missing, values


def _list_join(argument: Any, stage: Stage) -> str:
    delimiter, *lists = resolve(argument, stage)
    strings: list[Any] = []
    for entries in lists:
        if isinstance(entries, str):
            raise TypeError('"list_join" must operate on a list')
        strings += entries or []
    return str(delimiter).join(_text(entry) for entry in strings)


def _str_split(argument: Any, stage: Stage) -> Any:
    delimiter, text, *index = resolve(argument, stage)
    parts = text.split(delimiter) if text is not None else []
    return parts[int(index[0])] if index else parts


def _list_concat(argument: Any, stage: Stage) -> list[Any]:
    lists = resolve(argument, stage)
    if any(not isinstance(entry, list) for entry in lists if entry is not None):
        raise TypeError("Incorrect arguments: Items to concat must be lists.")
    return [value for entry in lists for value in entry or []]


def _map_merge(argument: Any, stage: Stage) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for entry in resolve(argument, stage):
        if entry is not None and not isinstance(entry, dict):
            raise TypeError(f"Incorrect arguments: Items to merge must be maps. Got: {entry!r}")
        merged.update(entry or {})
    return merged


def _repeat(argument: Any, stage: Stage) -> list[Any]:
    for_each = resolve(argument["for_each"], stage)
    template = resolve(argument["template"], stage)
    lists = [list(value or []) for value in for_each.values()]
    paired = argument.get("permutations") is False
    rows = zip(*lists, strict=True) if paired else itertools.product(*lists)
    return [_substituted(template, dict(zip(for_each, row, strict=True))) for row in rows]


def _substituted(node: Any, names: dict[str, Any]) -> Any:
    if isinstance(node, str):
        if node in names:
            return names[node]
        for name, value in names.items():
            node = node.replace(name, _text(value))
        return node
    if isinstance(node, list):
        return [_substituted(entry, names) for entry in node]
    if isinstance(node, dict):
        return {_substituted(key, names): _substituted(value, names) for key, value in node.items()}
    return node


def _contains(argument: Any, stage: Stage) -> bool:
    value, sequence = resolve(argument, stage)
    return value in sequence


def _if(argument: Any, stage: Stage) -> Any:
    if not isinstance(argument, list) or len(argument) not in (2, 3):
        form = "[condition_name, value_if_true, value_if_false]"
        raise ValueError(f'Arguments to "if" must be of the form: {form}')
    condition, chosen, *other = argument
    if not holds(condition, stage):
        if not other:
            return UNSET
        chosen = other[0]
    return resolve(chosen, stage)


def _equals(argument: Any, stage: Stage) -> bool:
    if not isinstance(argument, list) or len(argument) != 2:
        raise ValueError('Arguments to "equals" must be of the form: [value_1, value_2]')
    first, second = resolve(argument, stage)
    return bool(first == second)


def _conditions(name: str, argument: Any) -> list[Any]:
    if not isinstance(argument, list):
        raise TypeError(f'Arguments to "{name}" must be a list of conditions')
    if len(argument) < 2:
        raise ValueError(f'The minimum number of condition arguments to "{name}" is 2.')
    return argument


_FUNCTIONS: dict[str, Callable[[Any, Stage], Any]] = {
    "get_param": _get_param,
    "get_attr": _get_attr,
    "get_resource": _get_resource,
    "str_replace": _str_replace,
    "str_replace_strict": _str_replace_strict,
    "str_replace_vstrict": _str_replace_vstrict,
    "list_join": _list_join,
    "str_split": _str_split,
    "list_concat": _list_concat,
    "map_merge": _map_merge,
    "repeat": _repeat,
    "contains": _contains,
    "if": _if,
    "equals": _equals,
    "not": lambda argument, stage: not holds(argument, stage),
    "and": lambda argument, stage: all(holds(entry, stage) for entry in _conditions("and", argument)),
    "or": lambda argument, stage: any(holds(entry, stage) for entry in _conditions("or", argument)),
}
