"""Wording: what is told of each kind of fact, from the facts kept with it."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from babel.dates import format_datetime

from portal.domain.people.models import Kind
from portal.translation import N_, spoken, translated

# (title, text); a text that lacks one of its facts is left out.
_WORDS: dict[Kind, tuple[str, str]] = {
    Kind.VM_READY: (N_("{name} is ready"), N_("It answers at {address}.")),
    Kind.VM_FAILED: (N_("{name}: {what}"), "{cause}"),
    Kind.LAUNCH_READY: (N_("{ready} of {count} VMs of {name} are ready"), N_("{working} more on the way.")),
    Kind.LAUNCH_FAILED: (
        N_("{ready} of {count} VMs of {name} are ready, {failed} failed"),
        "{which}: {cause}",
    ),
    Kind.LEASE_ENDING: (
        N_("The lease of {name} ends soon"),
        N_("Its lease ends on {ends} UTC. {then}"),
    ),
    Kind.LEASE_ENDED: (
        N_("The lease of {name} is over"),
        N_("It is stopped, and deleted on {gone} UTC unless you extend it."),
    ),
    Kind.LEASES_ENDING: (
        N_("The leases of {count} VMs of {name} end soon"),
        N_("They end on {ends} UTC. {then}"),
    ),
    Kind.LEASES_ENDED: (
        N_("The leases of {count} VMs of {name} are over"),
        N_("They are stopped, and deleted on {gone} UTC unless you extend them."),
    ),
    Kind.QUOTA_ANSWERED: (N_("Your request for more in {tenant}: {answer}"), "{said}"),
    Kind.QUOTA_ASKED: (N_("{who} asks for more in {tenant}"), "{reason}"),
    Kind.CREDENTIAL_ENDING: (
        N_("The credential of {tenant} ends soon"),
        N_("It ends on {ends} UTC. Afterwards nothing can be launched there until it is replaced."),
    ),
    Kind.CREDENTIAL_REFUSED: (
        N_("OpenStack refuses the credential of {tenant}"),
        N_("Launches wait until it is replaced; nothing is lost."),
    ),
    Kind.SUPPORT_ASKED: (N_("{who} asks for help with {name}"), "{said}"),
}

# What was told before `gone_at` was kept.
_EARLIER = {Kind.LEASE_ENDED: "{then}"}

# Translators: a day and a time, in the letters of Unicode's patterns for dates.
_MOMENT = N_("dd MMMM 'at' HH:mm")

# Facts that are kept as words of the portal's own, and said as their reader speaks.
_SPOKEN = frozenset({"answer", "cause", "place", "then", "what"})

# What each kind is, for whoever chooses how to be told.
MEANINGS: dict[Kind, str] = {
    Kind.VM_READY: N_("A VM of mine is ready"),
    Kind.VM_FAILED: N_("A VM of mine failed"),
    Kind.LEASE_ENDING: N_("A lease of mine ends soon"),
    Kind.LEASE_ENDED: N_("A lease of mine is over"),
    Kind.QUOTA_ANSWERED: N_("My request for more is answered"),
    Kind.QUOTA_ASKED: N_("Somebody asks for more"),
    Kind.CREDENTIAL_ENDING: N_("A credential ends soon"),
    Kind.CREDENTIAL_REFUSED: N_("A credential is refused"),
    Kind.SUPPORT_ASKED: N_("Somebody asks for help"),
}


# Letters with a link that lets somebody in.
_LETTERS = {
    "invitation": {
        "title": N_("{who} invites you to {place}"),
        "text": N_(
            "Open the link to make your account, or to join with it. It works once, until {until} UTC."
        ),
        "click": N_("Accept the invitation"),
        "why": N_("If you expect no invitation, leave it: without a click nothing happens."),
    },
    "reset": {
        "title": N_("Set your password anew"),
        "text": N_("An administrator made this link for you. It works once, until {until} UTC."),
        "click": N_("Set the password"),
        "why": N_("If you didn't ask for it, tell an administrator; your present password holds until then."),
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
