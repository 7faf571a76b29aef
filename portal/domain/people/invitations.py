"""Invitations: links, used once, that let one person in: to a tenant with a role, or to the portal alone."""

import re
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, update

from portal.domain.people import access, accounts, deliveries, sessions
from portal.domain.people.access import Permission
from portal.domain.people.links import LinkOver, hashed, new_token
from portal.domain.people.models import Invitation, Membership, Role, Session, TenantRole, User
from portal.domain.store import audit
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import Forbidden, NotFound, Refused
from portal.translation import gettext

__all__ = ["LASTS", "Invitation", "LinkOver", "accept", "invite", "join", "read", "send", "waiting"]
__all__ += ["withdraw"]

LASTS = timedelta(days=7)
_ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>]+\.[^@\s<>.]+")


def invite(
    email: str,
    *,
    by: User | None,
    tenant_id: UUID | None = None,
    tenant_role: TenantRole = TenantRole.MEMBER,
    role: Role = Role.MEMBER,
) -> tuple[Invitation, str]:
    """An invitation and its token; an earlier one of the same address to the same place is taken back.

    `by` None: on the command line. Raises Forbidden, or Refused at the field `email`.
    """
    email = _checked(email)
    if by and not _may(by, tenant_id, role):
        raise Forbidden
    token = new_token()
    with transaction():
        _refuse_needless(email, tenant_id)
        _take_back(Invitation.email == email, Invitation.tenant_id == tenant_id)
        invitation = Invitation(
            token_hash=hashed(token),
            email=email,
            role=role,
            tenant_id=tenant_id,
            tenant_role=tenant_role,
            by_id=by.id if by else None,
            expires_at=now() + LASTS,
        )
        db.session.add(invitation)
        audit.record("invitation.made", by=by, tenant_id=tenant_id, detail=_detail(invitation))
    return invitation, token


def waiting(for_: User, tenant_id: UUID | None = None) -> list[Invitation]:
    """The invitations that nobody accepted yet, newest first: those to a tenant, or all. Raises Forbidden."""
    if tenant_id:
        access.require(for_, Permission.MEMBER_VIEW, tenant_id)
    else:
        access.require(for_, Permission.PERSON_VIEW)
    places = [Invitation.tenant_id == tenant_id] if tenant_id else []
    return list(
        db.session.scalars(
            select(Invitation)
            .where(*_OPEN, Invitation.expires_at > now(), *places)
            .order_by(Invitation.created_at.desc())
        )
    )


def withdraw(invitation_id: UUID, *, by: User) -> None:
    """Takes an invitation back; its link opens nothing from then on. Raises NotFound also for a stranger."""
    with transaction():
        invitation = db.session.get(Invitation, invitation_id)
        if invitation is None or not _may(by, invitation.tenant_id, invitation.role):
            raise NotFound(gettext("There is no such invitation."))
        if _take_back(Invitation.id == invitation.id):
            audit.record(
                "invitation.withdrawn", by=by, tenant_id=invitation.tenant_id, detail=_detail(invitation)
            )


def read(token: str, *, lock: bool = False) -> Invitation:
    """The invitation, if it still lets somebody in. Raises LinkOver."""
    question = select(Invitation).where(Invitation.token_hash == hashed(token))
    invitation = db.session.scalar(question.with_for_update() if lock else question)
    if invitation is None or invitation.withdrawn_at or not _stands(invitation):
        raise LinkOver(
            gettext("This invitation doesn't hold any more. Ask whoever invited you for a new one.")
        )
    if invitation.accepted_at:
        raise LinkOver(
            gettext("This invitation was accepted already; it works once. Sign in with your account.")
        )
    if invitation.expires_at < now():
        raise LinkOver(gettext("This invitation is too old. Ask whoever invited you for a new one."))
    return invitation


