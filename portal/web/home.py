"""Home: what a person has, and the next step; which tenant they work in, their colours and language."""

from typing import Any
from uuid import UUID

from flask import (
    Blueprint,
    Response,
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
from portal.domain.people import access, accounts
from portal.domain.people.access import Permission
from portal.domain.tenants import tenants
from portal.domain.vms import drafts, inventory, matters, quotas, removals
from portal.translation import LANGUAGES, N_, gettext
from portal.web import cookies, paths
from portal.web.frame import THEME_COOKIE, THEMES, can_launch, here
from portal.web.guards import needs, public
from portal.web.language import LANGUAGE_COOKIE
from portal.web.panels import panel

blueprint = Blueprint("home", __name__)
SHOWN = 8
# What is told of VMs where the person works: of who did it, and of what came about.
TOLD = {
    "vm.launch": N_("was launched"),
    "vm.completed": N_("is ready"),
    "vm.failed": N_("failed"),
    "vm.vanished": N_("vanished from OpenStack"),
    "vm.retry": N_("is tried again"),
    "vm.start": N_("is started"),
    "vm.stop": N_("is stopped"),
    "vm.reboot": N_("is restarted"),
    "vm.delete": N_("is to be deleted"),
    "vm.gone": N_("was deleted"),
}


@blueprint.get("/")
@needs(Permission.HOME_VIEW)
def show() -> ResponseReturnValue:
    """What runs, what needs the person, the quota, and what happened lately; or the first three steps."""
    tenant, everywhere = here(), access.everywhere(current_user, Permission.VM_VIEW)
    scope = tenant.id if tenant and not everywhere else None
    facts = _newest(scope) | {"everywhere": everywhere, "can_launch": can_launch(tenant)}
    if request.htmx:
        return panel("home/_newest.html", **facts)
    own = tenant if tenant and tenant.id in current_user.tenant_ids else None
    return render_template(
        "home/page.html",
        **facts,
        tenant=tenant,
        matters=matters.of(current_user),
        lately=matters.lately(current_user, scope),
        words=TOLD,
        drafts=drafts.waiting(current_user),
        limits=quotas.lines(own) if own else [],
        keys=keys.of(current_user),
    )


def _newest(scope: UUID | None) -> dict[str, Any]:
    """The VMs launched last, and how many there are; of one tenant, or of all that the person may see."""
    newest = inventory.newest(current_user, scope, most=SHOWN)
    every = min(filter(None, map(removals.wait, newest)), default=None)
    return {"newest": newest, "tally": inventory.tally(current_user, scope), "every": every}


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
    flash(gettext("You work in %(name)s now.", name=tenant.name), "good")
    return redirect(url_for(".show"))


@blueprint.post("/theme")
@public
def choose_theme() -> ResponseReturnValue:
    """Light, dark, or as the system has it."""
    wanted = request.form.get("theme", "")
    return cookies.keep(_back(), THEME_COOKIE, wanted if wanted in THEMES else "")


@blueprint.post("/language")
@public
def choose_language() -> ResponseReturnValue:
    """In which language the portal speaks to this browser, and writes letters to the person."""
    wanted = request.form.get("language", "")
    if wanted not in LANGUAGES:
        return _back()
    if current_user.is_authenticated:
        accounts.speak(current_user, wanted)
    return cookies.keep(_back(), LANGUAGE_COOKIE, wanted)


def _back() -> Response:
    """To the page where it was chosen; of a form that was refused, to the page it belongs to."""
    return make_response(redirect(paths.page_of(paths.path_of(request.referrer or ""))))
