"""Outlets: the mail server, the gate of webhooks, and the portal's own address; given once by create_app."""

from dataclasses import dataclass, field
from uuid import UUID

from portal.post.mail import Office
from portal.post.webhooks import Gate


@dataclass
class Outlets:
    """What this process may use. `office` None: the portal sends no mail."""

    office: Office | None = None
    gate: Gate = field(default_factory=Gate)
    portal_url: str = ""


_now = Outlets()


def configure(office: Office | None, gate: Gate, portal_url: str) -> None:
    """Makes these the process's outlets."""
    _now.office, _now.gate, _now.portal_url = office, gate, portal_url


def office() -> Office | None:
    """Where letters are handed in, if anywhere."""
    return _now.office


def gate() -> Gate:
    """What lets messages out to webhooks."""
    return _now.gate


def link(kind: str, subject_id: UUID | None) -> str:
    """Where a click on a notice leads, wherever it is read; empty without an address of the portal."""
    return f"{_now.portal_url}/notices/{kind}/{subject_id}" if _now.portal_url and subject_id else ""


def address(path: str) -> str:
    """The address of a page of the portal, as it is reached from outside."""
    return _now.portal_url + path
