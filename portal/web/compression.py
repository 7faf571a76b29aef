"""Compression: pages leave smaller than they are drawn; files are squeezed once and kept in memory."""

import gzip
from collections.abc import Callable, Iterable
from typing import Any

import brotli
from flask import Flask, Response, request

_KINDS = ("text/html", "text/css", "text/javascript", "image/svg+xml", "application/json")
# Below it a packet is no smaller for it, so many bytes.
_WORTH = 1000
# Brotli's effort: a page is squeezed each time (0.3 ms for 20 KB), a small panel only when it has changed
# (3 ms for 10 KB, 6 % less to send), a file once.
_PAGE, _PANEL, _FILE = 5, 10, 9
_SMALL = 16_000

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]
Answer = tuple[str, list[tuple[str, str]], bytes]


def install(app: Flask) -> None:
    """Squeezes what views answer; streams and panels that have not changed stay as they are."""

    @app.after_request
    def _squeeze(response: Response) -> Response:
        if response.is_streamed or response.mimetype not in _KINDS or response.content_encoding:
            return response
        response.vary.add("Accept-Encoding")
        body = response.get_data()
        encoding = _encoding(request.headers.get("Accept-Encoding", ""))
        if encoding and len(body) >= _WORTH:
            is_panel = response.get_etag()[0] and len(body) <= _SMALL
            response.set_data(_squeezed(body, encoding, _PANEL if is_panel else _PAGE))
            response.content_encoding = encoding
        return response


def keep_files(app: Wsgi, prefix: str) -> Wsgi:
    """The same app, but files below `prefix` leave squeezed, and from memory after the first time."""
    kept: dict[tuple[str, str], Answer] = {}

    def wrapped(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path, encoding = environ["PATH_INFO"], _encoding(environ.get("HTTP_ACCEPT_ENCODING", ""))
        conditional = "HTTP_IF_NONE_MATCH" in environ or "HTTP_RANGE" in environ
        if not path.startswith(prefix) or environ["REQUEST_METHOD"] != "GET" or not encoding or conditional:
            return app(environ, start_response)
        found = kept.get((path, encoding)) or _collect(app, environ, encoding)
        if found[0].startswith("200"):
            kept[path, encoding] = found
        start_response(found[0], list(found[1]))
        return [found[2]]

    return wrapped


def _collect(app: Wsgi, environ: dict[str, Any], encoding: str) -> Answer:
    """What the app answers, squeezed."""
    heads: list[tuple[str, list[tuple[str, str]]]] = []
    answer = app(environ, lambda status, headers, *_rest: heads.append((status, list(headers))))
    body = b"".join(answer)
    if close := getattr(answer, "close", None):
        close()
    [(status, headers)] = heads
    names = {name.lower(): value for name, value in headers}
    if (
        "content-encoding" in names
        or not names.get("content-type", "").startswith(_KINDS)
        or len(body) < _WORTH
    ):
        return status, headers, body
    body = _squeezed(body, encoding, _FILE)
    told = ("content-length", "content-encoding", "vary")
    rest = [(name, value) for name, value in headers if name.lower() not in told]
    made = [("Content-Length", str(len(body))), ("Content-Encoding", encoding), ("Vary", "Accept-Encoding")]
    return status, rest + made, body


def _encoding(accepted: str) -> str:
    """Which one of both the browser takes; none where it takes neither."""
    names = {
        each.partition(";")[0].strip()
        for each in accepted.split(",")
        if "q=0" not in each.replace("q=0.", "")
    }
    return next((name for name in ("br", "gzip") if name in names), "")


def _squeezed(body: bytes, encoding: str, effort: int) -> bytes:
    if encoding == "br":
        packed: bytes = brotli.compress(body, quality=effort)
        return packed
    return gzip.compress(body, compresslevel=6, mtime=0)
