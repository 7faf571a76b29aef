"""Notices: what a person was told, the bell in the frame, and the way from a notice to what it is about."""

from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from portal.domain.people import notices, wording
from portal.domain.people.access import Permission
from portal.domain.people.notices import Kind
from portal.domain.vms import launches
from portal.web.guards import needs
from portal.web.panels import panel

blueprint = Blueprint("notices", __name__, url_prefix="/notices")

_KINDS = ", ".join(f'"{kind}"' for kind in Kind)
# Where a click on a notice leads: the page, and the name of what it is about.
_PLACES: dict[Kind, tuple[str, str]] = {
    Kind.VM_READY: ("vms.show", "vm_id"),
    Kind.VM_FAILED: ("vms.show", "vm_id"),
    Kind.LAUNCH_READY: ("vms.index", "launch"),
    Kind.LAUNCH_FAILED: ("vms.index", "launch"),
    Kind.LEASE_ENDING: ("vms.show", "vm_id"),
    Kind.LEASE_ENDED: ("vms.show", "vm_id"),
    Kind.LEASES_ENDING: ("vms.index", "launch"),
    Kind.LEASES_ENDED: ("vms.index", "launch"),
    Kind.QUOTA_ANSWERED: ("usage.show", "tenant_id"),
    Kind.QUOTA_ASKED: ("quotas.show_request", "request_id"),
    Kind.CREDENTIAL_ENDING: ("credentials.show", "tenant_id"),
    Kind.CREDENTIAL_REFUSED: ("credentials.show", "tenant_id"),
    Kind.SUPPORT_ASKED: ("support.show", "vm_id"),
}


@blueprint.get("/")
@needs(Permission.ACCOUNT_MANAGE)
def index() -> ResponseReturnValue:
    """All of them, unread first."""
    page = notices.of(current_user, request.args.get("page", 1, type=int))
    return render_template(
        "notices/index.html",
        page=page,
        page_url=lambda number: url_for(".index", page=number),
        wording=wording,
    )


@blueprint.get("/bell")
@needs(Permission.ACCOUNT_MANAGE)
def bell() -> ResponseReturnValue:
    """How many are unread, for the frame."""
    return panel("notices/_bell.html")


@blueprint.post("/read")
@needs(Permission.ACCOUNT_MANAGE)
def mark_all() -> ResponseReturnValue:
    """All of them are read."""
    notices.mark_all(by=current_user)
    return redirect(url_for(".index"))


@blueprint.post("/<uuid:notice_id>/read")
@needs(Permission.ACCOUNT_MANAGE)
def mark(notice_id: UUID) -> ResponseReturnValue:
    """One of them is read."""
    notices.mark(notice_id, by=current_user)
    return redirect(url_for(".index"))


@blueprint.get(f"/<any({_KINDS}):kind>/<uuid:subject_id>")
@needs(Permission.ACCOUNT_MANAGE)
def go(kind: str, subject_id: UUID) -> ResponseReturnValue:
    """To what a notice is about, which counts as having read it. Mails and webhooks lead here, too."""
    notices.seen(subject_id, Kind(kind), by=current_user)
    endpoint, name = _PLACES[Kind(kind)]
    if name == "launch":  # a list is of the tenant that they work in
        session["tenant"] = str(launches.tenant_of(subject_id, for_=current_user))
    about: dict[str, Any] = {name: subject_id}
    return redirect(url_for(endpoint, **about))
