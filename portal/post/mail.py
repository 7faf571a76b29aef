"""Mail: one letter, in text and HTML, to one address by SMTP."""

import smtplib
import ssl
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from jinja2 import Environment, PackageLoader, select_autoescape

from portal.config import Smtp
from portal.post import Undelivered
from portal.translation import N_

TIMEOUT = 10.0
_templates = Environment(
    loader=PackageLoader("portal.post"),
    autoescape=select_autoescape(["html"]),
    trim_blocks=True,
    lstrip_blocks=True,
)


# RFC 5321's word for a letter that is larger than a server takes.
_TOO_LARGE = 552


@dataclass(frozen=True)
class Attachment:
    """A zip that goes with a letter."""

    name: str
    zip: bytes


@dataclass(frozen=True)
class Letter:
    """What a letter says: a title, some text, and where to click. `why` says why somebody gets it.

    `reply_to`: the person whom an answer is meant for, if any. `note` says what is attached, or why it isn't.
    """

    id: str
    to: str
    at: datetime
    title: str
    text: str
    click: str
    url: str
    why: str
    language: str = "en"
    reply_to: str = ""
    note: str = ""
    attached: Attachment | None = None


class Office:
    """Where letters are handed in: a server, and who they are from."""

    def __init__(self, server: Smtp, sender: str) -> None:
        self._server = server
        self._sender = sender

    def send(self, letter: Letter) -> None:
        """Hands it to the server. Raises Undelivered."""
        message, heard = self._compose(letter), False
        try:
            with self._open() as server:
                heard = True
                server.send_message(message, self._sender, [letter.to])
        except smtplib.SMTPRecipientsRefused as error:
            code = next(iter(error.recipients.values()))[0]
            raise Undelivered(f"The mail server refuses the address ({code}).", final=code >= 500) from None
        except smtplib.SMTPResponseException as error:
            raise Undelivered(
                f"The mail server answers {error.smtp_code}.", content=_dislikes(error)
            ) from None
        except (smtplib.SMTPException, OSError) as error:
            raise Undelivered(
                f"The mail server can't be used ({type(error).__name__}).", silent=True, content=heard
            ) from None

    def _open(self) -> smtplib.SMTP:
        where = self._server.host, self._server.port, self._domain
        if self._server.security == "tls":
            context = ssl.create_default_context()
            server: smtplib.SMTP = smtplib.SMTP_SSL(*where, timeout=TIMEOUT, context=context)
        else:
            server = smtplib.SMTP(*where, timeout=TIMEOUT)
        try:
            if self._server.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if self._server.username:
                server.login(self._server.username, self._server.password)
        except BaseException:
            server.close()
            raise
        return server

    def _compose(self, letter: Letter) -> EmailMessage:
        """Nothing of a letter can become a header of its own: the policy refuses lines in one."""
        message = EmailMessage(policy=SMTP)
        try:
            message["From"] = Address("Portal", addr_spec=self._sender)
            message["To"] = Address(addr_spec=letter.to)
            if letter.reply_to:
                message["Reply-To"] = Address(addr_spec=letter.reply_to)
            message["Subject"] = " ".join(letter.title.split())
        except (ValueError, MessageError):
            raise Undelivered(N_("This is no address that mail can be sent to."), final=True) from None
        message["Date"] = format_datetime(letter.at)
        message["Message-ID"] = f"<{letter.id}@{self._domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(_templates.get_template("letter.txt").render(letter=letter))
        message.add_alternative(_templates.get_template("letter.html").render(letter=letter), subtype="html")
        if letter.attached:
            name = letter.attached.name
            message.add_attachment(letter.attached.zip, maintype="application", subtype="zip", filename=name)
        return message

    @property
    def _domain(self) -> str:
        return self._sender.rpartition("@")[2]


def _dislikes(error: smtplib.SMTPResponseException) -> bool:
    """Whether the answer is about the letter itself, not about who writes to whom."""
    return error.smtp_code == _TOO_LARGE or (
        isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= 500
    )
