"""The constraints of HOT parameters, judged as Heat judges them, with a plain sentence for what they refuse.

Source: heat/engine/constraints.py and heat/engine/hot/parameters.py.
"""

import contextlib
import ipaddress
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from portal.translation import gettext, ngettext, translated


class Refused(ValueError):
    """A value that its parameter doesn't take; the message is for the person who gave it."""


class Unusable(ValueError):
    """A constraint with a mistake; the message is for the author of the template."""


@dataclass(frozen=True)
class Constraint:
    """One constraint. `takes` is told a value of the parameter's type; `say` says what is wanted."""

    kind: str
    detail: (
        Any  # range, length: (min, max) · modulo: (step, offset) · allowed_values: a tuple · else: the text
    )
    say: Callable[[], str]
    takes: Callable[[Any], bool]
    description: str = ""

    @property
    def rule(self) -> str:
        """What is wanted, as its reader speaks."""
        return self.say()

    def judge(self, value: Any) -> None:
        """Raises Refused, in the author's words where there are some."""
        if not self.takes(value):
            raise Refused(translated(self.description) or self.rule)


TYPES_OF: Mapping[str, tuple[str, ...]] = {
    "modulo": ("number",),
    "range": ("number",),
    "length": ("string", "comma_delimited_list", "json"),
    "allowed_values": ("string", "number", "boolean", "comma_delimited_list"),
    "allowed_pattern": ("string",),
    "custom_constraint": ("string", "number", "boolean", "comma_delimited_list"),
}


