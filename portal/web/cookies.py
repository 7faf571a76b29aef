"""Cookies of our own: what a browser remembers of how somebody likes to see things."""

from typing import TypeVar

from flask import current_app
from werkzeug.wrappers import Response

R = TypeVar("R", bound=Response)
YEAR = 31_536_000


def keep(response: R, name: str, value: str) -> R:
    """Has the browser keep it for a year, out of reach of scripts."""
    secure = current_app.config["SESSION_COOKIE_SECURE"]
    response.set_cookie(name, value, max_age=YEAR, samesite="Lax", httponly=True, secure=secure)
    return response
