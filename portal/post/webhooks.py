"""Webhooks: one message to one address, never into a private network, signed as Standard Webhooks says."""

import base64
import contextlib
import hashlib
import hmac
import ipaddress
import secrets
import socket
import threading
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ProtocolError

from portal.post import Undelivered
from portal.translation import N_, gettext

CONNECT_TIMEOUT, READ_TIMEOUT = 3.05, 10.0
# However slowly somebody answers, line by line.
PATIENCE = 15.0
LONGEST_URL = 2000
# What a receiver, or what stands before it, says to a message that it can't or won't read.
_DISLIKES = frozenset({400, 403, 413, 422})
_SECRET = "whsec_"  # noqa: S105 - how every secret begins
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Message:
    """What is sent: its id, by which a receiver knows one that comes twice, and a JSON body."""

    id: str
    timestamp: int
    body: bytes

    def signature(self, secret: str) -> str:
        """Over id, time and body, so that nobody changes or replays them."""
        key = base64.b64decode(secret.removeprefix(_SECRET))
        signed = f"{self.id}.{self.timestamp}.".encode() + self.body
        return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class BadAddress(ValueError):
    """No webhook can be there; the words say why."""


class Gate:
    """Who may be reached: the public internet, and the hosts and networks that `allowed` names.

    `insecure`: also by plain http.
    """

    def __init__(self, allowed: Collection[str] = (), *, insecure: bool = False) -> None:
        self._hosts = frozenset(allowed)
        self._networks = [network for each in allowed if (network := _network(each))]
        self._insecure = insecure

    def host(self, url: str) -> str:
        """The host of an address that may be a webhook's. Raises BadAddress."""
        if len(url) > LONGEST_URL:
            raise BadAddress(gettext("An address has at most %(most)s characters.", most=LONGEST_URL))
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise BadAddress(_no_address()) from None
        if parts.scheme != "https" and not (self._insecure and parts.scheme == "http"):
            raise BadAddress(gettext("The address begins with https://"))
        if not host or parts.username is not None:
            raise BadAddress(_no_address())
        known = _ip(host)
        if known and not self.lets(host, known):
            raise BadAddress(gettext("This address leads into a private network."))
        return host

    def lets(self, host: str, ip: Ip) -> bool:
        """Whether a host may be reached at this address."""
        if host.lower() in self._hosts or any(ip in network for network in self._networks):
            return True
        return all(each.is_global and not each.is_multicast for each in _meant(ip))

    def deliver(self, url: str, secret: str, message: Message) -> int:
        """Sends it once and answers the HTTP status. Raises Undelivered, also for any status but 2xx."""
        outcome: list[int | Undelivered] = []
        # Looking a name up knows no timeout, and reading begins anew with each byte.
        asking = threading.Thread(
            target=lambda: outcome.append(self._outcome(url, secret, message)), daemon=True
        )
        asking.start()
        asking.join(PATIENCE)
        found = outcome[0] if outcome else Undelivered(N_("It takes too long to answer."), silent=True)
        if isinstance(found, Undelivered):
            raise found
        return found

    def _outcome(self, url: str, secret: str, message: Message) -> int | Undelivered:
        try:
            status = self._post(url, secret, message)
        except requests.exceptions.RequestException as error:
            refused = _was_refused(error)
            silence = f"No answer ({type(error).__name__})."
            words = N_("It leads into a private network.") if refused else silence
            return Undelivered(words, silent=not refused, content=_broke_off(error))
        if 200 <= status < 300:
            return status
        return Undelivered(f"It answers {status}.", content=status in _DISLIKES)

    def _post(self, url: str, secret: str, message: Message) -> int:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "portal-webhook/1",
            "webhook-id": message.id,
            "webhook-timestamp": str(message.timestamp),
            "webhook-signature": message.signature(secret),
        }
        with requests.Session() as session:
            session.trust_env = False  # a proxy would look the name up itself; .netrc is none of its business
            for scheme in ("http://", "https://"):
                session.mount(scheme, _Adapter(self))
            with session.post(
                url,
                data=message.body,
                headers=headers,
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                allow_redirects=False,
                stream=True,  # what it says is nobody's business, and may have no end
            ) as answer:
                return answer.status_code


def new_secret() -> str:
    """A secret to sign with, as the receiver's library wants it."""
    return _SECRET + base64.b64encode(secrets.token_bytes(32)).decode()


class _Refused(OSError):
    """The name leads where nobody may go."""


class _Guarded:
    """A connection that goes only where its gate lets it: the address that was looked at is the one used."""

    gate: Gate
    host: str
    port: int
    timeout: Any

    def _new_conn(self) -> socket.socket:
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        ips = [str(each[4][0]).partition("%")[0] for each in found]
        if not all(self.gate.lets(self.host, ipaddress.ip_address(ip)) for ip in ips):
            raise _Refused
        for ip in ips[:-1]:
            with contextlib.suppress(OSError):
                return socket.create_connection((ip, self.port), self.timeout)
        return socket.create_connection((ips[-1], self.port), self.timeout)


class _Adapter(HTTPAdapter):
    """Makes every connection of a session a guarded one."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _guarded(HTTPConnectionPool, HTTPConnection, self._gate),
            "https": _guarded(HTTPSConnectionPool, HTTPSConnection, self._gate),
        }


def _guarded(pool: type[Any], connection: type[Any], gate: Gate) -> type[Any]:
    guarded = type("Guarded", (_Guarded, connection), {"gate": gate})
    return type("GuardedPool", (pool,), {"ConnectionCls": guarded})


def _was_refused(error: BaseException | None) -> bool:
    """Whether our own refusal is at the bottom of what the libraries make of it."""
    while error and not isinstance(error, _Refused):
        error = error.__context__
    return error is not None


def _broke_off(error: requests.exceptions.RequestException) -> bool:
    """Whether the receiver hung up while it was written to, as some do with what is too large for them."""
    return bool(error.args) and isinstance(error.args[0], ProtocolError)


def _no_address() -> str:
    return gettext("This isn't an address such as https://hooks.example.org/…")


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None


def _ip(text: str) -> Ip | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _meant(ip: Ip) -> list[Ip]:
    """The address, and the one it may carry inside."""
    if isinstance(ip, ipaddress.IPv4Address):
        return [ip]
    inside = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
    if ip in _NAT64:
        inside.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    carried: list[Ip] = [each for each in inside if each]
    return carried if ip.ipv4_mapped else [ip, *carried]
