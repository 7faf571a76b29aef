"""Several VMs at once: what will happen to each, asked once more, and what came of it."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from htmx_flask import request

from portal.domain.people.access import Permission
from portal.domain.vms import bulk, removals
from portal.domain.vms.bulk import Act, Outcome, Stage
from portal.translation import N_, gettext, ngettext, translated
from portal.web import paths
from portal.web.admin.quotas import amounts
from portal.web.filters import plural
from portal.web.guards import needs
from portal.web.panels import panel
from portal.web.vms import blueprint

# What each act is called on a button.
WORDS = {
    Act.START: (N_("Start"), "power"),
    Act.STOP: (N_("Stop"), "circle-stop"),
    Act.DELETE: (N_("Delete"), "trash-2"),
}
# What came of it, by how far it is.
_GOING = {
    Stage.AHEAD: N_("Will be deleted"),
    Stage.UNDERWAY: N_("Is being deleted"),
    Stage.DONE: N_("Is deleted"),
    Stage.KEPT: N_("Stays as it is"),
}
CAME = {
    Act.START: {Stage.UNDERWAY: N_("Is being started"), Stage.DONE: N_("Is started")},
    Act.STOP: {Stage.UNDERWAY: N_("Is being stopped"), Stage.DONE: N_("Is stopped")},
    Act.DELETE: _GOING,
    Act.KEEP: _GOING,
}
# So often a time that runs is told anew, in seconds.
COUNTING = 1.0


@blueprint.get("/bulk/<any(start, stop, delete):act>")
@needs(Permission.VM_DELETE)
def plan(act: str) -> ResponseReturnValue:
    """Says what would happen to each of the VMs that were picked, and asks."""
    planned = bulk.plan(Act(act), _ids("vm"), by=current_user)
    if not planned.possible and not planned.impossible:
        return _nothing_ticked()
    return render_template("vms/bulk.html", plan=planned, words=WORDS[planned.act], amounts=amounts)


@blueprint.post("/bulk/<any(start, stop, delete, keep):act>")
@needs(Permission.VM_DELETE)
def carry_out(act: str) -> ResponseReturnValue:
    """Has it done, and leads to what came of each."""
    items = bulk.carry_out(Act(act), _ids("vm"), by=current_user, at_once="now" in request.form)
    asked = [item.vm.id.hex for item in items if not item.why_not]
    refused = [item.vm.id.hex for item in items if item.why_not]
    return redirect(url_for(".results", act=act, vm=asked, left=refused))


@blueprint.get("/bulk/<any(start, stop, delete, keep):act>/results")
@needs(Permission.VM_DELETE)
def results(act: str) -> ResponseReturnValue:
    """What came of each as it is now; htmx gets the part that changes."""
    outcomes = bulk.outcomes(Act(act), _ids("vm"), _ids("left"), by=current_user)
    if not outcomes:
        return _nothing_ticked()
    facts = _result_facts(Act(act), outcomes)
    if request.htmx:
        return panel("vms/_bulk.html", **facts)
    return render_template("vms/bulk_done.html", **facts)


def _result_facts(act: Act, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    waiting = [each.vm for each in outcomes if each.stage is Stage.AHEAD]
    waits = (removals.wait(each.vm) for each in outcomes)
    title, text = _headline(act, outcomes)
    return {
        "title": title,
        "text": text,
        "outcomes": outcomes,
        "came": CAME[act],
        "waiting": waiting,
        "seconds": min((removals.seconds_left(vm) or 0 for vm in waiting), default=0),
        "every": COUNTING if waiting else min(filter(None, waits), default=None),
        "again": paths.path_of(request.full_path),
    }


def _headline(act: Act, outcomes: Sequence[Outcome]) -> tuple[str, str]:
    """The results' title and the sentence below it: how far it is, and once it is over what was done."""
    vms, stages = plural(len(outcomes), "VM", "VMs"), [each.stage for each in outcomes]
    had = [each.stage for each in outcomes if not each.why_not]
    if act is Act.KEEP:
        kept = had.count(Stage.KEPT)
        return ngettext("%(num)s of %(vms)s is kept", "%(num)s of %(vms)s are kept", kept, vms=vms), ""
    if Stage.AHEAD in stages or Stage.UNDERWAY in stages:
        title = gettext("%(act)s: %(done)s of %(vms)s", act=translated(WORDS[act][0]), done=len(had), vms=vms)
        return title, gettext("Each was asked for by itself; below you see how far they are.")
    done = had.count(Stage.DONE)
    title = {
        Act.START: ngettext("%(num)s of %(vms)s is started", "%(num)s of %(vms)s are started", done, vms=vms),
        Act.STOP: ngettext("%(num)s of %(vms)s is stopped", "%(num)s of %(vms)s are stopped", done, vms=vms),
        Act.DELETE: ngettext(
            "%(num)s of %(vms)s is deleted", "%(num)s of %(vms)s are deleted", done, vms=vms
        ),
    }[act]
    return title, gettext("All is done.") if done == len(outcomes) else gettext(
        "Below you see what came of each."
    )


def _nothing_ticked() -> ResponseReturnValue:
    flash(gettext("Tick the VMs first, then say what to do with them."), "warn")
    return redirect(url_for(".index"))


def _ids(name: str) -> list[UUID]:
    """The ids that were sent by that name; what is none seeks nothing."""
    found = []
    for text in request.values.getlist(name):
        with suppress(ValueError):
            found.append(UUID(text))
    return found
