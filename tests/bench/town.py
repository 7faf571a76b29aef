"""The sandbox with twenty projects, which also tells when each stack will have ended: `… SECONDS PORT`."""

import sys
import threading
from string import ascii_lowercase

from portal.sandbox import control, seed
from portal.sandbox.app import create_sandbox
from portal.sandbox.control import Control
from portal.sandbox.server import serve
from portal.sandbox.settings import Quotas, Settings

# A letter for each project: its people and its network are named after it.
LETTERS = ascii_lowercase[2:22]


def ends(control: Control) -> dict[str, float]:
    """By stack id: when it is complete, in seconds since 1970."""
    world = control._world
    with world.lock:
        return {stack["id"]: stack["tasks"][-1]["at"] for stack in world.rows("stack") if stack["tasks"]}


def main(seconds: float, port: int) -> None:
    """Serves until it is ended."""
    for number, letter in enumerate(LETTERS):
        project, net = f"tenant-{letter}", f"10.{100 + number}"
        seed.PEOPLE[f"user-{letter}"] = (project, seed.PEOPLE["user-a"][1])
        addresses = (f"{net}.0.0/16", f"{net}.0.1", f"{net}.0.2", f"{net}.255.254")
        seed.NETWORKS[f"net-{letter}"] = (project, False, *addresses)
    control._COMMANDS["GET", "ends"] = lambda of, _body, _query: ends(of)
    serve(create_sandbox(Settings(stack_seconds=seconds, create_latency=0.05, quotas=Quotas())), port)
    threading.Event().wait()


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
