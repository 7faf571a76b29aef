"""System: workers, the clock, the queues, every tenant's cloud, and VMs that nobody gets on with."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user
from htmx_flask import request

from portal.domain.people.access import Permission
from portal.domain.vms import overview
from portal.web.guards import needs
from portal.web.panels import panel

blueprint = Blueprint("system", __name__, url_prefix="/admin/system")
REFRESH_SECONDS = 10


@blueprint.get("/")
@needs(Permission.SYSTEM_VIEW)
def show() -> ResponseReturnValue:
    """All of it as it is now; the page keeps it fresh."""
    facts = {"overview": overview.read(current_user), "every": REFRESH_SECONDS}
    if request.htmx:
        return panel("admin/_system.html", **facts)
    return render_template("admin/system.html", **facts)
