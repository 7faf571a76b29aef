"""Heat over HTTP: lists of stacks, events, resources, outputs, and the validation of a template."""

import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from werkzeug.wrappers import Response

from portal.sandbox import heat_views, living
from portal.sandbox.heat import bad, body_of, exactly, refuse, service, told
from portal.sandbox.parameters import Invalid, Parameter
from portal.sandbox.resource_types import KINDS
from portal.sandbox.state import Row
from portal.sandbox.template import load, read
from portal.sandbox.wire import Asked, answer, truth

_STACK = "/v1/<project>/stacks/<name>/<uuid:key>"


def _number(asked: Asked, key: str) -> int | None:
    text = asked.query.get(key)
    if text is None:
        return None
    try:
        value = int(text)
    except ValueError as error:
        raise bad(f"Only integer is acceptable by '{key}'.") from error
    if value < 0:
        raise bad(f"Value '{text}' is invalid for '{key}' which only accepts non-negative integer.")
    return value


@service.route("GET", "/v1/<project>/stacks")
def list_stacks(asked: Asked, project: str) -> Response:
    if truth(asked.query.get("global_tenant", "false")):
        raise refuse(403, "Forbidden", "You are not authorized to use stacks:global_index.")
    if asked.query.get("tags") and any(asked.query.get(key) for key in _NOT_WITH_TAGS):
        raise refuse(500, "RemoteError")
    limit = _number(asked, "limit")
    show_deleted = truth(asked.query.get("show_deleted", "false"))
    mine = (s for s in asked.world.rows("stack") if s["project_id"] == project)
    found = [s for s in mine if (show_deleted or s["deleted_at"] is None) and _wanted(s, asked)]
    _sort(found, asked)
    count = len(found)
    found = _after(found, asked.query.get("marker"))
    shown = found if limit is None else found[:limit]
    body: Row = {"stacks": [heat_views.brief(asked, stack) for stack in shown]}
    if truth(asked.query.get("with_count", "false")):
        body["count"] = count
    if limit and len(shown) == limit:
        query = [(k, v) for k, v in asked.request.args.items(multi=True) if k != "marker"]
        query.append(("marker", shown[-1]["id"]))
        address = f"{asked.root}/v1/{project}/stacks?{urlencode(query)}"
        body["links"] = [{"rel": "next", "href": address}]
    return answer(200, body)


# Heat joins the tags to its query and then looks for these in the wrong table; ids it finds none of there
_NOT_WITH_TAGS = ("status", "action", "username", "name", "stack_name")
_FILTERS: dict[str, Callable[[Row], str]] = {
    "id": lambda stack: str(stack["id"]),
    "name": lambda stack: str(stack["name"]),
    "stack_name": lambda stack: str(stack["name"]),
    "action": lambda stack: str(stack["action"]),
    "username": lambda stack: str(stack["owner"]),
}
_TAGS: dict[str, Callable[[set[str], set[str]], bool]] = {
    "tags": lambda wanted, has: wanted <= has,
    "tags_any": lambda wanted, has: bool(wanted & has),
    "not_tags": lambda wanted, has: not wanted <= has,
    "not_tags_any": lambda wanted, has: not wanted & has,
}


def _wanted(stack: Row, asked: Asked) -> bool:
    """Whether a stack meets the filters; what Heat doesn't know it ignores."""
    if asked.query.get("tags") and asked.query.get("id"):
        return False
    for key, of in _FILTERS.items():
        wanted = [value for value in asked.queries(key) if value]
        if wanted and of(stack) not in wanted:
            return False
    states = [value for value in asked.queries("status") if value]
    if states and not {living.status(stack), stack["phase"]} & set(states):
        return False
    for key, meets in _TAGS.items():
        text = asked.query.get(key)
        if text and not meets(set(text.split(",")), set(stack["tags"])):
            return False
    return True


_SORTABLE = {
    "created_at": "created", "creation_time": "created", "name": "name", "stack_name": "name",
    "status": "phase", "stack_status": "phase", "updated_at": "updated", "updated_time": "updated",
}  # fmt: skip


def _sort(found: list[Row], asked: Asked) -> None:
    """Newest first, unless a key that Heat knows says otherwise."""
    key = _SORTABLE.get(asked.query.get("sort_keys", ""), "")
    ascending = asked.query.get("sort_dir") == "asc"
    found.sort(key=lambda stack: (stack["created"], stack["id"]), reverse=not ascending)
    if key and key != "created":
        found.sort(key=lambda stack: str(stack[key] or ""), reverse=not ascending)


def _after(rows: list[Row], marker: str | None) -> list[Row]:
    """What comes after the marker; all of it when there is no such row, as Heat does."""
    ids = [row["id"] for row in rows]
    return rows[ids.index(marker) + 1 :] if marker in ids else rows


def _events(asked: Asked, stack: Row, resource: str | None) -> list[Row]:
    limit = _number(asked, "limit")
    found = [row for row in stack["events"] if resource in (None, row["name"]) and _told_of(row, asked)]
    if asked.query.get("sort_dir") != "asc":
        found.reverse()
    found = _after(found, asked.query.get("marker"))
    return found if limit is None else found[:limit]


