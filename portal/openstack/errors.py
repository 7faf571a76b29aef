"""What can go wrong with a cloud: seven errors named after what can be done, and how answers become one."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

LONGEST_MESSAGE = 2000

# A shorter secret is masked only where it stands alone, or "lab" would eat half of "unavailable".
SHORT_SECRET = 8

SAFE_METHODS = frozenset({"GET", "HEAD"})


class OpenStackError(Exception):
    """A cloud's refusal or silence.

    `status` is 0 when there was no answer. `message` is the operator's own text, cleaned, without secrets.
    `kind` is the service's name for it ("StackExists", "OverQuota", "itemNotFound", ...), or "".
    """

    def __init__(
        self,
        message: str = "",
        *,
        service: str = "",
        status: int = 0,
        request_id: str | None = None,
        kind: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.service = service
        self.status = status
        self.request_id = request_id
        self.kind = kind

    def turned_into(self, error: type[OpenStackError], message: str | None = None) -> OpenStackError:
        """The same answer under a better name, for a caller who knows more than the status says."""
        return error(
            message or self.message,
            service=self.service,
            status=self.status,
            request_id=self.request_id,
            kind=self.kind,
        )

    def __str__(self) -> str:
        facts = " ".join(str(fact) for fact in (self.service, self.status or "", self.kind) if fact)
        trace = f" ({self.request_id})" if self.request_id else ""
        return f"{facts}: {self.message}{trace}" if facts else f"{self.message}{trace}"


class BadRequest(OpenStackError):
    """The cloud cannot do this as it was asked: ask differently."""


class BadCredential(OpenStackError):
    """Keystone does not accept the credential: an admin replaces it."""


class NotAllowed(OpenStackError):
    """The credential is good but may not do this: an admin gives it the right."""


class NotFound(OpenStackError):
    """It is gone, or it never was."""


class Conflict(OpenStackError):
    """It exists already, or its state does not allow this now: look, then decide."""


class OverQuota(OpenStackError):
    """The project's quota is used up: free something or ask for more."""


class Unavailable(OpenStackError):
    """The cloud did not do its part: the only error worth another try.

    `maybe_done` is True when a changing call may have had its effect all the same (no answer in time, broken
    after it was sent, 5xx), False when it surely had none. Look before asking again.
    `told_at_once` is True when another try may well help and costs little: the connection was refused or
    broke, or a proxy had no service behind it.
    """

    def __init__(
        self, message: str = "", *, maybe_done: bool = False, told_at_once: bool = False, **facts: Any
    ) -> None:
        super().__init__(message, **facts)
        self.maybe_done = maybe_done
        self.told_at_once = told_at_once


@dataclass(frozen=True)
class Answer:
    """An answer with an error status, as far as it is needed to name it."""

    service: str
    method: str
    status: int
    request_id: str | None
    text: str
    hide: tuple[str, ...] = ()


_BY_STATUS: Mapping[int, type[OpenStackError]] = {
    401: BadCredential,
    403: NotAllowed,
    404: NotFound,
    408: Unavailable,
    409: Conflict,
    410: NotFound,
    425: Unavailable,
    429: Unavailable,
    501: BadRequest,  # "not implemented" stays so, however often it is asked
}


def from_answer(answer: Answer) -> OpenStackError:
    """The error that an answer with a status of 300 or more stands for."""
    message, kind = read(answer.text)
    known: dict[str, Any] = {
        "service": answer.service,
        "status": answer.status,
        "request_id": answer.request_id,
        "kind": kind,
    }
    shown = clean(message or f"HTTP {answer.status}", answer.hide)
    error = _named(answer, message, kind)
    if error is Unavailable:
        changes = answer.method not in SAFE_METHODS
        no_service = answer.status in (502, 503, 504)
        return Unavailable(
            shown, maybe_done=changes and answer.status >= 500, told_at_once=no_service, **known
        )
    return error(shown, **known)


def _named(answer: Answer, message: str, kind: str) -> type[OpenStackError]:
    if _is_quota(answer, message, kind):
        return OverQuota
    if answer.status in _BY_STATUS:
        return _BY_STATUS[answer.status]
    return Unavailable if answer.status >= 500 or answer.status < 400 else BadRequest


def _is_quota(answer: Answer, message: str, kind: str) -> bool:
    """Quota answers: Nova 403, Neutron 409 OverQuota, 413 of older services, Heat 400 at its stack limit."""
    words = message.lower()
    if answer.status in (403, 409):
        return kind == "OverQuota" or "quota exceeded" in words or "exceeded for quota" in words
    if answer.status == 413:
        return not answer.text.lstrip().startswith(
            "<"
        )  # a web server's page means that the request was too big
    return kind == "RequestLimitExceeded" and "maximum stacks per tenant" in words


def read(text: str) -> tuple[str, str]:
    """(message, kind) of an error body: Keystone's, Heat's, Nova's, Neutron's, or any page."""
    try:
        body = json.loads(text)
    except ValueError:
        return _from_page(text), ""
    return _from_json(body) if isinstance(body, dict) else ("", "")


def _from_json(body: Mapping[str, Any]) -> tuple[str, str]:
    error = body.get("error")
    if isinstance(error, dict):
        message = error.get("message") or body.get("explanation")
        return _text(message), _text(error.get("type") or error.get("title"))
    for name, inner in body.items():  # {"itemNotFound": {"message"}}, {"NeutronError": {"type", "message"}}
        if isinstance(inner, dict) and "message" in inner:
            return _text(inner["message"]), _text(inner.get("type") or name)
    words = error or body.get("message") or body.get("NeutronError") or body.get("faultstring")
    return _text(words), ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _from_page(text: str) -> str:
    """The words of an HTML page, or of plain text."""
    text = re.sub(r"(?is)<(script|style|head)\b.*?</\1\s*>", " ", text)
    below_title = re.sub(r"(?is)<h1\b.*?</h1\s*>", " ", text)
    return _words(below_title).strip() or _words(text)


def _words(text: str) -> str:
    return html.unescape(re.sub(r"(?s)<[^>]*>", " ", text))


def without_user_data(text: str) -> str:
    """The cloud's words without user data, which Nova echoes when it doesn't like it."""
    return re.sub(r"(?is)(user_data\W+Value:).*", r"\1 (left out)", text)


def clean(message: str, hide: Iterable[str] = ()) -> str:
    """One paragraph for a reader: secrets masked, space collapsed, cut at a length that a page can show."""
    for secret in filter(None, hide):
        whole_word = r"(?<!\w){}(?!\w)" if len(secret) < SHORT_SECRET else "{}"
        message = re.sub(whole_word.format(re.escape(secret)), "[hidden]", message)
    message = " ".join(re.sub(r"<br\s*/?>", " ", message).split())
    return message if len(message) <= LONGEST_MESSAGE else message[: LONGEST_MESSAGE - 1] + "…"
