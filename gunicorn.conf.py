"""How gunicorn serves the portal, in development as in production; it reads this file by itself."""

import ctypes
import os
import sys

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

_M_ARENA_MAX = -8


def post_fork(_server: object, _worker: object) -> None:
    """Two heaps for all threads of a worker: glibc would give each thread its own, which never shrink."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt:
            mallopt(_M_ARENA_MAX, 2)
