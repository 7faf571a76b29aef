"""Errors: one table from what went wrong to a status and a page, or a notice where htmx asked."""

import logging
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from flask import Flask, Response, flash, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from htmx_flask import request
from werkzeug.exceptions import HTTPException

from portal import log
from portal.domain.catalog.shelf import NoSuchTemplate
from portal.domain.store import errors as domain
from portal.domain.store.pulse import DatabaseAway
from portal.openstack import errors as openstack
from portal.translation import N_, gettext, ngettext
from portal.web.guards import SignInNeeded
from portal.web.paths import page_of, path_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trouble:
    """What a person is told: what happened, and what they can do."""

    status: int
    title: str
    text: str
    picture: str = "circle-alert"
    lone: bool = False


_BUSY_CLOUD = N_("The cloud does not answer just now. Nothing you entered is lost; try again in a minute.")
_ASK_ADMIN = N_("An administrator has to look at this tenant's credential. Nothing you entered is lost.")
_PART_AWAY = Trouble(
    503,
    N_("A part of the portal is away"),
    N_("It comes back by itself. Nothing you launched or deleted is lost; try again in a minute."),
    "unplug",
    lone=True,
)
_UNKEEPABLE = Trouble(
    400,
    N_("That can't be kept"),
    N_("It is too long or too large, or holds a character that no text may have. Go back and change it."),
    lone=True,
)

TABLE: dict[type[Exception], Trouble] = {
    domain.NotFound: Trouble(404, N_("There is nothing here"), "", "search"),
    domain.Forbidden: Trouble(403, N_("This isn't for your role"), "", "lock"),
    NoSuchTemplate: Trouble(
        404,
        N_("This template is off the shelf"),
        N_("Pick another one in the catalogue."),
        "box",
    ),
    domain.Refused: Trouble(409, N_("That can't be done now"), ""),
    domain.DomainError: Trouble(409, N_("That can't be done"), ""),
    openstack.NotFound: Trouble(
        404, N_("The cloud has no such thing any more"), N_("Go back and look again.")
    ),
    openstack.Conflict: Trouble(
        409, N_("The cloud is busy with this already"), N_("Look again in a minute.")
    ),
    openstack.OverQuota: Trouble(
        409, N_("The cloud's own quota is full"), N_("Free something, or ask for more.")
    ),
    openstack.BadCredential: Trouble(503, N_("The cloud refuses the portal"), _ASK_ADMIN, "unplug"),
    openstack.NotAllowed: Trouble(503, N_("The cloud refuses the portal"), _ASK_ADMIN, "unplug"),
    openstack.Unavailable: Trouble(503, N_("The cloud does not answer"), _BUSY_CLOUD, "cloud-off"),
    openstack.OpenStackError: Trouble(503, N_("The cloud said no"), _BUSY_CLOUD, "cloud-off"),
    domain.Gone: Trouble(404, N_("There is nothing here"), N_("It was removed meanwhile."), "search"),
    domain.Unkeepable: _UNKEEPABLE,
    OverflowError: _UNKEEPABLE,  # SQLite's word for such a number
    DatabaseAway: _PART_AWAY,
    ConnectionError: _PART_AWAY,
}
BY_STATUS: dict[int, Trouble] = {
    400: Trouble(
        400,
        N_("That request can't be read"),
        N_("Go back, check what you entered and send it again."),
    ),
    403: Trouble(
        403,
        N_("This isn't for your role"),
        N_("Ask an administrator if you need it."),
        "lock",
    ),
    404: Trouble(
        404,
        N_("There is nothing here"),
        N_("It may be gone, or the address has a slip in it."),
        "search",
    ),
    405: Trouble(
        404,
        N_("There is nothing here"),
        N_("This address takes no such request."),
        "search",
    ),
    413: Trouble(413, N_("That is too much at once"), N_("Send less: user data may have 48 KiB.")),
    429: Trouble(429, N_("Too many tries"), N_("Wait a little and try again."), "clock"),
    503: Trouble(
        503,
        N_("The portal is away for a moment"),
        N_("Try again in a minute."),
        "unplug",
        lone=True,
    ),
}
SIGNED_OUT = Trouble(
    401,
    N_("You were signed out meanwhile"),
    N_("What you typed is still here. Go on as usual: it is kept while you sign in again."),
    "lock",
)
UNEXPECTED = Trouble(
    500,
    N_("Something broke on our side"),
    N_("It is in our log. What you launched or deleted goes on regardless; the rest you can try again."),
    "unplug",
    lone=True,
)


