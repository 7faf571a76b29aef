"""The miniature cloud on a port of its own: `python -m portal.sandbox --port 5001 --state DIR`."""

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

from portal.sandbox.app import create_sandbox
from portal.sandbox.server import serve
from portal.sandbox.settings import Settings


def main() -> int:
    """Serve until SIGTERM or SIGINT."""
    options = _options()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    sandbox = create_sandbox(
        Settings(
            state=options.state,
            stack_seconds=options.stack_seconds,
            stack_spread=options.stack_spread,
            delete_seconds=options.delete_seconds,
            token_seconds=options.token_seconds,
            create_latency=options.create_latency,
            deferred_auth=options.deferred_auth,
        )
    )
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    handle = serve(sandbox, options.port)
    logging.getLogger("portal.sandbox").info("serving %s", handle.auth_url)
    over.wait()
    handle.close()
    sandbox.close()
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m portal.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=5001, help="on 127.0.0.1 (default: %(default)s; 0: any)")
    parser.add_argument("--state", type=Path, help="folder that keeps the cloud across restarts")
    parser.add_argument(
        "--stack-seconds", type=float, default=4.0, help="how long a stack takes (%(default)s)"
    )
    parser.add_argument(
        "--stack-spread", type=float, default=0.0, help="sigma of a log-normal around that (%(default)s)"
    )
    parser.add_argument("--delete-seconds", type=float, help="how long its deletion takes (half of that)")
    parser.add_argument(
        "--token-seconds", type=float, default=3600.0, help="how long a token lives (%(default)s)"
    )
    parser.add_argument(
        "--create-latency",
        type=float,
        default=0.05,
        help="seconds between looking at a stack's name and taking it",
    )
    parser.add_argument(
        "--deferred-auth", choices=("password", "trusts"), default="password", help="Heat's setting"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
