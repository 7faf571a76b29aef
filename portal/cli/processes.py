"""Child processes: started, kept running, and all of them stopped again."""

import contextlib
import ctypes
import multiprocessing
import os
import runpy
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15
_OURS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LONGEST_PAUSE = 30.0  # seconds between two starts of a program that won't stay up
STEADY = 60.0  # seconds of running after which earlier ends are forgotten
NOBODY = 2**22 + 1  # above the highest process id there is
LOG_LIMIT = 5_000_000  # bytes after which a log begins anew at the next start


def python(module: str, *arguments: str) -> list[str]:
    """The command `python -m module …`."""
    return [sys.executable, "-m", module, *arguments]


def die_with_parent(sign: signal.Signals, parent: int) -> None:
    """Called in a forked child: the kernel sends it the signal when its parent ends, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(sign))
        if os.getppid() != parent:
            os.kill(os.getpid(), sign)


def spawn(
    name: str, command: Sequence[str], environment: Mapping[str, str], output: IO[bytes], errors: IO[bytes]
) -> BaseProcess:
    """Starts a command in a session of its own, so that a Ctrl-C reaches only us and we end it in order.

    `python -m …` runs in a fork of this process: what is imported here need not be read again, and reading is
    most of the time that a start takes.
    """
    streams = (output.fileno(), errors.fileno())
    process = multiprocessing.get_context("fork").Process(
        target=_become, args=(name, list(command), dict(environment), streams, os.getpid())
    )
    process.start()
    return process


def _become(
    name: str, command: list[str], environment: dict[str, str], streams: tuple[int, int], parent: int
) -> None:
    os.setsid()
    die_with_parent(signal.SIGTERM, parent)
    for sign in _OURS:
        signal.signal(sign, signal.SIG_DFL)
    for stream, number in zip(streams, (1, 2), strict=True):
        os.dup2(stream, number)
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
    os.environ.clear()
    os.environ.update(environment)
    if command[:2] != python("")[:2]:
        os.execve(command[0], command, environment)  # noqa: S606 - our own programs, named by us
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode()[:15])
    sys.argv = command[2:]
    runpy.run_module(command[2], run_name="__main__", alter_sys=True)


@dataclass
class Program:
    """One program that should run for as long as we do."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    log: Path
    process: BaseProcess | None = None
    started_at: float = 0.0
    start_again_at: float = 0.0
    ends: int = 0  # without a steady run between them

    def start(self) -> None:
        """Starts it, its output going to its log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.unlink()
        with self.log.open("ab") as output:
            self.process = spawn(self.name, self.command, self.environment, output, output)
        self.started_at = time.monotonic()

    @property
    def is_running(self) -> bool:
        """Whether the process is there now."""
        return self.process is not None and self.process.is_alive()

    def look_after(self, say: Callable[[str], None]) -> None:
        """Starts it again when it ended, later each time."""
        if self.process is None or self.process.is_alive():
            return
        now = time.monotonic()
        if not self.start_again_at:
            self.ends = 1 if now - self.started_at > STEADY else self.ends + 1
            pause = min(LONGEST_PAUSE, 0.5 * 2 ** (self.ends - 1))
            self.start_again_at = now + pause
            code = self.process.exitcode
            say(f"{self.name} ended (status {code}); starting it again in {pause:g} s. Its log: {self.log}")
        elif now >= self.start_again_at:
            self.start_again_at = 0.0
            self.start()


def stop(programs: Sequence[Program], *, patience: float) -> None:
    """Asks all of them to end, waits, and ends by force what is left, with whatever it started."""
    running = [program.process for program in programs if program.process is not None]
    for process in running:
        process.terminate()
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and any(process.is_alive() for process in running):
        time.sleep(0.02)
    for process in running:
        process.kill()
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it was alone in the group it leads
            os.killpg(process.pid or NOBODY, signal.SIGKILL)
        process.join()
