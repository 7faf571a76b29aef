"""Credentials: how each tenant signs in to its cloud, what the doctor says of it, and its rotation."""

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from htmx_flask import request
from wtforms import BooleanField, PasswordField, SelectField, StringField
from wtforms.validators import InputRequired, Length

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.tenants import credentials, doctor, making, rotation, tenants
from portal.domain.tenants.credentials import Standing
from portal.domain.vms import handover
from portal.translation import N_, gettext
from portal.web.forms import choices
from portal.web.guards import needs
from portal.web.panels import panel

blueprint = Blueprint("credentials", __name__, url_prefix="/admin/credentials")
SHOWN = 500
# Seconds between two looks of the page: at the doctor, at what drains.
EXAMINING, DRAINING = 1.5, 5


class ApplicationCredentialForm(FlaskForm):
    """What `openstack application credential create` prints."""

    label = StringField(
        N_("Label"),
        [Length(max=100)],
        description=N_("What you call it here, such as “autumn 2026”."),
    )
    key = StringField(N_("Id"), [InputRequired(N_("Paste its id.")), Length(max=64)])
    secret = PasswordField(
        N_("Secret"),
        [InputRequired(N_("Paste its secret.")), Length(max=1000)],
        description=N_("It is sealed at once and never shown again."),
    )


class ServiceUserForm(FlaskForm):
    """A user of the cloud whom the portal signs in as."""

    label = StringField(N_("Label"), [Length(max=100)])
    username = StringField(N_("User"), [InputRequired(N_("Say which user.")), Length(max=255)])
    password = PasswordField(
        N_("Password"),
        [InputRequired(N_("Paste the password.")), Length(max=1000)],
        description=N_("It is sealed at once and never shown again."),
    )
    project = StringField(N_("Project"), [InputRequired(N_("Say which project.")), Length(max=255)])
    user_domain = StringField(N_("Domain of the user"), [Length(max=255)], default="Default")
    project_domain = StringField(N_("Domain of the project"), [Length(max=255)], default="Default")


class MakeForm(FlaskForm):
    """The next credential, made by the one in use."""

    unrestricted = BooleanField(
        N_("Unrestricted as well"),
        description=N_("Then the portal can make the one after it, too."),
    )


class SwitchForm(FlaskForm):
    """When the earlier credential goes."""

    drain = SelectField(
        N_("Revoke the earlier one"),
        choices=choices((minutes, words) for minutes, (words, _) in rotation.DRAINS.items()),
        description=N_("Until then the switch can be rolled back."),
    )


@blueprint.get("/")
@needs(Permission.CREDENTIAL_VIEW)
def index() -> ResponseReturnValue:
    """Each tenant's credential, those in trouble first."""
    rows = credentials.in_use(for_=current_user, limit=SHOWN)
    return render_template("admin/credentials/index.html", rows=rows, urgency=credentials.urgency)


@blueprint.get("/<uuid:tenant_id>")
@needs(Permission.CREDENTIAL_VIEW)
def show(tenant_id: UUID) -> ResponseReturnValue:
    """A tenant's credentials, the doctor's word, and the rotation where one is under way."""
    facts = _facts(tenant_id)
    if request.htmx:
        return panel("admin/credentials/_panel.html", **facts)
    return render_template("admin/credentials/show.html", **facts)


@blueprint.get("/<uuid:tenant_id>/new")
@needs(Permission.CREDENTIAL_ROTATE)
def new(tenant_id: UUID) -> ResponseReturnValue:
    """The forms for a pasted credential."""
    tenant = tenants.get(tenant_id, for_=current_user)
    return render_template("admin/credentials/new.html", tenant=tenant, **_forms())


@blueprint.post("/<uuid:tenant_id>/application_credential")
@needs(Permission.CREDENTIAL_ROTATE)
def stage_application_credential(tenant_id: UUID) -> ResponseReturnValue:
    """Keeps a pasted application credential for the doctor to see."""
    tenant, forms = tenants.get(tenant_id, for_=current_user), _forms()
    form = forms["application_credential"]
    if not form.validate():
        return render_template("admin/credentials/new.html", tenant=tenant, **forms), 422
    secret = credentials.application_credential(form.key.data, form.secret.data)
    rotation.stage(tenant.id, secret, label=form.label.data or "pasted", by=current_user)
    return redirect(url_for(".show", tenant_id=tenant.id))


