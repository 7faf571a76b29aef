"""The page helper: a browser without script that checks every HTML answer for what a page owes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from flask import Flask
from lxml import html
from werkzeug.test import TestResponse

from portal.domain.people import sessions
from portal.domain.people.models import User
from portal.domain.store.db import db, transaction
from portal.translation import LANGUAGES

_FIELDS = ".//input[not(@type='hidden')] | .//select | .//textarea[not(@hidden)]"
_HANDLERS = "//@*[starts-with(name(), 'on') or starts-with(name(), 'hx-on')]"


class Page:
    """One person's browser: `get` and `submit` answer the page where it ended up, redirects followed."""

    def __init__(self, app: Flask, *, address: str = "127.0.0.1") -> None:
        self._app = app
        self._client = app.test_client()
        self._client.environ_base["REMOTE_ADDR"] = address

    def sign_in(self, user: User) -> "Page":
        """A session of this person, without the detour over the form."""
        with transaction():
            opened = sessions.begin(user, "Tests/1.0")
        with self._client.session_transaction() as session:
            session["_user_id"] = sessions.key(opened)
        return self

    def get(self, url: str, *, htmx: bool = False, headers: dict[str, str] | None = None) -> "Answer":
        """What a link leads to; `htmx`: as a panel of the page asks."""
        return self.send("GET", url, htmx=htmx, headers=headers)

    def post(self, url: str, data: Any = None, *, headers: dict[str, str] | None = None) -> "Answer":
        """A POST that no form of ours made."""
        return self.send("POST", url, data=data, headers=headers)

    def send(
        self,
        method: str,
        url: str,
        *,
        data: Any = None,
        htmx: bool = False,
        headers: dict[str, str] | None = None,
    ) -> "Answer":
        """Any request; follows redirects unless htmx asks."""
        sent = (headers or {}) | ({"HX-Request": "true"} if htmx else {})
        # A context of its own, as each request has in life: nothing of the test's session or `g` is shared.
        with self._app.app_context():
            response = self._client.open(
                url, method=method, data=data, headers=sent, follow_redirects=not htmx
            )
        db.session.rollback()  # the test's own session sees what the request wrote
        answer = Answer(self, response)
        answer.check()
        return answer

    def cookie(self, name: str) -> str | None:
        """The value of a cookie this browser holds."""
        cookie = self._client.get_cookie(name)
        return cookie.value if cookie else None


