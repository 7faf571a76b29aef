"""Accounts: signing in and out, names and passwords."""

import re
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from portal.domain.people import sessions
from portal.domain.people.models import Membership, Role, Session, TenantRole, User
from portal.domain.store import audit
from portal.domain.store.db import db, now, only_writable, transaction
from portal.domain.store.errors import Refused
from portal.translation import gettext

_hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
# Verified when nobody has the address, so that a stranger can't tell by the time it takes.
_NOBODY = _hasher.hash("nobody has this password")
_ADDRESS = re.compile(r"[a-z0-9._%+-]{1,64}@[a-z0-9-]{1,63}(\.[a-z0-9-]{2,63})+")
MIN_PASSWORD = 10
MAX_NAME = 100


class SignInRefused(Refused):
    """Wrong address or password, or the account is closed; the words don't say which."""


def sign_in(email: str, password: str, agent: str = "") -> Session:
    """A session of the person, or SignInRefused. Both outcomes are in the audit."""
    user = find(email)
    proven = user.password_hash if user else _NOBODY
    matches = _verify(proven, password)
    with transaction():
        good = _still(user, proven) if user and matches else None
        if good and _hasher.check_needs_rehash(good.password_hash):
            good.password_hash = _hasher.hash(password)
        session = sessions.begin(good, agent) if good else None
        audit.record(
            "person.signed_in" if good else "person.sign_in_refused",
            by=good,
            detail={} if good else _whose(user, email),
        )
    if session is None:
        raise SignInRefused(
            gettext("The e-mail address and the password don't go together."), field="password"
        )
    return session


def sign_out(user: User, session_id: UUID | None) -> None:
    """Ends the session the person leaves, and notes that they left."""
    with transaction():
        mine = (Session.id == session_id, Session.user_id == user.id, Session.ended_at.is_(None))
        db.session.execute(update(Session).where(*mine).values(ended_at=now()))
        audit.record("person.signed_out", by=user)


def create(email: str, name: str, password: str, role: Role, *, by: User | None = None) -> User:
    """A new account. Raises Refused when the address is taken or the password too short."""
    password_hash = hashed(password)
    with transaction():
        user = add(email, name, password_hash, role)
        audit.record("person.created", by=by, detail={"email": user.email, "role": role.value})
    return user


def add(email: str, name: str, password_hash: str, role: Role) -> User:
    """A new account inside the caller's transaction. Raises Refused."""
    only_writable()
    user = User(email=plain(email), name=checked_name(name), password_hash=password_hash, role=role)
    try:
        with db.session.begin_nested():
            db.session.add(user)
    except IntegrityError as error:
        raise Refused(gettext("Somebody has this e-mail address already."), field="email") from error
    return user


def find(email: str) -> User | None:
    """The account with this address."""
    return db.session.scalar(select(User).where(User.email == plain(email)))


def join(
    user: User, tenant_id: UUID, role: TenantRole = TenantRole.MEMBER, *, by: User | None = None
) -> None:
    """Makes the person a member of the tenant; once is enough."""
    with transaction():
        enter(user, tenant_id, role, by=by)
    db.session.refresh(user)


def enter(user: User, tenant_id: UUID, role: TenantRole, *, by: User | None) -> None:
    """The same inside the caller's transaction. A member may become owner so, an owner stays one."""
    only_writable()
    membership = db.session.get(Membership, (user.id, tenant_id))
    before = membership.role.value if membership else None
    if membership is None:
        db.session.add(Membership(user_id=user.id, tenant_id=tenant_id, role=role))
    elif role is TenantRole.OWNER:
        membership.role = role
    if before not in (role, TenantRole.OWNER):
        detail = {"email": user.email, "before": before, "after": role.value}
        audit.record("person.joined", by=by, tenant_id=tenant_id, detail=detail)


def rename(user: User, name: str) -> None:
    """How other people see the person. Raises Refused for no name."""
    wanted = checked_name(name)
    with transaction():
        if wanted != user.name:
            audit.record("person.renamed", by=user, detail={"before": user.name, "after": wanted})
            db.session.execute(update(User).where(User.id == user.id).values(name=wanted))


def speak(user: User, language: str) -> None:
    """In which language the person is written to."""
    with transaction():
        if language != user.language:
            detail = {"before": user.language, "after": language}
            audit.record("person.language_chosen", by=user, detail=detail)
            db.session.execute(update(User).where(User.id == user.id).values(language=language))


def change_password(user: User, old: str, new: str, *, here: UUID | None) -> None:
    """A new password; every session but the one `here` ends. Raises Refused."""
    if not _verify(user.password_hash, old):
        raise Refused(gettext("This isn't your present password."), field="password")
    password_hash = hashed(new, field="new_password")
    with transaction():
        set_password(user, password_hash, but=here)
        audit.record("person.password_changed", by=user)


def set_password(user: User, password_hash: str, *, but: UUID | None = None) -> None:
    """Inside the caller's transaction: the new password, and the end of every session but one."""
    only_writable()
    db.session.execute(update(User).where(User.id == user.id).values(password_hash=password_hash))
    sessions.end_all(user, but=but)


def hashed(password: str, *, field: str = "password") -> str:
    """The hash of a new password. Raises Refused where it is too short."""
    if len(password) < MIN_PASSWORD:
        raise Refused(
            gettext("A password has at least %(least)s characters.", least=MIN_PASSWORD), field=field
        )
    return _hasher.hash(password)


def checked_name(name: str) -> str:
    """The name without spaces around it. Raises Refused."""
    name = " ".join(name.split())
    if not name:
        raise Refused(gettext("A name is missing."), field="name")
    if len(name) > MAX_NAME:
        raise Refused(gettext("A name has at most %(most)s characters.", most=MAX_NAME), field="name")
    return name


def plain(email: str) -> str:
    """An address as it is kept."""
    return email.strip().lower()


def _still(user: User, password_hash: str) -> User | None:
    """The person, if the account is open and the password still the one that was tried."""
    fresh = db.session.scalars(
        select(User).where(User.id == user.id).with_for_update().execution_options(populate_existing=True)
    ).one()
    return fresh if fresh.active and fresh.password_hash == password_hash else None


def _whose(user: User | None, typed: str) -> dict[str, str]:
    """Whom a refused sign-in was for. Where nobody has the address only what looks like one is kept: people
    type their password there."""
    address = plain(typed)
    known = user or (len(address) <= audit.LONGEST and _ADDRESS.fullmatch(address))
    return {"email": address} if known else {}


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
