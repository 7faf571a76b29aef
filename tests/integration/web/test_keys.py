"""The page of SSH keys."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from portal.domain.catalog import keys
from portal.domain.people.models import User
from tests.support.page import Answer, Page

PRIVATE = ed25519.Ed25519PrivateKey.generate()
GOOD = PRIVATE.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
WEAK = (
    rsa.generate_private_key(65537, 1024)
    .public_key()
    .public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    .decode()
)
SECRET = PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


def add(page: Page, name: str = "laptop", public_key: str = GOOD) -> Answer:
    return page.get("/keys/").form("/keys/").submit(name=name, public_key=public_key)


def test_a_key_is_added_with_its_fingerprint(page: Page, ada: User) -> None:
    page.sign_in(ada)
    answer = add(page, public_key=f"  {GOOD} ada@laptop \n")
    assert "“laptop” was added." in answer.text
    assert keys.of(ada)[0].fingerprint in answer.text
    assert keys.of(ada)[0].fingerprint.startswith("SHA256:")


@pytest.mark.parametrize(
    ("public_key", "words"),
    [
        ("", "Paste the key"),
        ("hello", "begins with its kind"),
        ("ssh-ed25519 AAAA", "damaged"),
        (GOOD.replace("ssh-ed25519", "ssh-rsa"), "damaged"),
        (GOOD + "\n" + GOOD, "one line"),
        (WEAK, "1024 bits"),
        (SECRET, "private key"),
        ("ssh-ed25519 \x00", "one line"),
        ("x" * 20000, "one line"),
    ],
    ids=lambda text: text[:20],  # what follows in a key differs from run to run
)
def test_a_bad_key_is_explained_and_what_was_typed_is_kept(
    page: Page, ada: User, public_key: str, words: str
) -> None:
    page.sign_in(ada)
    answer = add(page, "my key", public_key)
    assert answer.status == 422
    assert words in answer.errors["public_key"]
    assert answer.form("/keys/")["name"] == "my key"
    assert keys.of(ada) == []


def test_a_key_needs_a_name_of_its_own(page: Page, ada: User) -> None:
    page.sign_in(ada)
    assert "name" in add(page, name=" ").errors
    add(page)
    other = (
        ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    )
    assert add(page, public_key=other.decode()).errors == {"name": "You have another key with this name."}
    assert add(page, name="desk").errors == {"public_key": "You have this key already, as “laptop”."}


def test_a_name_is_text_and_never_markup(page: Page, ada: User) -> None:
    page.sign_in(ada)
    answer = add(page, name="<script>alert(1)</script>")
    assert "<script>alert(1)</script>" in answer.text


def test_a_key_is_removed(page: Page, ada: User) -> None:
    page.sign_in(ada)
    answer = add(page).form(button="Remove laptop").submit()
    assert "The key was removed." in answer.text
    assert keys.of(ada) == []


def test_somebody_elses_key_does_not_exist(page: Page, ada: User, eve: User) -> None:
    hers = keys.add(eve, "hers", GOOD)
    page.sign_in(ada)
    assert hers.fingerprint not in page.get("/keys/").text
    token = page.get("/keys/").form("/keys/")["csrf_token"]
    assert page.post(f"/keys/{hers.id}/remove", {"csrf_token": token}).status == 404
    assert len(keys.of(eve)) == 1
