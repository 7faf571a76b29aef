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


def panel(template: str, **facts: Any) -> Response:
    """The fragment, with an ETag of what it says."""
    response = make_response(render_template(template, **facts))
    body = _INDENTED.sub(lambda found: found[1] or b"\n", response.get_data())
    response.set_data(body)
    lasting = _PASSING.sub(b"", body)
    response.set_etag(hashlib.sha256(lasting).hexdigest()[:32], weak=True)
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(request)
    return response
