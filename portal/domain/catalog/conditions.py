"""Which resources a template makes with given parameters: its conditions, decided as Heat decides them.

Source: heat/engine/hot/functions.py (equals, not, and, or, yaql is left undecided and counts as true).
"""

from collections.abc import Mapping
from typing import Any

from portal.domain.catalog import yamltext
from portal.domain.catalog.hot import Template


def resources_made(template: Template, parameters: Mapping[str, Any]) -> list[str]:
    """The names of the resources whose condition holds, in the template's order."""
    document = yamltext.load(template.text)
    known = {one.name: one.default for one in template.parameters if one.has_default} | dict(parameters)
    decide = _Decider(document.get("conditions") or {}, known)
    return [
        name
        for name, resource in (document.get("resources") or {}).items()
        if decide(resource.get("condition", True))
    ]


class _Decider:
    """Decides conditions by name or as written."""

    def __init__(self, conditions: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
        self._conditions, self._parameters = conditions, parameters

    def __call__(self, condition: Any) -> bool:
        if isinstance(condition, str) and condition in self._conditions:
            return self(self._conditions[condition])
        value = self._value(condition)
        return (
            value if isinstance(value, bool) else str(value).lower() in {"true", "t", "yes", "y", "on", "1"}
        )

    def _value(self, written: Any) -> Any:
        if not isinstance(written, dict) or len(written) != 1:
            return written
        [(function, argument)] = written.items()
        match function:
            case "get_param":
                return self._parameter(argument)
            case "equals":
                first, second = (self._value(one) for one in argument)
                return str(first) == str(second)
            case "not":
                return not self(argument)
            case "and":
                return all(self(one) for one in argument)
            case "or":
                return any(self(one) for one in argument)
        return True

    def _parameter(self, argument: Any) -> Any:
        name, *path = argument if isinstance(argument, list) else [argument]
        value = self._parameters.get(name)
        for step in path:
            value = value[step] if isinstance(value, (dict, list)) else None
        return value
