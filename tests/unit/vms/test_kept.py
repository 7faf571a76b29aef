"""Sentences that rows hold in English are said in the reader's language, facts and all."""

from collections.abc import Iterator
from gettext import NullTranslations

import pytest

from portal import translation
from portal.domain.vms import kept


class Shouting(NullTranslations):
    """Each message once more, marked; its facts stay where they are."""

    known = (*kept._SENTENCES, "Redis does not answer.")

    def gettext(self, message: str) -> str:
        return f"‹{message}›" if message in self.known else message


@pytest.fixture
def _shouting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(translation.LANGUAGES, "eo", "Shouting")
    before = translation._find[0]
    translation.plug(lambda _: Shouting())
    with translation.speaking("eo"):
        yield
    translation.plug(before)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (kept.SIZE % {"old": "m1.small", "new": "m1.medium"}, "‹Size from m1.small to m1.medium›"),
        (kept.REBUILD_AGAIN % {"image": "a b"}, "‹Rebuild from a b again›"),
        (kept.REBUILD % {"image": "a b"}, "‹Rebuild from a b›"),
        ("Redis does not answer.", "‹Redis does not answer.›"),
        ("No valid host was found.", "No valid host was found."),
        (
            kept.NOT_UNDONE
            % {"why": kept.TOO_LONG % {"minutes": "45", "why": "No (a+b)*."}, "problem": "x\ny"},
            "‹‹It couldn't be carried through within 45 minutes. No (a+b)*.› It could not be undone: x\ny›",
        ),
        (
            kept.NOT_DONE % {"why": "Redis does not answer."},
            "‹It wasn't done: ‹Redis does not answer.››",
        ),
        ("", ""),
        (None, ""),
    ],
)
@pytest.mark.usefixtures("_shouting")
def test_a_kept_sentence_is_found_again(text: str | None, said: str) -> None:
    assert kept.said(text) == said


@pytest.mark.usefixtures("_shouting")
def test_each_of_them_is_told_from_the_others() -> None:
    for sentence in kept._SENTENCES:
        facts = {name: f"<{name}>" for name in kept._pattern(sentence).groupindex}
        assert kept.said(sentence % facts) == f"‹{sentence % facts}›"


def test_english_stays_as_it_was_written() -> None:
    assert kept.said("Size from a to b") == "Size from a to b"
    assert kept.said(None) == ""
