"""Addresses handed in by a browser: only paths of our own are followed."""

from urllib.parse import urlsplit


def ours(wanted: str, fallback: str) -> str:
    """The wanted path when it stays in the portal, else the fallback."""
    parts = urlsplit(wanted) if wanted.isprintable() and "\\" not in wanted else None
    stays = parts is not None and wanted.startswith("/") and not wanted.startswith("//") and not parts.netloc
    return wanted if stays else fallback


def path_of(address: str) -> str:
    """The path and query of an address."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
