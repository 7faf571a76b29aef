"""VMs: a VM's page that follows it live, and what people ask of it."""

from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from htmx_flask import request

from portal.domain.people import access, notices
from portal.domain.people.access import Permission
from portal.domain.vms import (
    changes,
    explain,
    findings,
    fixes,
    history,
    leases,
    power,
    progress,
    removals,
    vms,
)
from portal.domain.vms.vms import Event, Vm
from portal.web import menus
from portal.web.admin.words import KINDS
from portal.web.guards import needs
from portal.web.panels import NOTICES_READ, panel

blueprint = Blueprint("vms", __name__, url_prefix="/vms")


@blueprint.get("/<uuid:vm_id>")
@needs(Permission.VM_VIEW)
def show(vm_id: UUID) -> ResponseReturnValue:
    """One VM."""
    vm = vms.get(vm_id, for_=current_user)
    notices.seen(vm.id, by=current_user)
    return render_template("vms/page.html", **_facts(vm))


@blueprint.get("/<uuid:vm_id>/panel")
@needs(Permission.VM_VIEW)
def live(vm_id: UUID) -> ResponseReturnValue:
    """The part of its page that changes; the bell hears of what counts as read by looking at it."""
    vm = vms.get(vm_id, for_=current_user)
    read = notices.seen(vm.id, by=current_user)
    return panel("vms/_vm.html", NOTICES_READ if read else "", **_facts(vm))


@blueprint.get("/<uuid:vm_id>/happened")
@needs(Permission.VM_VIEW)
def happened(vm_id: UUID) -> ResponseReturnValue:
    """All that happened to it."""
    vm = vms.get(vm_id, for_=current_user)
    return render_template("vms/happened.html", vm=vm, timeline=history.timeline(vm))


@blueprint.post("/<uuid:vm_id>/<any(start, stop, reboot, reset):action>")
@needs(Permission.VM_POWER)
def switch(vm_id: UUID, action: str) -> ResponseReturnValue:
    """Starts, stops or restarts it."""
    vm = vms.get(vm_id, for_=current_user)
    power.ask(vm, wanted := power.Action(action), by=current_user)
    return redirect(url_for(".show", vm_id=vm.id, _anchor=menus.PLACES[wanted]))


@blueprint.post("/<uuid:vm_id>/retry")
@needs(Permission.VM_LAUNCH)
def retry(vm_id: UUID) -> ResponseReturnValue:
    """Has a failed launch tried again."""
    vm = vms.get(vm_id, for_=current_user)
    vms.ask(vm, Event.RETRY, by=current_user)
    return redirect(url_for(".show", vm_id=vm.id, _anchor=menus.TURN))


@blueprint.post(f"/<uuid:vm_id>/retry/<any({','.join(fixes.Fix)}):fix>")
@needs(Permission.VM_LAUNCH)
def fix(vm_id: UUID, fix: str) -> ResponseReturnValue:
    """Begins another try with that changed: the wizard's review, still filled."""
    vm = vms.get(vm_id, for_=current_user)
    draft = fixes.begin(vm, fixes.Fix(fix), by=current_user)
    return redirect(url_for("launch.show", draft_id=draft.id))


@blueprint.get("/<uuid:vm_id>/delete")
@needs(Permission.VM_DELETE)
def confirm_delete(vm_id: UUID) -> ResponseReturnValue:
    """Says what would be gone, and asks."""
    vm = vms.get(vm_id, for_=current_user)
    if Event.DELETE not in vms.actions(vm, current_user):
        return redirect(url_for(".show", vm_id=vm.id))
    return render_template("vms/delete.html", vm=vm, back=changes.held(vm), steps=progress.of(vm).steps)


@blueprint.post("/<uuid:vm_id>/delete")
@needs(Permission.VM_DELETE)
def delete(vm_id: UUID) -> ResponseReturnValue:
    """Has it deleted: after a while in which it can be taken back, or now."""
    vm = vms.get(vm_id, for_=current_user)
    if request.form.get("now"):
        vms.ask(vm, Event.DELETE, by=current_user)
    else:
        removals.plan(vm, by=current_user)
    return redirect(url_for(".show", vm_id=vm.id))


@blueprint.post("/<uuid:vm_id>/keep")
@needs(Permission.VM_DELETE)
def keep(vm_id: UUID) -> ResponseReturnValue:
    """Takes the deletion back."""
    vm = vms.get(vm_id, for_=current_user)
    removals.undo(vm, by=current_user)
    return redirect(url_for(".show", vm_id=vm.id))


def _facts(vm: Vm) -> dict[str, Any]:
    """What a VM's page and its panel are drawn from; all of it from the portal's own tables."""
    change, removal = changes.latest(vm), removals.seconds_left(vm)
    events = history.events_of(vm)
    return {
        "vm": vm,
        "every": changes.wait(change) or vms.wait(vm) or (None if removal is None else 1.0),
        "removal": removal,
        "lease_news": leases.is_news(vm),
        "lease_over": leases.is_over(vm),
        "can_extend": not leases.why_not(vm, current_user),
        "extensions": leases.extensions(vm),
        "change": change,
        "change_failure": explain.failure(change.answer or "") if change else None,
        "head": menus.of_vm(vm, change),
        "power": power.word(vm, change),
        "actions": vms.actions(vm, current_user),
        "progress": progress.of(vm, events),
        "timeline": history.timeline(vm, events),
        "seconds": history.elapsed(vm),
        "findings": findings.of_vm(vm),
        "finding_words": KINDS,
        "can_look_after": access.everywhere(current_user, Permission.FINDING_VIEW),
        "can_settle": access.everywhere(current_user, Permission.FINDING_SETTLE),
        "can_ask": access.allows(current_user, Permission.SUPPORT_ASK, vm.tenant_id),
        "fixes": fixes.offered(vm, current_user),
        "failure": explain.of_vm(vm),
    }
