"""Support: a search over all tenants, and all that is known of one VM, live too and as a bundle to take."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, current_app, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from portal.config import Settings
from portal.domain.people.access import Permission
from portal.domain.tenants import circuits, credentials
from portal.domain.vms import asked, bundle, casefile, explain, findings, live, lookup, power
from portal.domain.vms.casefile import Kind, Line
from portal.domain.vms.live import Live
from portal.domain.vms.vms import Vm
from portal.translation import gettext
from portal.web.admin import dashboards
from portal.web.admin.words import KINDS
from portal.web.guards import needs

blueprint = Blueprint("support", __name__, url_prefix="/admin")
LONGEST_SEARCH = 200


@blueprint.get("/search")
@needs(Permission.SUPPORT_VIEW)
def search() -> ResponseReturnValue:
    """VMs and people of all tenants, and why they were found."""
    text = request.args.get("q", "")[:LONGEST_SEARCH]
    found = lookup.find(text, by=current_user)
    return render_template("admin/search.html", q=text, found=found, explained=explain.failure)


@blueprint.get("/vms/<uuid:vm_id>")
@needs(Permission.SUPPORT_VIEW)
def show(vm_id: UUID) -> ResponseReturnValue:
    """The VM's case file as it is stored; `?kind=` filters, `?format=json` is for machines."""
    return _answer(casefile.open_(vm_id, by=current_user), None)


@blueprint.get("/vms/<uuid:vm_id>/live")
@needs(Permission.SUPPORT_VIEW)
def ask(vm_id: UUID) -> ResponseReturnValue:
    """The same with what Heat and Nova say this moment."""
    vm = casefile.open_(vm_id, by=current_user)
    return _answer(vm, live.look(vm, by=current_user))


@blueprint.get("/vms/<uuid:vm_id>/bundle")
@needs(Permission.SUPPORT_VIEW)
def take(vm_id: UUID) -> ResponseReturnValue:
    """All of it as one zip, without secrets."""
    vm = casefile.open_(vm_id, by=current_user)
    named = f'attachment; filename="{bundle.name_of(vm)}"'
    content = bundle.make(vm, by=current_user)
    return Response(content, mimetype="application/zip", headers={"Content-Disposition": named})


def _answer(vm: Vm, told: Live | None) -> ResponseReturnValue:
    """The page, or its raw JSON."""
    kept = casefile.events(vm)
    lines = casefile.timeline(vm, nova=told.actions if told else ())
    things = casefile.things(vm, kept)
    if request.args.get("format") == "json":
        return jsonify(_plain(vm, lines, told) | {"resources": [vars(thing) for thing in things]})
    settings: Settings = current_app.config["PORTAL"]
    sent, _ = asked.of(vm)
    return render_template(
        "admin/vm.html",
        vm=vm,
        live=told,
        sent=sent,
        things=[(thing, dashboards.links(thing, settings)) for thing in things],
        console=power.console(vm),
        failure=explain.of_vm(vm),
        request_ids=explain.request_ids(vm.failure or ""),
        **_filtered(vm, lines, told),
        **_around(vm),
    )


def _filtered(vm: Vm, lines: Sequence[Line], told: Live | None) -> dict[str, Any]:
    """The timeline, newest first, by the kind that was picked, and the tabs to pick by."""
    endpoint = "support.ask" if told else "support.show"
    picked = next((kind for kind in Kind if kind == request.args.get("kind")), None)
    words = {Kind.MOVE: gettext("Moves"), Kind.AUDIT: gettext("Acts"), Kind.HEAT: "Heat", Kind.NOVA: "Nova"}
    tabs = [(gettext("All"), url_for(endpoint, vm_id=vm.id), picked is None, len(lines))]
    for kind in Kind:
        count = sum(line.kind is kind for line in lines)
        tabs.append((words[kind], url_for(endpoint, vm_id=vm.id, kind=kind.value), picked is kind, count))
    return {
        "lines": [line for line in reversed(lines) if picked in (None, line.kind)],
        "tabs": tabs,
        "json_url": url_for(endpoint, vm_id=vm.id, format="json"),
    }


def _around(vm: Vm) -> dict[str, Any]:
    """The tenant's cloud, the doctor's word about its credential, and what is open."""
    credential, checkup = credentials.word(vm.tenant_id)
    return {
        "credential": credential,
        "checkup": checkup,
        "silent": circuits.is_open(vm.tenant),
        "findings": findings.of_vm(vm),
        "finding_words": KINDS,
    }


def _plain(vm: Vm, lines: Sequence[Line], told: Live | None) -> dict[str, Any]:
    return {
        "vm": {"id": vm.id, "name": vm.name, "state": vm.state, "tenant": vm.tenant.name},
        "failure": vars(explain.failure(vm.failure)) if vm.failure else None,
        "timeline": [line.plain for line in lines],
        "live": {
            "at": told.at.isoformat(),
            "events": [line.plain for line in told.lines],
            "resources": [vars(thing) for thing in told.things],
            "server": {"status": told.server.status, "fault": told.server.fault} if told.server else None,
            "troubles": told.troubles,
        }
        if told
        else None,
    }
