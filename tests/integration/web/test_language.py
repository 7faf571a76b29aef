"""In which language the portal speaks: as the browser asks, as the person chose, and to each in their own."""

from uuid import uuid4

import pytest
from flask import Flask

from portal.domain.people import notices
from portal.domain.people.models import Kind, User
from portal.domain.people.notices import Fact
from portal.domain.store.db import db, transaction
from portal.domain.store.models import AuditEntry
from portal.domain.tenants.models import Tenant
from tests.support.page import Answer, Page
from tests.support.post import Mailbox
from tests.support.world import PASSWORD, Worker, fresh

GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.8"}


def choose(answer: Answer, language: str) -> Answer:
    return answer.form(button=language).submit(language)


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [("de-AT,de;q=0.9,en;q=0.8", "de"), ("en-GB,de;q=0.5", "en"), ("fr,it;q=0.5", "en"), ("", "en")],
)
def test_a_stranger_is_spoken_to_as_their_browser_asks(asked: str, spoken: str, page: Page) -> None:
    answer = page.get("/sign-in", headers={"Accept-Language": asked})
    assert answer.tree.get("lang") == spoken
    assert answer.words("//main//button") == [{"de": "Anmelden", "en": "Sign in"}[spoken]]


def test_a_refusal_and_a_missing_page_are_in_that_language_too(page: Page, ada: User) -> None:
    wrong = page.get("/sign-in", headers=GERMAN).form()
    answer = page.send("POST", "/sign-in", data={**_data(wrong.fields), "email": ada.email}, headers=GERMAN)
    assert answer.errors["password"] == "Ihr Passwort fehlt."
    assert "Hier ist nichts" in page.get("/nothing", headers=GERMAN).text


def _data(fields: dict[str, list[str]]) -> dict[str, str]:
    return {name: values[0] for name, values in fields.items()}


def test_what_a_person_chose_holds_in_this_browser(page: Page, ada: User) -> None:
    home = choose(page.sign_in(ada).get("/"), "Deutsch")
    assert home.tree.get("lang") == "de"
    assert "Ihre erste VM in drei Schritten" in home.text
    [pressed] = home.words("//button[@name='language'][@aria-pressed='true']")
    assert pressed == "Deutsch"
    assert page.get("/keys/", headers={"Accept-Language": "en"}).tree.get("lang") == "de"
    back = choose(page.get("/"), "English")
    assert "Your first VM, in three steps" in back.text


def test_it_is_written_down_once_and_nothing_else_is_taken(page: Page, ada: User) -> None:
    home = page.sign_in(ada).get("/")
    for words in ("Deutsch", "Deutsch"):
        choose(home, words)
    page.post("/language", {"csrf_token": home.form(button="Deutsch")["csrf_token"], "language": "xx"})
    assert fresh(ada).language == "de"
    chosen = db.session.query(AuditEntry).filter_by(action="person.language_chosen").all()
    assert [entry.detail for entry in chosen] == [{"before": None, "after": "de"}]


def test_it_goes_with_the_person_to_another_browser(app: Flask, ada: User) -> None:
    choose(Page(app).sign_in(ada).get("/"), "Deutsch")
    other = Page(app)
    signed_in = other.get("/sign-in").form().submit(email=ada.email, password=PASSWORD)
    assert signed_in.tree.get("lang") == "de"
    choose(signed_in, "English")
    again = other.get("/", headers=GERMAN)
    assert again.tree.get("lang") == "en"


def test_a_letter_is_in_the_language_of_who_gets_it(
    page: Page, ada: User, lab: Tenant, box: Mailbox, work: Worker
) -> None:
    choose(page.sign_in(ada).get("/"), "Deutsch")
    facts = {"name": "quiet-otter", "what": "the launch failed", "cause": "The image is gone from the cloud."}
    with transaction():
        notices.tell(Fact(Kind.VM_FAILED, uuid4().hex, uuid4(), lab.id, facts), to=[fresh(ada)])
    work()
    [letter] = box.letters
    assert letter["Subject"] == "quiet-otter: die Erstellung ist fehlgeschlagen"
    text, html = (part.get_content() for part in letter.walk() if not part.is_multipart())
    assert "Das Abbild gibt es in der Cloud nicht mehr." in text
    assert '<html lang="de">' in html
    assert "Im Portal öffnen" in html
