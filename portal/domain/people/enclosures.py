"""Enclosures: files that go along with a delivery, as a zip with a letter, within the JSON of a webhook."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from portal.domain.people.models import Channel
from portal.translation import N_, gettext, translated

# Mail servers take 10 MB and more, of which base64 needs a third; most receivers of webhooks take 1 MB.
MOST_ATTACHED, MOST_EMBEDDED = 5 * 1024 * 1024, 512 * 1024

TOO_LARGE = N_("It is too large to go along.")
REFUSED = N_("It was not taken with it.")
BROKEN = N_("It could not be made.")


@dataclass(frozen=True)
class Enclosure:
    """A zip by its name, and its files as JSON holds them. `left_out`: why it stays behind, in English."""

    name: str
    zip: bytes = b""
    files: Mapping[str, Any] = field(default_factory=dict)
    left_out: str = ""

    def without(self, why: str) -> "Enclosure":
        """Its name alone, and why."""
        return Enclosure(self.name, left_out=why)

    def fitted(self, channel: Channel) -> "Enclosure":
        """Itself where this channel carries so much, else without."""
        small = (
            len(self.zip) <= MOST_ATTACHED
            if channel is Channel.MAIL
            else len(json.dumps(self.files)) <= MOST_EMBEDDED
        )
        return self if small else self.without(TOO_LARGE)

    @property
    def words(self) -> str:
        """What a letter says of it."""
        if self.left_out:
            return gettext(
                "%(name)s is not attached. %(why)s The portal has it: follow the link.",
                name=self.name,
                why=translated(self.left_out),
            )
        return gettext("Attached is %(name)s, without secrets; begin with its README.txt.", name=self.name)

    @property
    def plain(self) -> dict[str, Any]:
        """What a webhook's JSON has of it."""
        return {"name": self.name, "files": self.files or None, "left_out": self.left_out or None}
