"""Values of HOT parameters: what a text stands for, read as Heat reads it, or what a person is told of it.

Source: heat/engine/parameters.py. Three things are refused that Heat would take and nothing could use:
numbers that aren't finite, JSON that is neither a mapping nor a list, and characters that can't be kept.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from portal.domain.catalog.constraints import Refused, number
from portal.translation import gettext

# oslo_utils.strutils
TRUE = ("1", "t", "true", "on", "y", "yes")
FALSE = ("0", "f", "false", "off", "n", "no")


def _string(given: object) -> str:
    if given is None or isinstance(given, dict | list):
        raise Refused(gettext("Enter a text."))
    return _storable(str(given))


def _number(given: object) -> int | float:
    try:
        value = number(given)
        return int(value) if value == int(value) else value
    except (ValueError, TypeError) as error:
        raise Refused(gettext("Enter a number.")) from error


def _boolean(given: object) -> bool:
    word = str(given).strip().lower()
    if word not in (*TRUE, *FALSE):
        raise Refused(gettext("Choose yes or no."))
    return word in TRUE


def _list(given: object) -> list[str]:
    if isinstance(given, list):
        return [_storable(str(entry)) for entry in given]
    if not isinstance(given, str):
        raise Refused(gettext("Enter values separated by commas."))
    return _storable(given).split(",") if given else []


def _json(given: object) -> dict[str, Any] | list[Any]:
    try:
        text = given if isinstance(given, str) else json.dumps(given)
        value = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise Refused(
            gettext(
                "This is not JSON (line %(line)s, column %(column)s: %(problem)s).",
                line=error.lineno,
                column=error.colno,
                problem=error.msg,
            )
        ) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise Refused(gettext("This is not JSON (%(problem)s).", problem=error)) from error
    if not isinstance(value, dict | list):
        raise Refused(gettext("Enter a mapping or a list, in JSON."))
    for part in _texts(value):
        _storable(part)
    return value


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in (*value, *value.values()) if isinstance(value, dict) else value:
            yield from _texts(part)


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(gettext("%(word)s is no number", word=word))


def _storable(text: str) -> str:
    """The text, when a database and the wire can hold it."""
    if "\x00" in text:
        raise Refused(gettext("Remove the NUL character: it can't be kept."))
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Refused(gettext("Remove the broken character: it can't be kept.")) from error
    return text


# How a value of each type is read. Each raises Refused.
READERS: Mapping[str, Callable[[object], Any]] = {
    "string": _string,
    "number": _number,
    "comma_delimited_list": _list,
    "json": _json,
    "boolean": _boolean,
}
