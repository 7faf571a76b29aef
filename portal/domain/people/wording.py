"""Wording: what is told of each kind of fact, from the facts kept with it."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from portal.domain.people.models import Kind

# (title, text); a text that lacks one of its facts is left out.
_WORDS: dict[Kind, tuple[str, str]] = {
    Kind.VM_READY: ("{name} is ready", "It answers at {address}."),
    Kind.VM_FAILED: ("{name}: {what}", "{cause}"),
    Kind.LEASE_ENDING: ("The lease of {name} ends soon", "Its lease ends on {ends} UTC. {then}"),
    Kind.LEASE_ENDED: ("The lease of {name} is over", "{then}"),
    Kind.QUOTA_ANSWERED: ("Your request for more in {tenant}: {answer}", "{said}"),
    Kind.QUOTA_ASKED: ("{who} asks for more in {tenant}", "{reason}"),
    Kind.CREDENTIAL_ENDING: (
        "The credential of {tenant} ends soon",
        "It ends on {ends} UTC. Afterwards nothing can be launched there until it is replaced.",
    ),
    Kind.CREDENTIAL_REFUSED: (
        "OpenStack refuses the credential of {tenant}",
        "Launches wait until it is replaced; nothing is lost.",
    ),
    Kind.SUPPORT_ASKED: ("{who} asks for help with {name}", "{said}"),
}

# What each kind is, for whoever chooses how to be told.
MEANINGS: dict[Kind, str] = {
    Kind.VM_READY: "A VM of mine is ready",
    Kind.VM_FAILED: "A VM of mine failed",
    Kind.LEASE_ENDING: "A lease of mine ends soon",
    Kind.LEASE_ENDED: "A lease of mine is over",
    Kind.QUOTA_ANSWERED: "My request for more is answered",
    Kind.QUOTA_ASKED: "Somebody asks for more",
    Kind.CREDENTIAL_ENDING: "A credential ends soon",
    Kind.CREDENTIAL_REFUSED: "A credential is refused",
    Kind.SUPPORT_ASKED: "Somebody asks for help",
}


# Letters with a link that lets somebody in.
_LETTERS = {
    "invitation": {
        "title": "{who} invites you to {place}",
        "text": "Open the link to make your account, or to join with it. It works once, until {until} UTC.",
        "click": "Accept the invitation",
        "why": "If you expect no invitation, leave it: without a click nothing happens.",
    },
    "reset": {
        "title": "Set your password anew",
        "text": "An administrator made this link for you. It works once, until {until} UTC.",
        "click": "Set the password",
        "why": "If you didn't ask for it, tell an administrator; your present password holds until then.",
    },
}


def of_link(kind: str, facts: Mapping[str, Any]) -> dict[str, str]:
    """Title, text, the words of the click, and why somebody gets it."""
    known = _plain(facts)
    return {part: words.format_map(known) for part, words in _LETTERS[kind].items()}


def title(kind: Kind, facts: Mapping[str, Any]) -> str:
    """What happened, in one line."""
    return _WORDS[kind][0].format_map(defaultdict(lambda: "?", _plain(facts)))


def text(kind: Kind, facts: Mapping[str, Any]) -> str:
    """What there is to say beyond the title; perhaps nothing."""
    try:
        return _WORDS[kind][1].format_map(_plain(facts))
    except KeyError:
        return ""


def _plain(facts: Mapping[str, Any]) -> dict[str, str]:
    """Those that say something, each on one line."""
    return {name: " ".join(str(value).split()) for name, value in facts.items() if value not in (None, "")}
