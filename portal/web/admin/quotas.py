"""Quotas: what a tenant may have, beside what its cloud allows; and members' requests for more."""

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import IntegerField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.tenants import tenants
from portal.domain.tenants.tenants import Tenant
from portal.domain.vms import quotas, requests, terms
from portal.domain.vms.requests import QuotaRequest
from portal.translation import N_, gettext
from portal.web.admin.tenants import steps_of
from portal.web.filters import mib, plural
from portal.web.forms import accepted
from portal.web.guards import needs

blueprint = Blueprint("quotas", __name__, url_prefix="/admin/quotas")
GIB = 1024
# What a number of each is called: one, many.
SINGULAR = {
    "vms": ("VM", N_("VMs")),
    "vcpus": ("vCPU", "vCPU"),
    "gpus": ("GPU", N_("GPUs")),
    "floating_ips": ("floating IP", "floating IPs"),
}
NUMBER = [InputRequired(N_("Give a whole number."))]


class QuotaForm(FlaskForm):
    """What a tenant may have; memory in GiB, as people say it."""

    vms = IntegerField(N_("VMs"), NUMBER)
    vcpus = IntegerField("vCPU", NUMBER)
    ram_mib = IntegerField(N_("Memory in GiB"), NUMBER)
    gpus = IntegerField(N_("GPUs"), NUMBER)
    floating_ips = IntegerField(N_("Floating IPs"), NUMBER)

    @property
    def limits(self) -> dict[str, int]:
        """The numbers as the domain wants them."""
        asked = [name for name in quotas.WORDS if name in self]
        return {name: (self[name].data or 0) * (GIB if name == "ram_mib" else 1) for name in asked}


class LeaseForm(FlaskForm):
    """The longest lease of its VMs."""

    longest = IntegerField(
        N_("Longest lease in days"),
        [Optional()],
        description=N_("Empty: as long as people like, or none. VMs that are there keep what they have."),
    )


class AnswerForm(QuotaForm):
    """What is granted, and a word with it."""

    said = TextAreaField(
        N_("A word to whoever asked"),
        [Length(max=1000)],
        description=N_("Needed where it is another amount."),
    )


class RefusalForm(FlaskForm):
    """Why not."""

    said = TextAreaField(N_("Why not"), [InputRequired(N_("Say why not.")), Length(max=1000)])


@blueprint.get("/<uuid:tenant_id>")
@needs(Permission.TENANT_VIEW)
def show(tenant_id: UUID) -> ResponseReturnValue:
    """What is used, what is allowed, what the cloud allows."""
    tenant = tenants.get(tenant_id, for_=current_user)
    form = QuotaForm(formdata=None, data=in_people_units(quotas.limits(tenant)))
    return render_template("admin/quotas/show.html", **_facts(tenant), form=form)


@blueprint.post("/<uuid:tenant_id>/lease")
@needs(Permission.QUOTA_CHANGE)
def limit_leases(tenant_id: UUID) -> ResponseReturnValue:
    """Sets the longest lease of its VMs, or takes it away."""
    tenant, form = tenants.get(tenant_id, for_=current_user), LeaseForm()
    if form.validate():
        accepted(form, terms.limit, tenant.id, form.longest.data, by=current_user)
    if form.errors:
        sums = QuotaForm(formdata=None, data=in_people_units(quotas.limits(tenant)))
        return render_template("admin/quotas/show.html", **_facts(tenant, form), form=sums), 422
    flash(gettext("The longest lease is kept."), "good")
    return redirect(url_for(".show", tenant_id=tenant.id))


@blueprint.post("/<uuid:tenant_id>")
@needs(Permission.QUOTA_CHANGE)
def change(tenant_id: UUID) -> ResponseReturnValue:
    """Sets all five."""
    tenant, form = tenants.get(tenant_id, for_=current_user), QuotaForm()
    below = form.validate() and accepted(form, quotas.change, tenant.id, form.limits, by=current_user)
    if form.errors:
        return render_template("admin/quotas/show.html", **_facts(tenant), form=form), 422
    if below:
        words = gettext(
            "Kept, below what is used; nothing is taken away, and nothing new fits until it is given back."
        )
        flash(f"{words} ({'; '.join(below)})", "warn")
    else:
        flash(gettext("The quotas are kept."), "good")
    return redirect(url_for(".show", tenant_id=tenant.id))


