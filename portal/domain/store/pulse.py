"""The pulse: whether the database, Redis, the workers and the clock are there."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from portal.domain.store import volatile, wake
from portal.domain.store.db import db
from portal.translation import N_

DatabaseAway = OperationalError
_LATE = 30.0


@dataclass(frozen=True)
class Sign:
    """One part: whether it is well, and what was seen of it; in English, as machines read it, too."""

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
        return Sign(N_("database"), well=False, detail=type(error).__name__)
    return Sign(N_("database"), well=True, detail="answers")


def _redis_and_beats() -> list[Sign]:
    try:
        workers, clocks = volatile.beats("worker:"), volatile.beats("clock")
    except ConnectionError:
        unknown = N_("not known while Redis is away")
        return [
            Sign(N_("redis"), well=False, detail=N_("does not answer")),
            Sign(N_("worker"), well=False, detail=unknown),
            Sign(N_("clock"), well=False, detail=unknown),
        ]
    queues = [f"worker:{queue}-" for queue in (wake.VMS, wake.CHORES)]
    missing = [queue for queue in queues if not any(name.startswith(queue) for name in workers)]
    return [
        Sign(N_("redis"), well=True, detail="answers"),
        Sign(
            N_("worker"),
            well=not missing,
            detail=f"none for {_queues(missing)}" if missing else _age(workers),
        ),
        Sign(N_("clock"), well=bool(clocks) and min(clocks.values()) < _LATE, detail=_age(clocks)),
    ]


def _queues(missing: list[str]) -> str:
    return " and ".join(name.removeprefix("worker:").removesuffix("-") for name in missing)


def _age(beats: dict[str, float]) -> str:
    return f"seen {min(beats.values()):.0f} s ago" if beats else N_("not seen")
