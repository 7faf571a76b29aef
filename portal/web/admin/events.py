"""Raw events: a VM's moves and Heat events as they are stored, as a table or as JSON."""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from portal.domain.people.access import Permission
from portal.domain.vms import history, vms
from portal.web.guards import needs

blueprint = Blueprint("events", __name__, url_prefix="/admin/vms")

_VM = ("id", "name", "state", "stack_id", "server_id")
_MOVE = ("id", "at", "old", "new", "event", "cause")
_EVENT = ("id", "at", "stack_id", "position", "resource", "status", "reason", "physical_id")


@blueprint.get("/<uuid:vm_id>/events")
@needs(Permission.SYSTEM_VIEW)
def index(vm_id: UUID) -> ResponseReturnValue:
    """All that is stored, oldest first; `?format=json` for machines."""
    vm = vms.get(vm_id, for_=current_user)
    moves, events = history.stored(vm)
    if request.args.get("format") == "json":
        return jsonify(
            vm=_plain(vm, _VM),
            transitions=[_plain(move, _MOVE) | {"by": move.by and move.by.email} for move in moves],
            heat_events=[_plain(event, _EVENT) for event in events],
        )
    return render_template("admin/events.html", vm=vm, moves=moves, events=events)


def _plain(row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """These columns of a row, moments in ISO 8601."""
    values = {name: getattr(row, name) for name in names}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()
    }
