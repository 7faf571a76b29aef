"""Which resources a template makes with given parameters: its conditions, decided as Heat decides them.

Source: heat/engine/hot/functions.py and conditions.py. What can't be decided here (yaql, a wrong argument, a
condition that leads back to itself) counts as true: Heat has the last word, and these are words for a page.
"""

from collections.abc import Callable, Mapping
from typing import Any

from portal.domain.catalog import yamltext
from portal.domain.catalog.hot import Template


def resources_made(template: Template, parameters: Mapping[str, Any]) -> list[str]:
    """The names of the resources whose condition holds, in the template's order.

    `parameters` are values of their types; a default stands in for one not given.
    """
    document = yamltext.load(template.text)
    known = {one.name: one.default for one in template.parameters if one.has_default} | dict(parameters)
    holds = _Decider(document.get("conditions") or {}, known)
    return [name for name, resource in document["resources"].items() if holds(resource.get("condition"))]


class _Decider:
    """Decides conditions: a boolean, the name of one, or a function."""

    def __init__(self, conditions: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
        self._conditions, self._parameters = conditions, parameters
        self._functions: dict[str, Callable[[Any], Any]] = {
            "get_param": self._get_param,
            "equals": self._equals,
            "contains": self._contains,
            "not": lambda condition: not self._holds(condition),
            "and": lambda conditions: all(self._holds(one) for one in conditions),
            "or": lambda conditions: any(self._holds(one) for one in conditions),
        }

    def __call__(self, condition: Any) -> bool:
        try:
            return self._holds(condition)
        except RecursionError:  # caught here alone: within a "not" it would count as its opposite
            return True

    def _holds(self, condition: Any) -> bool:
        try:
            value = self._value(condition)
        except (TypeError, ValueError):
            return True
        if isinstance(value, str) and value in self._conditions:
            # Without itself: a condition that leads back to itself finds no such name.
            others = {name: one for name, one in self._conditions.items() if name != value}
            return _Decider(others, self._parameters)._holds(self._conditions[value])
        return value if isinstance(value, bool) else True

    def _value(self, written: Any) -> Any:
        """What is written with its functions called: Heat takes a mapping of one key for a call."""
        if isinstance(written, list):
            return [self._value(one) for one in written]
        if not isinstance(written, dict):
            return written
        if len(written) == 1 and (name := next(iter(written))) in self._functions:
            return self._functions[name](written[name])
        return {key: self._value(value) for key, value in written.items()}

    def _equals(self, argument: Any) -> bool:
        # As values of their types: the number 1 is not the text "1".
        first, second = self._value(argument)
        return bool(first == second)

    def _contains(self, argument: Any) -> bool:
        value, sequence = self._value(argument)
        return bool(value in sequence)

    def _get_param(self, argument: Any) -> Any:
        found = self._value(argument)
        name, *path = found if isinstance(found, list) else [found]
        value = self._parameters.get(name)
        try:
            for step in path:
                value = value[int(step)] if isinstance(value, list) else value[step]  # type: ignore[index]
        except (KeyError, IndexError, TypeError, ValueError):
            return ""  # where a path leads nowhere, Heat says so
        return value
