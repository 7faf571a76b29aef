"""A hunt for secrets: all that a portal leaves behind, searched for marks in every dress they may wear."""

import base64
import binascii
import contextlib
import html
import io
import json
import logging
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from flask import Flask
from sqlalchemy import select

from portal import log
from portal.domain.store import volatile
from portal.domain.store.db import Base, db
from tests.support.page import Answer, Page


class Witness(Page):
    """A browser that keeps all that it was answered: bodies, headers, and what its session cookie holds."""

    def __init__(self, app: Flask, kept: list[tuple[str, bytes]]) -> None:
        super().__init__(app)
        self.kept = kept

    def send(self, method: str, url: str, **more: Any) -> Answer:
        """As any browser; remembers also the redirects on the way."""
        answer = super().send(method, url, **more)
        for response in (*answer.response.history, answer.response):
            head = f"{response.request.path} {response.status}\n{response.headers}"
            self.kept.append((f"answer to {method} {url}", head.encode() + opened(response.get_data())))
        with self._client.session_transaction() as session:
            self.kept.append(
                (f"session after {method} {url}", json.dumps(dict(session), default=str).encode())
            )
        return answer


class Lines(logging.StreamHandler):  # type: ignore[type-arg]
    """Every line that is logged, also of levels that an operator doesn't see."""

    def __init__(self) -> None:
        self.text, self.count = io.StringIO(), 0
        super().__init__(self.text)
        self.setFormatter(log.JsonLines())

    def emit(self, record: logging.LogRecord) -> None:
        """Counts it, too."""
        self.count += 1
        super().emit(record)


def dresses(secret: str) -> Iterator[bytes]:
    """The secret as it may stand somewhere: plain, escaped for HTML, JSON and URLs, in hex and in base64."""
    plain = secret.encode()
    texts = {secret, html.escape(secret), html.escape(secret, quote=False), repr(secret)[1:-1]}
    texts |= {json.dumps(secret, ensure_ascii=plainly)[1:-1] for plainly in (True, False)}
    texts |= {quote(secret), quote(secret, safe=""), quote_plus(secret), plain.hex(), repr(plain)[2:-1]}
    yield from {text.encode() for text in texts}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            # In the midst of something longer only the inner letters are known.
            first = -(-before * 8 // 6) if before else 0
            yield encode(b"\0" * before + plain)[first:].rstrip(b"=")[: len(plain) * 8 // 6 - 1]


def traces(marks: dict[str, str], places: Iterator[tuple[str, bytes]]) -> list[str]:
    """Where which mark stands."""
    wanted = [(name, dress) for name, secret in marks.items() for dress in set(dresses(secret))]
    return sorted(
        {f"{name} in {place}" for place, content in places for name, dress in wanted if dress in content}
    )


def database() -> Iterator[tuple[str, bytes]]:
    """Every value of every row; of SQLite also the files, which hold what was removed."""
    db.session.rollback()
    for table in Base.metadata.sorted_tables:
        for row in db.session.execute(select(table)).mappings():
            for column, value in row.items():
                yield f"{table.name}.{column}", value if isinstance(value, bytes) else str(value).encode()
                if isinstance(value, dict | list):
                    yield f"{table.name}.{column}", json.dumps(value).encode()
    db.session.rollback()
    if db.engine.dialect.name == "sqlite":
        for path in Path(str(db.engine.url.database)).parent.glob("portal.db*"):
            yield f"file {path.name}", path.read_bytes()


def redis() -> Iterator[tuple[str, bytes]]:
    """Every key and value, jobs unpacked."""
    client: Any = volatile.client()
    for key in client.scan_iter(count=500):
        yield f"redis {key!r}", key
        match client.type(key):
            case b"string":
                values = [client.get(key)]
            case b"hash":
                values = [part for pair in client.hgetall(key).items() for part in pair]
            case b"list":
                values = client.lrange(key, 0, -1)
            case b"set":
                values = list(client.smembers(key))
            case b"zset":
                values = client.zrange(key, 0, -1)
            case b"stream":
                values = [part for _, pairs in client.xrange(key) for pair in pairs.items() for part in pair]
            case other:
                raise AssertionError(f"{key!r} is a {other!r}, which the hunt can't read")
        yield from ((f"redis {key!r}", opened(value)) for value in values if value is not None)


def opened(content: bytes) -> bytes:
    """The content, and what is in it where it is packed."""
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return content + b"".join(name.encode() + archive.read(name) for name in archive.namelist())
    for unpack in (zlib.decompress, lambda packed: zlib.decompress(base64.b64decode(packed))):
        with contextlib.suppress(zlib.error, binascii.Error):
            content += unpack(content)
    return content
