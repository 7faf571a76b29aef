"""Faults: what goes wrong on purpose, with which call, how often."""

import re
import threading
import time
from dataclasses import asdict, dataclass
from typing import Any

from werkzeug.wrappers import Response

from portal.sandbox.wire import UNAUTHENTICATED, answer, page

KINDS = frozenset({"delay", "hang", "status", "drop_before", "drop_after", "hang_after", "double"})


class Dropped(Exception):
    """The connection is to be closed without an answer."""


@dataclass
class Fault:
    """What goes wrong with calls of `method` to `service` whose path (below the service's prefix) matches.

    delay: the call works `seconds` late. hang, hang_after: no answer for `seconds` (0: for ever), then a
    closed connection; the effect never happens, or has happened. status: an error without effect.
    drop_before, drop_after: closed at once before or after the effect. double: the request arrives twice, as
    through a proxy that repeats it, and the second one is answered. The first `skip` calls that match are
    let through, then `times` are hit (0: all).
    """

    kind: str
    method: str = ""
    service: str = ""
    path_regex: str = ""
    status: int = 500
    seconds: float = 0.0
    times: int = 1
    skip: int = 0
    hits: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is no kind of fault: {', '.join(sorted(KINDS))}")
        re.compile(self.path_regex)

    def concerns(self, service: str, method: str, path: str) -> bool:
        return (
            self.service in ("", service)
            and self.method in ("", method)
            and re.search(self.path_regex, path) is not None
        )

    @property
    def is_spent(self) -> bool:
        return self.times > 0 and self.hits >= self.times


class Faults:
    """The faults that are set, and a bell that wakes whatever hangs when they are cleared."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._bell = threading.Event()

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Forget all faults; calls that hang are dropped now."""
        with self._lock:
            self._faults.clear()
            bell, self._bell = self._bell, threading.Event()
        bell.set()

    def listed(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._faults]

    def strike(self, service: str, method: str, path: str) -> Fault | None:
        """The fault that hits this call, if one does."""
        with self._lock:
            for fault in self._faults:
                if fault.is_spent or not fault.concerns(service, method, path):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.hits += 1
                return fault
        return None

    def before(self, fault: Fault | None, service: str) -> Response | None:
        """What happens before the effect: perhaps an answer. Raises Dropped."""
        if fault is None:
            return None
        if fault.kind == "delay":
            time.sleep(fault.seconds)
        elif fault.kind == "hang":
            self._bell.wait(fault.seconds or None)
            raise Dropped
        elif fault.kind == "drop_before":
            raise Dropped
        elif fault.kind == "status":
            return _error(fault.status, service)
        return None

    def after(self, fault: Fault | None) -> None:
        """What happens after the effect. Raises Dropped."""
        if fault and fault.kind == "hang_after":
            self._bell.wait(fault.seconds or None)
            raise Dropped
        if fault and fault.kind == "drop_after":
            raise Dropped


_HEAT = {
    500: ("Internal Server Error", "RemoteError"),
    409: ("Conflict", "ActionInProgress"),
    404: ("Not Found", "EntityNotFound"),
    403: ("Forbidden", "Forbidden"),
    401: ("Unauthorized", ""),
    400: ("Bad Request", "HTTPBadRequest"),
}
_NOVA = {
    400: "badRequest",
    403: "forbidden",
    404: "itemNotFound",
    409: "conflictingRequest",
    413: "overLimit",
}
_WORDS = "Set on purpose."


def _error(status: int, service: str) -> Response:
    """An error in the form this service gives it."""
    if status == 503:
        words = "The server is currently unavailable. Please try again at a later time.<br /><br />"
        return page(503, f"{words}\nThe Keystone service is temporarily unavailable.")
    if service == "image":
        return page(status, _WORDS)
    title, kind = _HEAT.get(status, ("Error", "HTTPError"))
    error = {"type": kind, "traceback": None, "message": _WORDS}
    bodies = {
        "orchestration": {"code": status, "title": title, "explanation": _WORDS, "error": error},
        "compute": {_NOVA.get(status, "computeFault"): {"code": status, "message": _WORDS}},
        "network": {"NeutronError": {"type": "SetOnPurpose", "message": _WORDS, "detail": ""}},
    }
    general = {
        "error": {"code": status, "message": UNAUTHENTICATED if status == 401 else _WORDS, "title": title}
    }
    return answer(status, general if status == 401 else bodies.get(service, general))
