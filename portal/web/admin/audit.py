"""The audit: found by person, tenant, VM, action and time; verified; and exported."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from htmx_flask import request

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.tenants import tenants
from portal.domain.vms import trail
from portal.domain.vms.trail import Search
from portal.web import rows
from portal.web.admin import acts
from portal.web.guards import needs
from portal.web.panels import panel

blueprint = Blueprint("audit", __name__, url_prefix="/admin/audit")

FIELDS = ("person", "tenant", "vm", "action", "since", "until")
# So many tenants the list can be filtered by.
MENU = 200
# A verification under way is looked at so often, in seconds.
PACE = 2


@blueprint.get("/")
@needs(Permission.AUDIT_VIEW)
def index() -> ResponseReturnValue:
    """What was done, newest first; `before` goes on to older entries."""
    asked = _asked(request.args)
    page = trail.search(_search(asked), current_user, before=request.args.get("before", type=int))
    return render_template(
        "admin/audit/index.html",
        page=page,
        asked=asked,
        paging="before" in request.args,
        menu=acts.menu(),
        groups=acts.GROUPS,
        words=acts.words,
        lines=acts.lines,
        tenants=tenants.visible(current_user, limit=MENU),
        can_export=access.allows(current_user, Permission.AUDIT_EXPORT),
    )


@blueprint.post("/export.<any(csv, jsonl):form>")
@needs(Permission.AUDIT_EXPORT)
def export(form: str) -> ResponseReturnValue:
    """All that is found, as a file that is written while it is read."""
    wanted = _search(_asked(request.form))
    return rows.download("audit", trail.export(wanted, current_user, form=form), form)


@blueprint.get("/chain")
@needs(Permission.AUDIT_VIEW)
def chain() -> ResponseReturnValue:
    """The last verification; htmx gets the panel."""
    facts = _verified()
    return (
        panel("admin/audit/_chain.html", **facts)
        if request.htmx
        else render_template("admin/audit/chain.html", **facts)
    )


@blueprint.post("/chain")
@needs(Permission.AUDIT_VERIFY)
def verify() -> ResponseReturnValue:
    """Has the chain verified; its page follows that."""
    trail.check(by=current_user)
    return redirect(url_for(".chain"))


def _asked(given: Mapping[str, str]) -> dict[str, str]:
    """The filters as they were sent, those that are empty left out."""
    return {name: given[name].strip() for name in FIELDS if given.get(name, "").strip()}


def _search(asked: Mapping[str, str]) -> Search:
    """What the filters mean; one that means nothing seeks nothing."""
    return Search(
        person=asked.get("person", ""),
        tenant_id=_read(UUID, asked.get("tenant", "")),
        vm=asked.get("vm", ""),
        actions=acts.actions(asked.get("action", "")),
        since=_read(_moment, asked.get("since", "")),
        until=_read(_moment, asked.get("until", "")),
    )


def _moment(text: str) -> datetime:
    """A time as the browser's field sends it, which is in UTC here."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _read(kind: Any, text: str) -> Any:
    try:
        return kind(text) if text else None
    except ValueError:
        return None


def _verified() -> dict[str, Any]:
    check, walk = trail.last_check(current_user) or (None, None)
    return {
        "check": check,
        "walk": walk,
        "every": PACE if check and check.due_at else None,
        "can_verify": access.allows(current_user, Permission.AUDIT_VERIFY),
    }
