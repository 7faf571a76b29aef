"""Tenants: connecting an OpenStack project, step by step; changing, suspending and archiving it."""

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from htmx_flask import request
from wtforms import BooleanField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.tenants import networks, places, standing, tenants
from portal.domain.tenants.places import Place
from portal.domain.tenants.tenants import Tenant
from portal.domain.vms import archiving, quotas, roster
from portal.domain.vms.roster import Shown
from portal.translation import N_, gettext, translated
from portal.web.admin.words import FIREWALLS
from portal.web.forms import accepted, choices
from portal.web.guards import needs
from portal.web.panels import panel

blueprint = Blueprint("tenants", __name__, url_prefix="/admin/tenants")
LONGEST_PEM = 200_000
FOLLOW_SECONDS = 1.5
STEPS = {
    "credential": (N_("Credential"), "credentials.show"),
    "doctor": (N_("Doctor"), "credentials.show"),
    "networks": (N_("Networks"), "tenants.show_networks"),
    "quotas": (N_("Quotas"), "quotas.show"),
    "members": (N_("Members"), "members.show"),
}


class PlaceForm(FlaskForm):
    """Where a tenant's cloud is."""

    name = StringField(N_("Name"), [InputRequired(N_("Give it a name.")), Length(max=100)])
    auth_url = StringField(
        N_("Keystone's address"),
        [InputRequired(N_("Give Keystone's address.")), Length(max=255)],
        description=N_("OS_AUTH_URL of openrc or clouds.yaml, such as https://keystone.example.org:5000/v3."),
    )
    region = StringField(N_("Region"), [Length(max=255)], description=N_("Where the cloud has several."))
    interface = SelectField(N_("Interface"), choices=choices((one, one) for one in places.INTERFACES))
    ca_bundle = TextAreaField(
        N_("CA bundle"),
        [Length(max=LONGEST_PEM)],
        description=N_("Certificates in PEM to trust besides the usual ones, where the cloud has its own."),
    )
    override_identity = StringField(N_("Keystone (identity)"), [Length(max=255)])
    override_orchestration = StringField(N_("Heat (orchestration)"), [Length(max=255)])
    override_compute = StringField(N_("Nova (compute)"), [Length(max=255)])
    override_network = StringField(N_("Neutron (network)"), [Length(max=255)])
    override_image = StringField(N_("Glance (image)"), [Length(max=255)])
    unheard = BooleanField(N_("Keep it even where no Keystone answers there now"))

    @property
    def place(self) -> Place:
        """What was typed."""
        names = ("name", "auth_url", "region", "interface", "ca_bundle")
        typed = {name: self[name].data or "" for name in names}
        given = {service: self[f"override_{service}"].data or "" for service in places.SERVICES}
        return Place(**typed, overrides=given)

    @property
    def overrides(self) -> list[Any]:
        """The fields of the endpoint overrides."""
        return [self[f"override_{service}"] for service in places.SERVICES]


class WhyForm(FlaskForm):
    """Why a tenant is suspended."""

    why = TextAreaField(
        N_("Why"),
        [InputRequired(N_("Say why, for the members to read.")), Length(max=500)],
        description=N_("Members of the tenant read it."),
    )


class NetworkForm(FlaskForm):
    """How members see a network."""

    name = StringField(N_("Name"), [Length(max=255)])
    offered = BooleanField(N_("Offer it to members"))
    floating_ips = BooleanField(N_("Allow floating IPs"))
    external = SelectField(N_("Floating IPs from"), validate_choice=False)
    firewall = SelectField(
        N_("Firewall"),
        choices=choices(FIREWALLS),
        validate_choice=False,
        description=N_("Applies to launches and changes from now on; VMs that are there keep theirs."),
    )


@blueprint.get("/")
@needs(Permission.TENANT_VIEW)
def index() -> ResponseReturnValue:
    """Every tenant with its VMs, its credential and its circuit."""
    wanted = request.args.get("show", "")
    shown = Shown(wanted) if wanted in set(Shown) else Shown.KEPT
    text = request.args.get("q", "")
    rows = roster.read(current_user, text=text, shown=shown)
    facts = {"rows": rows, "text": text, "shown": shown, "most": roster.MOST, "may_manage": _may_manage()}
    return render_template("admin/tenants/index.html", **facts)


