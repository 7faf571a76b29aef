"""Asking a cloud: sign in, find its services by its catalogue, put a question, keep the answer's shape."""

import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.contract.shapes import Scrubber, Shape

TEMPLATE = (Path(__file__).parent / "server.yaml").read_text()
PATIENCE = 90.0
PASSWORD = "lab"


@dataclass(frozen=True)
class Address:
    """Where a cloud is; both have the people, networks, images and flavors of the lab."""

    name: str
    auth_url: str


LAB = Address("lab", os.environ.get("LAB_AUTH_URL", "http://127.0.0.1:5000/v3"))


@dataclass
class Person:
    """Somebody signed in to a project."""

    token: str
    user_id: str
    project_id: str
    roots: dict[str, str]
    body: dict[str, Any] = field(default_factory=dict)


class Asker:
    """Puts questions to one cloud. `answers` holds the shape of each, by the question's name."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.run = f"c{uuid.uuid4().hex[:8]}"
        self.answers: dict[str, Shape] = {}
        self._session = requests.Session()
        self.ada = self.sign_in("user-a", "tenant-a")
        self.ben = self.sign_in("user-b", "tenant-b")
        self.reader = self.sign_in("reader-a", "tenant-a")
        words = {root.rstrip("/"): f"<{service}>" for service, root in self._service_roots().items()}
        self._scrubber = Scrubber(
            {**words, self.run: "<run>", address.auth_url.removesuffix("/v3"): "<identity>"}
        )

    def _service_roots(self) -> dict[str, str]:
        """The address of each service without its version and project."""
        roots = {}
        for service, url in self.ada.roots.items():
            roots[service] = url.removesuffix(self.ada.project_id).rstrip("/")
            for version in ("/v1", "/v2.1", "/v3"):
                roots[service] = roots[service].removesuffix(version)
        return roots

    def sign_in(self, user: str, project: str) -> Person:
        """Sign in with the demo password."""
        response = self._session.post(
            f"{self.address.auth_url}/auth/tokens", json=by_password(user, project), timeout=30
        )
        response.raise_for_status()
        return self.person(response)

    def close(self) -> None:
        """Hang up."""
        self._session.close()

    def person(self, response: requests.Response) -> Person:
        """Who a token was given to."""
        body = response.json()["token"]
        roots = {
            entry["type"]: next(e["url"] for e in entry["endpoints"] if e["interface"] == "public")
            for entry in body.get("catalog", [])
        }
        project = body.get("project", {}).get("id", "")
        return Person(response.headers["X-Subject-Token"], body["user"]["id"], project, roots, body)

    def ask(
        self,
        question: str,
        method: str,
        address: str,
        *,
        by: Person | None = None,
        free: str = "",
        **options: Any,
    ) -> requests.Response:
        """Put a question once and keep its answer's shape. `address` is "service /path" by the catalogue."""
        response = self.send(method, address, by=by, **options)
        if question in self.answers:
            raise ValueError(f"{question!r} is asked twice")
        self.answers[question] = self._scrubber.answer(response, free=frozenset(free.split()))
        return response

    def send(
        self, method: str, address: str, *, by: Person | None = None, **options: Any
    ) -> requests.Response:
        """The same without keeping anything."""
        service, _, path = address.partition(" ")
        person = by or self.ada
        root = self.address.auth_url if service == "identity" else person.roots[service]
        headers = {"X-Auth-Token": person.token, **options.pop("headers", {})}
        return self._session.request(
            method,
            root.rstrip("/") + path,
            headers={k: v for k, v in headers.items() if v},
            allow_redirects=False,
            timeout=PATIENCE,
            **options,
        )

    def plain(self, text: str) -> str:
        """A text without ids, times and this run's names."""
        return self._scrubber.text(text)

    def root(self, service: str) -> str:
        """A service's address without version."""
        return self._service_roots()[service]

    def name(self, word: str) -> str:
        """A name that nobody else uses."""
        return f"{self.run}-{word}"

    def until(self, what: str, holds: Callable[[], Any]) -> Any:
        """Wait for something to hold."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = holds()
            if found:
                return found
            time.sleep(0.2)
        raise TimeoutError(f"{what} did not happen within {PATIENCE:g} s on {self.address.name}")

    def stack(self, word: str, **changes: Any) -> dict[str, Any]:
        """The body of a create."""
        name = self.name(word)
        given = {
            "name": name,
            "flavor": "m1.small",
            "image": "ubuntu-24.04",
            "network": "net-a",
            "ext": "public",
        }
        body = {
            "stack_name": name, "template": TEMPLATE, "parameters": given, "timeout_mins": 30,
            "tags": f"{self.run},{word}",
        }  # fmt: skip
        return {**body, **changes}

    def state(self, path: str) -> dict[str, Any]:
        """A stack by "/stacks/NAME/ID", without its outputs."""
        response = self.send("GET", f"orchestration {path}?resolve_outputs=False")
        body: dict[str, Any] = response.json()
        return dict(body.get("stack", {"stack_status": response.status_code}))

    def settled(self, path: str) -> dict[str, Any]:
        """Wait until nothing is in progress any more."""

        def holds() -> dict[str, Any] | None:
            state = self.state(path)
            return None if str(state["stack_status"]).endswith("IN_PROGRESS") else state

        return dict(self.until(f"the end of {path}", holds))

    def gone(self, path: str) -> None:
        """Delete a stack until it is gone: a delete may fail, and succeed when tried again."""

        def holds() -> bool:
            state = self.state(path)
            status = str(state["stack_status"])
            if not status.startswith("DELETE") or status == "DELETE_FAILED":
                self.send("DELETE", f"orchestration {path}")
            # For a moment the status says so of a stack that is still there.
            return status == "DELETE_COMPLETE" and bool(state["deletion_time"])

        self.until(f"the deletion of {path}", holds)


def by_password(user: str, project: str | None, password: str = PASSWORD) -> dict[str, Any]:
    """The body of a sign-in."""
    domain = {"name": "Default"}
    who = {"user": {"name": user, "domain": domain, "password": password}}
    auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": who}}
    if project:
        auth["scope"] = {"project": {"name": project, "domain": domain}}
    return {"auth": auth}


def by_credential(credential: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The same with an application credential."""
    given = {"id": credential["id"], "secret": credential["secret"], **changes}
    return {"auth": {"identity": {"methods": ["application_credential"], "application_credential": given}}}
