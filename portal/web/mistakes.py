"""Mistakes: the fields that need another look. The page tells of them at its top; the first has the focus."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from flask import Flask, g
from htmx_flask import request

from portal.translation import translated

# On a page that asks no more, a mistake stands in sight; the focus says enough.
FEW = 2


class Mistake(NamedTuple):
    """A field with what is wrong with it."""

    id: str
    label: str
    words: str


def install(app: Flask) -> None:
    """Gives templates `wired` and `mistakes`."""
    app.jinja_env.globals.update(wired=wired, mistakes=to_tell)


def wired(
    id: str, label: str, errors: Iterable[str], told: Sequence[str] = (), *, focus: bool = False
) -> dict[str, str]:
    """The attributes that tie a field to the words below it, and give the first mistaken one the focus.

    `told`: the ids of words that are there in any case, “-check” where the errors stand in it;
    `focus`: it has the focus where nothing is wrong.
    """
    found, words = _found(), " ".join(translated(each) for each in errors)
    # What htmx swaps in comes while somebody types, and takes nobody's focus.
    first = not found and not request.htmx and (bool(words) or focus)
    g.asked = g.get("asked", 0) + 1
    described = [each for each in told if each != f"{id}-check"] + [f"{id}-error"] if words else told
    attributes = {"aria-describedby": " ".join(described)}
    if words:
        found.append(Mistake(id, label, words))
        attributes["aria-invalid"] = "true"
    if first:
        attributes["autofocus"] = "autofocus"
    return {name: value for name, value in attributes.items() if value}


def to_tell() -> list[Mistake]:
    """What the top of the page tells, in the order of its fields; known once they are drawn."""
    return _found() if g.get("asked", 0) > FEW else []


def _found() -> list[Mistake]:
    if "mistakes" not in g:
        g.mistakes = []
    found: list[Mistake] = g.mistakes
    return found