@blueprint.get("/new")
@needs(Permission.TENANT_MANAGE)
def new() -> ResponseReturnValue:
    """The first step: where the cloud is."""
    return render_template("admin/tenants/new.html", form=PlaceForm(formdata=None))


@blueprint.post("/new")
@needs(Permission.TENANT_MANAGE)
def connect() -> ResponseReturnValue:
    """Connects it, once its Keystone answers."""
    form = PlaceForm()
    tenant = form.validate() and accepted(
        form, places.connect, form.place, unheard=form.unheard.data, by=current_user
    )
    if not tenant:
        return render_template("admin/tenants/new.html", form=form), 422
    flash(gettext("%(name)s is connected. Next, the credential that opens it.", name=tenant.name), "good")
    return redirect(url_for(".show", tenant_id=tenant.id))


@blueprint.get("/<uuid:tenant_id>")
@needs(Permission.TENANT_VIEW)
def show(tenant_id: UUID) -> ResponseReturnValue:
    """One tenant: what is still to be done, where it is, what it holds."""
    tenant = tenants.get(tenant_id, for_=current_user)
    return render_template("admin/tenants/show.html", **_facts(tenant), form=WhyForm(formdata=None))


@blueprint.get("/<uuid:tenant_id>/edit")
@needs(Permission.TENANT_MANAGE)
def edit(tenant_id: UUID) -> ResponseReturnValue:
    """The form with what is known."""
    tenant = tenants.get(tenant_id, for_=current_user)
    given = {f"override_{service}": url for service, url in tenant.endpoint_overrides.items()}
    form = PlaceForm(formdata=None, obj=tenant, data=given)
    return render_template("admin/tenants/edit.html", form=form, tenant=tenant)


@blueprint.post("/<uuid:tenant_id>/edit")
@needs(Permission.TENANT_MANAGE)
def change(tenant_id: UUID) -> ResponseReturnValue:
    """Keeps what was changed."""
    tenant, form = tenants.get(tenant_id, for_=current_user), PlaceForm()
    if form.validate():
        accepted(form, places.change, tenant, form.place, unheard=form.unheard.data, by=current_user)
    if form.errors:
        return render_template("admin/tenants/edit.html", form=form, tenant=tenant), 422
    flash(gettext("Kept. The cloud is looked at anew."), "good")
    return redirect(url_for(".show", tenant_id=tenant.id))


@blueprint.post("/<uuid:tenant_id>/suspend")
@needs(Permission.TENANT_MANAGE)
def suspend(tenant_id: UUID) -> ResponseReturnValue:
    """Nobody launches there from now on."""
    tenant, form = tenants.get(tenant_id, for_=current_user), WhyForm()
    if form.validate():
        accepted(form, standing.suspend, tenant, form.why.data or "", by=current_user)
    if form.errors:
        return render_template("admin/tenants/show.html", **_facts(tenant), form=form), 422
    flash(gettext("%(name)s is suspended; its members read why.", name=tenant.name), "good")
    return redirect(url_for(".show", tenant_id=tenant.id))


@blueprint.post("/<uuid:tenant_id>/resume")
@needs(Permission.TENANT_MANAGE)
def resume(tenant_id: UUID) -> ResponseReturnValue:
    """Launches are possible again."""
    tenant = tenants.get(tenant_id, for_=current_user)
    standing.resume(tenant, by=current_user)
    flash(gettext("%(name)s is open again.", name=tenant.name), "good")
    return redirect(url_for(".show", tenant_id=tenant.id))


@blueprint.get("/<uuid:tenant_id>/archive")
@needs(Permission.TENANT_MANAGE)
def ask_archive(tenant_id: UUID) -> ResponseReturnValue:
    """Says what is left, and asks."""
    tenant = tenants.get(tenant_id, for_=current_user)
    return render_template("admin/tenants/archive.html", tenant=tenant, left=archiving.left(tenant))


@blueprint.post("/<uuid:tenant_id>/archive")
@needs(Permission.TENANT_MANAGE)
def archive(tenant_id: UUID) -> ResponseReturnValue:
    """Out of everybody's way."""
    tenant = tenants.get(tenant_id, for_=current_user)
    archiving.archive(tenant, by=current_user)
    flash(gettext("%(name)s is archived.", name=tenant.name), "good")
    return redirect(url_for(".index"))


