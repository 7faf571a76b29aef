"""Help: a member asks support about a VM, and sees before what will be sent."""

from uuid import UUID

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import TextAreaField

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.vms import explain, support, vms
from portal.domain.vms.vms import Vm
from portal.translation import N_, gettext
from portal.web.forms import accepted
from portal.web.guards import needs
from portal.web.vms import blueprint


class Plea(FlaskForm):
    """What a person needs help with."""

    said = TextAreaField(
        N_("What do you need?"),
        description=N_("What you tried, what you expected, how urgent it is. No passwords, please."),
    )


@blueprint.get("/<uuid:vm_id>/help")
@needs(Permission.SUPPORT_ASK)
def help_with(vm_id: UUID) -> ResponseReturnValue:
    """What will be sent, and room for the person's words."""
    return _page(vms.get(vm_id, for_=current_user), Plea(formdata=None))


@blueprint.post("/<uuid:vm_id>/help")
@needs(Permission.SUPPORT_ASK)
def ask_support(vm_id: UUID) -> ResponseReturnValue:
    """Tells support."""
    vm, form = vms.get(vm_id, for_=current_user), Plea()
    accepted(form, support.ask, vm, form.said.data or "", by=current_user)
    if form.errors:
        return _page(vm, form), 422
    flash(gettext("Support was told, with all that the portal knows of this VM."), "good")
    return redirect(url_for("vms.show", vm_id=vm.id))


def _page(vm: Vm, form: Plea) -> str:
    access.require(current_user, Permission.SUPPORT_ASK, vm.tenant_id)
    return render_template(
        "vms/help.html", vm=vm, form=form, failure=explain.of_vm(vm), longest=support.LONGEST
    )
