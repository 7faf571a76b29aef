"""Child processes: kept running while they should, and none left when they should not."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portal.cli.processes import Program, python, spawn, stop

SLEEPS = [sys.executable, "-c", "import time; time.sleep(60)"]
# A child that takes no request to end, with a child of its own; it prints that one's process id.
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, subprocess, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid, flush=True)\n"
    "time.sleep(60)",
]


def is_alive(pid: int) -> bool:
    """Whether the process runs: neither gone nor only waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(condition: Callable[[], object], *, seconds: float = 10.0) -> None:
    """Waits until the callable says yes."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    program = Program("sleeper", SLEEPS, os.environ, tmp_path / "log" / "sleeper.log")
    yield program
    stop([program], patience=0)


def test_a_program_that_ended_is_started_again_and_later_each_time(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr("portal.cli.processes.time.monotonic", lambda: clock[0])
    said: list[str] = []
    program.command = [sys.executable, "-c", "raise SystemExit(3)"]
    program.start()
    for pause in (0.5, 1.0, 2.0):
        assert program.process
        program.process.join()
        program.look_after(said.append)
        assert f"ended (status 3); starting it again in {pause:g} s" in said[-1]
        ended = program.process
        clock[0] += pause - 0.1
        program.look_after(said.append)
        assert program.process is ended
        clock[0] += 0.1
        program.look_after(said.append)
        assert program.process is not ended
    assert len(said) == 3


def test_a_long_steady_run_makes_earlier_ends_forgotten(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr("portal.cli.processes.time.monotonic", lambda: clock[0])
    said: list[str] = []
    program.ends = 6
    program.start()
    clock[0] += 61
    assert program.process
    program.process.kill()
    program.process.join()
    program.look_after(said.append)
    assert "starting it again in 0.5 s" in said[-1]


def test_stopping_leaves_nothing_of_a_program_behind(program: Program) -> None:
    program.command = STUBBORN
    program.start()
    until(lambda: program.log.read_text().strip())
    grandchild = int(program.log.read_text())
    assert is_alive(grandchild)
    stop([program], patience=0.1)
    assert not program.is_running
    until(lambda: not is_alive(grandchild))


def test_a_child_ends_with_its_parent_even_when_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, sys, time\n"
        "from portal.cli.processes import spawn\n"
        f"child = spawn('sleeper', {SLEEPS!r}, os.environ, sys.stderr.buffer, sys.stderr.buffer)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    child = int(parent.stdout.readline())
    assert is_alive(child)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    until(lambda: not is_alive(child))


def test_a_ctrl_c_at_the_terminal_does_not_reach_the_children(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        child = spawn("sleeper", SLEEPS, os.environ, log, log)
    assert child.pid
    until(lambda: os.getpgid(child.pid or 0) == child.pid)
    child.kill()
    child.join()


def test_a_module_runs_in_a_fork_as_python_m_would_run_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output:
        child = spawn("told", python("base64", "-t"), {"ONLY": "this"}, output, output)
    child.join()
    assert child.exitcode == 0
    assert "b'Aladdin:open sesame'" in log.read_text()


def test_a_module_that_fails_ends_with_its_own_status(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as output:
        child = spawn("wrong", python("base64", "--no-such-option"), os.environ, output, output)
    child.join()
    assert child.exitcode == 2


def test_a_log_begins_anew_when_it_has_grown_long(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.cli.processes.LOG_LIMIT", 10)
    program.log.parent.mkdir()
    program.log.write_text("x" * 11)
    program.start()
    assert program.log.read_text() == ""
