"""Redis: whatever may be lost. Tokens (sealed), short locks, heartbeats, console output, the wait for it.

Every function answers as if nothing were kept when Redis is away: the portal gets slower, never wrong.
"""

import contextlib
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import redis

from portal.domain.store import vault

logger = logging.getLogger(__name__)
_PREFIX = "portal:"
_client: list["redis.Redis"] = []


def connect(url: str) -> None:
    """Makes this the process's Redis; connects when first used."""
    _client[:] = [
        redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2, health_check_interval=30)
    ]


def client() -> "redis.Redis":
    """The connection, for the queue and the worker."""
    return _client[0]


def keep(key: str, text: str, *, seconds: float) -> None:
    """Keeps a text, sealed, for a while."""
    sealed = vault.seal(text.encode(), place=f"redis/{key}")
    with _forgiving():
        client().set(_PREFIX + key, sealed, px=max(1, int(seconds * 1000)))


def recall(key: str) -> str | None:
    """The text that was kept, or None."""
    sealed: Any = None
    with _forgiving():
        sealed = client().get(_PREFIX + key)
    if sealed is None:
        return None
    try:
        return vault.unseal(sealed, place=f"redis/{key}").decode()
    except vault.Unsealable:
        return None


def forget(key: str) -> None:
    """Drops what was kept."""
    with _forgiving():
        client().delete(_PREFIX + key)


@contextlib.contextmanager
def one_at_a_time(key: str, *, lease: float = 15, patience: float = 10) -> Iterator[None]:
    """Holds a lock that ends by itself after `lease` seconds; after `patience` seconds it goes on without."""
    lock = client().lock(f"{_PREFIX}lock:{key}", timeout=lease, blocking_timeout=patience)
    held = False
    with _forgiving():
        held = lock.acquire()
    try:
        yield
    finally:
        if held:
            with _forgiving(), contextlib.suppress(redis.exceptions.LockError):
                lock.release()


def lead(key: str, *, who: str, lease: float) -> bool:
    """Whether `who` holds the lease of this key now, taking or renewing it where it can."""
    with _forgiving():
        name = f"{_PREFIX}lease:{key}"
        if client().set(name, who, nx=True, px=int(lease * 1000)):
            return True
        if client().get(name) == who.encode():
            client().pexpire(name, int(lease * 1000))
            return True
    return False


def beat(who: str, *, ttl: float = 30) -> None:
    """Notes that this worker or clock is alive."""
    with _forgiving():
        client().set(f"{_PREFIX}beat:{who}", str(time.time()), px=int(ttl * 1000))


def beats(prefix: str) -> dict[str, float]:
    """Who beat lately and how many seconds ago; names begin with `prefix`. Raises ConnectionError."""
    start = f"{_PREFIX}beat:"
    found: dict[str, float] = {}
    try:
        for key in client().scan_iter(f"{start}{prefix}*", count=500):
            value: Any = client().get(key)
            if value is not None:
                found[key.decode().removeprefix(start)] = max(0.0, time.time() - float(value))
    except redis.exceptions.RedisError as error:
        raise ConnectionError("Redis does not answer.") from error
    return found


def add_up(amounts: Mapping[tuple[str, str], float]) -> None:
    """Adds to sums that all processes share, by (table, field); all of it or nothing, in one trip."""
    with _forgiving(), client().pipeline() as pipeline:
        for (table, field), amount in amounts.items():
            pipeline.hincrbyfloat(f"{_PREFIX}sums:{table}", field, amount)
        pipeline.execute()


def sums(tables: Sequence[str]) -> list[dict[str, float]]:
    """The shared sums of each table, by field. Raises ConnectionError."""
    try:
        with client().pipeline() as pipeline:
            for table in tables:
                pipeline.hgetall(f"{_PREFIX}sums:{table}")
            return [
                {key.decode(): float(value) for key, value in each.items()} for each in pipeline.execute()
            ]
    except redis.exceptions.RedisError as error:
        raise ConnectionError("Redis does not answer.") from error


@contextlib.contextmanager
def _forgiving() -> Iterator[None]:
    try:
        yield
    except redis.exceptions.RedisError as error:
        logger.warning("Redis does not answer: %s", type(error).__name__)
