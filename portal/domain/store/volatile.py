"""Redis: whatever may be lost. Tokens (sealed), short locks, heartbeats, console output, the wait for it.

Every function answers as if nothing were kept when Redis is away: the portal gets slower, never wrong.
"""

import contextlib
import logging
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import redis

from portal.domain.store import vault
from portal.domain.store.db import now

logger = logging.getLogger(__name__)
_PREFIX = "portal:"
_client: list["redis.Redis"] = []
# Under which name this process holds its places, so that others can give them back once it is dead.
_holder = [secrets.token_hex(8)]


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


@contextlib.contextmanager
def slot(key: str, *, limit: int, lease: float) -> Iterator[bool]:
    """Whether one of `limit` places is ours inside; each ends by itself after `lease` seconds.

    Without Redis nobody is counted, and everybody gets a place.
    """
    who = f"{_holder[0]}/{secrets.token_hex(8)}"
    place = _take_place(key, who, limit, lease)
    try:
        yield place is not None
    finally:
        with _forgiving():
            if place and client().get(place) == who.encode():
                client().delete(place)


def hold_as(name: str) -> None:
    """Names this process, and those forked from it, as the holder of the places they take."""
    _holder[:] = [name]


def vacate(name: str) -> None:
    """Gives back the places of a holder that died."""
    with _forgiving():
        for place in client().scan_iter(f"{_PREFIX}slot:*", count=500):
            who: Any = client().get(place)
            if who and who.decode().startswith(f"{name}/"):
                client().delete(place)


def _take_place(key: str, who: str, limit: int, lease: float) -> str | None:
    names = [f"{_PREFIX}slot:{key}:{number}" for number in range(limit)]
    try:
        return next((name for name in names if client().set(name, who, nx=True, px=int(lease * 1000))), None)
    except redis.exceptions.RedisError as error:
        logger.warning("Redis does not answer: %s", type(error).__name__)
        return names[0]


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
        client().set(f"{_PREFIX}beat:{who}", str(now().timestamp()), px=int(ttl * 1000))


def beats(prefix: str) -> dict[str, float]:
    """Who beat lately and how many seconds ago; names begin with `prefix`. Raises ConnectionError."""
    start = f"{_PREFIX}beat:"
    try:
        keys = list(client().scan_iter(f"{start}{prefix}*", count=500))
        values: Any = client().mget(keys) if keys else []
    except redis.exceptions.RedisError as error:
        raise ConnectionError("Redis does not answer.") from error
    seen = {key.decode().removeprefix(start): value for key, value in zip(keys, values, strict=True)}
    moment = now().timestamp()
    # A beat may have ended since its name was read.
    return {who: max(0.0, moment - float(value)) for who, value in seen.items() if value is not None}


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
