"""The page of SSH keys."""

from base64 import b64decode
from io import BytesIO
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from portal.domain.catalog import keys
from portal.domain.people.models import User
from tests.support.page import Answer, Page
from tests.support.wizard import begin, wizard

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


def named(field: str, name: str) -> dict[str, Any]:
    return {field: name}


def test_a_key_is_taken_from_its_file(page: Page, ada: User) -> None:
    page.sign_in(ada)
    answer = (
        page.get("/keys/")
        .form("/keys/")
        .submit(name="laptop", file=(BytesIO(f"{GOOD}\n".encode()), "id.pub"))
    )
    assert "“laptop” was added." in answer.text
    assert keys.of(ada)[0].public_key == GOOD


def test_a_file_that_is_no_key_is_explained(page: Page, ada: User) -> None:
    page.sign_in(ada)
    wrong = page.get("/keys/").form("/keys/").submit(name="laptop", file=(BytesIO(b"\xff\x00"), "id.pub"))
    assert "one line" in wrong.errors["public_key"]
    assert keys.of(ada) == []


def private_key(answer: Answer) -> str:
    """What the page of a key that was made has to download, checked to be what it shows."""
    link = answer.one("//a[@download]").get("href", "")
    text = b64decode(link.partition("base64,")[2]).decode()
    assert text == answer.one("//pre").text_content()
    assert answer.headers["Cache-Control"] == "no-store"
    return text


def test_a_key_is_made_and_its_private_half_shown_once(
    page: Page, ada: User, caplog: pytest.LogCaptureFixture
) -> None:
    page.sign_in(ada)
    answer = page.get("/keys/").form("/make").submit(**named("made-name", "My key"))
    [key] = keys.of(ada)
    made = load_ssh_private_key(private_key(answer).encode(), None)
    public = made.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    assert (key.name, key.public_key) == ("My key", f"{public} My-key")
    assert answer.one("//a[@download]").get("download") == "id_my_key"
    on = answer.follow("I have saved it: go on")
    assert "PRIVATE KEY" not in on.text
    assert "My key" in on.text
    assert "PRIVATE KEY" not in caplog.text


def test_a_key_without_a_name_is_called_by_the_day(page: Page, ada: User) -> None:
    page.sign_in(ada)
    page.get("/keys/").form("/make").submit()
    assert keys.of(ada)[0].name.startswith("made 20")
    again = page.get("/keys/").form("/make").submit()
    assert again.status == 422
    assert "another key with this name" in again.errors["made-name"]


def test_loading_the_page_of_a_made_key_anew_makes_no_other(page: Page, ada: User) -> None:
    form = page.sign_in(ada).get("/keys/").form("/make")
    assert "PRIVATE KEY" in private_key(form.submit(**named("made-name", "My key")))
    again = form.submit(**named("made-name", "My key"))
    assert (again.status, again.url) == (200, "/keys/")
    assert "“My key” was made before, and its private key shown that one time." in again.text
    assert len(keys.of(ada)) == 1
    # The same form with another name is another wish, and so is one that was loaded since.
    assert "PRIVATE KEY" in private_key(form.submit(**named("made-name", "other")))
    taken = page.get("/keys/").form("/make").submit(**named("made-name", "My key"))
    assert "another key with this name" in taken.errors["made-name"]


def test_a_made_key_stays_chosen_when_its_page_is_loaded_anew(page: Page, ada: User) -> None:
    access = wizard(wizard(begin(page.sign_in(ada))).submit("Next"))
    made = access.submit("Make one for me", **named("key-name", "new"))
    wizard(made.follow("I have saved it: go on")).submit("Next", firewall="closed")
    again = access.submit("Make one for me", **named("key-name", "new"))
    assert "its private key shown that one time" in again.text
    [key] = keys.of(ada)
    assert wizard(again).fields["ssh_keys"] == [str(key.id)]
    assert wizard(again)["firewall"] == "closed"
    assert "No SSH key is chosen" not in wizard(again).submit("Next").text


def test_a_key_is_made_in_the_wizard_and_chosen(page: Page, ada: User) -> None:
    access = wizard(begin(page.sign_in(ada))).submit("Next")
    made = wizard(access).submit("Make one for me", firewall="closed", **named("key-name", "new"))
    assert "PRIVATE KEY" in private_key(made)
    form = wizard(made.follow("I have saved it: go on"))
    assert (form["ssh_keys"], form["firewall"]) == (str(keys.of(ada)[0].id), "closed")
    again = form.submit("Make one for me", **named("key-name", "new"))
    assert "another key with this name" in again.errors["key-name"]
