"""Heat over HTTP: updating a stack, and previewing what an update would do."""

import uuid
from typing import Any

from werkzeug.wrappers import Response

from portal.sandbox import heat_views, judge, living, stacks, updates
from portal.sandbox.heat import allow, body_of, exactly, given_of, missing, service, template_of, told
from portal.sandbox.parameters import Invalid
from portal.sandbox.resource_types import KINDS
from portal.sandbox.state import Row, World, stamp
from portal.sandbox.template import Template, read
from portal.sandbox.wire import Asked, answer, page

_STACK = "/v1/<project>/stacks/<name>/<uuid:key>"


@service.route("PATCH", _STACK)
def patch(asked: Asked, project: str, name: str, key: uuid.UUID) -> Response:  # noqa: ARG001
    return _update(asked, name, str(key), keep=True)


@service.route("PUT", _STACK)
def put(asked: Asked, project: str, name: str, key: uuid.UUID) -> Response:  # noqa: ARG001
    return _update(asked, name, str(key), keep=False)


@service.route("PATCH", f"{_STACK}/preview")
def preview_patch(asked: Asked, project: str, name: str, key: uuid.UUID) -> Response:  # noqa: ARG001
    return _preview(asked, name, str(key), keep=True)


@service.route("PUT", f"{_STACK}/preview")
def preview_put(asked: Asked, project: str, name: str, key: uuid.UUID) -> Response:  # noqa: ARG001
    return _preview(asked, name, str(key), keep=False)


def _update(asked: Asked, name: str, key: str, *, keep: bool) -> Response:
    allow(asked, "stacks:update_patch" if keep else "stacks:update")
    stack = exactly(asked, name, key)
    if stack["deleted_at"] is not None:
        raise missing(name)
    try:
        template, given, values = _wanted(asked, stack, keep=keep)
        stack["token"] = {"user_id": asked.token["user_id"], "expires": asked.token["expires"]}
        stacks.update(asked.world, stack, template, given, values)
    except Invalid as error:
        raise told(error) from error
    return page(202, "The request is accepted for processing.<br /><br />")


def _preview(asked: Asked, name: str, key: str, *, keep: bool) -> Response:
    allow(asked, "stacks:preview_update_patch" if keep else "stacks:preview_update")
    stack = exactly(asked, name, key)
    if stack["deleted_at"] is not None:
        raise missing(name)
    try:
        template, _, values = _wanted(asked, stack, keep=keep)
        plan = updates.compare(asked.world, stack, template, values, ahead=True)
    except Invalid as error:
        raise told(error) from error
    there = {name: _there_now(asked, stack, name) for name in (*plan.updated, *plan.deleted)}
    changes: Row = {
        "unchanged": [_to_be(stack, template, plan, each) for each in plan.unchanged],
        "updated": [there[each] for each in plan.updated],
        "replaced": [_to_be(stack, template, plan, each) for each in plan.replaced],
        "added": [_to_be(stack, template, plan, each) for each in plan.added],
        "deleted": [there[each] for each in plan.deleted],
    }
    return answer(200, {"resource_changes": changes})


def _wanted(asked: Asked, stack: Row, *, keep: bool) -> tuple[Template, Row, Row]:
    """The template, the parameters as given and as valued. `keep`: what isn't said stays. Raises Invalid."""
    body = body_of(asked)
    template = read(stack["template"]) if keep and not body.get("template") else template_of(body)
    given = {**(stack["given"] if keep else {}), **given_of(body, template)}
    known = {name: value for name, value in given.items() if name in template.parameters}
    return template, known, judge.judge(asked.world, template, known, living.pseudo(stack))


def _of(stack: Row, name: str, kind: str) -> Row:
    """What every entry of a preview says."""
    stack_id = {"tenant": stack["project_id"], "stack_name": stack["name"], "stack_id": stack["id"]}
    return {
        "resource_name": name,
        "resource_type": kind,
        "resource_identity": {**stack_id, "path": f"/resources/{name}"},
        "stack_identity": {**stack_id, "path": ""},
        "stack_name": stack["name"],
        "description": "",
        "metadata": {},
    }


def _to_be(stack: Row, template: Template, plan: updates.Plan, name: str) -> Row:
    """A resource as it would be made: nothing of it exists."""
    kind = template.resources[name]["type"]
    return _of(stack, name, kind) | {
        "updated_time": None,
        "creation_time": None,
        "physical_resource_id": "",
        "resource_action": "INIT",
        "resource_status": "COMPLETE",
        "resource_status_reason": "",
        "required_by": [other for other, needs in plan.needs.items() if name in needs],
        "attributes": dict.fromkeys(sorted(KINDS[kind].attributes)),
    }


def _there_now(asked: Asked, stack: Row, name: str) -> Row:
    held = stack["resources"][name]
    when = stamp(held["updated"])
    return _of(stack, name, held["type"]) | {
        "updated_time": when,
        "creation_time": stamp(stack["created"]),
        "physical_resource_id": held["physical"] or "",
        "resource_action": held["action"],
        "resource_status": held["phase"],
        "resource_status_reason": held["reason"],
        "required_by": heat_views.resource(asked, stack, name)["required_by"],
        "attributes": _attributes(asked.world, held),
    }


def _attributes(world: World, held: Row) -> Any:
    return KINDS[held["type"]].show(world, held["physical"]) if held["physical"] else {}
