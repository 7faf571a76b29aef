"""The world: every row of the miniature cloud in memory, its virtual clock, and its copy on disk."""

import json
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from portal.sandbox.settings import Settings

Row = dict[str, Any]


class World:
    """Rows by kind and id. Whoever reads or writes holds `lock`; `save` writes what was `put` since."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lock = threading.RLock()
        self.tables: defaultdict[str, dict[str, Row]] = defaultdict(dict)
        self.host = ""  # where the services are, as the last request saw it
        self.agenda: list[tuple[float, str]] = []  # when to look at which stack again; a heap
        self._moment: float | None = None
        self._dirty: dict[tuple[str, str], None] = {}  # in the order of change
        self._file = _open(settings.state) if settings.state else None
        if self._file:
            for kind, key, body in self._file.execute("SELECT kind, id, body FROM rows ORDER BY rowid"):
                self.tables[kind][key] = json.loads(body)

    def now(self) -> float:
        """Virtual time in seconds since 1970."""
        if self._moment is not None:
            return self._moment
        return self.settings.clock() + float(self.meta("offset").get("seconds", 0.0))

    @contextmanager
    def moment(self, at: float) -> Iterator[None]:
        """Do as if it were `at`: things that were due are done at the time they were due."""
        self._moment = at
        try:
            yield
        finally:
            self._moment = None

    def advance(self, seconds: float) -> None:
        offset = self.meta("offset")
        self.put("meta", {"id": "offset", "seconds": offset.get("seconds", 0.0) + seconds})

    def configure(self, **changes: Any) -> None:
        """Change settings from now on. Raises TypeError for an unknown one."""
        self.settings = replace(self.settings, **changes)

    def pause(self, seconds: float) -> None:
        """Let others in for a while; to be used by the holder of the lock."""
        self.lock.release()
        try:
            time.sleep(seconds)
        finally:
            self.lock.acquire()

    def meta(self, key: str) -> Row:
        return self.tables["meta"].get(key, {})

    def rows(self, kind: str) -> list[Row]:
        return list(self.tables[kind].values())

    def get(self, kind: str, key: str) -> Row | None:
        return self.tables[kind].get(key)

    def put(self, kind: str, row: Row) -> Row:
        """Insert a row, or say that it has changed."""
        self.tables[kind][row["id"]] = row
        self._dirty[kind, row["id"]] = None
        return row

    def drop(self, kind: str, key: str) -> None:
        self.tables[kind].pop(key, None)
        self._dirty[kind, key] = None

    def clear(self) -> None:
        """Forget everything, on disk too."""
        for kind, rows in self.tables.items():
            self._dirty.update({(kind, key): None for key in rows})
        self.tables.clear()
        self.agenda.clear()

    def dump(self) -> bytes:
        """All rows, for `load`."""
        return json.dumps(self.tables).encode()

    def load(self, dumped: bytes) -> None:
        """The rows of then in place of those of now."""
        self.clear()
        for kind, rows in json.loads(dumped).items():
            for row in rows.values():
                self.put(kind, row)

    def save(self) -> None:
        """Write the changed rows in one transaction."""
        dirty, self._dirty = self._dirty, {}
        if not self._file or not dirty:
            return
        gone = [pair for pair in dirty if pair[1] not in self.tables[pair[0]]]
        kept = [
            (kind, key, json.dumps(self.tables[kind][key])) for kind, key in dirty if key in self.tables[kind]
        ]
        with self._file:
            self._file.executemany("DELETE FROM rows WHERE kind = ? AND id = ?", gone)
            self._file.executemany(
                "INSERT INTO rows (kind, id, body) VALUES (?, ?, ?) "
                "ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
                kept,
            )

    def close(self) -> None:
        with self.lock:
            self.save()
            if self._file:
                self._file.close()
                self._file = None


def _open(directory: Path) -> sqlite3.Connection:
    directory.mkdir(parents=True, exist_ok=True)
    file = sqlite3.connect(directory / "sandbox.sqlite", check_same_thread=False)
    file.execute("PRAGMA journal_mode = WAL")
    file.execute("PRAGMA synchronous = NORMAL")
    file.execute("CREATE TABLE IF NOT EXISTS rows (kind TEXT, id TEXT, body TEXT, PRIMARY KEY (kind, id))")
    return file


def stamp(seconds: float) -> str:
    """A time as Heat, Nova and Neutron write it: whole seconds, Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def fine_stamp(seconds: float) -> str:
    """A time as Keystone and parts of Nova write it: six digits, which are zeros."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000")
