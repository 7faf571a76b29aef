"""Webhooks: a tenant's address, tests and secrets; a person's own stands on the account page."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import URLField
from wtforms.validators import InputRequired

from portal.domain.people import hooks
from portal.domain.people.access import Permission
from portal.domain.people.hooks import Webhook
from portal.domain.tenants import tenants
from portal.domain.tenants.tenants import Tenant
from portal.translation import N_, gettext
from portal.web import limits
from portal.web.forms import accepted
from portal.web.guards import needs

blueprint = Blueprint("webhooks", __name__, url_prefix="/webhooks")


class AddressForm(FlaskForm):
    """Where messages are sent."""

    url = URLField(
        N_("Address"),
        [InputRequired(N_("The address is missing."))],
        description=N_("Begins with https:// and is kept sealed. With it comes a new secret."),
    )


@blueprint.get("/tenants/<uuid:tenant_id>")
@needs(Permission.WEBHOOK_MANAGE)
def show(tenant_id: UUID) -> ResponseReturnValue:
    """The webhook of a tenant."""
    return _page(tenants.get(tenant_id, for_=current_user), AddressForm())


@blueprint.post("/tenants/<uuid:tenant_id>")
@needs(Permission.WEBHOOK_MANAGE)
def save(tenant_id: UUID) -> ResponseReturnValue:
    """Another address of it; the new secret is shown this once."""
    tenant, form = tenants.get(tenant_id, for_=current_user), AddressForm()
    address = form.url.data or ""
    done = form.validate() and accepted(form, hooks.put, address, by=current_user, tenant_id=tenant.id)
    return made(*done) if done else (_page(tenant, form), limits.WRONG)


@blueprint.post("/<uuid:webhook_id>/test")
@needs(Permission.ACCOUNT_MANAGE)
@limits.limiter.limit("20 per 15 minutes", key_func=limits.person)
def test(webhook_id: UUID) -> ResponseReturnValue:
    """Sends a message that says it is a test."""
    hooks.test(webhook_id, by=current_user)
    flash(gettext("A test is on its way; below stands what becomes of it."), "good")
    return redirect(_back(hooks.get(webhook_id, for_=current_user)))


@blueprint.post("/<uuid:webhook_id>/secret")
@needs(Permission.ACCOUNT_MANAGE)
def renew(webhook_id: UUID) -> ResponseReturnValue:
    """Another secret, shown this once."""
    secret = hooks.renew(webhook_id, by=current_user)
    return made(hooks.get(webhook_id, for_=current_user), secret)


@blueprint.post("/<uuid:webhook_id>/remove")
@needs(Permission.ACCOUNT_MANAGE)
def remove(webhook_id: UUID) -> ResponseReturnValue:
    """Nothing is sent there any more."""
    back = _back(hooks.get(webhook_id, for_=current_user))
    hooks.remove(webhook_id, by=current_user)
    flash(gettext("Nothing is sent there any more."), "good")
    return redirect(back)


def made(hook: Webhook, secret: str) -> str:
    """The page that shows a secret the only time it can be shown."""
    return render_template("webhooks/made.html", host=hook.host, secret=secret, back=_back(hook))


def _back(hook: Webhook) -> str:
    if hook.tenant_id:
        return url_for("webhooks.show", tenant_id=hook.tenant_id)
    return url_for("account.show", _anchor="webhook")


def _page(tenant: Tenant, form: AddressForm) -> str:
    hook = hooks.of_tenant(tenant.id, for_=current_user)
    return render_template(
        "webhooks/show.html", tenant=tenant, hook=hook, recent=hooks.recent(hook), address=form
    )