def install(app: Flask) -> None:
    """Answers every error from the table."""
    app.register_error_handler(SignInNeeded, _sign_in_needed)
    app.register_error_handler(CSRFError, _page_was_open_too_long)
    app.register_error_handler(RateLimitExceeded, _too_many)
    app.register_error_handler(HTTPException, _http)
    for kind in TABLE:
        app.register_error_handler(kind, _from_table)
    app.register_error_handler(Exception, _unexpected)


def _from_table(error: Exception) -> ResponseReturnValue:
    trouble = next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)
    if isinstance(error, domain.DomainError):
        trouble = replace(trouble, text=error.message)
    if trouble.status >= 500:
        logger.warning("%s: %s", type(error).__name__, error)
    return answer(trouble)


def _http(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if status < 400:
        return error.get_response()
    if status == 405 and request.method == "GET" and not request.htmx:
        return redirect(page_of(request.path))  # whoever reloads the answer to a form by the address bar
    unknown = replace(UNEXPECTED, status=status) if status >= 500 else replace(BY_STATUS[400], status=status)
    return answer(BY_STATUS.get(status, unknown))


def _too_many(error: RateLimitExceeded) -> ResponseReturnValue:
    seconds = error.limit.limit.get_expiry()
    minutes = max(1, round(seconds / 60))
    text = ngettext("Wait a minute and try again.", "Wait %(num)s minutes and try again.", minutes)
    response = answer(replace(BY_STATUS[429], text=text))
    response.headers["Retry-After"] = str(seconds)
    return response


def _unexpected(error: Exception) -> ResponseReturnValue:
    logger.error("unexpected: %s %s", request.method, request.path, exc_info=error)
    return answer(UNEXPECTED)


def answer(trouble: Trouble) -> Response:
    """The error's page, or where htmx asked a notice that leaves the page as it is."""
    facts = {"trouble": trouble, "request_id": log.current("request_id"), "lone": trouble.lone}
    if request.htmx:
        response = make_response(render_template("errors/_notice.html", **facts), trouble.status)
        response.headers["HX-Retarget"] = "#notices"
        response.headers["HX-Reswap"] = "innerHTML show:none"
        return response
    back = _page_in_question() if trouble.status == 409 else ""
    return make_response(render_template("errors/page.html", **facts, back=back), trouble.status)


def _page_in_question() -> str:
    """What a refused request was about: its VM, or where its form stood; empty: neither."""
    if vm_id := (request.view_args or {}).get("vm_id"):
        return url_for("vms.show", vm_id=vm_id)
    page = page_of(request.path) if request.method == "POST" else "/"
    return "" if page == "/" else page


def _sign_in_needed(_error: SignInNeeded) -> ResponseReturnValue:
    """To the sign-in page and back; a page that htmx was refreshing goes there as a whole.

    One on which somebody types stays: sent by its button, what was typed is kept over the sign-in.
    """
    if request.htmx and request.method == "POST":
        return answer(SIGNED_OUT)
    if request.htmx:
        here = path_of(request.headers.get("HX-Current-URL", ""))
        return Response(status=401, headers={"HX-Redirect": url_for("auth.sign_in", next=here)})
    if request.method == "POST":
        return _keep(401, SIGNED_OUT.title)
    wanted = path_of(request.full_path.rstrip("?"))
    if wanted == url_for("home.show"):
        return redirect(url_for("auth.sign_in"))
    flash(gettext("Sign in to go on."), "calm")
    return redirect(url_for("auth.sign_in", next=wanted))


def _page_was_open_too_long(error: CSRFError) -> ResponseReturnValue:
    logger.info("a form without a good token: %s", error.description)
    if request.htmx:
        return answer(
            Trouble(400, gettext("This page is out of date"), gettext("Reload it and send it again."))
        )
    return _keep(400, gettext("This page is out of date"))


def _keep(status: int, title: str) -> ResponseReturnValue:
    """A page that holds what was sent and sends it again; only for what our own pages sent."""
    ours = request.headers.get("Sec-Fetch-Site") == "same-origin" or _same_host(request.referrer or "")
    fields = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if not name.endswith(("csrf_token", "password", "secret"))
    ]
    again = request.path if ours else None
    page = render_template("errors/resend.html", title=title, fields=fields, again=again, lone=True)
    return make_response(page, status)


def _same_host(address: str) -> bool:
    return bool(urlsplit(address).netloc == request.host)
