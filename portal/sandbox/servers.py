"""Nova over HTTP: servers, their power, their console and what was done to them."""

import uuid

from werkzeug.wrappers import Response

from portal.sandbox import compute, server_views
from portal.sandbox.networking import Failure
from portal.sandbox.nova import minor, page, refuse, root, service, told
from portal.sandbox.state import Row, stamp
from portal.sandbox.wire import Asked, answer, truth

_CONSOLES = ("novnc", "xvpvnc", "spice-html5", "serial", "rdp-html5", "webmks", "spice-direct")
_MALFORMED = (
    "The server could not comply with the request since it is either malformed or otherwise incorrect."
)


def _found(asked: Asked) -> list[Row]:
    world = asked.world
    if truth(asked.query.get("all_tenants", "0")) and asked.is_admin:
        found = [
            server for project in world.rows("project") for server in compute.of_project(world, project["id"])
        ]
    else:
        found = compute.of_project(world, asked.project)
    name, status = asked.query.get("name", ""), asked.query.get("status", "").upper()
    return [s for s in found if name in s["name"] and status in ("", s["status"])]


@service.route("GET", "/v2.1/servers/detail")
def details(asked: Asked) -> Response:
    shown, more = page(asked, "servers", _found(asked), "servers/detail")
    views = [server_views.view(asked.world, server, root(asked), minor(asked)) for server in shown]
    return answer(200, {"servers": views, **more})


@service.route("GET", "/v2.1/servers")
def names(asked: Asked) -> Response:
    shown, more = page(asked, "servers", _found(asked), "servers")
    brief = [
        {"id": s["id"], "name": s["name"], "links": server_views.links(root(asked), "servers", s["id"])}
        for s in shown
    ]
    return answer(200, {"servers": brief, **more})


def _find(asked: Asked, key: str, *, words: str = "Instance {} could not be found.") -> Row:
    server = asked.world.get("server", key)
    if server is None:
        raise refuse(404, words.format(key))
    if server["project_id"] != asked.project and not asked.is_admin:
        raise refuse(404, f"Instance {key} could not be found.")
    return compute.look(asked.world, server)


@service.route("GET", "/v2.1/servers/<key>")
def show(asked: Asked, key: str) -> Response:
    server = _find(asked, key)
    return answer(200, {"server": server_views.view(asked.world, server, root(asked), minor(asked))})


def _writing(asked: Asked, rule: str) -> None:
    if not {"member", "admin"} & set(asked.token["roles"]):
        raise refuse(403, f"Policy doesn't allow os_compute_api:{rule} to be performed.")


@service.route("DELETE", "/v2.1/servers/<key>")
def delete(asked: Asked, key: str) -> Response:
    server = _find(asked, key)
    _writing(asked, "servers:delete")
    compute.delete(asked.world, server)
    return answer(204)


@service.route("DELETE", "/v2.1/servers/<key>/os-interface/<port>")
def detach(asked: Asked, key: str, port: str) -> Response:
    server = _find(asked, key)
    _writing(asked, "os-attach-interfaces:delete")
    try:
        compute.detach(asked.world, server, port, asked.token)
    except Failure as failure:
        raise told(failure) from failure
    return answer(202)


@service.route("POST", "/v2.1/servers/<key>/action")
def act(asked: Asked, key: str) -> Response:
    try:
        body = asked.body()
    except ValueError as error:
        raise refuse(400, "Malformed request body") from error
    if not isinstance(body, dict) or len(body) != 1:
        raise refuse(400, "Malformed request body")
    ((name, given),) = body.items()
    if name == "os-getConsoleOutput":
        return _console_output(asked, key, given or {})
    action = "reboot/HARD" if name == "reboot" and (given or {}).get("type") == "HARD" else name
    if name == "rebuild":
        return _rebuild(asked, key, given)
    if action not in compute.POWER:
        raise refuse(400, f"There is no such action: {name}")
    if name == "reboot" and (given or {}).get("type") not in ("SOFT", "HARD"):
        words = f"Invalid input for field/attribute reboot. Value: {given}."
        raise refuse(400, f"{words} 'type' is a required property")
    server = _find(asked, key, words="Instance {} has no mapping to a cell.")
    _writing(asked, f"servers:{compute.POWER[action][1]}")
    try:
        compute.power(asked.world, server, action, asked.token)
    except Failure as failure:
        raise told(failure) from failure
    return answer(202)


