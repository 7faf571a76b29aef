"""Neutron over HTTP: lists with filters and pages, details, floating IPs, quotas."""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from werkzeug.wrappers import Response

from portal.sandbox import networking
from portal.sandbox.networking import COUNTED, Failure, floating_view, limits, used, visible
from portal.sandbox.state import Row
from portal.sandbox.wire import Asked, Refused, Service, answer, truth

# path: rows, the name of one, and Neutron's error for a missing one
NOUNS = {
    "networks": ("network", "network", "NetworkNotFound", "Network {} could not be found."),
    "subnets": ("subnet", "subnet", "SubnetNotFound", "Subnet {} could not be found."),
    "ports": ("port", "port", "PortNotFound", "Port {} could not be found."),
    "routers": ("router", "router", "RouterNotFound", "Router {} could not be found"),
    "floatingips": ("floatingip", "floatingip", "FloatingIPNotFound", "Floating IP {} could not be found"),
    "security-groups": (
        "security_group", "security_group", "SecurityGroupNotFound", "Security group {} does not exist"
    ),
}  # fmt: skip
_STEERING = {"limit", "marker", "page_reverse", "fields", "sort_key", "sort_dir"}
_FIXED_QUOTAS = {
    "network": 100, "subnet": 100, "subnetpool": -1, "router_route": 30, "router": 10, "rbac_policy": 10,
    "security_group_rule": 5000,
}  # fmt: skip


def refusal(status: int, kind: str, message: str) -> Response:
    return answer(status, {"NeutronError": {"type": kind, "message": message, "detail": ""}})


service = Service(
    "network", "/network", lost=lambda _path: refusal(404, "HTTPNotFound", "The resource could not be found.")
)


@service.route("GET", "/", public=True)
def versions(asked: Asked) -> Response:
    links = [{"rel": "self", "href": f"{asked.root}/v2.0/"}]
    return answer(200, {"versions": [{"id": "v2.0", "status": "CURRENT", "links": links}]})


@service.route("GET", "/v2.0", "/v2.0/")
def version(_asked: Asked) -> Response:
    return answer(200, {"resources": [{"name": noun, "collection": noun, "links": []} for noun in NOUNS]})


@service.route("GET", "/v2.0/<any(agents, availability_zones):noun>")
def nothing(_asked: Asked, noun: str) -> Response:
    return answer(200, {noun: []})


def _nouns() -> str:
    return ", ".join(f'"{noun}"' for noun in NOUNS)


@service.route("GET", f"/v2.0/<any({_nouns()}):noun>", f"/v2.0/<any({_nouns()}):noun>.json")
def list_all(asked: Asked, noun: str) -> Response:
    key = noun.replace("-", "_")
    _judge_query(asked, noun)
    found = [row for row in _seen(asked, noun) if _matches(row, asked)]
    sort_key = asked.query.get("sort_key", "id")
    found.sort(key=lambda row: str(row.get(sort_key)), reverse=asked.query.get("sort_dir") == "desc")
    body: Row = {}
    if asked.query.get("limit"):
        found, body[f"{key}_links"] = _page(asked, noun, found)
    fields = asked.queries("fields")
    body[key] = [{k: v for k, v in row.items() if k in fields} if fields else row for row in found]
    return answer(200, body)


def _judge_query(asked: Asked, noun: str) -> None:
    """Neutron, unlike the others, minds a filter or a sort key it doesn't know."""
    rows = asked.world.rows(NOUNS[noun][0])
    known = set(rows[0]) if rows else None
    steering = _STEERING | set(_TAGS)
    filters = [key for key in asked.request.args if key not in steering and known and key not in known]
    if filters:
        raise Refused(refusal(400, "HTTPBadRequest", f"{filters} is invalid attribute for filtering"))
    keys = [key for key in asked.queries("sort_key") if known and key not in known]
    if keys:
        raise Refused(refusal(400, "HTTPBadRequest", f"{keys} is invalid attribute for sort_keys"))


def _seen(asked: Asked, noun: str) -> Iterable[Row]:
    world = asked.world
    if noun == "security-groups" and asked.project:
        networking.default_group(world, asked.project)
    for row in world.rows(NOUNS[noun][0]):
        if asked.is_admin or visible(row, asked.project):
            yield floating_view(world, row) if noun == "floatingips" else row


_TAGS: dict[str, Callable[[set[str], set[str]], bool]] = {
    "tags": lambda wanted, has: wanted <= has,
    "tags-any": lambda wanted, has: bool(wanted & has),
    "not-tags": lambda wanted, has: not wanted <= has,
    "not-tags-any": lambda wanted, has: not wanted & has,
}


def _matches(row: Row, asked: Asked) -> bool:
    for key in asked.request.args:
        if key in _TAGS and not _TAGS[key](set(asked.query[key].split(",")), set(row.get("tags", ()))):
            return False
        if key in _STEERING or key in _TAGS or key not in row:
            continue
        if not any(_same(row[key], wanted) for wanted in asked.queries(key)):
            return False
    return True


def _same(value: Any, wanted: str) -> bool:
    return value == truth(wanted) if isinstance(value, bool) else str(value) == wanted