@blueprint.post("/<uuid:tenant_id>/service_user")
@needs(Permission.CREDENTIAL_ROTATE)
def stage_service_user(tenant_id: UUID) -> ResponseReturnValue:
    """Keeps a user's name and password for the doctor to see."""
    tenant, forms = tenants.get(tenant_id, for_=current_user), _forms()
    form = forms["service_user"]
    if not form.validate():
        return render_template("admin/credentials/new.html", tenant=tenant, **forms), 422
    domains = {"user_domain": form.user_domain.data, "project_domain": form.project_domain.data}
    secret = credentials.service_user(
        form.username.data, form.password.data, project=form.project.data, **domains
    )
    rotation.stage(tenant.id, secret, label=form.label.data or "pasted", by=current_user)
    return redirect(url_for(".show", tenant_id=tenant.id))


@blueprint.post("/<uuid:tenant_id>/make")
@needs(Permission.CREDENTIAL_ROTATE)
def make(tenant_id: UUID) -> ResponseReturnValue:
    """Has the one in use make the next one."""
    rotation.make(tenant_id, unrestricted=MakeForm().unrestricted.data, by=current_user)
    return redirect(url_for(".show", tenant_id=tenant_id))


@blueprint.post("/<uuid:tenant_id>/examine/<uuid:credential_id>")
@needs(Permission.CREDENTIAL_EXAMINE)
def examine(tenant_id: UUID, credential_id: UUID) -> ResponseReturnValue:
    """Has the doctor come; a worker asks the cloud."""
    doctor.ask(credential_id, by=current_user)
    return redirect(url_for(".show", tenant_id=tenant_id))


@blueprint.post("/<uuid:tenant_id>/switch")
@needs(Permission.CREDENTIAL_ROTATE)
def switch(tenant_id: UUID) -> ResponseReturnValue:
    """The staged one is in use from now on."""
    _, drain = rotation.DRAINS.get(SwitchForm().drain.data or "0", rotation.DRAINS["0"])
    rotation.switch(tenant_id, drain=drain, by=current_user)
    flash(gettext("All new work uses the new credential."), "good")
    return redirect(url_for(".show", tenant_id=tenant_id))


@blueprint.post("/<uuid:tenant_id>/<any(roll_back, hasten, discard):step>")
@needs(Permission.CREDENTIAL_ROTATE)
def move(tenant_id: UUID, step: str) -> ResponseReturnValue:
    """The other steps of a rotation."""
    command, words = _STEPS[step]
    command(tenant_id, by=current_user)
    flash(words, "good")
    return redirect(url_for(".show", tenant_id=tenant_id))


_STEPS: dict[str, tuple[Any, str]] = {
    "roll_back": (
        rotation.roll_back,
        N_("The earlier credential is in use again; the other one is staged."),
    ),
    "hasten": (rotation.hasten, N_("The earlier credential goes as soon as its work has ended.")),
    "discard": (rotation.discard, N_("The staged credential is out of the way.")),
}


def _forms() -> dict[str, Any]:
    return {
        "application_credential": ApplicationCredentialForm(prefix="a-"),
        "service_user": ServiceUserForm(prefix="u-"),
    }


def _facts(tenant_id: UUID) -> dict[str, Any]:
    """What the page of a tenant's credentials is drawn from."""
    tenant = tenants.get(tenant_id, for_=current_user)
    found = credentials.of_tenant(tenant.id, for_=current_user)
    by_standing = {one.standing.value: one for one in found if one.standing is not Standing.REVOKED}
    staged, draining = by_standing.get("staged"), by_standing.get("draining")
    histories = {one.id: doctor.history(one) for one in by_standing.values()}
    examining = any(doctor.is_awaited(one) for one in by_standing.values())
    return {
        "tenant": tenant,
        "staged": staged,
        "current": by_standing.get("current"),
        "draining": draining,
        "revoked": [one for one in found if one.standing is Standing.REVOKED],
        "histories": histories,
        "obstacle": rotation.obstacle(staged) if staged else None,
        "in_flight": handover.in_flight(draining) if draining else 0,
        "can_hasten": draining is not None and rotation.can_hasten(draining),
        "can_make": making.can_make(by_standing.get("current")),
        "every": EXAMINING if examining else DRAINING if draining else None,
        "urgency": credentials.urgency,
        "is_awaited": doctor.is_awaited,
        "may_rotate": access.allows(current_user, Permission.CREDENTIAL_ROTATE),
        "switch_form": SwitchForm(),
        "make_form": MakeForm(),
    }
