"""The wire: a request as the services see it, their routes, and answers with the headers OpenStack sends."""

import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Map, RequestRedirect, Rule
from werkzeug.wrappers import Request, Response

from portal.sandbox.state import Row, World

JSON = "application/json"
HTML = "text/html; charset=UTF-8"
UNAUTHENTICATED = "The request you have made requires authentication."


class Refused(Exception):
    """A handler's way to end early with an answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


@dataclass
class Asked:
    """One request. `root` is the service's own address, as its links must show it."""

    request: Request
    world: World
    root: str
    path: str
    token: Row = field(default_factory=dict)

    @property
    def project(self) -> str:
        """The project of the token, or "" for an unscoped one."""
        return str(self.token.get("project_id") or "")

    @property
    def is_admin(self) -> bool:
        return "admin" in self.token["roles"]

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.args

    def queries(self, key: str) -> list[str]:
        return self.request.args.getlist(key)

    def body(self) -> Any:
        """The JSON body. Raises ValueError for what is not JSON."""
        raw = self.request.get_data()
        return json.loads(raw) if raw else {}


Handler = Callable[..., Response]


def answer(
    status: int, body: Any = None, *, headers: Mapping[str, str] | None = None, content_type: str = JSON
) -> Response:
    """An answer; no body means no content type either."""
    if body is None:
        response = Response(status=status)
        response.headers.pop("Content-Type")
    else:
        text = body if isinstance(body, str) else json.dumps(body)
        response = Response(text, status=status, content_type=content_type)
    response.headers.update(headers or {})
    return response


def page(status: int, words: str, **headers: str) -> Response:
    """The small HTML page that WebOb makes where a service has nothing better to say."""
    title = f"{status} {HTTPStatus(status).phrase}"
    text = (
        f"<html>\n <head>\n  <title>{title}</title>\n </head>\n <body>\n"
        f"  <h1>{title}</h1>\n  {words}\n\n\n </body>\n</html>"
    )
    return answer(status, text, headers=headers, content_type=HTML)


def request_id() -> str:
    return f"req-{uuid.uuid4()}"


class Service:
    """One of the five APIs: its routes below its prefix, and how it says no.

    `prepare` is called before a handler and may refuse; `finish` adds what every answer carries.
    """

    def __init__(self, name: str, prefix: str, *, lost: Callable[[str], Response]) -> None:
        self.name = name
        self.prefix = prefix
        self.prepare: Callable[[Asked], None] = lambda _asked: None
        self.finish: Callable[[Asked, Response], None] = lambda _asked, _response: None
        self._lost = lost
        self._rules: list[Rule] = []
        self._handlers: dict[str, tuple[Handler, bool]] = {}
        self._map: Map | None = None

    def route(self, method: str, *paths: str, public: bool = False) -> Callable[[Handler], Handler]:
        """Register a handler; a public one is called without a token."""

        def register(handler: Handler) -> Handler:
            for path in paths:
                endpoint = f"{method} {path}"
                self._rules.append(Rule(path, methods=[method], endpoint=endpoint))
                self._handlers[endpoint] = (handler, public)
            return handler

        return register

    def find(self, method: str, path: str) -> tuple[Handler, bool, dict[str, Any]]:
        """The handler, whether it is public, and its arguments. Raises Refused for an unknown path."""
        if self._map is None:
            self._map = Map(self._rules, strict_slashes=False, merge_slashes=False)
        try:
            endpoint, arguments = self._map.bind("sandbox").match(path, method)
        except (NotFound, MethodNotAllowed, RequestRedirect) as error:
            raise Refused(self._lost(path)) from error
        handler, public = self._handlers[endpoint]
        return handler, public, dict(arguments)


def truth(text: str) -> bool:
    """A boolean in a query, as oslo's strutils reads it."""
    return text.strip().lower() in {"1", "t", "true", "on", "y", "yes"}


def is_uuid(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", text) is not None
