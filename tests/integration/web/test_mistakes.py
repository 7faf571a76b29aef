"""A form that was refused: its page tells at the top what needs another look, and the first has the focus.

That the first has it, and that none is folded away, tests/support/page.py asks of every page.
"""

import pytest
from lxml.html import HtmlElement

from portal.domain.people.models import User
from portal.domain.tenants.models import Tenant
from tests.support.page import Answer, Page
from tests.support.wizard import begin, wizard


def _told(answer: Answer) -> tuple[str, dict[str, str]]:
    """The notice's title, and where its links lead, by their lines."""
    notice: HtmlElement = answer.one("//*[@id='notices']/*[contains(@class, 'notice')]")
    lines = {" ".join(each.text_content().split()): each.findtext(".//a") for each in notice.iter("li")}
    assert all(lines.values())
    places = {line: each.get("href") for line, each in zip(lines, notice.iter("a"), strict=True)}
    return notice.findtext(".//strong") or "", places


def test_the_wizard_tells_what_needs_another_look(browser: Page) -> None:
    access = wizard(begin(browser, "Docker host")).submit("Next", name="fine")
    assert not access.all("//*[@id='notices']/*")
    form = wizard(access)
    form.fields["vm:tags"] = ["a b c d e f g h i j k"]
    refused = form.submit("Next", container_port="99999")
    assert refused.status == 422
    assert _told(refused) == (
        "2 fields need another look",
        {
            "Port inside the container: A port is a number between 1 and 65535.": "#q-container_port",
            "Tags: Use at most 10 tags.": "#q-vm-tags",
        },
    )
    assert refused.one("//main//*[@autofocus]").get("name") == "container_port"
    assert refused.one("//details[.//*[@id='q-vm-tags']]").get("open") is not None


def test_a_choice_that_is_refused_has_the_focus_as_a_whole(browser: Page) -> None:
    refused = wizard(begin(browser)).submit("Next", flavor="gone")
    title, places = _told(refused)
    assert (title, list(places.values())) == ("1 field needs another look", ["#q-flavor"])
    assert refused.one("//fieldset[@autofocus]").get("tabindex") == "-1"


def test_what_is_swapped_in_while_one_types_takes_no_focus(browser: Page) -> None:
    changed = wizard(begin(browser)).submit(htmx=True, flavor="gone", name="9 lives")
    assert "flavor" in changed.errors
    assert not changed.all("//*[@autofocus]")


def test_a_page_of_several_forms_tells_of_the_one_that_was_sent(browser: Page) -> None:
    refused = browser.get("/account/").form("/webhook").submit(url="http://example.org/")
    title, places = _told(refused)
    assert (title, list(places.values())) == ("1 field needs another look", ["#url"])


def test_a_form_in_sight_has_the_focus_alone(page: Page, root: User, lab: Tenant) -> None:
    refused = page.get("/sign-in").form("/sign-in").submit(email="ada@example.org")
    assert refused.one("//*[@autofocus]").get("name") == "password"
    assert not refused.all("//*[@id='notices']/*")
    admin = page.sign_in(root)
    new = admin.get("/admin/tenants/new").form("/new").submit(name="")
    assert _told(new)[0] == "2 fields need another look"


@pytest.mark.parametrize("count", ["0", "-3", "51", "500", "", "two"])
def test_how_many_is_judged_as_it_is_typed(browser: Page, count: str) -> None:
    form = wizard(begin(browser))
    form.fields["vm:count"] = [count]
    changed = form.submit(htmx=True)
    assert changed.words("//*[@id='q-vm-count-check'][@hx-swap-oob]") == ["Launch from 1 to 50 VMs at once."]
    assert changed.words("//*[@id='cost']") == ["Launch from 1 to 50 VMs at once."]
    assert "As for one VM, until the number is right." in changed.words("//aside//p")
    form.fields["vm:count"] = ["3"]
    mended = form.submit(htmx=True)
    assert mended.words("//*[@id='q-vm-count-check']") == [""]
    assert "As for one VM" not in mended.text


def test_words_are_right_again_as_they_are_typed_and_wrong_when_they_are_sent(browser: Page) -> None:
    access = wizard(begin(browser, "Docker host")).submit("Next", name="fine")
    form = wizard(wizard(access).submit("Next", container="UPPER case", container_port="99999"))
    half = form.submit(htmx=True, container="STILL")
    assert not half.all("//*[@id='q-container-check']")
    assert half.words("//*[@id='q-container_port-check']") == ["A port is a number between 1 and 65535."]
    right = form.submit(htmx=True, container="nginx", container_port="80")
    assert right.words("//*[@id='q-container-check' or @id='q-container_port-check']") == ["", ""]
