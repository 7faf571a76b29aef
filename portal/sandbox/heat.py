"""Heat over HTTP: making stacks, finding them, and acting on them."""

import re
import uuid
from http import HTTPStatus
from urllib.parse import urlencode

import yaml
from werkzeug.wrappers import Response

from portal.sandbox import heat_views, judge, living, parameters, stacks
from portal.sandbox.parameters import Invalid
from portal.sandbox.state import Row
from portal.sandbox.template import Template, load, read
from portal.sandbox.wire import Asked, Refused, Service, answer, page, truth

_EXPLANATIONS = {
    400: "The server could not comply with the request since it is either malformed or otherwise incorrect.",
    403: "Access was denied to this resource.",
    404: "The resource could not be found.",
    409: "There was a conflict when trying to complete your request.",
    500: "The server has either erred or is incapable of performing the requested operation.",
}
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_.-]{0,254}")


def refusal(status: int, kind: str, message: str | None) -> Response:
    error = {"type": kind, "traceback": None}
    if message is not None:
        error["message"] = message
    title, words = HTTPStatus(status).phrase, _EXPLANATIONS[status]
    return answer(status, {"code": status, "title": title, "explanation": words, "error": error})


service = Service(
    "orchestration", "/orchestration", lost=lambda _path: refusal(404, "HTTPNotFound", _EXPLANATIONS[404])
)


def refuse(status: int, kind: str, message: str | None = None) -> Refused:
    return Refused(refusal(status, kind, message))


def bad(message: str) -> Refused:
    return refuse(400, "HTTPBadRequest", message)


def told(error: Invalid) -> Refused:
    return refuse(error.status, error.kind, error.message)


def _prepare(asked: Asked) -> None:
    """The project in the path must be the token's."""
    parts = asked.path.split("/")
    if len(parts) > 2 and parts[1] == "v1" and parts[2] and parts[2] != asked.project:
        raise refuse(403, "HTTPForbidden", _EXPLANATIONS[403])


service.prepare = _prepare


def allow(asked: Asked, action: str) -> None:
    """Readers look; members act."""
    if not {"member", "admin"} & set(asked.token["roles"]):
        raise refuse(403, "Forbidden", f"You are not authorized to use {action}.")


@service.route("GET", "/", public=True)
def versions(asked: Asked) -> Response:
    links = [{"rel": "self", "href": f"{asked.root}/v1/"}]
    return answer(300, {"versions": [{"id": "v1.0", "status": "CURRENT", "links": links}]})


@service.route("GET", "/v1", "/v1/")
def version(_asked: Asked) -> Response:
    raise refuse(404, "HTTPNotFound", _EXPLANATIONS[404])


@service.route("GET", "/v1/<project>/build_info")
def build_info(_asked: Asked, project: str) -> Response:  # noqa: ARG001  the path's, judged in _prepare
    return answer(200, {"api": {"revision": "unknown"}, "engine": {"revision": "unknown"}})


@service.route("GET", "/v1/<project>/services")
def services(_asked: Asked, project: str) -> Response:  # noqa: ARG001
    raise refuse(403, "Forbidden", "You are not authorized to use service:index.")


def body_of(asked: Asked) -> Row:
    try:
        body = asked.body()
    except ValueError as error:
        raise bad(str(error)) from error
    if not isinstance(body, dict):
        raise bad("The request body must be a JSON object")
    return body


def template_of(body: Row) -> Template:
    if not body.get("template"):
        raise bad("No template specified")
    return read(load(body["template"]))


def given_of(body: Row, template: Template) -> Row:
    """The parameters of a body: its own, over those of its environment."""
    environment = body.get("environment") or {}
    if isinstance(environment, str):
        environment = yaml.safe_load(environment) or {}
    for name, default in (environment.get("parameter_defaults") or {}).items():
        if name in template.parameters:
            template.parameters[name].default = default
    return {**(environment.get("parameters") or {}), **(body.get("parameters") or {})}


def _tags(body: Row) -> list[str]:
    tags = body.get("tags")
    if tags is None:
        return []
    if not isinstance(tags, str):
        raise refuse(400, "AttributeError")
    for tag in tags.split(","):
        if len(tag) > 80:
            raise bad(f'Invalid tag, "{tag}" is longer than 80 characters')
    return tags.split(",")


def _timeout(body: Row) -> int | None:
    text = body.get("timeout_mins")
    if text is None:
        return None
    if not re.fullmatch(r"-?\d+", str(text)):
        raise bad("Only integer is acceptable by 'timeout_mins'.")
    return int(text)


@service.route("POST", "/v1/<project>/stacks")
def create(asked: Asked, project: str) -> Response:
    allow(asked, "stacks:create")
    body = body_of(asked)
    if not body.get("stack_name"):
        raise bad("No stack name specified")
    try:
        stack, template = _new(asked, project, body)
        _take_name(asked, stack)
        if asked.token["credential"] and asked.world.settings.deferred_auth == "trusts":
            raise refuse(500, "RemoteError")
        stacks.create(asked.world, stack, template)
    except Invalid as error:
        raise told(error) from error
    address = heat_views.href(asked, stack)
    links = [{"href": address, "rel": "self"}]
    return answer(201, {"stack": {"id": stack["id"], "links": links}}, headers={"Location": address})


