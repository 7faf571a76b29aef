"""One exchange over the network: timed out, observed, never logged, its silence turned into an error."""

from __future__ import annotations

import re
import ssl
import time
import uuid
from collections.abc import Callable
from typing import Any

import requests
from keystoneauth1 import exceptions as ksa_errors
from keystoneauth1 import session as ksa_session
from urllib3 import exceptions as urllib3_errors

from portal.openstack.access import Access, Call
from portal.openstack.errors import SAFE_METHODS, Answer, BadRequest, OpenStackError, Unavailable, from_answer

USER_AGENT = "portal"

_REQUEST_ID = re.compile(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WRONG_ADDRESS = (ValueError, ksa_errors.EndpointNotFound)
_NOT_CONNECTED = (urllib3_errors.NewConnectionError, urllib3_errors.ConnectTimeoutError)


class Wire(ksa_session.Session):
    """keystoneauth's session made strict. Signing in goes through it as well, so nothing goes around it."""

    def __init__(
        self, access: Access, observe: Callable[[Call], None], request_id: Callable[[], str | None]
    ) -> None:
        pem = access.ca_bundle if access.ca_bundle and "-----BEGIN" in access.ca_bundle else None
        super().__init__(
            verify=True if pem or not access.ca_bundle else access.ca_bundle, user_agent=USER_AGENT
        )
        if pem:
            self.mount("https://", _TrustingAdapter(pem))
        self._timeouts = (access.connect_timeout, access.read_timeout)
        self._observe = observe
        self._request_id = request_id
        self._secret = access.secret.secret

    def request(self, url: str, method: str, *args: Any, **kwargs: Any) -> requests.Response:
        """The answer, if its status is below 300, or 400 with `moved`. Raises OpenStackError otherwise."""
        service = kwargs.pop("service", "identity")
        hide = (self._secret, *kwargs.pop("hide", ()))
        highest = 399 if kwargs.pop("moved", False) else 299
        sent_id = global_request_id(self._request_id())
        kwargs.update(
            timeout=self._timeouts,
            global_request_id=sent_id,
            raise_exc=False,
            allow_reauth=False,
            redirect=False,
            connect_retries=0,
            status_code_retries=0,
            log=False,
        )
        started = time.monotonic()
        answered: tuple[int, str | None] = 0, None
        try:
            response = super().request(url, method, *args, **kwargs)
            answered = response.status_code, _answered_id(response)
        except (ksa_errors.ConnectionError, OSError, *_WRONG_ADDRESS) as error:
            raise _silence(error, service, method) from None
        finally:
            seconds = time.monotonic() - started
            self._observe(Call(service, method, _path(url), answered[0], seconds, answered[1], sent_id))
        if response.status_code > highest:
            text = response.content.decode(errors="replace")
            raise from_answer(Answer(service, method, *answered, text, hide))
        return response


class _TrustingAdapter(ksa_session.TCPKeepAliveAdapter):
    """Trusts the given PEM certificates besides the usual ones."""

    def __init__(self, pem: str) -> None:
        self._pem = pem
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        context = ssl.create_default_context()
        try:
            context.load_verify_locations(cadata=self._pem)
        except ssl.SSLError:
            raise BadRequest("The CA bundle cannot be read.", kind="SSLError") from None
        super().init_poolmanager(*args, ssl_context=context, **kwargs)


def global_request_id(wanted: str | None) -> str:
    """The id in the only form that OpenStack takes: a foreign one becomes the same id each time."""
    if wanted is None:
        return f"req-{uuid.uuid4()}"
    for form in (wanted, f"req-{wanted}"):
        if _REQUEST_ID.fullmatch(form):
            return form
    return f"req-{uuid.uuid5(uuid.NAMESPACE_OID, wanted)}"


def _path(url: str) -> str:
    """The URL's path, also of a URL that is none."""
    return "/" + url.partition("://")[2].partition("?")[0].partition("/")[2]


def _answered_id(response: requests.Response) -> str | None:
    headers = response.headers
    return headers.get("x-openstack-request-id") or headers.get("x-compute-request-id")


def _silence(error: Exception, service: str, method: str) -> OpenStackError:
    """Why there was no answer. keystoneauth hides the cause behind names of its own: it is looked up."""
    cause = error.__context__ if isinstance(error, ksa_errors.ConnectionError) else error
    if isinstance(cause, _WRONG_ADDRESS):
        return BadRequest("The address of the service is not one that can be called.", service=service)
    if not isinstance(cause, requests.exceptions.RequestException):
        return BadRequest("The CA bundle cannot be read.", service=service, kind=type(cause).__name__)
    words, sent, told_at_once = _what_happened(cause)
    changes = method not in SAFE_METHODS
    return Unavailable(
        words,
        maybe_done=changes and sent,
        told_at_once=told_at_once,
        service=service,
        kind=type(cause).__name__,
    )


def _what_happened(cause: requests.exceptions.RequestException) -> tuple[str, bool, bool]:
    """(words, whether the request may have been sent, whether it was told at once)."""
    if isinstance(cause, requests.exceptions.ConnectTimeout):
        return "The service could not be reached in time.", False, False
    if isinstance(cause, requests.exceptions.Timeout):
        return "The service did not answer in time.", True, False
    reason = getattr(cause.args[0] if cause.args else None, "reason", None)
    if isinstance(reason, _NOT_CONNECTED):
        return "The service could not be reached.", False, True
    if isinstance(cause, requests.exceptions.SSLError):
        untrusted = "CERTIFICATE_VERIFY_FAILED" in str(cause)
        words = "The service's certificate is not trusted." if untrusted else "The TLS connection failed."
        return words, not untrusted, not untrusted
    return "The connection broke before the answer was complete.", True, True
