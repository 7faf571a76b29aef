"""How answers of a cloud become one of the seven errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from portal.openstack import errors
from portal.openstack.errors import Answer, OpenStackError, Unavailable, clean, from_answer


def answer(status: int, body: Any, *, service: str = "orchestration", method: str = "GET") -> OpenStackError:
    text = body if isinstance(body, str) else json.dumps(body)
    return from_answer(Answer(service, method, status, "req-1", text))


def heat(status: int, kind: str, message: str | None = None, method: str = "GET") -> OpenStackError:
    error = {"type": kind, "traceback": None} | ({"message": message} if message else {})
    body = {"code": status, "title": "x", "explanation": "The server has erred.", "error": error}
    return answer(status, body, method=method)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (302, "Unavailable"),
        (400, "BadRequest"),
        (401, "BadCredential"),
        (403, "NotAllowed"),
        (404, "NotFound"),
        (406, "BadRequest"),
        (408, "Unavailable"),
        (409, "Conflict"),
        (410, "NotFound"),
        (413, "OverQuota"),
        (415, "BadRequest"),
        (429, "Unavailable"),
        (500, "Unavailable"),
        (501, "BadRequest"),
        (502, "Unavailable"),
        (503, "Unavailable"),
    ],
)
def test_a_status_says_what_can_be_done(status: int, expected: str) -> None:
    assert type(answer(status, {})) is getattr(errors, expected)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (
            403,
            {"forbidden": {"code": 403, "message": "Quota exceeded for cores, ram: Requested 2, but used 9"}},
        ),
        (403, {"forbidden": {"code": 403, "message": "Maximum number of ports exceeded for quota"}}),
        (
            409,
            {"NeutronError": {"type": "OverQuota", "message": "No more room: ['floatingip'].", "detail": ""}},
        ),
        (413, {"overLimit": {"code": 413, "message": "Instances exceeded"}}),
        (
            400,
            {
                "error": {
                    "type": "RequestLimitExceeded",
                    "message": "You have reached the maximum stacks per tenant",
                }
            },
        ),
    ],
)
def test_a_full_quota_is_recognised_in_every_dress(status: int, body: Any) -> None:
    assert type(answer(status, body)) is errors.OverQuota


def test_a_web_server_that_finds_the_request_too_big_is_no_quota() -> None:
    assert type(answer(413, "<html><h1>413 Request Entity Too Large</h1></html>")) is errors.BadRequest


def test_a_template_that_is_too_big_is_no_quota() -> None:
    assert (
        type(heat(400, "RequestLimitExceeded", "Template size (601446 bytes) exceeds")) is errors.BadRequest
    )


@pytest.mark.parametrize(
    ("body", "message", "kind"),
    [
        ({"error": {"message": "Not yours", "title": "Forbidden", "code": 403}}, "Not yours", "Forbidden"),
        ({"itemNotFound": {"message": "No instance", "code": 404}}, "No instance", "itemNotFound"),
        ({"NeutronError": {"type": "PortNotFound", "message": "No port"}}, "No port", "PortNotFound"),
        ({"NeutronError": "Something"}, "Something", ""),
        ({"message": "Plain words"}, "Plain words", ""),
        ({"faultstring": "Old words"}, "Old words", ""),
        ({"error": "Short words"}, "Short words", ""),
        ({"error": {"message": 42}}, "HTTP 418", ""),
        (["a", "list"], "HTTP 418", ""),
        ("", "HTTP 418", ""),
        ("not json", "not json", ""),
        (
            "<html><head><title>t</title></head><h1>404 Not Found</h1>No image &lt;x&gt;<br/></html>",
            "No image <x>",
            "",
        ),
        ("<html><body><h1>502 Bad Gateway</h1></body></html>", "502 Bad Gateway", ""),
        ("<script>alert(1)</script><p>Down for\n  maintenance</p>", "Down for maintenance", ""),
    ],
)
def test_the_operators_words_are_found_in_every_body(body: Any, message: str, kind: str) -> None:
    error = answer(418, body)
    assert (error.message, error.kind) == (message, kind)


def test_heats_explanation_stands_in_for_a_missing_message() -> None:
    error = heat(500, "RemoteError")
    assert (error.message, error.kind) == ("The server has erred.", "RemoteError")


@pytest.mark.parametrize(
    ("method", "status", "maybe"),
    [("POST", 500, True), ("DELETE", 503, True), ("GET", 500, False), ("POST", 429, False)],
)
def test_only_a_change_that_broke_inside_may_have_been_done(method: str, status: int, maybe: bool) -> None:
    error = answer(status, {}, method=method)
    assert isinstance(error, Unavailable)
    assert error.maybe_done is maybe


def test_an_error_reads_like_a_log_line() -> None:
    error = heat(409, "StackExists", "The Stack (x) already exists.")
    assert str(error) == "orchestration 409 StackExists: The Stack (x) already exists. (req-1)"
    assert str(Unavailable("Silence.", service="image")) == "image: Silence."
    assert str(OpenStackError("Words.")) == "Words."


def test_a_message_is_one_short_paragraph_without_secrets() -> None:
    assert clean("a  b\n\tc") == "a b c"
    assert clean("token abc! abcd", ("abc", "")) == "token [hidden]! abcd"
    assert clean("xlong-secret-x", ("long-secret",)) == "x[hidden]-x"
    assert clean("Not found.<br /><br />") == "Not found."
    assert len(clean("x" * 9000)) == errors.LONGEST_MESSAGE
