"""Panels: fragments that a page asks again for; unchanged ones are answered with 304."""

import hashlib
import re
from typing import Any

from flask import Response, make_response, render_template, request

# What differs at each drawing and means nothing: forms' tokens, the words of ticking times,
# and where a growing bar stands.
_PASSING = re.compile(
    rb'name="csrf_token" value="[^"]*"|(?<=data-ago>)[^<]*|(?<=data-elapsed>)[^<]*|max="100"\s+value="[^"]*"'
)
# Indentation, but not of what is shown as it is.
_INDENTED = re.compile(rb"(<(pre|textarea)\b.*?</\2>)|\n\s+", re.DOTALL)


# What the bell of the same page listens for, to ask again at once.
NOTICES_READ = "notices-read"


def panel(template: str, tells: str = "", /, **facts: Any) -> Response:
    """The fragment, with an ETag of what it says. `tells`: an event for the other parts of the page."""
    response = make_response(render_template(template, **facts))
    body = _INDENTED.sub(lambda found: found[1] or b"\n", response.get_data())
    response.set_data(body)
    lasting = _PASSING.sub(b"", body)
    response.set_etag(hashlib.sha256(lasting).hexdigest()[:32], weak=True)
    response.headers["Cache-Control"] = "private, no-cache"
    if tells:
        # A browser keeps an answer's headers with it, and would tell the same again where nothing changed.
        response.headers["Cache-Control"] = "no-store"
        response.headers["HX-Trigger"] = tells
    else:
        response.make_conditional(request)
    return response
