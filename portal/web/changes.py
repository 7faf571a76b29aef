"""Changes: the pages on which somebody has a running VM changed."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField, TextAreaField

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.vms import changes, describing, leases, presets, rebuilds, terms, vms, wishes
from portal.domain.vms.changes import Wish
from portal.domain.vms.vms import Vm
from portal.translation import N_, gettext
from portal.web import seen
from portal.web.forms import accepted
from portal.web.guards import needs

blueprint = Blueprint("changes", __name__, url_prefix="/vms")


class Resize(FlaskForm):
    """Another size."""

    flavor = StringField(N_("Size"))


class Firewall(FlaskForm):
    """Another preset, and from where SSH is let in where the preset asks."""

    firewall = StringField(N_("Firewall"))
    ssh_from = StringField(
        N_("SSH only from"),
        description=N_("Where you choose your address only: one address or a network."),
    )


class Rebuild(FlaskForm):
    """From which image, and the VM's name, typed by whoever means it."""

    image = StringField(N_("Image"))
    typed = StringField(N_("Type the VM's name to confirm"))
    seen = HiddenField()


class About(FlaskForm):
    """What a person says of the VM."""

    name = StringField(N_("Name"), description=N_("Letters, digits and hyphens."))
    description = TextAreaField(N_("Description"), description=N_("What it is for, in a few words."))
    tags = StringField(N_("Tags"), description=N_("Short words to find it by, with spaces between."))


@blueprint.get("/<uuid:vm_id>/resize")
@needs(Permission.VM_CHANGE)
def resize(vm_id: UUID) -> ResponseReturnValue:
    """The sizes to choose from."""
    return _sizes(_vm(vm_id), Resize())


@blueprint.get("/<uuid:vm_id>/resize/cost")
@needs(Permission.VM_CHANGE)
def cost(vm_id: UUID) -> ResponseReturnValue:
    """What the size that is picked does to the quota."""
    lines = wishes.quota(_vm(vm_id), request.args.get("flavor", ""), for_=current_user)
    return render_template("changes/_cost.html", lines=lines)


@blueprint.post("/<uuid:vm_id>/resize")
@needs(Permission.VM_CHANGE)
def ask_resize(vm_id: UUID) -> ResponseReturnValue:
    """Has it resized; or shows what that does to the quota, where no script does."""
    vm, form = _vm(vm_id), Resize()
    if request.form.get("_do") == "same":
        return _sizes(vm, form)
    wish = accepted(form, wishes.resize, vm, form.flavor.data or "")
    if wish is None:
        return _sizes(vm, form), 422
    return _ask(vm, wish)


@blueprint.get("/<uuid:vm_id>/firewall")
@needs(Permission.VM_CHANGE)
def firewall(vm_id: UUID) -> ResponseReturnValue:
    """The presets to choose from."""
    vm = _vm(vm_id)
    now = wishes.parameters(vm)
    kept = str(now.get("ssh_from", "")) if now.get(presets.FIREWALL) == "mine" else seen.network()
    return _presets(vm, Firewall(firewall=now.get(presets.FIREWALL, ""), ssh_from=kept))


@blueprint.post("/<uuid:vm_id>/firewall")
@needs(Permission.VM_CHANGE)
def ask_firewall(vm_id: UUID) -> ResponseReturnValue:
    """Has the firewall changed."""
    vm, form = _vm(vm_id), Firewall()
    wish = accepted(form, wishes.firewall, vm, form.firewall.data or "", form.ssh_from.data or "")
    if wish is None:
        return _presets(vm, form), 422
    return _ask(vm, wish)


@blueprint.get("/<uuid:vm_id>/address")
@needs(Permission.VM_CHANGE)
def address(vm_id: UUID) -> ResponseReturnValue:
    """Says what giving or releasing the public address means, and asks."""
    vm = _vm(vm_id)
    return render_template(
        "changes/address.html", vm=vm, why=changes.why_not(vm, current_user), line=wishes.addresses(vm)
    )


@blueprint.post("/<uuid:vm_id>/address/<any(attach, detach):what>")
@needs(Permission.VM_CHANGE)
def ask_address(vm_id: UUID, what: str) -> ResponseReturnValue:
    """Has it given a public address, or has that released."""
    vm = _vm(vm_id)
    return _ask(vm, wishes.address(vm, wanted=what == "attach"))


