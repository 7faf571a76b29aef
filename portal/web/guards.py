"""Guards: every route says who may use it; a route that says nothing answers 403."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, current_app, request
from flask_login import current_user

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.store.errors import Forbidden

View = TypeVar("View", bound=Callable[..., Any])
PUBLIC = "public"


class SignInNeeded(Exception):
    """Nobody is signed in, or the session has ended."""


def public(view: View) -> View:
    """Anybody may use this route."""
    view.__dict__["guard"] = PUBLIC
    return view


def needs(permission: Permission) -> Callable[[View], View]:
    """Only people whose role holds the permission may use this route; whose object it is, the domain asks."""

    def mark(view: View) -> View:
        view.__dict__["guard"] = permission
        return view

    return mark


def guard_of(view: Callable[..., Any]) -> Permission | str | None:
    """What the route says: a permission, PUBLIC, or nothing."""
    guard: Permission | str | None = view.__dict__.get("guard")
    return guard


def install(app: Flask) -> None:
    """Checks the guard before every view."""
    app.before_request(_check)


def _check() -> None:
    if request.endpoint is None:
        return
    guard = guard_of(current_app.view_functions[request.endpoint])
    if guard == PUBLIC:
        return
    if not isinstance(guard, Permission):
        raise Forbidden
    if not current_user.is_authenticated:
        raise SignInNeeded
    access.require(current_user, guard)
