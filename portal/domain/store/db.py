"""The database handle, UTC times, and `transaction()`: the only place that commits."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import JSON, DateTime, Dialect, Enum, LargeBinary, MetaData, String, Uuid, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

Item = TypeVar("Item")


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite forgets the zone, so it is put back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a moment without a zone")
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def words(enum: type[StrEnum]) -> Enum:
    """The column type of a closed list of words, kept as text so that a new word needs no migration."""

    def values(members: type[StrEnum]) -> list[str]:
        return [member.value for member in members]

    return Enum(enum, native_enum=False, length=30, values_callable=values, validate_strings=True)


class Base(DeclarativeBase):
    """The parent of all tables; names its constraints so that migrations can find them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it as a plain class attribute
        datetime: UtcDateTime,
        UUID: Uuid,
        str: String(255),
        bytes: LargeBinary,
        dict[str, Any]: JSON,
        list[str]: JSON,
    }


db = SQLAlchemy(metadata=Base.metadata, session_options={"expire_on_commit": False})


# How far this host's clock is behind the database's.
_behind = {"by": timedelta(0)}


def now() -> datetime:
    """The present moment in UTC, by the database's clock where `tune` was told to follow it."""
    return datetime.now(UTC) + _behind["by"]


@contextlib.contextmanager
def transaction() -> Iterator[None]:
    """All of what is written inside, or nothing. Begins fresh: what was read before is read again.

    Not nested: a command of the domain opens one. On SQLite it takes the write lock at once, so two
    writers queue instead of failing halfway.
    """
    session = db.session()
    if session.info.get("in_transaction"):
        raise RuntimeError("a transaction inside a transaction")
    if session.new or session.dirty or session.deleted:
        raise RuntimeError("something was changed outside a transaction")
    session.rollback()
    session.expire_all()  # after a commit, the rollback of nothing forgets nothing
    session.info["in_transaction"] = True
    try:
        session.connection(execution_options={"portal_writes": True})
        yield
        session.flush()
        for call, items in session.info.pop("last", {}).items():
            call(items)
        session.commit()
    except BaseException:
        session.rollback()
        session.info.pop("last", None)
        session.info.pop("afterwards", None)
        raise
    finally:
        session.info["in_transaction"] = False
    for call in session.info.pop("afterwards", ()):
        call()


def afterwards(call: Callable[[], None]) -> None:
    """Has the open transaction do this once it is committed; where it isn't, never."""
    only_writable()
    db.session().info.setdefault("afterwards", []).append(call)


def last(call: Callable[[list[Item]], None], item: Item) -> None:
    """Has the open transaction call this with all such items right before the commit.

    For what others wait for: a lock taken there is held for the shortest time, and after all others.
    """
    only_writable()
    db.session().info.setdefault("last", {}).setdefault(call, []).append(item)


def insert_new(model: type[Base], rows: Sequence[dict[str, Any]]) -> list[UUID]:
    """Adds the rows that no unique constraint forbids, inside the caller's transaction; answers their ids."""
    only_writable()
    if not rows:
        return []
    insert = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    added = insert(model).values(rows).on_conflict_do_nothing().returning(model.__table__.c.id)
    return list(db.session.scalars(added))


def only_writable() -> None:
    """Guards commands that must run inside a transaction of their caller."""
    if not db.session().info.get("in_transaction"):
        raise RuntimeError("this writes: open a transaction first")


def tune(engine: Engine, *, follow_clock: bool) -> None:
    """SQLite made safe for several processes: WAL, a patient lock, BEGIN IMMEDIATE for writers.

    `follow_clock`: a database on another host is the clock of all hosts, read anew with each connection.
    """
    _behind["by"] = timedelta(0)
    if engine.dialect.name == "sqlite":
        _make_safe(engine)
    elif follow_clock:
        event.listen(engine, "connect", _read_clock)


def _read_clock(connection: Any, _record: Any) -> None:
    before = datetime.now(UTC)
    with connection.cursor() as cursor:
        told = cursor.execute("SELECT clock_timestamp()").fetchone()[0]
    connection.rollback()
    # The answer was true halfway between asking and hearing it.
    _behind["by"] = told - before - (datetime.now(UTC) - before) / 2


def _make_safe(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "busy_timeout=15000", "foreign_keys=ON", "synchronous=FULL"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("portal_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
