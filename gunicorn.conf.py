"""How gunicorn serves the portal, in development as in production; it reads this file by itself."""

import ctypes
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter

worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
# Loaded once and shared by the forked workers; nothing is connected before the fork.
preload_app = True
control_socket_disable = True
graceful_timeout = 15
keepalive = 5
# A worker that stopped beating on a slow disk is not a worker that hangs.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108, PTH112 - a known place in memory

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8


def when_ready(server: "Arbiter") -> None:
    """Before the workers are forked off, once for all of them."""
    from portal import app, web  # noqa: PLC0415 - the folder is on the path only now

    web.compile_pages(server.app.wsgi())
    app.warm_up()


def post_fork(_server: object, _worker: object) -> None:
    """Two heaps for all threads of a worker: glibc would give each thread its own, which never shrink.

    Large blocks, such as a password check takes, go back at once: their memory would stay with the heap.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt:
            mallopt(_M_ARENA_MAX, 2)
            mallopt(_M_MMAP_THRESHOLD, 1024 * 1024)
