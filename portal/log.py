"""Structured JSON lines; what is being worked on rides along; secrets are masked in one place."""

import contextlib
import json
import logging
import re
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime

_context: ContextVar[dict[str, str]] = ContextVar("log_context", default={})  # noqa: B039 - never mutated

# Fernet tokens, and values that stand after the name of a secret in JSON, forms, URLs or headers.
_SECRETS = (
    re.compile(r"gAAAA[\w\-=]{20,}"),
    re.compile(
        r"""(?i)(["']?(?:[\w-]*password|[\w-]*secret|x-auth-token|x-subject-token|authorization|user_data|data_key)["']?\s*[:=]\s*)(["'][^"']*["']|[^\s,&}]+)"""
    ),
    re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"),
)
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


@contextlib.contextmanager
def context(**fields: object) -> Iterator[None]:
    """Every line logged inside bears these: request_id, tenant_id, vm_id, stack_id, user_id, address."""
    given = {name: str(value) for name, value in fields.items() if value is not None}
    token = _context.set(_context.get() | given)
    try:
        yield
    finally:
        _context.reset(token)


def current(name: str) -> str | None:
    """A field of what is being worked on, such as the request id."""
    return _context.get().get(name)


def redact(text: str) -> str:
    """The text without tokens, passwords and secrets."""
    text = _SECRETS[0].sub("***", text)
    text = _SECRETS[1].sub(lambda found: f"{found.group(1)}***", text)
    return _SECRETS[2].sub("***", text)


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, context, extra fields, error."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        line |= _context.get()
        for name, value in record.__dict__.items():
            if name not in _STANDARD:
                line[name] = redact(value) if isinstance(value, str) else value
        if record.exc_info:
            line["error"] = redact(self.formatException(record.exc_info))
        # In ASCII: some letters end a line or steer a terminal, and half a surrogate pair can't be written.
        return json.dumps(line, default=str)


def setup(level: str) -> None:
    """JSON lines to standard error for everything; libraries that would tell secrets are kept quiet."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("keystoneauth", "urllib3", "rq.worker", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
