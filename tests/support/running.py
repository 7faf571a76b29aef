"""The whole portal, running: what `make run` starts, for tests and benchmarks that need every process."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from portal.cli.home import ROOT, Home

# What a developer's shell may hold must not reach a portal under test.
SETTINGS = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PORTAL_MASTER_KEYS")


@dataclass
class Running:
    """A portal under its supervisor."""

    process: "subprocess.Popen[str]"
    port: int
    home: Home
    seconds: float = 0.0
    said: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where its pages are."""
        return f"http://127.0.0.1:{self.port}"

    def processes(self) -> dict[int, str]:
        """Its processes below the supervisor, by process id: worker-vms, worker-chores, clock, web, …"""
        children: dict[int, list[int]] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text().rsplit(")", 1)[1].split()
                children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
        found: dict[int, str] = {}
        waiting = [self.process.pid]
        while waiting:
            for pid in children.get(waiting.pop(), []):
                waiting.append(pid)
                with contextlib.suppress(OSError):
                    found[pid] = Path(f"/proc/{pid}/comm").read_text().strip()
        return found

    def log(self, name: str) -> str:
        """What one of its programs wrote."""
        return (self.home.path / "log" / f"{name}.log").read_text()

    def stop(self, sign: signal.Signals = signal.SIGINT) -> int:
        """Asks it to stop and answers its status."""
        self.process.send_signal(sign)
        return self.process.wait(timeout=60)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment() -> dict[str, str]:
    """This process's environment without a portal's settings."""
    return {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in SETTINGS}


def start(data: Path, *, cloud: str = "sandbox", port: int = 0) -> Running:
    """Starts everything and waits until the page answers."""
    port = port or free_port()
    command = [sys.executable, "-m", "portal.cli.run", "up", "--cloud", cloud, "--port", str(port)]
    began = time.monotonic()
    process = subprocess.Popen(
        [*command, "--data", str(data)],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    running = Running(process, port, Home((data / cloud).resolve(), cloud))
    assert process.stdout
    for line in process.stdout:
        running.said.append(line.rstrip())
        if line.startswith("The portal is at"):
            running.seconds = time.monotonic() - began
        if line.startswith("Logs:"):
            return running
    process.wait()
    raise AssertionError("the portal didn't start:\n" + "\n".join(running.said))


@contextlib.contextmanager
def portal(data: Path, *, cloud: str = "sandbox") -> Iterator[Running]:
    """A running portal that is stopped afterwards."""
    running = start(data, cloud=cloud)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.stop()
        if running.process.stdout:
            running.process.stdout.close()
