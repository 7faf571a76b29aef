"""Home: what a person has, and the next step; which tenant they work in, and their colours."""

from uuid import UUID

from flask import (
    Blueprint,
    flash,
    make_response,
    redirect,
    render_template,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import current_user
from htmx_flask import request

from portal.domain.catalog import keys
from portal.domain.people.access import Permission
from portal.domain.tenants import tenants
from portal.domain.vms import drafts, inventory, quotas, vms
from portal.domain.vms.inventory import Wanted
from portal.web import cookies, paths
from portal.web.frame import THEME_COOKIE, THEMES, can_launch, here
from portal.web.guards import needs, public
from portal.web.panels import panel

blueprint = Blueprint("home", __name__)
SHOWN = 8


@blueprint.get("/")
@needs(Permission.HOME_VIEW)
def show() -> ResponseReturnValue:
    """The newest VMs, launches left half-way, the quota, and what to do first."""
    tenant = here()
    newest = inventory.search(current_user, Wanted(tenant_id=tenant.id if tenant else None))
    facts = {
        "newest": newest,
        "every": min(filter(None, map(vms.wait, newest.items[:SHOWN])), default=None),
        "shown": SHOWN,
        "can_launch": can_launch(tenant),
    }
    if request.htmx:
        return panel("home/_newest.html", **facts)
    return render_template(
        "home/page.html",
        **facts,
        tenant=tenant,
        drafts=drafts.open_of(current_user)[:3],
        limits=quotas.lines(tenant) if tenant else [],
        keys=keys.of(current_user),
    )


@blueprint.get("/tenant/<uuid:tenant_id>/silence")
@needs(Permission.CATALOG_VIEW)
def silence(tenant_id: UUID) -> ResponseReturnValue:
    """The word that the tenant's cloud doesn't answer, or nothing when it does again."""
    return panel("_silence.html", asked=tenants.get(tenant_id, for_=current_user))


@blueprint.post("/tenant/<uuid:tenant_id>")
@needs(Permission.TENANT_SWITCH)
def switch_tenant(tenant_id: UUID) -> ResponseReturnValue:
    """Works in another tenant from here on."""
    tenant = tenants.get(tenant_id, for_=current_user)
    session["tenant"] = str(tenant.id)
    flash(f"You work in {tenant.name} now.", "good")
    return redirect(url_for(".show"))


@blueprint.post("/theme")
@public
def choose_theme() -> ResponseReturnValue:
    """Light, dark, or as the system has it."""
    wanted = request.form.get("theme", "")
    back = paths.ours(paths.path_of(request.referrer or ""), url_for(".show"))
    return cookies.keep(make_response(redirect(back)), THEME_COOKIE, wanted if wanted in THEMES else "")
