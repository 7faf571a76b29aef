"""Consoles: what a server wrote, followed for a while, and the link to its screen."""

from uuid import UUID

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from htmx_flask import request

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.vms import power, screens, vms
from portal.domain.vms.vms import Vm
from portal.web.guards import needs
from portal.web.panels import panel
from portal.web.vms import blueprint


@blueprint.get("/<uuid:vm_id>/console")
@needs(Permission.VM_CONSOLE)
def console(vm_id: UUID) -> ResponseReturnValue:
    """The console output as last fetched; who follows it has it fetched anew by looking at it."""
    vm = _vm(vm_id)
    follow = "follow" in request.args
    if follow:
        power.look_again(vm)
    output = power.console(vm)
    facts = {
        "vm": vm,
        "console": output,
        "following": follow and output.following,
        "why": power.why_no_console(vm, current_user),
    }
    return (
        panel("vms/_console.html", **facts) if request.htmx else render_template("vms/console.html", **facts)
    )


@blueprint.post("/<uuid:vm_id>/console")
@needs(Permission.VM_CONSOLE)
def fetch_console(vm_id: UUID) -> ResponseReturnValue:
    """Has the console output fetched, or followed for some minutes; its page waits for it."""
    vm = _vm(vm_id)
    follow = "follow" in request.form
    power.ask_console(vm, by=current_user, follow=follow)
    return redirect(url_for(".console", vm_id=vm.id, follow=1 if follow else None))


@blueprint.get("/<uuid:vm_id>/screen")
@needs(Permission.VM_CONSOLE)
def screen(vm_id: UUID) -> ResponseReturnValue:
    """The link to its screen, once; htmx gets the panel."""
    vm = _vm(vm_id)
    facts = {"vm": vm, "screen": screens.take(vm), "why": power.why_no_console(vm, current_user)}
    return panel("vms/_screen.html", **facts) if request.htmx else render_template("vms/screen.html", **facts)


@blueprint.post("/<uuid:vm_id>/screen")
@needs(Permission.VM_CONSOLE)
def ask_screen(vm_id: UUID) -> ResponseReturnValue:
    """Has the link fetched; its page waits for it."""
    vm = _vm(vm_id)
    screens.ask(vm, by=current_user)
    return redirect(url_for(".screen", vm_id=vm.id))


def _vm(vm_id: UUID) -> Vm:
    vm = vms.get(vm_id, for_=current_user)
    access.require(current_user, Permission.VM_CONSOLE, vm.tenant_id)
    return vm
