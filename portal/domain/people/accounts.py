"""Accounts: signing in, and who a session belongs to."""

from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select

from portal.domain.people.models import Membership, Role, User
from portal.domain.store import audit
from portal.domain.store.db import db, transaction
from portal.domain.store.errors import Refused

_hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
# Verified when nobody has the address, so that a stranger can't tell by the time it takes.
_NOBODY = _hasher.hash("nobody has this password")
MIN_PASSWORD = 10


class SignInRefused(Refused):
    """Wrong address or password, or the account is closed; the words don't say which."""


def sign_in(email: str, password: str) -> User:
    """The person, or SignInRefused. Both outcomes are in the audit."""
    user = db.session.scalar(select(User).where(User.email == _plain(email)))
    matches = _verify(user.password_hash if user else _NOBODY, password)
    good = user if user and matches and user.active else None
    with transaction():
        if good and _hasher.check_needs_rehash(good.password_hash):
            good.password_hash = _hasher.hash(password)
        audit.record(
            "person.signed_in" if good else "person.sign_in_refused",
            by=good,
            detail={} if good else {"email": email[:255]},
        )
    if good is None:
        raise SignInRefused("The e-mail address and the password don't go together.", field="password")
    return good


def sign_out(user: User) -> None:
    """Notes that the person left."""
    with transaction():
        audit.record("person.signed_out", by=user)


def load(session_id: str) -> User | None:
    """Whose session this is; None when it ended or the account is closed."""
    user_id, _, epoch = session_id.partition(":")
    try:
        user = db.session.get(User, UUID(user_id))
    except ValueError:
        return None
    return user if user and user.active and user.session_id == f"{user.id}:{epoch}" else None


def create(email: str, name: str, password: str, role: Role, *, by: User | None = None) -> User:
    """A new account. Raises Refused when the address is taken or the password too short."""
    if len(password) < MIN_PASSWORD:
        raise Refused(f"A password has at least {MIN_PASSWORD} characters.", field="password")
    user = User(email=_plain(email), name=name, password_hash=_hasher.hash(password), role=role)
    with transaction():
        if db.session.scalar(select(User.id).where(User.email == user.email)):
            raise Refused("Somebody has this e-mail address already.", field="email")
        db.session.add(user)
        audit.record("person.created", by=by, detail={"email": user.email, "role": role.value})
    return user


def find(email: str) -> User | None:
    """The account with this address."""
    return db.session.scalar(select(User).where(User.email == _plain(email)))


def join(user: User, tenant_id: UUID, *, by: User | None = None) -> None:
    """Makes the person a member of the tenant; once is enough."""
    with transaction():
        if db.session.get(Membership, (user.id, tenant_id)) is None:
            db.session.add(Membership(user_id=user.id, tenant_id=tenant_id))
            audit.record("person.joined", by=by, tenant_id=tenant_id, detail={"email": user.email})
    db.session.refresh(user)


def _plain(email: str) -> str:
    return email.strip().lower()


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
