"""What goes around every answer: the request id, the security headers, one line in the log."""

import logging
import re
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response, g, request, session

from portal import log

logger = logging.getLogger(__name__)

# No inline script or style anywhere. The pictures in data: addresses are Tabler's (arrows, ticks).
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for what doesn't read frame-ancestors
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_GOOD_ID = re.compile(r"req-[0-9a-f-]{36}|[\w.-]{8,64}", re.ASCII)
# Who asks, and in which request: what an address names under the same word stands beside it.
_OURS = frozenset({"user_id", "request_id"})
_QUIET = frozenset({"health.alive", "health.ready", "metrics.scrape"})

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


def install(app: Flask, *, https: bool) -> None:
    """Wraps the app; `https` tells browsers to come back by https only."""
    app.wsgi_app = _with_request_id(app.wsgi_app)  # type: ignore[assignment, method-assign]  # as Flask documents it
    headers = HEADERS | ({"Strict-Transport-Security": "max-age=31536000"} if https else {})

    @app.before_request
    def _start() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def _finish(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", "no-store")
        if request.endpoint not in _QUIET:
            _note(response)
        return response


def _with_request_id(app: Wsgi) -> Wsgi:
    """Takes the caller's X-Request-ID where it is well-formed, or makes one as OpenStack's services do."""

    def wrapped(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        given = environ.get("HTTP_X_REQUEST_ID", "")
        request_id = given if _GOOD_ID.fullmatch(given) else f"req-{uuid.uuid4()}"

        def answer(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, ("X-Request-ID", request_id)], *rest)

        with log.context(request_id=request_id, address=environ.get("REMOTE_ADDR")):
            return app(environ, answer)

    return wrapped


def _note(response: Response) -> None:
    took = round((time.perf_counter() - g.started) * 1000, 1) if "started" in g else None
    facts = {
        "method": request.method,
        "path": request.path,
        "status": response.status_code,
        "ms": took,
        "user_id": session.get("_user_id", "").partition(":")[0] or None,
        **{
            f"of_{name}" if name in _OURS else name: str(value)
            for name, value in (request.view_args or {}).items()
            if name.endswith("_id")
        },
    }
    logger.info("%s %s %s", request.method, request.path, response.status_code, extra=facts)
