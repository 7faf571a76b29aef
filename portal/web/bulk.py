"""Several VMs at once: what will happen to each, asked once more, and what came of it."""

from collections.abc import Iterator
from uuid import UUID

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from htmx_flask import request

from portal.domain.people.access import Permission
from portal.domain.vms import bulk, removals
from portal.domain.vms.bulk import Act
from portal.translation import N_, gettext
from portal.web.admin.quotas import amounts
from portal.web.guards import needs
from portal.web.vms import blueprint

# What each act is called on a button, and what came of it.
WORDS = {
    Act.START: (N_("Start"), "power", N_("Is being started")),
    Act.STOP: (N_("Stop"), "circle-stop", N_("Is being stopped")),
    Act.DELETE: (N_("Delete"), "trash-2", N_("Is being deleted")),
    Act.KEEP: (N_("Keep"), "undo-2", N_("Stays as it is")),
}


@blueprint.get("/bulk/<any(start, stop, delete):act>")
@needs(Permission.VM_DELETE)
def plan(act: str) -> ResponseReturnValue:
    """Says what would happen to each of the VMs that were picked, and asks."""
    planned = bulk.plan(Act(act), _picked(), by=current_user)
    if not planned.possible and not planned.impossible:
        flash(gettext("Tick the VMs first, then say what to do with them."), "warn")
        return redirect(url_for(".index"))
    return render_template("vms/bulk.html", plan=planned, words=WORDS[planned.act], amounts=amounts)


@blueprint.post("/bulk/<any(start, stop, delete, keep):act>")
@needs(Permission.VM_DELETE)
def carry_out(act: str) -> ResponseReturnValue:
    """Has it done, and says of each what came of it."""
    at_once = "now" in request.form
    results = bulk.carry_out(Act(act), _picked(), by=current_user, at_once=at_once)
    left = [removals.seconds_left(item.vm) for item in results if act == Act.DELETE and not at_once]
    left = [seconds for seconds in left if seconds is not None]
    return render_template("vms/bulk_done.html", results=results, words=WORDS[Act(act)], left=left)


def _picked() -> Iterator[UUID]:
    """The ids that were sent; what is none seeks nothing."""
    for text in request.values.getlist("vm"):
        try:
            yield UUID(text)
        except ValueError:
            continue