def _page(asked: Asked, noun: str, found: list[Row]) -> tuple[list[Row], list[Row]]:
    """One page and its links; Neutron's last page has no next, and every page but an empty one a previous."""
    limit, marker = int(asked.query["limit"]), asked.query.get("marker")
    if marker:
        ids = [row["id"] for row in found]
        if marker not in ids:
            _kind, _one, error, words = NOUNS[noun]
            raise Refused(refusal(404, error, words.format(marker)))
        found = found[ids.index(marker) + 1 :]
    page = found[:limit]
    links = []
    if page:
        address = f"{asked.root}/v2.0/{noun}?" + urlencode(
            [(k, v) for k, v in asked.request.args.items(multi=True) if k not in ("marker", "page_reverse")],
            safe=":",
        )
        if len(page) == limit:
            links.append({"rel": "next", "href": f"{address}&marker={page[-1]['id']}"})
        links.append({"rel": "previous", "href": f"{address}&marker={page[0]['id']}&page_reverse=True"})
    return page, links


@service.route("GET", f"/v2.0/<any({_nouns()}):noun>/<key>")
def show(asked: Asked, noun: str, key: str) -> Response:
    row = _find(asked, noun, key)
    return answer(200, {NOUNS[noun][1]: floating_view(asked.world, row) if noun == "floatingips" else row})


def _find(asked: Asked, noun: str, key: str) -> Row:
    kind, _one, error, words = NOUNS[noun]
    row = asked.world.get(kind, key)
    if row is None or not (asked.is_admin or visible(row, asked.project)):
        raise Refused(refusal(404, error, words.format(key)))
    return row


@service.route("POST", "/v2.0/floatingips")
def create_floating_ip(asked: Asked) -> Response:
    wanted = asked.body().get("floatingip", {})
    network = _find(asked, "networks", wanted.get("floating_network_id", ""))
    port = _find(asked, "ports", wanted["port_id"]) if wanted.get("port_id") else None
    try:
        words = wanted.get("description") or ""
        row = networking.make_floating_ip(asked.world, asked.project, network, port, words)
    except Failure as failure:
        raise Refused(refusal(failure.status, failure.kind, failure.message)) from failure
    return answer(201, {"floatingip": floating_view(asked.world, row)})


@service.route("POST", "/v2.0/networks")
def create_network(asked: Asked) -> Response:
    unknown = sorted(
        set(asked.body().get("network", {})) - {"name", "admin_state_up", "description", "shared"}
    )
    if unknown:
        words = ", ".join(f"'{name}'" for name in unknown)
        raise Refused(refusal(400, "HTTPBadRequest", f"Unrecognized attribute(s) {words}"))
    raise Refused(refusal(403, "PolicyNotAuthorized", "rule:create_network is disallowed by policy"))


@service.route("PUT", "/v2.0/ports/<key>")
def update_port(asked: Asked, key: str) -> Response:
    """Who holds it; nothing else of it is changed."""
    port, wanted = _find(asked, "ports", key), asked.body().get("port", {})
    held = {name: wanted[name] for name in ("device_id", "device_owner") if name in wanted}
    return answer(200, {"port": asked.world.put("port", port | held)})


@service.route("DELETE", '/v2.0/<any("ports", "floatingips", "security-groups"):noun>/<key>')
def delete(asked: Asked, noun: str, key: str) -> Response:
    _find(asked, noun, key)
    try:
        if noun == "ports":
            if not asked.is_admin:
                networking.may_delete_port(asked.world, key)
            networking.delete_port(asked.world, key)
        elif noun == "security-groups":
            networking.delete_security_group(asked.world, key)
        else:
            asked.world.drop("floatingip", key)
    except Failure as failure:
        raise Refused(refusal(failure.status, failure.kind, failure.message)) from failure
    return answer(204)


@service.route("GET", "/v2.0/quotas/<project>", "/v2.0/quotas/<project>.json")
def quotas(asked: Asked, project: str) -> Response:
    return answer(200, {"quota": {name: entry["limit"] for name, entry in _quotas(asked, project).items()}})


@service.route("GET", "/v2.0/quotas/<project>/details", "/v2.0/quotas/<project>/details.json")
def quota_details(asked: Asked, project: str) -> Response:
    return answer(200, {"quota": _quotas(asked, project)})


def _quotas(asked: Asked, project: str) -> dict[str, Row]:
    if project != asked.project and not asked.is_admin:
        words = "User does not have admin privileges: Only admin is authorized to access quotas"
        raise Refused(refusal(403, "AdminRequired", f"{words} for another project."))
    world = asked.world
    own = limits(world, project)
    table = {name: {"limit": limit, "used": 0, "reserved": 0} for name, limit in _FIXED_QUOTAS.items()}
    for name in ("network", "subnet", "router"):
        table[name]["used"] = used(world, project, name)
    groups = [group for group in world.rows("security_group") if group["project_id"] == project]
    table["security_group_rule"]["used"] = sum(len(group["security_group_rules"]) for group in groups)
    for name, (kind, field) in COUNTED.items():
        table[name] = {"limit": own[field], "used": used(world, project, kind), "reserved": 0}
    return table