def number(value: object) -> int | float:
    """A number as Heat reads it: 4, " 4 ", "4.0", "1e1", but nothing infinite, which no resource could use.

    Raises ValueError or TypeError.
    """
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            value = float(value)
    if not isinstance(value, int | float):
        raise TypeError("not a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("not a finite number")
    return value


def from_definition(definition: object, type_: str, read: "Read") -> Constraint:
    """The constraint that an entry of `constraints` stands for. `read` reads a value of the parameter's type.

    Raises Unusable.
    """
    if not isinstance(definition, dict):
        raise Unusable("a constraint must be a mapping such as {length: {max: 10}}")
    if unknown := [str(key) for key in definition if key not in (*TYPES_OF, "description")]:
        raise Unusable(f"there is no constraint “{unknown[0]}”")
    kinds = [kind for kind in TYPES_OF if kind in definition]
    if len(kinds) != 1:
        raise Unusable("each entry of constraints must hold exactly one constraint")
    kind = kinds[0]
    if type_ not in TYPES_OF[kind]:
        raise Unusable(f"{kind} doesn't go with the type {type_}")
    made = _MAKERS[kind](definition[kind], type_, read)
    return replace(made, description=" ".join(str(definition.get("description") or "").split()))


Read = Callable[[Any], Any]


def _bounds(detail: object, kind: str) -> tuple[int | float | None, int | float | None]:
    limits = _numbers(detail, kind, ("min", "max"))
    low, high = limits.get("min"), limits.get("max")
    if low is None and high is None:
        raise Unusable(f"{kind} needs a min, a max, or both")
    if low is not None and high is not None and low > high:
        raise Unusable(f"{kind} has a min above its max, so that nothing fits")
    return low, high


def _numbers(detail: object, kind: str, keys: Sequence[str]) -> dict[str, int | float]:
    if not isinstance(detail, dict) or any(key not in keys for key in detail):
        raise Unusable(f"{kind} must be a mapping of {' and '.join(keys)}")
    try:
        return {key: number(value) for key, value in detail.items() if value is not None}
    except (ValueError, TypeError) as error:
        raise Unusable(f"{kind} must be given in numbers") from error


def _within(low: int | float | None, high: int | float | None, value: int | float) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _range(detail: object, _type: str, _read: Read) -> Constraint:
    low, high = _bounds(detail, "range")

    def say() -> str:
        if low is None:
            return gettext("Enter a number of at most %(high)s.", high=high)
        if high is None:
            return gettext("Enter a number of at least %(low)s.", low=low)
        return gettext("Enter a number from %(low)s to %(high)s.", low=low, high=high)

    return Constraint("range", (low, high), say, lambda value: _within(low, high, value))


def _length(detail: object, type_: str, _read: Read) -> Constraint:
    low, high = _bounds(detail, "length")
    if isinstance(low, float) or isinstance(high, float):
        raise Unusable("length must be given in whole numbers")
    say = _characters if type_ == "string" else _entries
    return Constraint(
        "length", (low, high), lambda: say(low, high), lambda value: _within(low, high, len(value))
    )


def _characters(low: int | None, high: int | None) -> str:
    if high is None:
        return ngettext("Use at least %(num)s character.", "Use at least %(num)s characters.", low or 0)
    if low is None:
        return ngettext("Use at most %(num)s character.", "Use at most %(num)s characters.", high)
    return ngettext("Use %(low)s to %(num)s character.", "Use %(low)s to %(num)s characters.", high, low=low)


def _entries(low: int | None, high: int | None) -> str:
    if high is None:
        return ngettext("Use at least %(num)s entry.", "Use at least %(num)s entries.", low or 0)
    if low is None:
        return ngettext("Use at most %(num)s entry.", "Use at most %(num)s entries.", high)
    return ngettext("Use %(low)s to %(num)s entry.", "Use %(low)s to %(num)s entries.", high, low=low)


def _modulo(detail: object, _type: str, _read: Read) -> Constraint:
    parts = _numbers(detail, "modulo", ("step", "offset"))
    if len(parts) != 2:
        raise Unusable("modulo needs a step and an offset")
    step, offset = int(parts["step"]), int(parts["offset"])
    if (step, offset) != (parts["step"], parts["offset"]):
        raise Unusable("modulo must be given in whole numbers")
    if step == 0 or abs(offset) >= abs(step) or step * offset < 0:
        raise Unusable("modulo needs a step that isn't 0, and an offset of the same sign, nearer to 0")

    def say() -> str:
        if offset:
            return gettext("Enter a multiple of %(step)s, plus %(offset)s.", step=step, offset=offset)
        return gettext("Enter a multiple of %(step)s.", step=step)

    return Constraint("modulo", (step, offset), say, lambda value: bool(value % step == offset))


def _allowed_values(detail: object, type_: str, read: Read) -> Constraint:
    if not isinstance(detail, list) or not detail:
        raise Unusable("allowed_values must be a list")
    if type_ == "comma_delimited_list" and not all(isinstance(value, str) for value in detail):
        raise Unusable("allowed_values of a list must be texts; put quotes around them")
    try:
        values = tuple(detail if type_ == "comma_delimited_list" else (read(value) for value in detail))
    except Refused as error:
        raise Unusable(f"allowed_values must each be of the type {type_}") from error
    words = ", ".join(str(value) for value in values)
    if type_ == "comma_delimited_list":
        return Constraint(
            "allowed_values",
            values,
            lambda: gettext("Choose from %(values)s.", values=words),
            lambda chosen: all(value in values for value in chosen),
        )
    return Constraint(
        "allowed_values",
        values,
        lambda: gettext("Choose one of %(values)s.", values=words),
        lambda value: value in values,
    )


def _allowed_pattern(detail: object, _type: str, _read: Read) -> Constraint:
    if not isinstance(detail, str):
        raise Unusable("allowed_pattern must be a text")
    try:
        match = re.compile(detail).match
    except re.error as error:
        raise Unusable(f"allowed_pattern is no regular expression ({error})") from error

    def takes(value: str) -> bool:
        # As Heat: the first match must happen to end with the value. re.fullmatch would look for another.
        found = match(value)
        return found is not None and found.end() == len(value)

    def say() -> str:
        return gettext("Write it in the form %(pattern)s", pattern=detail)

    return Constraint("allowed_pattern", detail, say, takes)


def _custom_constraint(detail: object, _type: str, _read: Read) -> Constraint:
    if not isinstance(detail, str) or not detail:
        raise Unusable("custom_constraint must be a name such as glance.image")
    if detail == "net_cidr":
        return Constraint(
            "custom_constraint", detail, lambda: gettext("Write a network such as 10.0.0.0/24."), _is_cidr
        )
    # Heat looks up in the cloud what the value names.
    return Constraint(
        "custom_constraint",
        detail,
        lambda: gettext("This must name a %(kind)s.", kind=detail),
        lambda _: True,
    )


def _is_cidr(value: object) -> bool:
    # Heat wants the length to be told; bits beyond it are as good as none to Neutron.
    with contextlib.suppress(ValueError):
        return "/" in str(value) and bool(ipaddress.ip_network(str(value), strict=False))
    return False


_MAKERS: Mapping[str, Callable[[object, str, Read], Constraint]] = {
    "modulo": _modulo,
    "range": _range,
    "length": _length,
    "allowed_values": _allowed_values,
    "allowed_pattern": _allowed_pattern,
    "custom_constraint": _custom_constraint,
}