@blueprint.get("/requests")
@needs(Permission.TENANT_VIEW)
def index() -> ResponseReturnValue:
    """What members ask for, those that wait first."""
    found = requests.everywhere(for_=current_user)
    return render_template("admin/quotas/requests.html", requests=found, amounts=amounts)


@blueprint.get("/requests/<uuid:request_id>")
@needs(Permission.TENANT_VIEW)
def show_request(request_id: UUID) -> ResponseReturnValue:
    """One request beside what the tenant has, and the answers."""
    return _page_of(requests.get(request_id, for_=current_user))


@blueprint.post("/requests/<uuid:request_id>/grant")
@needs(Permission.QUOTA_CHANGE)
def grant(request_id: UUID) -> ResponseReturnValue:
    """As asked, or another amount."""
    wanted = requests.get(request_id, for_=current_user)
    form = _answer_form(wanted)
    if form.validate():
        granted = {name: form.limits[name] for name in wanted.asked}
        accepted(form, requests.grant, wanted, granted, form.said.data or "", by=current_user)
    if form.errors:
        return _page_of(wanted, form), 422
    flash(gettext("Granted. Whoever asked reads it on the usage page."), "good")
    return redirect(url_for(".index"))


@blueprint.post("/requests/<uuid:request_id>/refuse")
@needs(Permission.QUOTA_CHANGE)
def refuse(request_id: UUID) -> ResponseReturnValue:
    """Nothing changes, and why."""
    wanted, form = requests.get(request_id, for_=current_user), RefusalForm(prefix="no-")
    if form.validate():
        accepted(form, requests.refuse, wanted, form.said.data or "", by=current_user)
    if form.errors:
        return _page_of(wanted, refusal=form), 422
    flash(gettext("Refused. Whoever asked reads why on the usage page."), "good")
    return redirect(url_for(".index"))


def amounts(limits: dict[str, int]) -> str:
    """“20 VMs, 64 GiB memory”."""
    said = (
        gettext("%(amount)s memory", amount=mib(limit))
        if name == "ram_mib"
        else plural(limit, *SINGULAR[name])
        for name, limit in limits.items()
    )
    return ", ".join(said)


def _page_of(wanted: QuotaRequest, form: AnswerForm | None = None, refusal: RefusalForm | None = None) -> str:
    tenant = wanted.tenant
    form = form or _answer_form(wanted, data=in_people_units(wanted.asked), formdata=None)
    fields = [form[name] for name in quotas.WORDS if name in wanted.asked]
    return render_template(
        "admin/quotas/request.html",
        wanted=wanted,
        tenant=tenant,
        lines=quotas.lines(tenant),
        amounts=amounts,
        form=form,
        fields=fields,
        refusal=refusal or RefusalForm(formdata=None, prefix="no-"),
        may_change=access.allows(current_user, Permission.QUOTA_CHANGE),
    )


def _answer_form(wanted: QuotaRequest, **facts: Any) -> AnswerForm:
    """With the fields of what was asked for alone."""
    form = AnswerForm(**facts)
    for name in quotas.WORDS.keys() - wanted.asked.keys():
        del form[name]
    return form


def in_people_units(limits: dict[str, int]) -> dict[str, int]:
    """Memory in whole GiB."""
    return {name: limit // GIB if name == "ram_mib" else limit for name, limit in limits.items()}


def _facts(tenant: Tenant, lease_form: LeaseForm | None = None) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "lease_form": lease_form or LeaseForm(formdata=None, data={"longest": tenant.longest_lease_days}),
        "lines": quotas.lines(tenant),
        "suggested": in_people_units(quotas.suggested(tenant)),
        "steps": steps_of(tenant, "quotas"),
        "may_change": access.allows(current_user, Permission.QUOTA_CHANGE),
    }
