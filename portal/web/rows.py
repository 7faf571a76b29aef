"""Rows as files: CSV that no spreadsheet takes for formulas, and JSON lines; written as they are read."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Response, stream_with_context

from portal.domain.store.db import now

Row = Mapping[str, Any]
# So many lines are sent at once.
AT_ONCE = 200
# A spreadsheet computes a cell that begins so, some after spaces; with ' before it, it shows it.
_FORMULA = tuple("=+-@|%＝＋－＠")


def as_csv(rows: Iterable[Row]) -> Iterator[str]:
    """A heading and a line for each row."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for number, row in enumerate(rows):
        if number == 0:
            writer.writerow(row)
        writer.writerow([_cell(value) for value in row.values()])
        if number % AT_ONCE == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def as_lines(rows: Iterable[Row]) -> Iterator[str]:
    """A JSON object in each line."""
    for row in rows:
        facts = {name: _plain(value) for name, value in row.items()}
        yield json.dumps(facts, separators=(",", ":")) + "\n"


WRITERS: dict[str, Callable[[Iterable[Row]], Iterator[str]]] = {"csv": as_csv, "jsonl": as_lines}
TYPES = {"csv": "text/csv", "jsonl": "application/jsonl"}


def download(name: str, rows: Iterable[Row], form: str = "csv") -> Response:
    """The rows as a file to keep, written while it is read; its name tells when."""
    file = f"{name}-{now():%Y%m%d-%H%M%S}.{form}"
    return Response(
        stream_with_context(WRITERS[form](rows)),
        mimetype=TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="{file}"', "Cache-Control": "no-store"},
    )


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = json.dumps(value) if isinstance(value, dict | list) else str(_plain(value))
    dangerous = text.lstrip().startswith(_FORMULA) or text[:1].isspace()
    return f"'{text}" if dangerous else text


def _plain(value: Any) -> Any:
    """As the chain hashes it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value if value is None or isinstance(value, int | dict | list) else str(value)
