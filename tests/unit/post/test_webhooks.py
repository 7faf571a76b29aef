"""Webhooks: signed so that a receiver can check them, and never sent into a private network."""

import base64
import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Iterator

import pytest

from portal.post import Undelivered, webhooks
from portal.post.webhooks import BadAddress, Gate, Message
from tests.support import post
from tests.support.post import Receiver

SECRET = webhooks.new_secret()
HOME = Gate(["127.0.0.1"], insecure=True)
MESSAGE = Message("msg_1", 1700000000, b'{"version": 1}')


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with post.receiver() as here:
        yield here


def test_a_receiver_can_check_who_sent_it(receiver: Receiver) -> None:
    assert HOME.deliver(receiver.url, SECRET, MESSAGE) == 204
    [(headers, body)] = receiver.got
    assert (headers["webhook-id"], headers["webhook-timestamp"], body) == (
        "msg_1",
        "1700000000",
        MESSAGE.body,
    )
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = b".".join((b"msg_1", b"1700000000", body))
    right = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{right}"


def test_the_signature_is_that_of_the_specification() -> None:
    """Its own example."""
    message = Message("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    signature = message.signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("status", [301, 400, 410, 500])
def test_only_2xx_counts_as_taken(receiver: Receiver, status: int) -> None:
    receiver.status, receiver.location = status, f"{receiver.url}/elsewhere"
    with pytest.raises(Undelivered, match=str(status)):
        HOME.deliver(receiver.url, SECRET, MESSAGE)
    assert len(receiver.got) == 1


PRIVATE = [
    "127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fd00::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_no_webhooks(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(BadAddress, match="private"):
        Gate().host(f"https://{host}/x")
    assert not Gate().lets("hooks.example.org", ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_ones_are(address: str) -> None:
    assert Gate().lets("hooks.example.org", ipaddress.ip_address(address))


def test_what_the_setting_names_may_be_reached() -> None:
    gate = Gate(["hooks.local", "10.1.0.0/16"])
    assert gate.lets("Hooks.local", ipaddress.ip_address("192.168.0.9"))
    assert gate.lets("x", ipaddress.ip_address("10.1.2.3"))
    assert not gate.lets("x", ipaddress.ip_address("10.2.0.1"))


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/", "ftp://x/", "https://", "https:///x", "https://u:p@x.org/", "https://[x/",
        "https://x.org:99999/", "javascript:alert(1)", "https://x.org/" + "x" * 2000,
    ],
)  # fmt: skip
def test_what_is_no_address_is_said(url: str) -> None:
    with pytest.raises(BadAddress):
        Gate().host(url)


def test_a_name_that_leads_home_is_refused_when_it_is_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it led to when it was typed in: the address that was looked at is the one connected to."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def rebinding(host: str, port: int, *more: object, **options: object) -> object:
        asked.append(host)
        return real("127.0.0.1", port, *more, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    url = f"http://hooks.example.org:{receiver.port}/x"
    with pytest.raises(Undelivered, match="private network") as caught:
        Gate(insecure=True).deliver(url, SECRET, MESSAGE)
    assert (caught.value.silent, receiver.got) == (False, [])
    assert Gate(["hooks.example.org"], insecure=True).deliver(url, SECRET, MESSAGE) == 204
    assert asked.count("hooks.example.org") == 2


def test_nobody_there_is_said_without_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(Undelivered, match="No answer") as caught:
        HOME.deliver(f"http://127.0.0.1:{port}/secret-path", SECRET, MESSAGE)
    assert caught.value.silent
    assert "secret-path" not in caught.value.words


def test_whoever_answers_byte_by_byte_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "PATIENCE", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(Undelivered, match="too long"):
        HOME.deliver(f"http://127.0.0.1:{mute.getsockname()[1]}/", SECRET, MESSAGE)