@blueprint.post("/<uuid:tenant_id>/restore")
@needs(Permission.TENANT_MANAGE)
def restore(tenant_id: UUID) -> ResponseReturnValue:
    """Back among the others."""
    tenant = tenants.get(tenant_id, for_=current_user)
    archiving.restore(tenant, by=current_user)
    flash(gettext("%(name)s is back.", name=tenant.name), "good")
    return redirect(url_for(".show", tenant_id=tenant.id))


@blueprint.get("/<uuid:tenant_id>/networks")
@needs(Permission.TENANT_VIEW)
def show_networks(tenant_id: UUID) -> ResponseReturnValue:
    """What Neutron shows, and how members see it."""
    facts = _networks(tenants.get(tenant_id, for_=current_user))
    if request.htmx:
        return panel("admin/tenants/_networks.html", **facts)
    return render_template("admin/tenants/networks.html", **facts)


@blueprint.post("/<uuid:tenant_id>/networks/<uuid:network_id>")
@needs(Permission.TENANT_MANAGE)
def change_network(tenant_id: UUID, network_id: UUID) -> ResponseReturnValue:
    """Offers one network otherwise."""
    tenant = tenants.get(tenant_id, for_=current_user)
    network = networks.get(network_id, of=tenant)
    form = _network_form(tenant, network)
    floating_ips = (
        form.floating_ips.data or not tenant.external_networks
    )  # without any there is no box to tick
    picked = (form.external.data or "", form.firewall.data or "")
    wish = networks.Wish(form.name.data or "", form.offered.data, floating_ips, *picked)
    if form.validate():
        accepted(form, networks.change, network, wish, by=current_user)
    if form.errors:
        return render_template("admin/tenants/networks.html", **_networks(tenant, {network.id: form})), 422
    flash(gettext("%(name)s was kept.", name=network.name), "good")
    return redirect(url_for(".show_networks", tenant_id=tenant.id))


def steps_of(tenant: Tenant, current: str) -> list[tuple[str, str, str]]:
    """The guided setting up for the macro: words, where to, whether done or current."""
    setup = roster.setup(roster.one(tenant, by=current_user))
    found = [(gettext("Connect"), url_for("tenants.edit", tenant_id=tenant.id), "done")]
    for name, (words, endpoint) in STEPS.items():
        state = "current" if name == current else "done" if getattr(setup, name) else ""
        found.append((translated(words), url_for(endpoint, tenant_id=tenant.id), state))
    return found


def _may_manage() -> bool:
    return access.allows(current_user, Permission.TENANT_MANAGE)


def _facts(tenant: Tenant) -> dict[str, Any]:
    entry = roster.one(tenant, by=current_user)
    return {
        "tenant": tenant,
        "entry": entry,
        "setup": roster.setup(entry),
        "steps": steps_of(tenant, ""),
        "limits": quotas.lines(tenant),
        "networks": networks.all_of(tenant.id),
        "may_manage": _may_manage(),
    }


def _networks(tenant: Tenant, wrong: dict[UUID, NetworkForm] | None = None) -> dict[str, Any]:
    found = networks.all_of(tenant.id)
    forms = {one.id: (wrong or {}).get(one.id) or _network_form(tenant, one, empty=True) for one in found}
    return {
        "tenant": tenant,
        "networks": found,
        "forms": forms,
        "firewalls": dict(FIREWALLS),
        "every": None if found or tenant.catalog_checked_at else FOLLOW_SECONDS,
        "steps": steps_of(tenant, "networks"),
        "may_manage": _may_manage(),
    }


def _network_form(tenant: Tenant, network: Any, *, empty: bool = False) -> NetworkForm:
    """The form of one network; its fields' ids tell it from the others."""
    known = {
        "name": network.name,
        "offered": network.offered,
        "floating_ips": network.floating_ips_allowed,
        "external": network.external_network_id or "",
        "firewall": network.firewall or "",
    }
    sent: dict[str, Any] = {"formdata": None} if empty else {}
    form = NetworkForm(prefix=f"{network.id}-", data=known, **sent)
    form.external.choices = choices((one["id"], one["name"]) for one in tenant.external_networks)()
    return form