@blueprint.get("/<uuid:vm_id>/rebuild")
@needs(Permission.VM_CHANGE)
def rebuild(vm_id: UUID) -> ResponseReturnValue:
    """The images to choose from, and what is lost."""
    vm = _vm(vm_id)
    return _images(vm, Rebuild(image=(vm.spec.get("image") or {}).get("id", "")))


@blueprint.post("/<uuid:vm_id>/rebuild")
@needs(Permission.VM_CHANGE)
def ask_rebuild(vm_id: UUID) -> ResponseReturnValue:
    """Has it rebuilt, where its name was typed."""
    vm, form = _vm(vm_id), Rebuild()
    told = {"typed": form.typed.data or "", "seen_last": form.seen.data or ""}
    wish = accepted(form, rebuilds.rebuild, vm, form.image.data or "", **told)
    if wish is None:
        return _images(vm, form), 422
    return _ask(vm, wish)


@blueprint.get("/<uuid:vm_id>/about")
@needs(Permission.VM_CHANGE)
def about(vm_id: UUID) -> ResponseReturnValue:
    """The name, the description and the tags."""
    vm = _vm(vm_id)
    form = About(name=vm.name, description=vm.description, tags=" ".join(vm.tags))
    return render_template("changes/about.html", vm=vm, form=form)


@blueprint.post("/<uuid:vm_id>/about")
@needs(Permission.VM_CHANGE)
def describe(vm_id: UUID) -> ResponseReturnValue:
    """Writes them down."""
    vm, form = _vm(vm_id), About()
    told = describing.Told(form.name.data or "", form.description.data or "", form.tags.data or "")
    said = accepted(form, describing.describe, vm, told, by=current_user)
    if said is None:
        return render_template("changes/about.html", vm=vm, form=form), 422
    flash(" ".join(filter(None, (gettext("Saved."), said))), "good")
    return redirect(url_for("vms.show", vm_id=vm_id))


@blueprint.get("/<uuid:vm_id>/lease")
@needs(Permission.VM_CHANGE)
def lease(vm_id: UUID) -> ResponseReturnValue:
    """When it ends, and by how long it may be extended."""
    vm = _vm(vm_id)
    why = leases.why_not(vm, current_user)
    return render_template(
        "changes/lease.html", vm=vm, why=why, extensions=leases.extensions(vm), rule=terms.rule(vm.tenant)
    )


@blueprint.post("/<uuid:vm_id>/lease")
@needs(Permission.VM_CHANGE)
def extend(vm_id: UUID) -> ResponseReturnValue:
    """So many days more."""
    days, seen_end = request.form.get("days", 0, type=int), request.form.get("seen", "")
    leases.extend(_vm(vm_id), days, seen=seen_end, by=current_user)
    return redirect(url_for("vms.show", vm_id=vm_id))


def _vm(vm_id: UUID) -> Vm:
    vm = vms.get(vm_id, for_=current_user)
    access.require(current_user, Permission.VM_CHANGE, vm.tenant_id)
    return vm


def _ask(vm: Vm, wish: Wish) -> ResponseReturnValue:
    changes.ask(vm, wish, by=current_user)
    return redirect(url_for("vms.show", vm_id=vm.id))


def _sizes(vm: Vm, form: Resize) -> str:
    why = changes.why_not(vm, current_user)
    sizes = wishes.sizes(vm)
    picked = form.flavor.data or next((size.thing.os_id for size in sizes if not size.why), "")
    facts = {"sizes": sizes, "picked": picked, "lines": wishes.quota(vm, picked, for_=current_user)}
    return render_template("changes/resize.html", vm=vm, form=form, why=why, **facts)


def _images(vm: Vm, form: Rebuild) -> str:
    why, sources = rebuilds.why_not(vm, current_user), rebuilds.sources(vm)
    form.seen.data = rebuilds.seen(vm)
    return render_template("changes/rebuild.html", vm=vm, form=form, why=why, sources=sources)


def _presets(vm: Vm, form: Firewall) -> str:
    why = changes.why_not(vm, current_user) or wishes.fixed(vm)
    facts = {"presets": wishes.firewalls(vm), "chosen": wishes.preset_of(vm)}
    return render_template("changes/firewall.html", vm=vm, form=form, why=why, **facts)