def _rebuild(asked: Asked, key: str, given: Row | None) -> Response:
    if not given or not given.get("imageRef"):
        words = f"Invalid input for field/attribute rebuild. Value: {given}."
        raise refuse(400, f"{words} 'imageRef' is a required property")
    server = _find(asked, key)
    _writing(asked, "servers:rebuild")
    image = asked.world.get("image", given["imageRef"])
    if image is None:
        raise refuse(400, "Cannot find image for rebuild")
    try:
        compute.rebuild(asked.world, server, image, asked.token, asked.world.settings.power_seconds)
    except Failure as failure:
        raise told(failure) from failure
    shown = server_views.view(asked.world, server, root(asked), minor(asked))
    return answer(202, {"server": {**shown, "adminPass": uuid.uuid4().hex[:12]}})


def _console_output(asked: Asked, key: str, given: Row) -> Response:
    server = _find(asked, key)
    _writing(asked, "os-console-output")
    lines = console_lines(server)
    length = given.get("length")
    shown = lines if length in (None, -1) else lines[-int(length) :] if int(length) else []
    return answer(200, {"output": "\n".join(shown)})


def console_lines(server: Row) -> list[str]:
    """What the serial console of a booting cloud image would say."""
    if server["launched"] is None:
        return []
    boots = 1 + len([entry for entry in server["actions"] if entry["action"] == "reboot"])
    name = server["name"]
    boot = [
        f"[    0.000000] Linux version 6.8.0-31-generic ({server['flavor']['vcpus']} cpus)",
        f"[    0.412903] Memory: {server['flavor']['ram'] * 1024}K available",
        "[    1.918211] systemd[1]: Detected virtualization kvm.",
        f"[    2.004518] systemd[1]: Hostname set to <{name}>.",
        f"[    6.730045] cloud-init[612]: Cloud-init v. 24.1 running 'init' at {stamp(server['launched'])}",
        f"[    9.118260] cloud-init[801]: Cloud-init v. 24.1 finished at {stamp(server['launched'] + 9)}",
        "",
        f"{name} login: ",
    ]
    return boot * boots


@service.route("POST", "/v2.1/servers/<key>/remote-consoles")
def remote_console(asked: Asked, key: str) -> Response:
    if minor(asked) < 6:
        raise refuse(404, "The resource could not be found.")
    wanted = asked.body().get("remote_console", {})
    kind, protocol = wanted.get("type"), wanted.get("protocol")
    if kind not in _CONSOLES:
        words = (
            f"Invalid input for field/attribute type. Value: {kind}. '{kind}' is not one of {list(_CONSOLES)}"
        )
        raise refuse(400, words)
    server = _find(asked, key)
    if kind in ("rdp-html5", "xvpvnc", "webmks"):
        raise refuse(400, _MALFORMED)
    if kind != "novnc":
        raise refuse(400, f"Unavailable console type {kind}.")
    if server["vm_state"] == "building":
        raise refuse(409, f"Instance {key} is not ready")
    url = f"http://127.0.0.1:6080/vnc_auto.html?path=%3Ftoken%3D{uuid.uuid4()}"
    return answer(200, {"remote_console": {"protocol": protocol, "type": kind, "url": url}})


@service.route("GET", "/v2.1/servers/<key>/os-instance-actions")
def actions(asked: Asked, key: str) -> Response:
    """Since 2.21 also of a server that is gone, since 2.58 with its end."""
    past = asked.world.get("history", key)
    is_theirs = past is not None and past["project_id"] == asked.project and minor(asked) >= 21
    entries = past["actions"] if past and is_theirs else _find(asked, key)["actions"]
    late = {"updated_at"} if minor(asked) < 58 else set()
    shown = [{name: value for name, value in entry.items() if name not in late} for entry in entries]
    return answer(200, {"instanceActions": shown})
