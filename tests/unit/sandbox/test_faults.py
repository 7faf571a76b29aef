"""Faults on a real port: late, never, wrong, and dropped before or after the effect."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
import requests

from portal.sandbox.app import Sandbox, create_sandbox
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from portal.sandbox.server import Handle, serve
from portal.sandbox.settings import Settings
from tests.unit.sandbox.conftest import password

NONE = {"heat_template_version": "2018-08-31", "resources": {"one": {"type": "OS::Heat::None"}}}


@pytest.fixture
def cloud() -> Iterator[Sandbox]:
    sandbox = create_sandbox(Settings(stack_seconds=0))
    yield sandbox
    sandbox.close()


@pytest.fixture
def control(cloud: Sandbox) -> Control:
    return cloud.control


@pytest.fixture
def handle(cloud: Sandbox) -> Iterator[Handle]:
    handle = serve(cloud)
    yield handle
    cloud.faults.clear()
    handle.close()


class Caller:
    """Somebody with a connection."""

    def __init__(self, handle: Handle) -> None:
        self.session = requests.Session()
        answer = self.session.post(
            f"{handle.auth_url}/auth/tokens", json=password("user-a", "tenant-a"), timeout=5
        )
        self.session.headers["X-Auth-Token"] = answer.headers["X-Subject-Token"]
        project = answer.json()["token"]["project"]["id"]
        self.heat = f"{handle.url}/orchestration/v1/{project}"
        self.url = handle.url

    def create(self, name: str, timeout: float = 5) -> requests.Response:
        return self.session.post(
            f"{self.heat}/stacks", json={"stack_name": name, "template": NONE}, timeout=timeout
        )

    def list(self) -> requests.Response:
        return self.session.get(f"{self.heat}/stacks", timeout=5)


@pytest.fixture
def caller(handle: Handle) -> Iterator[Caller]:
    caller = Caller(handle)
    yield caller
    caller.session.close()


def test_a_status_without_an_effect(caller: Caller, control: Control) -> None:
    control.faults.add(Fault("status", "POST", "orchestration", "/stacks$", status=409))
    answer = caller.create("vm")
    assert answer.status_code == 409
    assert answer.json()["error"]["type"] == "ActionInProgress"
    assert control.stack_names("tenant-a") == []
    assert caller.create("vm").status_code == 201


@pytest.mark.parametrize("service", ["orchestration", "compute", "network", "image", "identity"])
def test_each_service_fails_in_its_own_words(caller: Caller, control: Control, service: str) -> None:
    paths = {"orchestration": "/v1/p/stacks", "compute": "/v2.1/servers", "network": "/v2.0/networks"}
    control.faults.add(Fault("status", service=service, times=2, status=500))
    control.faults.add(Fault("status", service=service, times=1, status=401))
    url = f"{caller.url}/{service}{paths.get(service, '/v2/images')}"
    answers = [caller.session.get(url, timeout=5) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [500, 500, 401]
    assert answers[0].text == answers[1].text
    assert "Set on purpose." in answers[0].text


def test_dropped_before_the_effect(caller: Caller, control: Control) -> None:
    control.faults.add(Fault("drop_before", "POST", "orchestration"))
    with pytest.raises(requests.ConnectionError):
        caller.create("vm")
    assert control.stack_names("tenant-a") == []


def test_dropped_after_the_effect(caller: Caller, control: Control) -> None:
    control.faults.add(Fault("drop_after", "POST", "orchestration"))
    with pytest.raises(requests.ConnectionError):
        caller.create("vm")
    assert control.stack_names("tenant-a") == ["vm"]
    assert caller.create("vm").status_code == 409


@pytest.mark.parametrize(("kind", "left"), [("hang", []), ("hang_after", ["vm"])])
def test_no_answer_at_all(caller: Caller, control: Control, kind: str, left: list[str]) -> None:
    control.faults.add(Fault(kind, "POST", "orchestration"))
    with pytest.raises(requests.Timeout):
        caller.create("vm", timeout=0.3)
    assert control.stack_names("tenant-a") == left
    assert caller.list().status_code == 200


def test_clearing_the_faults_ends_a_hang(caller: Caller, control: Control) -> None:
    control.faults.add(Fault("hang", "GET", "orchestration"))
    threading.Timer(0.2, control.faults.clear).start()
    with pytest.raises(requests.ConnectionError):
        caller.list()


def test_a_delay_is_only_late(caller: Caller, control: Control) -> None:
    control.faults.add(Fault("delay", "GET", "orchestration", seconds=0.3))
    start = time.monotonic()
    assert caller.list().status_code == 200
    assert time.monotonic() - start >= 0.3


def test_some_calls_are_let_through_first_and_some_hit(caller: Caller, control: Control) -> None:
    fault = control.faults.add(Fault("status", "GET", "orchestration", "/stacks$", skip=2, times=2))
    assert [caller.list().status_code for _ in range(6)] == [200, 200, 500, 500, 200, 200]
    assert fault.hits == 2


def test_a_fault_without_an_end(caller: Caller, control: Control) -> None:
    control.faults.add(Fault("status", service="orchestration", times=0))
    assert {caller.list().status_code for _ in range(5)} == {500}
    control.faults.clear()
    assert caller.list().status_code == 200


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no kind of fault"):
        Fault("explode")


def test_everything_can_be_steered_over_http(caller: Caller, control: Control) -> None:
    def order(method: str, command: str, /, **body: object) -> requests.Response:
        return caller.session.request(method, f"{caller.url}/_sandbox/{command}", json=body, timeout=5)

    assert order("POST", "faults", kind="status", method="GET", status=503).json() == {"ok": True}
    assert order("GET", "faults").json()["faults"][0]["status"] == 503
    assert caller.list().status_code == 503
    order("DELETE", "faults")
    order("POST", "configure", stack_seconds=50)
    caller.create("vm")
    assert order("GET", "stacks?project=tenant-a").json()["stacks"][0]["status"] == "CREATE_IN_PROGRESS"
    order("POST", "advance", seconds=60)
    assert order("GET", "stacks?project=tenant-a").json()["stacks"][0]["status"] == "CREATE_COMPLETE"
    assert order("GET", "state").json()["counts"]["stack"] == 1
    assert order("POST", "quota", project="tenant-a", cores=1).status_code == 200
    assert order("POST", "faults", kind="explode").status_code == 400
    assert order("POST", "configure", nope=1).status_code == 400
    assert order("POST", "nope").status_code == 404
    order("POST", "reset")
    assert control.stack_names("tenant-a") == []
    assert caller.list().status_code == 401


def test_the_server_is_on_loopback_only_and_frees_its_port(cloud: Sandbox) -> None:
    handle = serve(cloud)
    assert handle.url.startswith("http://127.0.0.1:")
    port = handle.port
    handle.close()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    again = serve(cloud, port)
    again.close()


def test_the_program_ends_on_sigterm_and_keeps_its_state(tmp_path: object) -> None:
    def start() -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-m", "portal.sandbox", "--port", "0", "--state", str(tmp_path)]
        process = subprocess.Popen([*command, "--stack-seconds", "0"], stderr=subprocess.PIPE, text=True)
        assert process.stderr
        return process, process.stderr.readline().split()[-1]

    process, address = start()
    try:
        answer = requests.post(f"{address}/auth/tokens", json=password("user-a", "tenant-a"), timeout=5)
    finally:
        process.terminate()
        _out, rest = process.communicate(timeout=10)
    assert (process.returncode, rest) == (0, "")
    process, address = start()
    try:
        headers = {"X-Auth-Token": answer.headers["X-Subject-Token"]}
        assert requests.get(f"{address}/auth/projects", headers=headers, timeout=5).status_code == 200
    finally:
        process.terminate()
        process.communicate(timeout=10)
