"""catalog.toml: how the templates are presented. A mistake in it costs the words it spoils, and is named."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Words = Mapping[str, str]


@dataclass(frozen=True)
class Entry:
    """How one template is presented; None: the template's own words serve."""

    title: str | None = None
    summary: str | None = None
    icon: str = "server"
    image: str | None = None
    login: str = ""
    serves: str = ""
    min_vcpus: int = 0
    min_ram_mib: int = 0
    min_disk_gib: int = 0
    gpu: bool = False
    hidden: bool = False
    tenants: tuple[str, ...] = ()
    words: Words = field(default_factory=dict)


@dataclass(frozen=True)
class Listing:
    """The whole file: entries by the template's name in the order shown, and the words for all of them."""

    templates: Mapping[str, Entry] = field(default_factory=dict)
    words: Words = field(default_factory=dict)  # by the resource's type
    labels: Mapping[str, Words] = field(default_factory=dict)  # by the parameter's name, by the value


def read(text: str) -> tuple[Listing, list[str]]:
    """The listing of a text, as far as it can be understood, and what is wrong with it, in sentences."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return Listing(), [f"This is not TOML ({error})."]
    wrong = [
        f"There is no table “{name}”; there are templates, words and labels."
        for name in document
        if name not in ("templates", "words", "labels")
    ]
    templates = {
        name: _entry(table, f"[templates.{name}]", wrong)
        for name, table in _table(document, "templates", "", wrong).items()
    }
    labels = _table(document, "labels", "", wrong)
    return Listing(
        templates=templates,
        words=_words(_table(document, "words", "", wrong), "[words]", wrong),
        labels={
            name: _words(_table(labels, name, "labels.", wrong), f"[labels.{name}]", wrong) for name in labels
        },
    ), wrong


def _table(parent: Mapping[str, Any], name: str, path: str, wrong: list[str]) -> Mapping[str, Any]:
    found = parent.get(name, {})
    if isinstance(found, dict):
        return found
    wrong.append(f"“{path}{name}” must be a table.")
    return {}


def _entry(table: object, place: str, wrong: list[str]) -> Entry:
    if not isinstance(table, dict):
        wrong.append(f"{place} must be a table.")
        return Entry()
    good: dict[str, Any] = {}
    for key, value in table.items():
        if key == "words":
            good[key] = _words(_table(table, key, f"{place} ", wrong), f"{place} words", wrong)
        elif key not in _KEYS:
            wrong.append(f"{place} has an unknown key “{key}”.")
        elif not _KEYS[key][0](value):
            wrong.append(f"{place} {key} must be {_KEYS[key][1]}.")
        else:
            good[key] = tuple(value) if isinstance(value, list) else value
    return Entry(**good)


def _words(table: Mapping[str, Any], place: str, wrong: list[str]) -> Words:
    wrong.extend(f"{place} {name} must be a text." for name, words in table.items() if not _is_text(words))
    return {name: words for name, words in table.items() if _is_text(words)}


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_names(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_text, value))


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_icon(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", value) is not None


# What a key of an entry must be, and that in words.
_KEYS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    **dict.fromkeys(("title", "summary", "image", "login"), (_is_text, "a text")),
    **dict.fromkeys(("min_vcpus", "min_ram_mib", "min_disk_gib"), (_is_count, "a whole number, 0 or more")),
    **dict.fromkeys(("gpu", "hidden"), (_is_flag, "true or false")),
    "serves": (lambda value: value in ("http", "https"), "“http” or “https”"),
    "tenants": (_is_names, "a list of tenants' names"),
    "icon": (_is_icon, "the name of a lucide icon, such as “server”"),
}
