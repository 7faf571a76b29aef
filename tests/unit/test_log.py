"""Log lines are JSON, say what they belong to, and never hold a secret."""

import json
import logging

import pytest

from portal import log


def line(message: str, **extra: object) -> dict[str, object]:
    record = logging.makeLogRecord({"msg": message, "name": "test", "levelname": "INFO"} | extra)
    parsed: dict[str, object] = json.loads(log.JsonLines().format(record))
    return parsed


def test_a_line_bears_its_context_and_extras() -> None:
    with log.context(request_id="r1", vm_id=None), log.context(tenant_id=7):
        told = line("hello", seconds=0.5)
    assert (told["request_id"], told["tenant_id"], told["seconds"]) == ("r1", "7", 0.5)
    assert "vm_id" not in told
    assert log.current("request_id") is None


@pytest.mark.parametrize("letters", ["\r\n", "\x1b[2J", "\x9b31m", "\x85", "\u2028", "\u202e", "\ud800"])
def test_a_line_is_one_line_and_steers_no_terminal(letters: str) -> None:
    record = logging.makeLogRecord({"msg": f"a{letters}b", "name": "test", "levelname": "INFO"})
    told = log.JsonLines().format(record)
    assert told.isascii()
    assert told.isprintable()
    assert json.loads(told)["message"] == f"a{letters}b"


@pytest.mark.parametrize(
    "text",
    [
        'auth {"password": "S3CRET"}',
        "secret=S3CRET&x=1",
        "X-Auth-Token: S3CRET",
        "{'user_data': 'S3CRET'}",
        "postgresql://portal:S3CRET@db/portal",
        "redis://:S3CRET@host",
        "token gAAAAAS3CRETS3CRETS3CRETS3CRET",
    ],
)
def test_secrets_are_masked(text: str) -> None:
    assert "S3CRET" not in json.dumps(line(text, also=text))


def test_an_error_is_told_with_its_trace_and_without_its_secret() -> None:
    with pytest.raises(ValueError, match="S3CRET") as caught:
        int("password=S3CRET")
    told = line("failed", exc_info=(caught.type, caught.value, caught.tb))
    assert "ValueError" in str(told["error"])
    assert "S3CRET" not in str(told["error"])


def test_lines_go_to_standard_error_and_chatty_libraries_are_kept_quiet(
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = logging.getLogger()
    before = (root.level, root.handlers[:])
    try:
        log.setup("INFO")
        logging.getLogger("portal.x").info("password=S3CRET")
        logging.getLogger("keystoneauth.session").info("a token, perhaps")
    finally:
        root.setLevel(before[0])
        root.handlers[:] = before[1]
    [told] = capsys.readouterr().err.splitlines()
    assert json.loads(told)["message"] == "password=***"
