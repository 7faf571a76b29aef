"""The heartbeat: puts what is due on the queue, twice a second. `python -m portal.clock`

Any number may run: one holds a short lease in Redis and the others wait. What it queues twice does no harm.
"""

import logging
import os
import secrets
import signal
import socket
import threading

from flask import Flask

from portal.app import create_app
from portal.domain.store import keyring, volatile
from portal.domain.vms import polling

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5
LEASE_SECONDS = 5.0
# With the lease: another clock has taken over within 15 s, whatever went wrong for it before.
LONGEST_PAUSE = 9.0


class Clock:
    """Ticks until it is stopped; what goes wrong makes the next tick later, never the last."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self.stopped = threading.Event()
        self.failures = 0

    def run(self) -> None:
        """Until `stopped` is set."""
        logger.info("clock %s is up", self.name)
        while not self.stopped.wait(self.pause):
            self.tick()

    @property
    def pause(self) -> float:
        """Seconds until the next tick."""
        return min(LONGEST_PAUSE, TICK_SECONDS * 2.0 ** min(self.failures, 10))

    def tick(self) -> int:
        """Queues what is due if this clock holds the lease; answers how much."""
        try:
            if not volatile.lead("clock", who=self.name, lease=LEASE_SECONDS):
                return 0
            volatile.beat("clock")
            with self.app.app_context():
                queued = polling.tick()
        except Exception:
            self.failures += 1
            logger.exception("a tick failed; the next in %.1f s", self.pause)
            return 0
        self.failures = 0
        return queued


def main() -> None:
    """Ticks until it is asked to stop."""
    clock = Clock(create_app())
    with clock.app.app_context():
        keyring.tell()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: clock.stopped.set())
    clock.run()


if __name__ == "__main__":
    main()
