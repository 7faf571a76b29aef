"""The token and catalogue of one credential, shared by all processes through a TokenStore."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from datetime import UTC, datetime
from typing import Any, cast

from keystoneauth1 import access as ksa_access
from keystoneauth1 import exceptions as ksa_errors
from keystoneauth1 import session as ksa_session
from keystoneauth1.identity import v3

from portal.openstack.access import Access, ApplicationCredential, Password, TokenStore
from portal.openstack.errors import BadCredential, BadRequest, NotAllowed, NotFound, Unavailable

# A token is replaced when less life is left. Services check it once at the start of a call.
MARGIN = 120.0
# Of a token that never lives long, this share of its life must be left, not a fixed time.
SHARE = 0.8
# A renewal that did not help against a 401 is not tried again so soon.
PATIENCE = 60.0


def life_left(token: ksa_access.AccessInfo) -> float:
    """Seconds until the token ends."""
    return (_time(token.expires) - datetime.now(UTC)).total_seconds()


def is_good_for(token: ksa_access.AccessInfo, seconds: float) -> bool:
    """Whether the token lives that long, or for most of what tokens live on this cloud."""
    lifetime = (_time(token.expires) - _time(token.issued)).total_seconds()
    return life_left(token) > max(0.0, min(seconds, SHARE * lifetime))


def _time(moment: datetime | None) -> datetime:
    """keystoneauth's types allow for tokens without times; a v3 token has them, or reading it fails."""
    return cast(datetime, moment)


class Login(v3.Auth):
    """Signs in at Keystone, when neither this process nor another one holds a token that is still good."""

    def __init__(self, access: Access, store: TokenStore) -> None:
        secret = access.secret
        scope: dict[str, Any] = {}
        if isinstance(secret, Password):
            scope = {"project_name": secret.project_name, "project_domain_name": secret.project_domain}
        super().__init__(access.auth_url, [_method(secret)], **scope)
        self._store = store
        self._key = access.token_key
        self._proof = hmac.new(secret.secret.encode(), self._key.encode(), hashlib.sha256).hexdigest()
        self._turn = threading.Lock()
        self._helpless_until: dict[str, float] = {}

    def token(
        self, session: ksa_session.Session, *, min_life: float = MARGIN, refused: str | None = None
    ) -> ksa_access.AccessInfo:
        """A token with so many seconds left, not the refused one. Raises BadCredential, Unavailable."""
        with self._turn:
            held = self._held(min_life, refused) or self._shared(min_life, refused)
            if held:
                return held
            with self._store.refreshing(self._key):
                held = self._shared(min_life, refused)
                if held:
                    return held
                self.auth_ref = held = self._sign_in(session)
                self._save(held)
            return held

    def forget(self) -> None:
        """Drop the token, here and for the other processes."""
        with self._turn:
            self.auth_ref = None
            self._store.forget(self._key)

    def may_help(self, call: str) -> bool:
        """Whether a new token may help a call that was answered with 401, as far as the last try taught."""
        return time.monotonic() >= self._helpless_until.get(call, 0.0)

    def did_not_help(self, call: str) -> None:
        """A new token was answered with 401 as well: this kind of call is let alone for a while."""
        self._helpless_until[call] = time.monotonic() + PATIENCE

    def _held(self, min_life: float, refused: str | None) -> ksa_access.AccessInfo | None:
        held = self.auth_ref
        if held is None or held.auth_token == refused or not is_good_for(held, min_life):
            return None
        return held

    def _shared(self, min_life: float, refused: str | None) -> ksa_access.AccessInfo | None:
        """The token that another process may have fetched."""
        saved = self._store.load(self._key)
        if saved is None:
            return None
        try:
            state = json.loads(saved)
            if not hmac.compare_digest(state["proof"], self._proof):
                return None  # fetched with another secret: this one has yet to prove itself
            self.set_auth_state(state["auth"])
            return self._held(min_life, refused)
        except (ValueError, KeyError, TypeError):
            self.auth_ref = None
            return None  # written by another version

    def _save(self, token: ksa_access.AccessInfo) -> None:
        ttl = life_left(token)
        if ttl > 0:
            state = json.dumps({"proof": self._proof, "auth": self.get_auth_state()})
            self._store.save(self._key, state, ttl)

    def _sign_in(self, session: ksa_session.Session) -> ksa_access.AccessInfo:
        try:
            token = self.get_auth_ref(session)
            is_good_for(token, 0)  # fails unless it tells its times
        except NotFound as error:
            if not error.kind:
                raise error.turned_into(Unavailable, "There is no Keystone at this address.") from None
            # What Keystone answers for an application credential that was deleted.
            raise error.turned_into(BadCredential) from None
        except (BadRequest, NotAllowed) as error:
            if not error.status:
                raise  # Keystone was not asked
            raise error.turned_into(BadCredential) from None
        except Unavailable as error:
            error.maybe_done = False  # what was to be done has not been asked for yet
            raise
        except (ksa_errors.ClientException, KeyError, TypeError, ValueError):
            words = "Keystone answered with something that is not a token."
            raise Unavailable(words, service="identity") from None
        return token


def _method(secret: ApplicationCredential | Password) -> v3.AuthMethod:
    if isinstance(secret, ApplicationCredential):
        return v3.ApplicationCredentialMethod(
            application_credential_id=secret.id, application_credential_secret=secret.secret
        )
    return v3.PasswordMethod(
        username=secret.username, password=secret.password, user_domain_name=secret.user_domain
    )
