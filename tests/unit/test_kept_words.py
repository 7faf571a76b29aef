"""What is kept is kept in English, and is said as whoever reads it speaks."""

from collections.abc import Iterator
from contextlib import contextmanager
from gettext import NullTranslations

from portal import translation
from portal.domain.catalog import parameters
from portal.domain.people import wording
from portal.domain.people.models import Kind, Session
from portal.domain.store.chain import Walk
from portal.domain.tenants.checks import Check, Tone
from portal.domain.tenants.models import Checkup


class Brackets(NullTranslations):
    """A language whose words are the English ones in brackets."""

    def gettext(self, message: str) -> str:
        return f"[{message}]"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"[{msgid1 if n == 1 else msgid2}]"


@contextmanager
def abroad() -> Iterator[None]:
    before = translation._voice.set(translation._Voice("eo", Brackets()))
    try:
        yield
    finally:
        translation._voice.reset(before)


def test_a_notice_is_worded_when_it_is_read() -> None:
    failed = {"name": "web", "what": "the launch failed", "cause": "No room."}
    ready = {"name": "the launch failed", "address": "10.0.0.4"}
    with abroad():
        assert wording.title(Kind.VM_FAILED, failed) == "[web: [the launch failed]]"
        assert wording.title(Kind.VM_READY, ready) == "[the launch failed is ready]"
        assert wording.text(Kind.VM_READY, ready) == "[It answers at 10.0.0.4.]"
        assert wording.text(Kind.VM_READY, {"name": "web"}) == ""
        over = {"name": "web", "then": "It is stopped, and deleted."}
        assert wording.text(Kind.LEASE_ENDED, over) == "[[It is stopped, and deleted.]]"
        link = wording.of_link("invitation", {"who": "Ada", "place": "the portal", "until": "noon"})
        assert link["title"] == "[Ada invites you to [the portal]]"
    assert wording.title(Kind.VM_FAILED, failed) == "web: the launch failed"


def test_a_moment_is_told_as_its_reader_writes_one() -> None:
    facts = {
        "name": "web",
        "ends": "05 March at 09:00",
        "ends_at": "2027-03-05T09:00:00+00:00",
        "then": "Go on.",
    }
    over = facts | {"gone_at": "2027-03-12T09:00:00+00:00"}
    assert wording.text(Kind.LEASE_ENDING, facts) == "Its lease ends on 05 March at 09:00 UTC. Go on."
    gone = "It is stopped, and deleted on 12 March at 09:00 UTC unless you extend it."
    assert wording.text(Kind.LEASE_ENDED, over) == gone
    before = translation._voice.set(translation._Voice("de", NullTranslations()))
    assert "05 März" in wording.text(Kind.LEASE_ENDING, facts)
    translation._voice.reset(before)


def test_a_template_is_read_once_for_all_languages() -> None:
    with abroad():
        name, wrong = parameters.from_definition(
            "name", {"type": "string", "constraints": [{"length": {"max": 8}}]}
        )
    assert (name and name.constraints[0].rule, wrong) == ("Use at most 8 characters.", [])
    with abroad():
        assert name
        assert name.constraints[0].rule == "[Use at most 8 characters.]"


def test_the_doctors_word_is_kept_in_english_with_its_facts() -> None:
    with abroad():
        kept = Check(
            "clock", Tone.BAD, "They are %(seconds)s s apart.", {"seconds": 40}, ways=("Wait.",)
        ).plain
        earlier = {"name": "token", "tone": "good", "answered": "It opens 100 % of it.", "ways": []}
        told = Checkup(checks=[kept, earlier]).told
    assert (kept["answered"], kept["ways"]) == ("They are 40 s apart.", ["Wait."])
    assert [(one["name"], one["answered"], one["ways"]) for one in told] == [
        ("[clock]", "[They are 40 s apart.]", ["[Wait.]"]),
        ("[token]", "[It opens 100 % of it.]", []),
    ]


def test_what_was_tampered_with_is_told_in_every_language() -> None:
    removed = {
        "kind": "missing",
        "words": "It and those up to %(upto)s were removed.",
        "number": 7,
        "upto": 8,
    }
    earlier = {"kind": "moved", "words": "It was moved here: it is entry 8.", "number": 3, "upto": None}
    walk = Walk.load({"found": [removed, earlier]})
    with abroad():
        assert [each.said for each in walk.found] == [
            "[It and those up to 8 were removed.]",
            "[It was moved here: it is entry 8.]",
        ]
    assert str(walk.found[0]) == "7: It and those up to 8 were removed."


def test_a_device_is_told_in_every_language() -> None:
    with abroad():
        assert Session(device="Firefox on Linux").told == "[[Firefox] on Linux]"
        assert Session(device="Unknown device").told == "[Unknown device]"
