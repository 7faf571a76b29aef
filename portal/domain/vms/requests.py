"""Requests: a member asks for more of a quota and says why; an admin grants that, less, or nothing."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store import audit
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import NotFound, Refused
from portal.domain.tenants.models import Answer, QuotaRequest, Tenant
from portal.domain.vms import news, quotas
from portal.translation import N_, gettext, translated

__all__ = ["Answer", "QuotaRequest"]

SHOWN = 50
ANSWERED = N_("It was answered or withdrawn meanwhile.")


def ask(tenant: Tenant, wanted: Mapping[str, int], reason: str, *, by: User) -> QuotaRequest:
    """Asks for these limits. Raises Forbidden, or Refused with the field that has to change."""
    access.require(by, Permission.QUOTA_REQUEST, tenant.id)
    limits = quotas.limits(tenant)
    quotas.check(wanted)
    more = {name: limit for name, limit in wanted.items() if limit > limits[name]}
    if not more:
        raise Refused(gettext("Ask for more than the tenant has of at least one."), field="vms")
    if not reason.strip():
        raise Refused(gettext("Say what it is for."), field="reason")
    request = QuotaRequest(tenant_id=tenant.id, by_id=by.id, asked=more, reason=reason.strip())
    try:
        with transaction():
            db.session.add(request)
            db.session.flush()
            detail = {"request": str(request.id), "asked": more, "reason": request.reason}
            audit.record("quota.requested", by=by, tenant_id=tenant.id, detail=detail)
            news.asked(request, by=by)
    except IntegrityError:
        raise Refused(gettext("A request of this tenant waits for its answer already.")) from None
    return request


def withdraw(request: QuotaRequest, *, by: User) -> None:
    """It isn't wanted any more, says who asked. Raises Forbidden, Refused."""
    access.require(by, Permission.QUOTA_REQUEST, request.tenant_id)
    if request.by_id != by.id:
        raise Refused(gettext("Only who asked can withdraw it."))
    with transaction():
        _close(request, Answer.WITHDRAWN, by=by)
        audit.record("quota.request_withdrawn", by=by, tenant_id=request.tenant_id, detail=_named(request))


def grant(request: QuotaRequest, granted: Mapping[str, int], said: str, *, by: User) -> None:
    """Sets these limits: approved where they are what was asked for, changed where they aren't.

    Raises Forbidden, or Refused with the field that has to change.
    """
    access.require(by, Permission.QUOTA_CHANGE)
    quotas.check(granted)
    answer = Answer.APPROVED if dict(granted) == request.asked else Answer.CHANGED
    if answer is Answer.CHANGED and not said.strip():
        raise Refused(gettext("Say why it is another amount."), field="said")
    with transaction():
        _close(request, answer, by=by, granted=dict(granted), said=said.strip())
        quotas.put(request.tenant_id, granted, by=by, **_named(request), answer=answer.value)
        news.answered(request, answer, said.strip())


def refuse(request: QuotaRequest, said: str, *, by: User) -> None:
    """Leaves the limits as they are. Raises Forbidden, or Refused without a reason."""
    access.require(by, Permission.QUOTA_CHANGE)
    if not said.strip():
        raise Refused(gettext("Say why not."), field="said")
    with transaction():
        _close(request, Answer.REFUSED, by=by, said=said.strip())
        detail = {**_named(request), "said": said.strip()}
        audit.record("quota.request_refused", by=by, tenant_id=request.tenant_id, detail=detail)
        news.answered(request, Answer.REFUSED, said.strip())


def get(request_id: UUID, *, for_: User) -> QuotaRequest:
    """The request. Raises NotFound also for a stranger."""
    request = db.session.get(QuotaRequest, request_id)
    if request is None or not access.allows(for_, Permission.QUOTA_VIEW, request.tenant_id):
        raise NotFound(gettext("There is no such request."))
    return request


def of_tenant(tenant: Tenant, *, for_: User) -> Sequence[QuotaRequest]:
    """What was asked for, newest first. Raises Forbidden."""
    access.require(for_, Permission.QUOTA_VIEW, tenant.id)
    rows = select(QuotaRequest).where(QuotaRequest.tenant_id == tenant.id)
    return db.session.scalars(rows.order_by(QuotaRequest.created_at.desc()).limit(SHOWN)).all()


def everywhere(*, for_: User) -> Sequence[QuotaRequest]:
    """The requests of all tenants, those that wait first. Raises Forbidden."""
    access.require(for_, Permission.TENANT_VIEW)
    waits = QuotaRequest.answer != Answer.WAITING
    rows = select(QuotaRequest).order_by(waits, QuotaRequest.created_at.desc()).limit(SHOWN)
    return db.session.scalars(rows).all()


def how_many_wait() -> int:
    """How many wait for an answer."""
    rows = select(func.count(QuotaRequest.id)).where(QuotaRequest.answer == Answer.WAITING)
    return db.session.scalar(rows) or 0


def _close(request: QuotaRequest, answer: Answer, *, by: User, **facts: Any) -> None:
    """Answers it once: who comes second is told."""
    closed = db.session.execute(
        update(QuotaRequest)
        .where(QuotaRequest.id == request.id, QuotaRequest.answer == Answer.WAITING)
        .values(answer=answer, answered_at=now(), answered_by_id=by.id, **facts)
    )
    if closed.rowcount == 0:  # type: ignore[attr-defined]  # an UPDATE answers a CursorResult
        raise Refused(translated(ANSWERED))


def _named(request: QuotaRequest) -> dict[str, str]:
    return {"request": str(request.id)}
