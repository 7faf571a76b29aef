"""Links: tokens that let somebody in once. The database holds their hashes; who made one sees it once."""

import hashlib
import secrets

from portal.domain.store.errors import NotFound


class LinkOver(NotFound):
    """The link is unknown, used up, taken back or too old; the words say which, and what to do."""


def new_token() -> str:
    """A token nobody guesses: 256 bits."""
    return secrets.token_urlsafe(32)


def hashed(token: str) -> str:
    """What the database holds of a token. It is random, so a plain hash says nothing of it."""
    return hashlib.sha256(token.encode()).hexdigest()