@dataclass
class Answer:
    """What came back."""

    page: Page
    response: TestResponse
    _tree: list[html.HtmlElement] = field(default_factory=list)

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def url(self) -> str:
        """Path and query of where it ended up."""
        parts = urlsplit(self.response.request.url)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    @property
    def headers(self) -> Any:
        return self.response.headers

    @property
    def json(self) -> Any:
        """The body of an answer to a machine."""
        return self.response.json

    @property
    def is_html(self) -> bool:
        return self.response.mimetype == "text/html"

    @property
    def tree(self) -> html.HtmlElement:
        """The parsed page; a fragment's root stands in a <div>."""
        if not self._tree:
            text = self.response.get_data(as_text=True)
            parsed = (
                html.document_fromstring(text) if self.is_whole else html.fragment_fromstring(text, "div")
            )
            self._tree.append(parsed)
        return self._tree[0]

    @property
    def is_whole(self) -> bool:
        return self.response.get_data(as_text=True).lstrip()[:9].lower() == "<!doctype"

    @property
    def title(self) -> str:
        return " ".join((self.tree.findtext(".//title") or "").split())

    @property
    def text(self) -> str:
        """The words a person reads, spaces folded."""
        main = self.all("//main") or [self.tree]
        return " ".join(main[0].text_content().split())

    @property
    def links(self) -> dict[str, str]:
        """Where the links of the page lead, by their words."""
        return {_words(link): link.get("href") for link in self.all("//a[@href]")}

    @property
    def errors(self) -> dict[str, str]:
        """The message at each field, by the field's name."""
        found = {}
        for element in self.all("//*[@aria-invalid='true']"):
            places = [
                place for place in element.get("aria-describedby", "").split() if place.endswith("-error")
            ]
            found[element.get("name")] = " ".join(_words(self.one(f"//*[@id='{place}']")) for place in places)
        return found

    def all(self, xpath: str) -> list[html.HtmlElement]:
        """The elements of an XPath."""
        found: list[html.HtmlElement] = self.tree.xpath(xpath)
        return found

    def one(self, xpath: str) -> html.HtmlElement:
        """The one element of an XPath."""
        found = self.all(xpath)
        assert len(found) == 1, f"{xpath} is there {len(found)} times on {self.url}"
        return found[0]

    def words(self, xpath: str) -> list[str]:
        """The words of the elements of an XPath."""
        return [_words(element) for element in self.all(xpath)]

    def follow(self, words: str) -> "Answer":
        """Clicks the link with these words."""
        return self.page.get(urljoin(self.url, self.links[words]))

    def form(self, action: str | None = None, *, button: str | None = None) -> "Form":
        """The form whose action ends so, or that has the button; the only one in <main> needs neither."""
        forms = self.all("//main//form" if not (action or button) else "//form[not(@method='dialog')]")
        if action:
            forms = [form for form in forms if (form.get("action") or self.url).endswith(action)]
        if button:
            forms = [form for form in forms if button in [_name(each) for each in form.iter("button")]]
        assert len(forms) == 1, f"{len(forms)} such forms on {self.url}"
        return Form(self, forms[0])

    def check(self) -> None:
        """What every HTML answer owes. Raises AssertionError with all that is wrong."""
        if self.is_html and self.response.get_data():
            wrong = [*self._common_mistakes(), *(self._page_mistakes() if self.is_whole else [])]
            assert not wrong, f"{self.url}: {'; '.join(wrong)}"

    def _page_mistakes(self) -> Iterator[str]:
        if not self.title or self.title.startswith("·"):
            yield "no title"
        if self.tree.get("lang") not in LANGUAGES:
            yield "no language"
        if len(self.all("//h1")) != 1:
            yield f"{len(self.all('//h1'))} times h1"
        if len(self.all("//main")) != 1:
            yield "not one <main>"
        mistaken = self.all("//main//*[@aria-invalid='true']")
        if mistaken and self.all("//main//*[@autofocus]") != mistaken[:1]:
            yield "the first mistaken field lacks the focus"
        if self.all("//*[@aria-invalid='true']/ancestor::details[not(@open)]"):
            yield "a mistaken field is folded away"

    def _common_mistakes(self) -> Iterator[str]:
        ids = self.tree.xpath("//@id")
        yield from (f"id {each} twice" for each in sorted({each for each in ids if ids.count(each) > 1}))
        if self.all("//script[not(@src)] | //style | //*[@style]") or self.tree.xpath(_HANDLERS):
            yield "inline script, style or handler"
        if self.all("//a[starts-with(@href, 'javascript:')] | //a[not(@href)]"):
            yield "a link that isn't one"
        for form in self.all("//form"):
            yield from self._form_mistakes(form)
        for place in self.tree.xpath("//@aria-describedby | //@aria-labelledby | //label/@for"):
            yield from (f"nothing has the id {each}" for each in place.split() if each not in ids)
        for button in self.all("//button"):
            if not _name(button):
                yield "a button without words"

    def _form_mistakes(self, form: html.HtmlElement) -> Iterator[str]:
        method = form.get("method", "").lower()
        if method not in ("get", "post", "dialog"):
            yield "a form without its method"
        if method == "post" and len(form.xpath(".//input[@name='csrf_token']")) != 1:
            yield f"the form to {form.get('action')} lacks its token"
        for each in form.xpath(_FIELDS):
            wrapped = each.xpath("ancestor::label")
            named = each.get("id") and self.all(f"//label[@for='{each.get('id')}']")
            if not (wrapped or named or each.get("aria-label")):
                yield f"the field {each.get('name')} has no label"


class Form:
    """A form as it stands on the page; `fields` are what it would send."""

    def __init__(self, answer: Answer, element: html.HtmlElement) -> None:
        self.answer = answer
        self.element = element
        self.fields: dict[str, list[str]] = {}
        for name, value in element.form_values():
            self.fields.setdefault(name, []).append(value)

    def __getitem__(self, name: str) -> str:
        return self.fields[name][0]

    def options(self, name: str) -> dict[str, str]:
        """What can be picked in a select or a radio group: value → words; what is disabled is left out."""
        radios = self.element.xpath(f".//input[@type='radio'][@name='{name}'][not(@disabled)]")
        options = self.element.xpath(f".//select[@name='{name}']/option[not(@disabled)]")
        return {each.get("value"): _words(each.getparent()) for each in radios} | {
            each.get("value", _words(each)): _words(each) for each in options
        }

    def submit(self, button: str | None = None, *, htmx: bool = False, **values: Any) -> Answer:
        """Sends it, these values over its own; None leaves one out. `button`: words of the one pressed."""
        data = {name: list(each) for name, each in self.fields.items()}
        for name, value in values.items():
            data[name] = [] if value is None else value if isinstance(value, list) else [value]
        pressed = self._pressed(button)
        if pressed is not None and pressed.get("name"):
            data[pressed.get("name")] = [pressed.get("value", "")]
        action = pressed.get("formaction") if pressed is not None else None
        url = urljoin(self.answer.url, action or self.element.get("action") or "")
        if self.element.get("method", "get").lower() == "get":
            query = [(name, value) for name, each in data.items() for value in each]
            return self.answer.page.get(f"{url.partition('?')[0]}?{urlencode(query)}", htmx=htmx)
        headers = {"Referer": "http://localhost" + self.answer.url}
        return self.answer.page.send("POST", url, data=data, htmx=htmx, headers=headers)

    def _pressed(self, words: str | None) -> html.HtmlElement | None:
        if words is None:
            return None
        buttons = [each for each in self.element.iter("button") if _name(each) == words]
        assert buttons, f"no button “{words}”"
        return buttons[0]


def _words(element: html.HtmlElement) -> str:
    return " ".join(element.text_content().split())


def _name(button: html.HtmlElement) -> str:
    return button.get("aria-label") or _words(button)
