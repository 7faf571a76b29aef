"""Addresses handed in by a browser: only paths of our own are followed, and only to where a page is."""

from urllib.parse import urlsplit

from flask import current_app, request
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect


def ours(wanted: str, fallback: str) -> str:
    """The wanted path when it stays in the portal, else the fallback."""
    parts = urlsplit(wanted) if wanted.isprintable() and "\\" not in wanted else None
    stays = parts is not None and wanted.startswith("/") and not wanted.startswith("//") and not parts.netloc
    return wanted if stays else fallback


def path_of(address: str) -> str:
    """The path and query of an address."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def page_of(address: str) -> str:
    """The path that shows what an address of ours belongs to: itself, or the nearest above it with a page."""
    wanted = ours(address, "/")
    path = urlsplit(wanted).path
    if _shows(path):
        return wanted
    while not _shows(path):
        path = path.rstrip("/").rpartition("/")[0] or "/"
    return path


def _shows(path: str) -> bool:
    addresses = current_app.url_map.bind_to_environ(request.environ)
    try:
        addresses.match(path, method="GET")
    except RequestRedirect:  # to the same with its slash
        return True
    except (MethodNotAllowed, NotFound):
        return False
    return True
