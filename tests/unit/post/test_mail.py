"""Mail: letters in text and HTML over SMTP, with certificates checked and headers that nobody slips in."""

import datetime
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from portal.config import Smtp
from portal.post import Undelivered
from portal.post.mail import Letter, Office
from tests.support.post import Mailbox, mail_server

LETTER = Letter(
    id="0b1c",
    to="ada@example.org",
    at=datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.UTC),
    title="quiet-otter <is> ready",
    text="It answers at 10.0.0.5 & more.",
    click="Open it",
    url="https://portal.example.org/notices/vm.ready/1?a=1&b=2",
    why="You chose so.",
)


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mail_server() as here:
        yield here


def office(box: Mailbox, security: str = "", host: str = "127.0.0.1", username: str = "") -> Office:
    return Office(Smtp(host, box.port, security, username, "pass:word"), "portal@example.org")


def test_a_letter_arrives_in_text_and_html(box: Mailbox) -> None:
    office(box).send(LETTER)
    [letter] = box.letters
    assert letter["Subject"] == "quiet-otter <is> ready"
    assert letter["From"] == "Portal <portal@example.org>"
    assert (letter["To"], letter["Message-ID"]) == ("ada@example.org", "<0b1c@example.org>")
    assert letter["Auto-Submitted"] == "auto-generated"
    text, html = letter.get_body(["plain"]), letter.get_body(["html"])
    assert text
    assert html
    plain, marked = text.get_content(), html.get_content()
    assert all(words in plain for words in (LETTER.title, LETTER.text, LETTER.url, LETTER.why))
    assert "quiet-otter &lt;is&gt; ready" in marked
    assert 'href="https://portal.example.org/notices/vm.ready/1?a=1&amp;b=2"' in marked
    assert "<script" not in marked


def test_nothing_of_a_letter_becomes_a_header(box: Mailbox) -> None:
    office(box).send(replace(LETTER, title="Hello\r\nBcc: eve@example.org\nX: y"))
    [letter] = box.letters
    assert letter["Subject"] == "Hello Bcc: eve@example.org X: y"
    assert letter["Bcc"] is letter["X"] is None
    for address in ("a@b.org\r\nBcc: eve@example.org", "a@b.org, eve@example.org", "<a@b.org> x", "nobody"):
        with pytest.raises(Undelivered) as caught:
            office(box).send(replace(LETTER, to=address))
        assert caught.value.final
    assert len(box.letters) == 1
    assert all("eve" not in line for line in box.recipients)


@pytest.mark.parametrize(
    ("verb", "answer", "final"),
    [
        ("RCPT", "550 Nobody here", True),
        ("RCPT", "450 Later", False),
        ("DATA", "451 Full", False),
        ("MAIL", "421 Busy", False),
    ],
)
def test_a_refusal_says_its_number_and_whether_it_is_the_last_word(
    box: Mailbox, verb: str, answer: str, final: bool
) -> None:
    box.answers[verb] = answer
    with pytest.raises(Undelivered, match=answer[:3]) as caught:
        office(box).send(LETTER)
    assert (caught.value.final, caught.value.silent) == (final, False)
    box.answers.clear()
    office(box).send(LETTER)


def test_a_server_that_is_away_is_said(box: Mailbox) -> None:
    away = replace(box, port=1)
    with pytest.raises(Undelivered, match="ConnectionRefusedError") as caught:
        office(away).send(LETTER)
    assert caught.value.silent


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key and a certificate for `localhost`, in one file."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")]),
    )
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "both.pem"
    plain = serialization.NoEncryption()
    kind, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(kind, form, plain) + made.public_bytes(kind))
    return path


def test_the_password_travels_only_behind_a_certificate_that_holds(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with mail_server(context) as box:
        with pytest.raises(Undelivered, match="SSLCertVerificationError"):
            office(box, "starttls", "localhost", "portal").send(LETTER)
        assert not any(line.startswith("AUTH") for line in box.said)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with pytest.raises(Undelivered, match="SSLCertVerificationError"):
            office(box, "starttls", "127.0.0.1", "portal").send(LETTER)
        office(box, "starttls", "localhost", "portal").send(LETTER)
        assert len(box.letters) == 1
        assert any(line.startswith("AUTH") for line in box.said)


def test_a_server_without_starttls_gets_no_password(box: Mailbox) -> None:
    with pytest.raises(Undelivered, match="SMTPNotSupportedError"):
        office(box, "starttls", username="portal").send(LETTER)
    with pytest.raises(Undelivered, match="can't be used"):
        office(box, "tls", username="portal").send(LETTER)
    assert not any(line.startswith("AUTH") for line in box.said)
