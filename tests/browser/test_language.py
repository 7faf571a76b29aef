"""The portal in another language: no word of a page is left behind."""

from collections.abc import Iterator

import pytest

from tests.support import pseudo
from tests.support.page import Page
from tests.support.walking import House

# What a field may be filled with, and names of systems.
SAMPLES = {
    "ssh-ed25519 AAAA… you@laptop",
    "#cloud-config",
    "packages",
    "[nginx]",
    "-----BEGIN CERTIFICATE-----",
}


@pytest.fixture
def other_tongue() -> Iterator[None]:
    with pseudo.spoken():
        yield


@pytest.mark.parametrize("actor", ["anonymous", "owner", "support", "admin"])
@pytest.mark.usefixtures("other_tongue")
def test_every_word_of_every_page_is_translated(actor: str, house: House) -> None:
    page = Page(house.app)
    if actor in house.people:
        page.sign_in(house.people[actor])
    left: dict[str, str] = {}
    for address in house.addresses(actor):
        answer = page.get(address, headers={"Accept-Language": pseudo.LANGUAGE})
        if answer.is_html and answer.is_whole:
            left |= dict.fromkeys(pseudo.untranslated(answer.response.get_data(as_text=True)), address)
    data = pseudo.kept()
    words = {each: address for each, address in left.items() if each not in data and each not in SAMPLES}
    assert not words, "\n".join(f"{each}   on {address}" for each, address in words.items())
