"""Usage: what a tenant holds, may hold and held, day by day; asking for more, and the answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from wtforms import TextAreaField
from wtforms.validators import InputRequired, Length

from portal import translation
from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.store.errors import NotFound
from portal.domain.tenants import tenants
from portal.domain.tenants.tenants import Tenant
from portal.domain.vms import quotas, requests, usage
from portal.domain.vms.usage import UsageSample
from portal.translation import N_, gettext
from portal.web.admin.quotas import QuotaForm, amounts, in_people_units
from portal.web.filters import mib, number
from portal.web.forms import accepted
from portal.web.frame import here
from portal.web.guards import needs

blueprint = Blueprint("usage", __name__, url_prefix="/usage")
# Of the drawing: each day's column, and its height, in its own units.
COLUMN, GAP, HEIGHT = 10, 2, 100


@dataclass(frozen=True)
class Column:
    """One day of a chart: where it stands, how high it is, where the limit was, and the same in words."""

    x: int
    height: float
    limit_y: float
    words: str
    over: bool


@dataclass(frozen=True)
class Chart:
    """One limited thing over the days; `words` says what the picture shows; the rest stands beside it."""

    line: quotas.Line
    columns: Sequence[Column]
    words: str
    most: str
    ends: tuple[str, str]


class RequestForm(QuotaForm):
    """What is asked for, as new limits, and why."""

    reason = TextAreaField(
        N_("What for"),
        [InputRequired(N_("Say what it is for.")), Length(max=1000)],
        description=N_("An administrator reads it."),
    )


@blueprint.get("/")
@needs(Permission.QUOTA_VIEW)
def index() -> ResponseReturnValue:
    """That of the tenant the person works in."""
    tenant = here()
    if tenant is None:
        raise NotFound(gettext("You are in no tenant yet. Ask an administrator to add you to yours."))
    return redirect(url_for(".show", tenant_id=tenant.id))


@blueprint.get("/<uuid:tenant_id>")
@needs(Permission.QUOTA_VIEW)
def show(tenant_id: UUID) -> ResponseReturnValue:
    """Bars, days, and what was asked for."""
    tenant = tenants.get(tenant_id, for_=current_user)
    return _page(tenant, RequestForm(formdata=None, data=in_people_units(quotas.limits(tenant))))


@blueprint.post("/<uuid:tenant_id>/requests")
@needs(Permission.QUOTA_REQUEST)
def ask(tenant_id: UUID) -> ResponseReturnValue:
    """Asks for more."""
    tenant, form = tenants.get(tenant_id, for_=current_user), RequestForm()
    access.require(current_user, Permission.QUOTA_REQUEST, tenant.id)
    if form.validate():
        accepted(form, requests.ask, tenant, form.limits, form.reason.data or "", by=current_user)
    if form.errors:
        return _page(tenant, form), 422
    flash(gettext("An administrator will answer; you read it here."), "good")
    return redirect(url_for(".show", tenant_id=tenant.id))


@blueprint.post("/requests/<uuid:request_id>/withdraw")
@needs(Permission.QUOTA_REQUEST)
def withdraw(request_id: UUID) -> ResponseReturnValue:
    """It isn't wanted any more."""
    wanted = requests.get(request_id, for_=current_user)
    requests.withdraw(wanted, by=current_user)
    flash(gettext("Your request is withdrawn."), "good")
    return redirect(url_for(".show", tenant_id=wanted.tenant_id))


def charts(lines: Sequence[quotas.Line], days: Sequence[UsageSample], today: date) -> list[Chart]:
    """A chart for each thing that is used or allowed."""
    return [_chart(line, days, today) for line in lines if line.limit or line.used]


def _chart(line: quotas.Line, days: Sequence[UsageSample], today: date) -> Chart:
    name, first = line.name, today - timedelta(days=usage.DAYS - 1)
    top = max([1, *(max(day.used[name], day.limits[name]) for day in days)])
    columns = [
        Column(
            x=(day.day - first).days * COLUMN,
            height=round(HEIGHT * day.used[name] / top, 2),
            limit_y=round(HEIGHT - HEIGHT * day.limits[name] / top, 2),
            words=gettext(
                "%(day)s: %(used)s, quota %(quota)s",
                day=translation.day(day.day),
                used=amounts({name: day.used[name]}),
                quota=_said(name, day.limits[name]),
            ),
            over=day.used[name] > day.limits[name],
        )
        for day in days
    ]
    most = max((day.used[name] for day in days), default=0)
    words = gettext(
        "The most on each of the last %(days)s days; %(known)s are known, at most %(most)s.",
        days=usage.DAYS,
        known=len(days),
        most=amounts({name: most}),
    )
    ends = translation.day(first), translation.day(today)
    return Chart(line, columns, words, _said(name, most), ends)


def _said(name: str, amount: int) -> str:
    return mib(amount) if name == "ram_mib" else number(amount)


def _page(tenant: Tenant, form: RequestForm) -> str:
    lines = quotas.lines(tenant, of=current_user.id)
    asked = requests.of_tenant(tenant, for_=current_user)
    waits = any(one.answer is requests.Answer.WAITING for one in asked)
    return render_template(
        "usage/page.html",
        tenant=tenant,
        lines=lines,
        charts=charts(lines, usage.history(tenant, for_=current_user), usage.today()),
        days=usage.DAYS,
        width=usage.DAYS * COLUMN,
        requests=asked,
        amounts=amounts,
        form=form,
        may_ask=not waits and access.allows(current_user, Permission.QUOTA_REQUEST, tenant.id),
    )
