"""Panels: fragments that a page asks again for, answered with what is new in them, or with 304."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from flask import Flask, Response, g, make_response, render_template, request
from markupsafe import Markup

# The parts that the page has and what it has of each: “about=1f0c9a7e more=…”; sent by static/portal.js.
HELD = "X-Held"
# So many parts that have changed go out at once; the rest is sent by the next answer, so that none is large.
MOST = 8
# What the bell of the same page listens for, to ask again at once.
NOTICES_READ = "notices-read"
# What differs at each drawing and means nothing: forms' tokens, the words of ticking times,
# and where a growing bar stands. One by one, as each is found by its first letters.
_PASSING = [
    re.compile(each)
    for each in (
        r'name="csrf_token" value="[^"]*"',
        r"data-ago>[^<]*",
        r"data-elapsed>[^<]*",
        r'max="100"\s+value="[^"]*"',
    )
]
# Indentation, but not of what is shown as it is.
_INDENTED = re.compile(r"(<(pre|textarea)\b.*?</\2>)|\n\s+", re.DOTALL)


# What a panel has that isn't the last of its kind.
_ASKS_AGAIN = 'hx-trigger="every'
# Where a part goes into its panel.
_PLACE = re.compile("\0([^\0]+)\0")


class Part(NamedTuple):
    """A part as it is drawn, and as it is for whoever has it."""

    full: Markup
    stays: Markup


def install(app: Flask) -> None:
    """Gives templates `held_part`."""
    app.jinja_env.globals["held_part"] = held_part


def held_part(id: str, content: Markup, tag: str) -> Markup:
    """A part of a page, or the place for it in a panel, which may be asked for by who has it as it is."""
    state = _digest(content)[:8]
    part = Part(
        Markup('<{0} id="{1}" data-part="{2}">{3}</{0}>').format(tag, id, state, content),
        Markup('<{0} id="{1}" data-stays></{0}>').format(tag, id),
    )
    if "parts" not in g:
        return part.full
    g.parts[f"{id}={state}"] = part
    return Markup("\0{}={}\0").format(id, state)


def panel(template: str, tells: str = "", /, **facts: Any) -> Response:
    """The fragment without the parts that are held, with an ETag of all that it says.

    `tells`: an event for the other parts of the page.
    """
    parts: dict[str, Part] = {}
    g.parts = parts
    drawn = render_template(template, **facts)
    held = request.headers.get(HELD, "").split()
    late = _late(parts, held) if _ASKS_AGAIN in drawn else []
    stays = {*held, *late}
    body = _PLACE.sub(
        lambda place: parts[place[1]].stays if place[1] in stays else parts[place[1]].full, drawn
    )
    response = make_response(_INDENTED.sub(lambda found: found[1] or "\n", body))
    if not late:  # else whoever asks again hasn't all of it
        response.set_etag(_digest(drawn)[:32], weak=True)
    response.vary.add(HELD)
    response.headers["Cache-Control"] = "private, no-cache"
    if tells:
        # A browser keeps an answer's headers with it, and would tell the same again where nothing changed.
        response.headers["Cache-Control"] = "no-store"
        response.headers["HX-Trigger"] = tells
    else:
        response.make_conditional(request)
    return response


def _late(parts: Iterable[str], held: Sequence[str]) -> list[str]:
    """The changed parts beyond the most that go out; the page has each of them as it was before."""
    known = {name.partition("=")[0] for name in held}
    changed = [name for name in parts if name not in held and name.partition("=")[0] in known]
    return changed[MOST:]


def _digest(content: str) -> str:
    """Of what lasts in it."""
    for passing in _PASSING:
        content = passing.sub("", content)
    return hashlib.sha256(content.encode()).hexdigest()