def _told_of(row: Row, asked: Asked) -> bool:
    action, _, phase = row["status"].partition("_")
    checks = (("resource_action", action), ("resource_status", phase), ("resource_name", row["name"]))
    return all(not asked.query.get(key) or value in asked.queries(key) for key, value in checks)


@service.route("GET", f"{_STACK}/events")
def list_events(asked: Asked, project: str, name: str, key: uuid.UUID) -> Response:  # noqa: ARG001
    stack = exactly(asked, name, str(key))
    views = [heat_views.event(asked, stack, row) for row in _events(asked, stack, None)]
    if asked.query.get("nested_depth"):
        for view in views:
            view["links"].append({"href": heat_views.href(asked, stack), "rel": "root_stack"})
    return answer(200, {"events": views})


@service.route("GET", f"{_STACK}/resources/<resource>/events")
def list_resource_events(asked: Asked, project: str, name: str, key: uuid.UUID, resource: str) -> Response:  # noqa: ARG001
    stack = exactly(asked, name, str(key))
    return answer(
        200, {"events": [heat_views.event(asked, stack, row) for row in _events(asked, stack, resource)]}
    )


@service.route("GET", f"{_STACK}/resources")
def list_resources(asked: Asked, project: str, name: str, key: uuid.UUID) -> Response:  # noqa: ARG001
    stack = exactly(asked, name, str(key))
    view = heat_views.detailed if truth(asked.query.get("with_detail", "false")) else heat_views.resource
    return answer(200, {"resources": [view(asked, stack, resource) for resource in stack["resources"]]})


@service.route("GET", f"{_STACK}/resources/<resource>")
def show_resource(asked: Asked, project: str, name: str, key: uuid.UUID, resource: str) -> Response:  # noqa: ARG001
    stack = exactly(asked, name, str(key))
    if resource not in stack["resources"]:
        message = f"The Resource ({resource}) could not be found in Stack {name}."
        raise refuse(404, "ResourceNotFound", message)
    return answer(200, {"resource": heat_views.detailed(asked, stack, resource)})


@service.route("GET", f"{_STACK}/outputs")
def list_outputs(asked: Asked, project: str, name: str, key: uuid.UUID) -> Response:  # noqa: ARG001
    stack = exactly(asked, name, str(key))
    outputs = [
        {"output_key": output, "description": definition.get("description") or "No description given"}
        for output, definition in living.Living(asked.world, stack).outputs()
    ]
    return answer(200, {"outputs": outputs})


@service.route("GET", f"{_STACK}/outputs/<output>")
def show_output(asked: Asked, project: str, name: str, key: uuid.UUID, output: str) -> Response:  # noqa: ARG001
    stack = exactly(asked, name, str(key))
    for view in heat_views.all_outputs(asked, stack):
        if view["output_key"] == output:
            return answer(200, {"output": view})
    raise refuse(404, "NotFound", f"Specified output key {output} not found.")


@service.route("GET", f"{_STACK}/template")
def show_template(asked: Asked, project: str, name: str, key: uuid.UUID) -> Response:  # noqa: ARG001
    return answer(200, exactly(asked, name, str(key))["template"])


@service.route("GET", f"{_STACK}/environment")
def show_environment(asked: Asked, project: str, name: str, key: uuid.UUID) -> Response:  # noqa: ARG001
    given = exactly(asked, name, str(key))["given"]
    return answer(200, {**_environment(given), "encrypted_param_names": []})


def _environment(given: Row) -> Row:
    registry: Row = {"resources": {}}
    return {"resource_registry": registry, "parameters": given, "parameter_defaults": {}, "event_sinks": []}


@service.route("POST", "/v1/<project>/validate")
def validate(asked: Asked, project: str) -> Response:  # noqa: ARG001
    body = body_of(asked)
    if not body.get("template"):
        raise bad("No template specified")
    try:
        template = read(load(body["template"]))
    except Invalid as error:
        raise told(error) from error
    for definition in template.resources.values():
        if definition["type"] not in KINDS:
            kind = definition["type"]
            raise bad(f"The Resource Type ({kind}) could not be found.")
    given = body.get("parameters") or {}
    described = {name: _described(parameter) for name, parameter in template.parameters.items()}
    for name, value in given.items():
        if name in described:
            described[name]["Value"] = value
    return answer(
        200,
        {"Description": template.description, "Parameters": described, "Environment": _environment(given)},
    )


_TYPES = {
    "string": "String", "number": "Number", "boolean": "Boolean", "json": "Json",
    "comma_delimited_list": "CommaDelimitedList",
}  # fmt: skip


def _described(parameter: Parameter) -> Row:
    """A parameter as validate answers it."""
    view: dict[str, Any] = {
        "Type": _TYPES[parameter.type],
        "Description": parameter.description,
        "NoEcho": str(parameter.hidden).lower(),
        "Label": parameter.label,
    }
    if parameter.default is not None:
        view["Default"] = parameter.default
    names = {
        "allowed_values": "AllowedValues",
        "allowed_pattern": "AllowedPattern",
        "custom_constraint": "CustomConstraint",
    }
    for constraint in parameter.constraints:
        for key, name in names.items():
            if key in constraint:
                view[name] = constraint[key]
        for key, name in (("length", "Length"), ("range", "Value")):
            for end, value in (constraint.get(key) or {}).items():
                view[f"{end.capitalize()}{name}"] = value
    return view
