"""The sandbox: one WSGI app in front of five services, and the control that tests hold in their hands."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from portal.sandbox import (
    credentials,
    glance,
    heat,
    heat_reads,
    heat_updates,
    keystone,
    neutron,
    nova,
    servers,
    stacks,
)
from portal.sandbox.control import Control, console
from portal.sandbox.faults import Faults
from portal.sandbox.seed import plant
from portal.sandbox.settings import Settings
from portal.sandbox.state import Row, World
from portal.sandbox.wire import UNAUTHENTICATED, Asked, Refused, Service, answer, page, request_id

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SERVICES = (keystone.service, heat.service, nova.service, neutron.service, glance.service)
ROUTED = (credentials, heat_reads, heat_updates, servers)  # files whose routes hang on a service above
BELIEF_SECONDS = 300  # how long a service believes a token it has seen, whatever Keystone says by then


class Sandbox:
    """The app. `control` moves its time, sets faults and looks inside."""

    def __init__(self, settings: Settings) -> None:
        self.world = World(settings)
        self.faults = Faults()
        self.control = Control(self.world, self.faults)
        if not self.world.tables["project"]:
            plant(self.world)
            self.world.save()
        stacks.wake(self.world)

    def close(self) -> None:
        """Drop what hangs, and close the file with the state."""
        self.faults.clear()
        self.world.close()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        return self.answer(Request(environ))(environ, start_response)

    def answer(self, request: Request) -> Response:
        """The answer to a request. Raises faults.Dropped where the connection must be closed instead."""
        if request.path.startswith("/_sandbox/"):
            return console(self.control, request)
        service = next((s for s in SERVICES if f"{request.path}/".startswith(f"{s.prefix}/")), None)
        if service is None:
            return answer(404, {"error": {"code": 404, "message": "No such service.", "title": "Not Found"}})
        path = request.path.removeprefix(service.prefix) or "/"
        fault = self.faults.strike(service.name, request.method, path)
        response = self.faults.before(fault, service.name)
        if response is None:
            if fault and fault.kind == "double":
                self._effect(service, path, request)
            response = self._effect(service, path, request)
        self.faults.after(fault)
        return response

    def _effect(self, service: Service, path: str, request: Request) -> Response:
        host = self.world.host = request.host_url.rstrip("/")
        asked = Asked(request, self.world, host + service.prefix, path)
        with self.world.lock:
            stacks.settle(self.world)
            try:
                handler, public, arguments = service.find(request.method, path)
                if not public:
                    asked.token = _bearer(asked, service)
                service.prepare(asked)
                response = handler(asked, **arguments)
            except Refused as refused:
                response = refused.response
            if _is_numbered(service, asked, response):
                response.headers["x-openstack-request-id"] = request_id()
            service.finish(asked, response)
            self.world.save()
        if response.status_code == 401:
            response.headers["WWW-Authenticate"] = f'Keystone uri="{host}/identity/v3"'
        return response


def create_sandbox(settings: Settings | None = None) -> Sandbox:
    """A new miniature cloud, or the one whose state is in `settings.state`."""
    return Sandbox(settings or Settings())


def _bearer(asked: Asked, service: Service) -> Row:
    """The request's token, when this service accepts it. Raises Refused."""
    token = keystone.living_token(asked.world, asked.request.headers.get("X-Auth-Token", ""))
    if token is None:
        raise Refused(_unauthenticated(service))
    credential = asked.world.get("credential", token["credential"] or "")
    if token["credential"] and credential is None:
        if service is keystone.service:
            raise keystone.refuse(404, f"Could not find Application Credential: {token['credential']}.")
        if asked.world.now() - token["seen"].get(service.name, 0) > BELIEF_SECONDS:
            raise Refused(_unauthenticated(service))
        return token
    if credential and not _permitted(credential["rules"], service.name, asked):
        raise Refused(_unauthenticated(service))
    token["seen"][service.name] = asked.world.now()
    return token


def _is_numbered(service: Service, asked: Asked, response: Response) -> bool:
    """Whether an answer has a request id: version lists, and Glance's 401, come before there is one."""
    if service is glance.service and response.status_code == 401:
        return False
    return asked.path != "/" or service in (keystone.service, heat.service)


def _permitted(rules: list[Row], service: str, asked: Asked) -> bool:
    """Whether a credential's access rules, if it has any, allow this call."""
    return not rules or any(
        rule["service"] == service
        and rule["method"] == asked.request.method
        and _pattern(rule["path"]).fullmatch(asked.path)
        for rule in rules
    )


def _pattern(path: str) -> re.Pattern[str]:
    """An access rule's path: * is anything within one step, ** anything at all, {name} one step."""
    parts = re.split(r"(\*\*|\*|\{[^}]*\})", path)
    return re.compile(
        "".join(".*" if p == "**" else "[^/]+" if p[:1] in ("*", "{") else re.escape(p) for p in parts)
    )


def _unauthenticated(service: Service) -> Response:
    if service is glance.service:
        return page(401, glance.UNAUTHORIZED)
    return answer(401, {"error": {"code": 401, "title": "Unauthorized", "message": UNAUTHENTICATED}})
