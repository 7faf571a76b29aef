"""A sandbox whose time only moves when told to, and somebody signed in to it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from portal.sandbox.app import Sandbox, create_sandbox
from portal.sandbox.control import Control
from portal.sandbox.settings import Settings

NOON = 1_790_000_000.0
SERVER = (Path(__file__).parents[2] / "contract" / "server.yaml").read_text()


@dataclass
class Ada:
    """A member of tenant-a, who asks without a network between."""

    sandbox: Sandbox
    user: str = "user-a"
    project: str = "tenant-a"
    token: str = ""
    user_id: str = ""
    project_id: str = ""
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(self.sandbox)
        if not self.token:
            self.sign_in(password(self.user, self.project))

    def sign_in(self, body: dict[str, Any]) -> None:
        """Take a new token. Fails the test when there is none."""
        answer = self.client.post("/identity/v3/auth/tokens", json=body)
        assert answer.status_code == 201, answer.text
        self.token = answer.headers["X-Subject-Token"]
        assert answer.json
        self.user_id = answer.json["token"]["user"]["id"]
        self.project_id = answer.json["token"]["project"]["id"]

    def ask(self, method: str, path: str, json: Any = None, **headers: str) -> TestResponse:
        """`path` with {project} and {user} filled in."""
        path = path.format(project=self.project_id, user=self.user_id)
        return self.client.open(
            path, method=method, json=json, headers={"X-Auth-Token": self.token, **headers}
        )

    def heat(self, method: str, path: str, json: Any = None) -> TestResponse:
        return self.ask(method, f"/orchestration/v1/{{project}}{path}", json)

    def launch(self, stack: str = "vm", *, template: Any = SERVER, **given: Any) -> TestResponse:
        """Ask for a stack, of the server template unless another is given."""
        usual = {
            "name": stack,
            "flavor": "m1.small",
            "image": "ubuntu-24.04",
            "network": "net-a",
            "ext": "public",
        }
        parameters = {**usual, **given} if template is SERVER else given
        body = {"stack_name": stack, "template": template, "parameters": parameters}
        return self.heat("POST", "/stacks", body)

    def stack(self, name: str = "vm") -> dict[str, Any]:
        """The stack of that name, deleted or not."""
        for stack in self.sandbox.control.stacks(self.project, deleted=True):
            if stack["name"] == name:
                answer = self.heat("GET", f"/stacks/{name}/{stack['id']}")
                assert answer.json
                return dict(answer.json["stack"])
        raise KeyError(name)

    def status(self, name: str = "vm") -> str:
        return str(self.stack(name)["stack_status"])

    def outputs(self, name: str = "vm") -> dict[str, Any]:
        return {output["output_key"]: output["output_value"] for output in self.stack(name)["outputs"]}

    def events(self, name: str = "vm") -> list[str]:
        """What happened, oldest first: "sg CREATE_COMPLETE"."""
        path = f"/stacks/{name}/{self.stack(name)['id']}/events?sort_dir=asc"
        events = self.heat("GET", path).json
        assert events
        return [f"{event['resource_name']} {event['resource_status']}" for event in events["events"]]

    def delete(self, name: str = "vm") -> TestResponse:
        return self.heat("DELETE", f"/stacks/{name}/{self.stack(name)['id']}")


def password(user: str, project: str) -> dict[str, Any]:
    domain = {"id": "default"}
    who = {"user": {"name": user, "domain": domain, "password": "lab"}}
    scope = {"project": {"name": project, "domain": domain}}
    return {"auth": {"identity": {"methods": ["password"], "password": who}, "scope": scope}}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    sandbox = create_sandbox(Settings(stack_seconds=10, clock=lambda: NOON))
    yield sandbox
    sandbox.close()


@pytest.fixture
def control(sandbox: Sandbox) -> Control:
    return sandbox.control


@pytest.fixture
def ada(sandbox: Sandbox) -> Ada:
    return Ada(sandbox)