def _new(asked: Asked, project: str, body: Row) -> tuple[Row, Template]:
    """A stack as it is before anything is done. Raises Invalid or Refused."""
    tags, timeout = _tags(body), _timeout(body)
    template = template_of(body)
    name = body["stack_name"]
    if not _NAME.fullmatch(name):
        words = 'must contain only alphanumeric or "_-." characters, must start with alpha'
        raise parameters.invalid(f"Invalid stack name {name} {words} and must be 255 characters or less.")
    stack = {
        "id": str(uuid.uuid4()),
        "name": name,
        "project_id": project,
        "owner": asked.token["user_name"],
        "token": {"user_id": asked.token["user_id"], "expires": asked.token["expires"]},
        "user_project": uuid.uuid4().hex,
        "template": template.raw,
        "tags": tags,
        "timeout": timeout,
        "disable_rollback": truth(str(body.get("disable_rollback", True))),
        "created": asked.world.now(),
        "updated": None,
        "deleted_at": None,
        "resources": {},
        "events": [],
        "tasks": [],
    }
    given = given_of(body, template)
    stack["given"] = given
    stack["values"] = judge.judge(asked.world, template, given, living.pseudo(stack))
    return stack, template


def _take_name(asked: Asked, stack: Row) -> None:
    """Look whether the name is free, and think before taking it: others may look at the same time."""
    if find(asked, stack["name"], by_id=False):
        raise refuse(409, "StackExists", f"The Stack ({stack['name']}) already exists.")
    latency = asked.world.settings.create_latency
    if latency > 0:
        asked.world.pause(latency)


def find(asked: Asked, wanted: str, *, by_id: bool = True) -> Row | None:
    """A living stack by name, or any by id."""
    found = asked.world.get("stack", wanted) if by_id else None
    if found and found["project_id"] == asked.project:
        return found
    named = (
        stack for stack in asked.world.rows("stack")
        if stack["name"] == wanted and stack["project_id"] == asked.project and stack["deleted_at"] is None
    )  # fmt: skip
    return max(named, key=lambda stack: float(stack["created"]), default=None)


def missing(name: str) -> Refused:
    return refuse(404, "EntityNotFound", f"The Stack ({name}) could not be found.")


def exactly(asked: Asked, name: str, key: str) -> Row:
    """The stack of that name and id, deleted or not. Raises Refused."""
    stack = asked.world.get("stack", key)
    if stack is None or stack["name"] != name or stack["project_id"] != asked.project:
        raise missing(name)
    return stack


@service.route("GET", "/v1/<project>/stacks/<wanted>")
def lookup(asked: Asked, project: str, wanted: str) -> Response:  # noqa: ARG001
    stack = find(asked, wanted)
    if stack is None:
        raise missing(wanted)
    return _moved(heat_views.href(asked, stack) + _query(asked))


def _query(asked: Asked) -> str:
    query = list(asked.request.args.items(multi=True))
    return f"?{urlencode(query)}" if query else ""


def _moved(address: str) -> Response:
    link = f'<a href="{address}">{address}</a>'
    words = f"The resource was found at {link};\nyou should be redirected automatically."
    return page(302, words, Location=address)


@service.route("GET", "/v1/<project>/stacks/<wanted>/<any(events, resources, outputs, template):part>")
def lookup_part(asked: Asked, project: str, wanted: str, part: str) -> Response:  # noqa: ARG001
    stack = find(asked, wanted)
    if stack is None:
        raise missing(wanted)
    return _moved(f"{heat_views.href(asked, stack)}/{part}{_query(asked)}")


@service.route("GET", "/v1/<project>/stacks/<name>/<uuid:key>")
def show(asked: Asked, project: str, name: str, key: uuid.UUID) -> Response:  # noqa: ARG001
    stack = exactly(asked, name, str(key))
    resolve = truth(asked.query.get("resolve_outputs", "True"))
    return answer(200, {"stack": heat_views.full(asked, stack, outputs=resolve)})


@service.route("DELETE", "/v1/<project>/stacks/<name>/<uuid:key>")
def delete(asked: Asked, project: str, name: str, key: uuid.UUID) -> Response:  # noqa: ARG001
    allow(asked, "stacks:delete")
    stack = exactly(asked, name, str(key))
    if stack["deleted_at"] is not None:
        raise missing(name)
    stacks.delete(asked.world, stack)
    return answer(204)


@service.route("DELETE", "/v1/<project>/stacks/<wanted>")
def delete_lookup(asked: Asked, project: str, wanted: str) -> Response:
    return lookup(asked, project, wanted)


@service.route("POST", "/v1/<project>/stacks/<name>/<uuid:key>/actions")
def act(asked: Asked, project: str, name: str, key: uuid.UUID) -> Response:  # noqa: ARG001
    allow(asked, "actions:action")
    stack = exactly(asked, name, str(key))
    body = body_of(asked)
    if len(body) != 1:
        raise bad("Multiple actions specified" if body else "No action specified")
    action = next(iter(body))
    if action in ("cancel_update", "cancel_without_rollback"):
        state = living.status(stack)
        raise refuse(400, "NotSupported", f"Cancelling update when stack is {state} is not supported.")
    if action not in ("check", "suspend", "resume"):
        raise bad(f"Invalid action {action} specified")
    if stack["deleted_at"] is not None:
        raise missing(name)
    stacks.act(asked.world, stack, action.upper())
    return answer(200, "null")
