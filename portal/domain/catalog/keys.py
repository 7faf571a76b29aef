"""SSH keys: a person's public keys, checked before they are kept."""

import base64
import hashlib
import re
from dataclasses import dataclass, field
from uuid import UUID, uuid4, uuid5

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_public_key,
)
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from portal.domain.catalog.models import SshKey
from portal.domain.people.models import User
from portal.domain.store import audit
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import NotFound, Refused
from portal.translation import gettext

KINDS = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
MIN_RSA_BITS = 2048
MAX_LENGTH = 16384


@dataclass(frozen=True)
class Pair:
    """A key and its private half, in OpenSSH's format: for the person's eyes, and kept nowhere.

    Without the private half it was made, and shown, before.
    """

    key: SshKey
    private_key: str | None = field(repr=False)

    @property
    def file(self) -> str:
        """What to call the file of the private half."""
        return "id_" + (re.sub(r"[^a-z0-9]+", "_", self.key.name.lower()).strip("_") or "ed25519")


def of(user: User) -> list[SshKey]:
    """The person's keys, oldest first."""
    return list(
        db.session.scalars(select(SshKey).where(SshKey.user_id == user.id).order_by(SshKey.created_at))
    )


def chosen(user_id: UUID, key_ids: list[str]) -> list[SshKey]:
    """Those of the person's keys that are named; others are left out."""
    keys = db.session.scalars(select(SshKey).where(SshKey.user_id == user_id).order_by(SshKey.created_at))
    return [key for key in keys if str(key.id) in key_ids]


def add(user: User, name: str, public_key: str, *, key_id: UUID | None = None) -> SshKey:
    """Keeps the key. Raises Refused with the field (name or public_key) and what is wrong in plain words."""
    name = name.strip()
    if not 1 <= len(name) <= 64:
        raise Refused(gettext("Give the key a name of 1 to 64 characters."), field="name")
    kind, text, fingerprint = read(public_key)
    key = SshKey(
        id=key_id or uuid4(),
        user_id=user.id,
        name=name,
        kind=kind,
        public_key=text,
        fingerprint=fingerprint,
    )
    try:
        with transaction():
            db.session.add(key)
            db.session.flush()
            audit.record("key.added", by=user, detail={"name": name, "fingerprint": fingerprint})
    except IntegrityError as error:
        taken = db.session.scalar(
            select(SshKey).where(SshKey.user_id == user.id, SshKey.fingerprint == fingerprint)
        )
        if taken:
            raise Refused(
                gettext("You have this key already, as “%(name)s”.", name=taken.name), field="public_key"
            ) from error
        raise Refused(gettext("You have another key with this name."), field="name") from error
    return key


def make(user: User, name: str, once: str = "") -> Pair:
    """A new key pair, of which the public half is kept; without a name it is called by the day.

    `once` marks the wish: the same again, as by a page loaded anew, answers the key of the first time.
    Raises Refused with the field (name).
    """
    called = name.strip() or f"made {now():%Y-%m-%d}"
    private = ed25519.Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    comment = "-".join(called.split())
    try:
        key = add(user, called, f"{public} {comment}", key_id=_id_of(user, name, once))
    except Refused:
        if known := made(user, name, once):
            return Pair(known, None)
        raise
    text = private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return Pair(key, text)


def made(user: User, name: str, once: str) -> SshKey | None:
    """The key that this very wish made before."""
    return db.session.get(SshKey, _id_of(user, name, once))


def _id_of(user: User, name: str, once: str) -> UUID:
    """The key's id follows from the wish, so that the table itself refuses a second one, also in parallel."""
    return uuid5(user.id, f"{once} {name.strip()}") if once else uuid4()


def remove(key_id: UUID, *, by: User) -> None:
    """Forgets the key; VMs launched with it keep it. Raises NotFound for somebody else's key."""
    with transaction():
        key = db.session.scalar(select(SshKey).where(SshKey.id == key_id, SshKey.user_id == by.id))
        if key is None:
            raise NotFound(gettext("You have no such SSH key."))
        db.session.delete(key)
        audit.record("key.removed", by=by, detail={"name": key.name, "fingerprint": key.fingerprint})


def read(text: str) -> tuple[str, str, str]:
    """(kind, one clean line, SHA256 fingerprint as ssh-keygen prints it). Raises Refused on public_key."""
    line = _one_line(text)
    # Heat writes keys into user data as JSON, where YAML can't read the escapes of characters beyond U+FFFF.
    kind, body, *comment = "".join(character for character in line if character <= "\uffff").split(None, 2)
    blob = _blob(kind, body)
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return kind, " ".join([kind, body, *comment]), f"SHA256:{digest}"


def _one_line(text: str) -> str:
    text = text.strip()
    if "PRIVATE KEY" in text:
        raise _wrong(
            gettext(
                "That is a private key: keep it secret. Paste the public one, from the file ending in .pub."
            )
        )
    if text.startswith("---- BEGIN SSH2"):
        raise _wrong(gettext("That is the SSH2 format. Convert it with: ssh-keygen -i -f key.pub"))
    if len(text) > MAX_LENGTH or not text.isprintable():
        raise _wrong(gettext("A public key is one line of text, such as: ssh-ed25519 AAAA… you@laptop"))
    if len(text.split()) < 2 or text.split()[0] not in KINDS:
        raise _wrong(gettext("A public key begins with its kind: %(kinds)s, …", kinds=", ".join(KINDS[:3])))
    return text


def _blob(kind: str, body: str) -> bytes:
    try:
        blob = base64.b64decode(body, validate=True)
        if not kind.startswith("sk-"):
            key = load_ssh_public_key(f"{kind} {body}".encode())
            if isinstance(key, rsa.RSAPublicKey) and key.key_size < MIN_RSA_BITS:
                raise _wrong(
                    gettext(
                        "This RSA key has %(bits)s bits; at least %(least)s are needed.",
                        bits=key.key_size,
                        least=MIN_RSA_BITS,
                    )
                )
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _wrong(
            gettext("The key is damaged: its middle can't be read. Copy the whole line again.")
        ) from error
    length = int.from_bytes(blob[:4], "big")
    if blob[4 : 4 + length] != kind.encode():
        raise _wrong(gettext("The key is damaged: its kind and its content don't go together."))
    return blob


def _wrong(message: str) -> Refused:
    return Refused(message, field="public_key")
