"""A cloud made of prepared answers, on a real port: what goes over the wire is what a real one sends."""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PROJECT = "b57f706a3d914bfd80cb66fcc978ee86"
USER = "74386acf1fa54e1591a383f6d4769fa4"
REQUEST_ID = "req-ee300e98-7637-4200-bc72-014a03b17eff"

UNAUTHORIZED = {
    "error": {
        "code": 401,
        "message": "The request you have made requires authentication.",
        "title": "Unauthorized",
    }
}


@dataclass(frozen=True)
class Asked:
    """A request as it came in; header names in lower case."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: Any

    @property
    def token(self) -> str:
        return self.headers.get("x-auth-token", "")


@dataclass(frozen=True)
class Reply:
    """An answer. `fault` is "" for a whole one, else "hang", "drop" or "cut"."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""

    @property
    def content(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


HANG = Reply(fault="hang")
DROP = Reply(fault="drop")
CUT = Reply({"stacks": []}, fault="cut")

Answer = Reply | Callable[[Asked], Reply]


def page(status: int, words: str) -> Reply:
    """An error as web servers and Glance write it."""
    text = f"<html><head><title>x</title></head><body><h1>{status} Words</h1>{words}<br /></body></html>"
    return Reply(text, status, {"Content-Type": "text/html; charset=UTF-8"})


class FakeCloud:
    """All services on one port under prefixes. Signing in works unless it is told otherwise."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self.tokens = 0
        self.token_life = timedelta(hours=1)
        self.catalogue_region = "RegionOne"
        self.credential: Mapping[str, Any] | None = {"id": "cred-1", "name": "portal", "restricted": True}
        self._answers: list[tuple[str, str, list[Answer]]] = []
        self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        scheme = "http"
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.answers("POST", "/identity/v3/auth/tokens", self.sign_in)
        self.answers("GET", "/identity/v3/auth/tokens", Reply({"token": {}}))

    def close(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answers(self, method: str, path: str, *replies: Answer) -> None:
        """What to answer, one after the other; the last one stays. The newest rule for a path counts."""
        self._answers.insert(0, (method, path, list(replies)))

    def requests(self, path: str = "", method: str = "") -> list[Asked]:
        """What was asked below the path, signing in aside unless it is named."""
        return [
            asked
            for asked in self.asked
            if path in asked.path
            and method in asked.method
            and (path or not asked.path.endswith("/auth/tokens"))
        ]

    @property
    def sign_ins(self) -> int:
        return len(self.requests("/auth/tokens", "POST"))

    def _reply(self, asked: Asked) -> Reply:
        for method, path, replies in self._answers:
            if method == asked.method and re.fullmatch(path, asked.path):
                answer = replies.pop(0) if len(replies) > 1 else replies[0]
                return answer if isinstance(answer, Reply) else answer(asked)
        return Reply(
            {"error": {"message": f"no answer prepared for {asked.path}", "type": "Unprepared"}}, 404
        )

    def sign_in(self, _asked: Asked) -> Reply:
        self.tokens += 1
        body = token_body(self.url, self.token_life, self.catalogue_region, self.credential)
        return Reply(body, 201, {"X-Subject-Token": f"token-{self.tokens}"})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                url = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                text = self.rfile.read(length)
                asked = Asked(
                    self.command,
                    url.path,
                    parse_qs(url.query),
                    {name.lower(): value for name, value in self.headers.items()},
                    json.loads(text) if text else None,
                )
                cloud.asked.append(asked)
                self._send(cloud._reply(asked))

            def _send(self, reply: Reply) -> None:
                if reply.fault == "hang":
                    cloud._over.wait(10)
                if reply.fault in ("hang", "drop"):
                    return
                extra = 10 if reply.fault == "cut" else 0
                self.send_response(reply.status)
                headers = {
                    "Content-Type": "application/json",
                    "x-openstack-request-id": REQUEST_ID,
                    **reply.headers,
                }
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.content) + extra))
                self.end_headers()
                self.wfile.write(reply.content)

            def log_message(self, *_args: object) -> None:
                """Silent: a test says what it wants to know."""

            do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - the names http.server looks for

        return Handler


def token_body(
    url: str, life: timedelta, region: str = "RegionOne", credential: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A token's body as Keystone 30 answers it, the catalogue pointing at the fake cloud."""
    now = datetime.now(UTC)
    services = {
        "identity": f"{url}/identity/v3",
        "orchestration": f"{url}/orchestration/v1/{PROJECT}",
        "compute": f"{url}/compute/v2.1",
        "network": f"{url}/network",
        "image": f"{url}/image",
    }
    token: dict[str, Any] = {
        "methods": ["application_credential"],
        "user": {"domain": {"id": "default", "name": "Default"}, "id": USER, "name": "user-a"},
        "expires_at": _text(now + life),
        "issued_at": _text(now),
        "project": {"domain": {"id": "default", "name": "Default"}, "id": PROJECT, "name": "tenant-a"},
        "roles": [{"id": "1", "name": "reader"}, {"id": "2", "name": "member"}],
        "catalog": [
            {
                "type": kind,
                "name": kind,
                "id": kind,
                "endpoints": [
                    {"id": kind, "interface": "public", "region_id": region, "region": region, "url": where}
                ],
            }
            for kind, where in services.items()
        ],
    }
    if credential:
        token["application_credential"] = dict(credential)
    return {"token": token}


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
