"""What Heat shows: stacks in lists and in full, outputs, resources and events."""

from typing import Any

from portal.sandbox import living, parameters
from portal.sandbox.functions import resolve
from portal.sandbox.parameters import Invalid
from portal.sandbox.resource_types import KINDS
from portal.sandbox.state import Row, stamp
from portal.sandbox.template import read
from portal.sandbox.wire import Asked


def href(asked: Asked, stack: Row) -> str:
    """The address of a stack."""
    return f"{asked.root}/v1/{stack['project_id']}/stacks/{stack['name']}/{stack['id']}"


def _when(seconds: float | None) -> str | None:
    return None if seconds is None else stamp(seconds)


def brief(asked: Asked, stack: Row) -> Row:
    """A stack as it stands in a list."""
    return {
        "id": stack["id"],
        "links": [{"href": href(asked, stack), "rel": "self"}],
        "stack_name": stack["name"],
        "description": "",
        "stack_status": living.status(stack),
        "stack_status_reason": stack["reason"],
        "creation_time": stamp(stack["created"]),
        "updated_time": _when(stack["updated"]),
        "deletion_time": _when(stack["deleted_at"]),
        "stack_owner": stack["owner"],
        "parent": None,
        "stack_user_project_id": stack["user_project"],
        "tags": stack["tags"] or None,
    }


def full(asked: Asked, stack: Row, *, outputs: bool) -> Row:
    """A stack by itself."""
    template = read(stack["template"])
    shown = {
        name: parameters.shown(parameter, stack["values"][name])
        for name, parameter in template.parameters.items()
    }
    view: Row = {
        "stack_name": stack["name"],
        "id": stack["id"],
        "links": [{"href": href(asked, stack), "rel": "self"}],
        "creation_time": stamp(stack["created"]),
        "updated_time": _when(stack["updated"]),
        "deletion_time": _when(stack["deleted_at"]),
        "notification_topics": [],
        "parameters": {**living.pseudo(stack), **shown},
        "description": template.description,
        "template_description": template.description,
        "capabilities": [],
        "disable_rollback": stack["disable_rollback"],
        "timeout_mins": stack["timeout"],
        "stack_owner": stack["owner"],
        "parent": None,
        "stack_user_project_id": stack["user_project"],
        "tags": stack["tags"] or None,
        "stack_status": living.status(stack),
        "stack_status_reason": stack["reason"],
    }
    if outputs and stack["deleted_at"] is None:
        view["outputs"] = all_outputs(asked, stack)
    return view


def all_outputs(asked: Asked, stack: Row) -> list[Row]:
    """The outputs with their values, as far as there are any yet."""
    stage = living.Living(asked.world, stack)
    return [_output(stage, name, definition) for name, definition in stage.outputs()]


def _output(stage: living.Living, name: str, definition: Row) -> Row:
    view: Row = {"output_key": name, "description": definition.get("description") or "No description given"}
    try:
        condition = definition.get("condition")
        enabled = condition is None or (
            stage.condition(condition) if isinstance(condition, str) else condition
        )
        view["output_value"] = resolve(definition["value"], stage) if enabled else None
    except Invalid as error:
        view.update(output_error=error.message, output_value=None)
    return view


def resource(asked: Asked, stack: Row, name: str) -> Row:
    """A resource as it stands in a list."""
    held = stack["resources"][name]
    address = href(asked, stack)
    return {
        "updated_time": stamp(held["updated"]),
        "creation_time": stamp(stack["created"]),
        "logical_resource_id": name,
        "resource_name": name,
        "physical_resource_id": held["physical"] or "",
        "resource_status": f"{held['action']}_{held['phase']}",
        "resource_status_reason": held["reason"],
        "resource_type": held["type"],
        "links": [{"href": f"{address}/resources/{name}", "rel": "self"}, {"href": address, "rel": "stack"}],
        "required_by": [other for other, row in stack["resources"].items() if name in row["needs"]],
    }


def detailed(asked: Asked, stack: Row, name: str) -> Row:
    """A resource by itself, with its attributes."""
    held = stack["resources"][name]
    kind = KINDS[held["type"]]
    shown: Any = kind.show(asked.world, held["physical"]) if held["physical"] else None
    attributes = dict.fromkeys(sorted(kind.attributes)) if shown is None else shown
    return {**resource(asked, stack, name), "description": "", "attributes": attributes}


def event(asked: Asked, stack: Row, row: Row) -> Row:
    """An event."""
    address = href(asked, stack)
    of = f"{address}/resources/{row['name']}"
    return {
        "id": row["id"],
        "links": [
            {"href": f"{of}/events/{row['id']}", "rel": "self"},
            {"href": of, "rel": "resource"},
            {"href": address, "rel": "stack"},
        ],
        "event_time": stamp(row["at"]),
        "logical_resource_id": row["name"],
        "resource_name": row["name"],
        "physical_resource_id": row["physical"],
        "resource_status": row["status"],
        "resource_status_reason": row["reason"],
    }
