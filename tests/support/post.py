"""Post: a mail server and a receiver of webhooks on loopback, for what leaves the portal."""

import contextlib
import email
import socketserver
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

# What the portal of a test signs in with at its mail server, and where it is from outside.
PASSWORD = "Mark/smtp+%&'\"-0417"
PORTAL_URL = "https://portal.example.org"


@dataclass
class Mailbox:
    """What a mail server took, and how it answers: `answers` by verb ("RCPT": "550 Nobody here").

    `most`: how many bytes a letter may have; `hangs_up`: it doesn't say so when one has more.
    """

    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    recipients: list[str] = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    most: int = 10**9
    hangs_up: bool = False


class _Smtp(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(OSError):
            self._converse(cast("Any", self.server).mailbox)

    def _converse(self, box: Mailbox) -> None:
        self._say("220 here")
        while line := self.rfile.readline().decode(errors="replace").rstrip("\r\n"):
            box.said.append(line)
            verb = line.split(" ", 1)[0].upper()
            self._say(box.answers.get(verb) or self._answer(verb, box))
            if verb == "STARTTLS" and box.tls:
                self.connection = box.tls.wrap_socket(self.connection, server_side=True)
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
            if verb == "DATA" and verb not in box.answers and not self._take(box):
                return
            if verb == "RCPT":
                box.recipients.append(line)
            if verb == "QUIT":
                return

    def _answer(self, verb: str, box: Mailbox) -> str:
        offers = "250-STARTTLS\r\n" if box.tls and not isinstance(self.connection, ssl.SSLSocket) else ""
        return {
            "EHLO": f"250-here\r\n{offers}250 AUTH PLAIN",
            "STARTTLS": "220 go on",
            "AUTH": "235 known",
            "DATA": "354 go on",
            "QUIT": "221 bye",
        }.get(verb, "250 fine")

    def _take(self, box: Mailbox) -> bool:
        """Whether it goes on listening."""
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line[1:] if line.startswith(b"..") else line)
        if sum(map(len, lines)) > box.most:
            if not box.hangs_up:
                self._say("554 too large")
            return not box.hangs_up
        box.letters.append(email.message_from_bytes(b"".join(lines), policy=default))
        self._say("250 taken")
        return True

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())
        self.wfile.flush()


@contextlib.contextmanager
def mail_server(tls: ssl.SSLContext | None = None) -> Iterator[Mailbox]:
    """A mail server on a port of loopback; with `tls` it offers STARTTLS."""
    box = Mailbox(tls=tls)
    with _serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Smtp), mailbox=box) as port:
        box.port = port
        yield box


@dataclass
class Receiver:
    """What a webhook got, and which status it answers; `location` where it redirects to.

    `most`: how many bytes a message may have; one of more is answered by `too_large`, 0: it hangs up.
    """

    port: int = 0
    status: int = 204
    location: str = ""
    most: int = 10**9
    too_large: int = 413
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook/of-mine"


class _Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        receiver: Receiver = cast("Any", self.server).receiver
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if len(body) > receiver.most:
            if receiver.too_large:
                self.send_error(receiver.too_large)
            self.close_connection = True
            return
        receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(receiver.status)
        if receiver.location:
            self.send_header("Location", receiver.location)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextlib.contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver of webhooks on a port of loopback."""
    here = Receiver()
    with _serving(ThreadingHTTPServer(("127.0.0.1", 0), _Hook), receiver=here) as port:
        here.port = port
        yield here


@contextlib.contextmanager
def _serving(server: socketserver.TCPServer, **facts: object) -> Iterator[int]:
    vars(server).update(facts)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
