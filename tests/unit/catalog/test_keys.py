"""A pasted public key becomes one clean line with its fingerprint, or a sentence on what it is instead."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from portal.domain.catalog import keys
from portal.domain.store.errors import Refused

GOOD = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5Ih3D8ax6vkBMzDkPTE02Y5ZqVPH8MOwDKmxbLgc3y"
SK = "sk-ssh-ed25519@openssh.com"


def openssh(key: ed25519.Ed25519PublicKey | rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> str:
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def packed(*fields: bytes) -> str:
    return base64.b64encode(b"".join(len(field).to_bytes(4, "big") + field for field in fields)).decode()


@pytest.mark.parametrize(
    "line",
    [
        openssh(ed25519.Ed25519PrivateKey.generate().public_key()),
        openssh(ec.generate_private_key(ec.SECP256R1()).public_key()),
        openssh(rsa.generate_private_key(65537, 2048).public_key()),
        f"{SK} {packed(SK.encode(), b'0' * 32, b'ssh:')}",
    ],
    ids=["ed25519", "ecdsa", "rsa", "sk-ed25519"],
)
def test_keys_of_every_kind_are_taken(line: str) -> None:
    assert keys.read(f"  {line} ada@example.org \n")[:2] == (
        line.split(maxsplit=1)[0],
        f"{line} ada@example.org",
    )


def test_the_fingerprint_is_as_ssh_keygen_prints_it() -> None:
    assert keys.read(GOOD) == ("ssh-ed25519", GOOD, "SHA256:fqUteLeXbiylGOg1rZSs5VwowdA4Lx9Ropmewc+gxU8")


@pytest.mark.parametrize(
    ("comment", "kept"),
    [
        ("ada's  laptop", " ada's  laptop"),
        ("adä ✓", " adä ✓"),
        ("ada \U0001f511 laptop", " ada  laptop"),
        ("\U0001f511", ""),
    ],
)
def test_a_comment_is_kept_as_far_as_cloud_init_can_read_it(comment: str, kept: str) -> None:
    assert keys.read(f"{GOOD} {comment}")[1] == GOOD + kept


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl", "That is a private key"),
        ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA", "That is the SSH2 format"),
        (f"{GOOD}\n{GOOD}", "one line of text"),
        ("x" * 16385, "one line of text"),
        ("", "begins with its kind"),
        ("ssh-ed25519", "begins with its kind"),
        ("ssh-dss AAAA", "begins with its kind"),
        (GOOD[:-8], "The key is damaged"),
        ("ssh-ed25519 AAAA*", "The key is damaged"),
        (GOOD.replace("ssh-ed25519", "ssh-rsa", 1), "The key is damaged"),
        (f"{SK} {packed(b'other')}", "its kind and its content"),
        (openssh(rsa.generate_private_key(65537, 1024).public_key()), "This RSA key has 1024 bits"),
    ],
)
def test_what_is_no_public_key_is_explained(text: str, words: str) -> None:
    with pytest.raises(Refused, match=words) as caught:
        keys.read(text)
    assert caught.value.field == "public_key"
