"""The pulse: whether the database, Redis, the workers and the clock are there."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from portal.domain.store import volatile, wake
from portal.domain.store.db import db

DatabaseAway = OperationalError
_LATE = 30.0


@dataclass(frozen=True)
class Sign:
    """One part: whether it is well, and what was seen of it."""

    name: str
    well: bool
    detail: str


def signs() -> list[Sign]:
    """Each part the portal needs. Answers, whatever is away."""
    return [_database(), *_redis_and_beats()]


def _database() -> Sign:
    try:
        db.session.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        db.session.rollback()
        return Sign("database", well=False, detail=type(error).__name__)
    return Sign("database", well=True, detail="answers")


def _redis_and_beats() -> list[Sign]:
    try:
        workers, clocks = volatile.beats("worker:"), volatile.beats("clock")
    except ConnectionError:
        unknown = "not known while Redis is away"
        return [
            Sign("redis", well=False, detail="does not answer"),
            Sign("worker", well=False, detail=unknown),
            Sign("clock", well=False, detail=unknown),
        ]
    queues = [f"worker:{queue}-" for queue in (wake.VMS, wake.CHORES)]
    missing = [queue for queue in queues if not any(name.startswith(queue) for name in workers)]
    return [
        Sign("redis", well=True, detail="answers"),
        Sign("worker", well=not missing, detail=f"none for {_queues(missing)}" if missing else _age(workers)),
        Sign("clock", well=bool(clocks) and min(clocks.values()) < _LATE, detail=_age(clocks)),
    ]


def _queues(missing: list[str]) -> str:
    return " and ".join(name.removeprefix("worker:").removesuffix("-") for name in missing)


def _age(beats: dict[str, float]) -> str:
    return f"seen {min(beats.values()):.0f} s ago" if beats else "not seen"