def send(token: str, path: str, place: str, *, by: User) -> Invitation:
    """Has the link mailed to whom it is for, by who made it. Raises LinkOver, NotFound, Refused."""
    invitation = read(token)
    if invitation.by_id != by.id:
        raise NotFound(gettext("This invitation is somebody else's."))
    facts = {"who": by.name, "place": place, "until": f"{invitation.expires_at:%Y-%m-%d %H:%M}"}
    facts |= {"language": by.language} if by.language else {}
    with transaction():
        deliveries.post_link("invitation", invitation.email, str(invitation.id), path, facts)
        audit.record("invitation.mailed", by=by, tenant_id=invitation.tenant_id, detail=_detail(invitation))
    return invitation


def accept(token: str, *, name: str, password: str, agent: str = "") -> Session:
    """A new account with the invited address, and a session of it. Raises LinkOver, Refused."""
    read(token)
    accounts.checked_name(name)
    password_hash = accounts.hashed(password)
    with transaction():
        invitation = read(token, lock=True)
        user = accounts.add(invitation.email, name, password_hash, invitation.role)
        _settle(invitation, user)
        return sessions.begin(user, agent)


def join(token: str, *, by: User) -> Invitation:
    """Lets a person with an account in where they are invited to. Raises LinkOver, Refused."""
    with transaction():
        invitation = read(token, lock=True)
        if by.email != invitation.email:
            raise Refused(
                gettext(
                    "This invitation is for %(whom)s, and you are %(you)s.",
                    whom=invitation.email,
                    you=by.email,
                )
            )
        user = db.session.get_one(User, by.id)
        if user.role is Role.MEMBER:
            user.role = invitation.role
        _settle(invitation, user)
    db.session.refresh(user)
    return invitation


_OPEN = (Invitation.accepted_at.is_(None), Invitation.withdrawn_at.is_(None))


def _settle(invitation: Invitation, user: User) -> None:
    """Uses the invitation up."""
    invitation.accepted_at = now()
    if invitation.tenant_id:
        accounts.enter(user, invitation.tenant_id, invitation.tenant_role, by=user)
    audit.record("invitation.accepted", by=user, tenant_id=invitation.tenant_id, detail=_detail(invitation))


def _checked(email: str) -> str:
    email = accounts.plain(email)
    if len(email) > 255 or not _ADDRESS.fullmatch(email):
        raise Refused(gettext("This isn't an e-mail address, such as name@example.org."), field="email")
    return email


def _refuse_needless(email: str, tenant_id: UUID | None) -> None:
    """Whoever has what the invitation gives needs none."""
    known = accounts.find(email)
    if known and tenant_id is None:
        raise Refused(
            gettext("Somebody has this e-mail address already. Change their role on their page."),
            field="email",
        )
    if known and db.session.get(Membership, (known.id, tenant_id)):
        raise Refused(gettext("%(email)s is in this tenant already.", email=email), field="email")


def _take_back(*which: object) -> bool:
    """Inside the caller's transaction; answers whether there was one."""
    taken = db.session.execute(
        update(Invitation).where(*_OPEN, *which).values(withdrawn_at=now()).returning(Invitation.id)  # type: ignore[arg-type]
    )
    return bool(taken.all())


def _stands(invitation: Invitation) -> bool:
    """Whether whoever made it may still make it: what an owner gave goes with their ownership."""
    if invitation.by is None:
        return invitation.by_id is None
    return invitation.by.active and _may(invitation.by, invitation.tenant_id, invitation.role)


def _may(user: User, tenant_id: UUID | None, role: Role) -> bool:
    if tenant_id is None or role is not Role.MEMBER:
        return access.allows(user, Permission.PERSON_MANAGE)
    return access.allows(user, Permission.MEMBER_MANAGE, tenant_id)


def _detail(invitation: Invitation) -> dict[str, str | None]:
    return {
        "email": invitation.email,
        "role": invitation.role.value,
        "tenant_role": invitation.tenant_role.value if invitation.tenant_id else None,
    }
