"""What is around every page: headers, request ids, files, colours, the tenant."""

import gzip
import re
from collections.abc import Callable

import brotli
import pytest
from flask import Flask

from portal.domain.people import accounts
from portal.domain.people.models import User
from portal.domain.tenants.models import Tenant
from tests.support.page import Page

UNPACK: dict[str | None, Callable[[bytes], bytes]] = {
    "br": brotli.decompress,
    "gzip": gzip.decompress,
    None: bytes,
}


def test_every_answer_carries_the_security_headers(page: Page, ada: User) -> None:
    page.sign_in(ada)
    for url in ("/sign-in", "/", "/nothing", "/healthz"):
        headers = page.get(url).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in policy
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(page: Page, ada: User) -> None:
    cookie = page.get("/sign-in").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_a_request_id_is_made_or_taken_over(page: Page) -> None:
    assert re.fullmatch(r"req-[0-9a-f-]{36}", page.get("/sign-in").headers["X-Request-ID"])
    given = page.get("/sign-in", headers={"X-Request-ID": "proxy-12345678"})
    assert given.headers["X-Request-ID"] == "proxy-12345678"


def test_a_request_id_that_could_harm_the_log_is_replaced(page: Page) -> None:
    answer = page.get("/sign-in", headers={"X-Request-ID": 'a" evil="1'})
    assert answer.headers["X-Request-ID"].startswith("req-")


def test_files_are_there_and_kept_by_browsers_forever(page: Page) -> None:
    form = page.get("/sign-in")
    for address in [*form.tree.xpath("//link/@href"), *form.tree.xpath("//script/@src")]:
        assert re.search(r"\.[0-9a-f]{12}\.(css|js|svg)$", address)
        file = page.get(address)
        assert file.status == 200
        assert "immutable" in file.headers["Cache-Control"]
        assert file.headers["X-Content-Type-Options"] == "nosniff"


def test_the_colours_are_the_systems_until_chosen(page: Page, ada: User) -> None:
    page.sign_in(ada)
    home = page.get("/keys/")
    assert "data-theme" not in home.one("//html").attrib
    dark = home.form("/theme").submit("Dark")
    assert dark.url == "/keys/"
    assert dark.one("//html").get("data-theme") == "dark"
    assert "data-theme" not in dark.form("/theme").submit("System").one("//html").attrib


def test_a_made_up_theme_is_no_theme(page: Page, ada: User) -> None:
    page.sign_in(ada)
    form = page.get("/").form("/theme")
    assert form.submit(theme='"><script>').one("//html").get("data-theme") is None


def test_a_person_in_two_tenants_switches_between_them(page: Page, ada: User, school: Tenant) -> None:
    accounts.join(ada, school.id)
    page.sign_in(ada)
    home = page.get("/")
    assert "Research Lab" in home.one("//*[@id='tenant-menu']/summary").text_content()
    switched = home.form(button="Teaching").submit("Teaching")
    assert "You work in Teaching now." in switched.text
    assert "Teaching" in page.get("/keys/").one("//*[@id='tenant-menu']/summary").text_content()


def test_nobody_switches_to_a_foreign_tenant(page: Page, ada: User, school: Tenant) -> None:
    page.sign_in(ada)
    form = page.get("/keys/").form("/keys/")
    answer = page.post(f"/tenant/{school.id}", {"csrf_token": form["csrf_token"]})
    assert answer.status == 404
    assert "Teaching" not in answer.text


def test_the_navigation_marks_where_one_is(page: Page, ada: User) -> None:
    page.sign_in(ada)
    places = page.get("/catalogue/sizes").words("//nav[@aria-label='Main']//a[@aria-current='page']")
    assert places == ["Catalogue"]


def test_the_places_stand_in_groups_by_whom_they_are_about(page: Page, ada: User, root: User) -> None:
    page.sign_in(ada)
    assert page.get("/").words("//nav[@aria-label='Main']/p") == ["My work", "This tenant"]
    page.sign_in(root)
    home = page.get("/")
    assert home.words("//nav[@aria-label='Main']/p") == ["My work", "This tenant", "All tenants"]
    assert home.one("//*[@data-key='g v']").get("href") == "/vms/"


def test_a_launch_is_offered_where_one_may_launch(page: Page, ada: User, sam: User) -> None:
    page.sign_in(ada)
    assert page.get("/keys/").one("//*[@data-key='n']").get("href") == "/launch/"
    page.sign_in(sam)
    assert page.get("/keys/").all("//*[@data-key='n']") == []


@pytest.mark.parametrize(("accepted", "encoding"), [("gzip, br", "br"), ("gzip", "gzip"), ("br;q=0", None)])
def test_pages_and_files_leave_squeezed_as_the_browser_takes_them(
    app: Flask, accepted: str, encoding: str | None
) -> None:
    client = app.test_client()
    page = client.get("/sign-in")
    assert "Content-Encoding" not in page.headers
    squeezed = client.get("/sign-in", headers={"Accept-Encoding": accepted})
    assert squeezed.headers.get("Content-Encoding") == encoding
    assert "Accept-Encoding" in squeezed.headers["Vary"]
    for address in re.findall(r'(?:href|src)="(/static/[^"#]+)"', page.text):
        plain = client.get(address).data
        for _ in range(2):  # from the disk, then from memory
            file = client.get(address, headers={"Accept-Encoding": accepted})
            assert file.headers.get("Content-Encoding") == (encoding if len(plain) >= 1000 else None)
            assert int(file.headers["Content-Length"]) == len(file.data)
            assert "immutable" in file.headers["Cache-Control"]
            assert UNPACK[file.headers.get("Content-Encoding")](file.data) == plain


def test_what_has_not_changed_has_no_body(page: Page, ada: User) -> None:
    page.sign_in(ada)
    first = page.get("/notices/bell", htmx=True)
    again = page.get("/notices/bell", htmx=True, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.response.data) == (304, b"")
