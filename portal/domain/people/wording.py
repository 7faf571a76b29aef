"""Wording: what is told of each kind of fact, from the facts kept with it."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from babel.dates import format_datetime

from portal.domain.people.models import Kind
from portal.translation import gettext_noop, spoken, translated

# (title, text); a text that lacks one of its facts is left out.
_WORDS: dict[Kind, tuple[str, str]] = {
    Kind.VM_READY: (gettext_noop("{name} is ready"), gettext_noop("It answers at {address}.")),
    Kind.VM_FAILED: (gettext_noop("{name}: {what}"), "{cause}"),
    Kind.LEASE_ENDING: (
        gettext_noop("The lease of {name} ends soon"),
        gettext_noop("Its lease ends on {ends} UTC. {then}"),
    ),
    Kind.LEASE_ENDED: (
        gettext_noop("The lease of {name} is over"),
        gettext_noop("It is stopped, and deleted on {gone} UTC unless you extend it."),
    ),
    Kind.QUOTA_ANSWERED: (gettext_noop("Your request for more in {tenant}: {answer}"), "{said}"),
    Kind.QUOTA_ASKED: (gettext_noop("{who} asks for more in {tenant}"), "{reason}"),
    Kind.CREDENTIAL_ENDING: (
        gettext_noop("The credential of {tenant} ends soon"),
        gettext_noop("It ends on {ends} UTC. Afterwards nothing can be launched there until it is replaced."),
    ),
    Kind.CREDENTIAL_REFUSED: (
        gettext_noop("OpenStack refuses the credential of {tenant}"),
        gettext_noop("Launches wait until it is replaced; nothing is lost."),
    ),
    Kind.SUPPORT_ASKED: (gettext_noop("{who} asks for help with {name}"), "{said}"),
}

# What was told before `gone_at` was kept.
_EARLIER = {Kind.LEASE_ENDED: "{then}"}

# Translators: a day and a time, in the letters of Unicode's patterns for dates.
_MOMENT = gettext_noop("dd MMMM 'at' HH:mm")

# Facts that are kept as words of the portal's own, and said as their reader speaks.
_SPOKEN = frozenset({"answer", "cause", "place", "then", "what"})

# What each kind is, for whoever chooses how to be told.
MEANINGS: dict[Kind, str] = {
    Kind.VM_READY: gettext_noop("A VM of mine is ready"),
    Kind.VM_FAILED: gettext_noop("A VM of mine failed"),
    Kind.LEASE_ENDING: gettext_noop("A lease of mine ends soon"),
    Kind.LEASE_ENDED: gettext_noop("A lease of mine is over"),
    Kind.QUOTA_ANSWERED: gettext_noop("My request for more is answered"),
    Kind.QUOTA_ASKED: gettext_noop("Somebody asks for more"),
    Kind.CREDENTIAL_ENDING: gettext_noop("A credential ends soon"),
    Kind.CREDENTIAL_REFUSED: gettext_noop("A credential is refused"),
    Kind.SUPPORT_ASKED: gettext_noop("Somebody asks for help"),
}


# Letters with a link that lets somebody in.
_LETTERS = {
    "invitation": {
        "title": gettext_noop("{who} invites you to {place}"),
        "text": gettext_noop(
            "Open the link to make your account, or to join with it. It works once, until {until} UTC."
        ),
        "click": gettext_noop("Accept the invitation"),
        "why": gettext_noop("If you expect no invitation, leave it: without a click nothing happens."),
    },
    "reset": {
        "title": gettext_noop("Set your password anew"),
        "text": gettext_noop("An administrator made this link for you. It works once, until {until} UTC."),
        "click": gettext_noop("Set the password"),
        "why": gettext_noop(
            "If you didn't ask for it, tell an administrator; your present password holds until then."
        ),
    },
}


def of_link(kind: str, facts: Mapping[str, Any]) -> dict[str, str]:
    """Title, text, the words of the click, and why somebody gets it."""
    known = _plain(facts)
    return {part: translated(words).format_map(known) for part, words in _LETTERS[kind].items()}


def title(kind: Kind, facts: Mapping[str, Any]) -> str:
    """What happened, in one line."""
    return translated(_WORDS[kind][0]).format_map(defaultdict(lambda: "?", _plain(facts)))


def text(kind: Kind, facts: Mapping[str, Any]) -> str:
    """What there is to say beyond the title; perhaps nothing."""
    words = _EARLIER.get(kind, "") if "then" in facts and "gone_at" not in facts else ""
    try:
        return translated(words or _WORDS[kind][1]).format_map(_plain(facts))
    except KeyError:
        return ""


def _plain(facts: Mapping[str, Any]) -> dict[str, str]:
    """Those that say something, each on one line."""
    said = {name: " ".join(str(value).split()) for name, value in facts.items() if value not in (None, "")}
    known = {name: translated(value) if name in _SPOKEN else value for name, value in said.items()}
    moments = {name.removesuffix("_at"): _moment(said[name]) for name in said if name.endswith("_at")}
    return known | moments


def _moment(kept: str) -> str:
    return format_datetime(datetime.fromisoformat(kept), translated(_MOMENT), locale=spoken())
