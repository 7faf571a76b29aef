"""Child processes: started, kept running, and all of them stopped again."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
LONGEST_PAUSE = 30.0  # seconds between two starts of a program that won't stay up
STEADY = 60.0  # seconds of running after which earlier ends are forgotten
LOG_LIMIT = 5_000_000  # bytes after which a log begins anew at the next start


def die_with_parent(sign: signal.Signals, parent: int) -> None:
    """Called in a forked child: the kernel sends it the signal when its parent ends, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(sign))
        if os.getppid() != parent:
            os.kill(os.getpid(), sign)


def spawn(
    command: Sequence[str],
    environment: Mapping[str, str],
    output: IO[bytes],
    errors: IO[bytes] | int = subprocess.STDOUT,
) -> subprocess.Popen[bytes]:
    """Starts a process in a session of its own, so that a Ctrl-C reaches only us and we end it in order."""
    parent = os.getpid()
    return subprocess.Popen(  # noqa: S603 - our own programs, named by us
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        start_new_session=True,
        preexec_fn=lambda: die_with_parent(signal.SIGTERM, parent),  # noqa: PLW1509 - we have no threads
    )


@dataclass
class Program:
    """One program that should run for as long as we do."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_again_at: float = 0.0
    ends: int = 0  # without a steady run between them

    def start(self) -> None:
        """Starts it, its output going to its log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.unlink()
        with self.log.open("ab") as output:
            self.process = spawn(self.command, self.environment, output)
        self.started_at = time.monotonic()

    @property
    def is_running(self) -> bool:
        """Whether the process is there now."""
        return self.process is not None and self.process.poll() is None

    def look_after(self, say: Callable[[str], None]) -> None:
        """Starts it again when it ended, later each time."""
        if self.process is None or self.process.poll() is None:
            return
        now = time.monotonic()
        if not self.start_again_at:
            self.ends = 1 if now - self.started_at > STEADY else self.ends + 1
            pause = min(LONGEST_PAUSE, 0.5 * 2 ** (self.ends - 1))
            self.start_again_at = now + pause
            code = self.process.returncode
            say(f"{self.name} ended (status {code}); starting it again in {pause:g} s. Its log: {self.log}")
        elif now >= self.start_again_at:
            self.start_again_at = 0.0
            self.start()


def stop(programs: Sequence[Program], *, patience: float) -> None:
    """Asks all of them to end, waits, and ends by force what is left, with whatever it started."""
    running = [program.process for program in programs if program.process is not None]
    for process in running:
        _signal(process, signal.SIGTERM, group=False)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and any(process.poll() is None for process in running):
        time.sleep(0.02)
    for process in running:
        _signal(process, signal.SIGKILL, group=True)
        process.wait()


def _signal(process: subprocess.Popen[bytes], sign: signal.Signals, *, group: bool) -> None:
    try:
        if group:  # it leads its group, which may outlive it
            os.killpg(process.pid, sign)
        elif process.poll() is None:
            process.send_signal(sign)
    except (ProcessLookupError, PermissionError):
        pass  # gone already
