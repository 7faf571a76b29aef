"""The session cookie: which session of which person this browser holds."""

from uuid import UUID

from flask import g, request, session

from portal.domain.people import sessions
from portal.domain.people.sessions import Session

# Where the sign-in of the pages looks for it.
_KEY = "_user_id"


def take(opened: Session) -> None:
    """From here on this browser is signed in so; nothing of before stays."""
    leave()
    session.permanent = True
    session[_KEY] = sessions.key(opened)


def leave() -> None:
    """Nothing of the session stays in the browser, nor of who asked so far in this request."""
    session.clear()
    for kept in ("_login_user", "csrf_token"):
        g.pop(kept, None)


def here() -> UUID | None:
    """The session that this browser holds, if it does."""
    return sessions.named(session.get(_KEY, ""))


def agent() -> str:
    """What the browser calls itself."""
    return request.user_agent.string
