"""`make run`: one command brings everything up, keeps it up, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portal.cli.home import ROOT, CantRun, Home, is_free
from tests.support import running
from tests.support.running import Running


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def portal(data: Path) -> Iterator[Running]:
    with running.portal(data) as portal:
        yield portal


def until(condition: Callable[[], object], *, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def test_it_brings_everything_up_keeps_it_up_and_leaves_nothing(portal: Running) -> None:
    # It tells where the page is and who may sign in.
    assert any(portal.url in line for line in portal.said)
    assert any("ada@example.org" in line for line in portal.said)
    assert answers(f"{portal.url}/readyz")
    # What is secret is readable by its owner only.
    for name in ("secret_key", "master_keys", "metrics_token"):
        assert (portal.home.path / name).stat().st_mode & 0o777 == 0o600

    # A part that is killed comes back by itself.
    clock = next(pid for pid, name in portal.processes().items() if name == "clock")
    os.kill(clock, signal.SIGKILL)
    until(lambda: clock not in portal.processes() and "clock" in portal.processes().values())

    # A second one in the same folder says what is wrong.
    second = subprocess.run(
        [sys.executable, "-m", "portal.cli.run", "up", "--data", str(portal.home.path.parent)],
        cwd=ROOT,
        env=running.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert second.returncode == 1
    assert "The portal runs already" in second.stderr

    children = portal.processes()
    assert len(children) >= 7  # queue, sandbox, two workers, clock, web with its two
    assert portal.stop() == 0
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    assert is_free(portal.port)


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGHUP])
def test_it_starts_again_with_its_data_and_ends_by_any_polite_signal(
    portal: Running, sign: signal.Signals
) -> None:
    assert portal.seconds < 30
    children = portal.processes()
    assert portal.stop(sign) == 0
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def test_a_taken_port_is_said_plainly(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(AssertionError, match=f"Port {port} is taken by another program"):
            running.start(tmp_path, port=port)


def test_a_broken_setting_ends_it_with_the_reason_and_nothing_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    with pytest.raises(AssertionError, match="LOG_LEVEL is wrong: it is DEBUG, INFO, WARNING or ERROR"):
        running.start(tmp_path)


def test_settings_of_the_environment_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/portal")
    monkeypatch.setenv("SECRET_KEY", "x" * 40)
    home = Home.of("sandbox", tmp_path)
    environment = home.environment()
    assert environment["DATABASE_URL"] == "postgresql://elsewhere/portal"
    assert "SECRET_KEY_FILE" not in environment
    assert environment["REDIS_URL"] == f"unix://{home.socket}"


def test_a_folder_with_a_long_name_gets_its_socket_elsewhere(tmp_path: Path) -> None:
    home = Home.of("sandbox", tmp_path / ("deep" * 30))
    assert len(bytes(home.socket)) < 100
    assert home.socket.parent.stat().st_mode & 0o777 == 0o700
    assert Home.of("sandbox", tmp_path / ("deep" * 30)).socket == home.socket
    home.socket.parent.rmdir()


def test_the_sandbox_keeps_its_port_while_that_is_free(tmp_path: Path) -> None:
    home = Home.of("sandbox", tmp_path)
    port = home.sandbox_port()
    assert home.sandbox_port() == port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert home.sandbox_port() != port


def test_one_folder_is_held_by_one_run(tmp_path: Path) -> None:
    home = Home.of("sandbox", tmp_path)
    with home.held(), pytest.raises(CantRun, match="runs already"), home.held():
        pass
    with home.held():
        pass


def test_nothing_survives_a_killed_supervisor(portal: Running) -> None:
    children = portal.processes()
    portal.process.kill()
    portal.process.wait()
    until(lambda: not [pid for pid in children if Path(f"/proc/{pid}").exists()])
