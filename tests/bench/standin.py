"""A cloud that answers at once: every tenant has its stacks and servers, and nothing ever changes.

`python -m tests.bench.standin TENANTS PORT`. Stands in for OpenStack where the portal's part is measured.
A POST to /size says how many VMs there are.
"""

import json
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.bench.crowd import known

Body = dict[str, Any]
_CREATED = "2026-11-01T10:00:00Z"
_PATHS = {
    "identity": "/identity/v3",
    "orchestration": "/orchestration/v1/%s",
    "compute": "/compute/v2.1",
    "network": "/network",
    "image": "/image",
}


def _stack(vm: int) -> Body:
    name, stack_id = f"vm-{known('vm', vm)}", str(known("stack", vm))
    return {
        "id": stack_id,
        "stack_name": name,
        "description": "A server with its own port, firewall and, where it is wanted, a public address.",
        "links": [{"href": f"http://127.0.0.1/orchestration/v1/x/stacks/{name}/{stack_id}", "rel": "self"}],
        "stack_status": "CREATE_COMPLETE",
        "stack_status_reason": "Stack CREATE completed successfully",
        "creation_time": _CREATED,
        "updated_time": None,
        "deletion_time": None,
        "stack_owner": "user",
        "parent": None,
        "stack_user_project_id": "0" * 32,
        "tags": ["portal", name],
    }


def _server(vm: int) -> Body:
    address = {
        "version": 4,
        "addr": f"10.{vm // 65536}.{vm // 256 % 256}.{vm % 256}",
        "OS-EXT-IPS:type": "fixed",
        "OS-EXT-IPS-MAC:mac_addr": "fa:16:3e:00:00:01",
    }
    return {
        "id": str(known("server", vm)),
        "name": f"vm-{vm:06}",
        "status": "ACTIVE",
        "tenant_id": "0" * 32,
        "user_id": "1" * 32,
        "metadata": {"portal_vm": str(known("vm", vm)), "portal_owner": "ada@example.org"},
        "hostId": "2" * 56,
        "image": {"id": str(known("image", 0)), "links": []},
        "flavor": {"vcpus": 1, "ram": 1024, "disk": 10, "ephemeral": 0, "swap": 0, "original_name": "small"},
        "created": _CREATED,
        "updated": _CREATED,
        "addresses": {"net-a": [address]},
        "accessIPv4": "",
        "accessIPv6": "",
        "links": [],
        "OS-DCF:diskConfig": "MANUAL",
        "progress": 0,
        "OS-EXT-AZ:availability_zone": "nova",
        "config_drive": "",
        "key_name": None,
        "OS-SRV-USG:launched_at": _CREATED,
        "OS-SRV-USG:terminated_at": None,
        "security_groups": [{"name": "default"}],
        "OS-EXT-STS:task_state": None,
        "OS-EXT-STS:vm_state": "active",
        "OS-EXT-STS:power_state": 1,
        "os-extended-volumes:volumes_attached": [],
    }


def _token(number: int, url: str) -> Body:
    """The project has the tenant's number as its id."""
    project, moment = f"{number:032}", datetime.now(UTC)
    domain = {"id": "default", "name": "Default"}
    catalog = []
    for service, path in _PATHS.items():
        place = {"interface": "public", "region": "RegionOne", "region_id": "RegionOne", "id": service}
        place["url"] = url + (path % project if "%" in path else path)
        catalog.append({"id": service, "type": service, "name": service, "endpoints": [place]})
    return {
        "token": {
            "methods": ["application_credential"],
            "user": {"id": "1" * 32, "name": "user", "domain": domain, "password_expires_at": None},
            "audit_ids": ["a"],
            "expires_at": f"{moment + timedelta(hours=12):%Y-%m-%dT%H:%M:%S.%fZ}",
            "issued_at": f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}",
            "project": {"id": project, "name": f"tenant-{number}", "domain": domain},
            "is_domain": False,
            "roles": [{"id": "m", "name": "member"}],
            "catalog": catalog,
            "application_credential": {"id": f"tenant-{number}", "name": "bench", "restricted": True},
        }
    }


class Cloud:
    """What it answers, made once for each tenant."""

    def __init__(self, tenants: int, url: str) -> None:
        self.tenants, self.url = tenants, url
        self.lists: dict[str, Callable[[int], bytes]] = {}
        self.grow(0)

    def grow(self, vms: int) -> None:
        """There are so many VMs from now on."""

        def of(number: int) -> range:
            return range(number, vms, self.tenants)

        self.lists = {
            "stacks": cache(lambda number: _json({"stacks": [_stack(vm) for vm in of(number)]})),
            "detail": cache(lambda number: _json({"servers": [_server(vm) for vm in of(number)]})),
        }


def handler(cloud: Cloud) -> type[BaseHTTPRequestHandler]:
    """One connection; several requests may come on it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer leaves in one piece
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            last = urlsplit(self.path).path.rpartition("/")[2]
            make = cloud.lists.get(last)
            whose = int(self.headers.get("X-Auth-Token", "0"))
            self._answer(200, make(whose) if make else _json({last.replace("-", "_"): []}))

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/size":
                cloud.grow(asked["vms"])
                self._answer(200, b"{}")
                return
            credential = str(asked["auth"]["identity"]["application_credential"]["id"])
            number = int(credential.rpartition("-")[2])
            self._answer(201, _json(_token(number, cloud.url)), str(number))

        def _answer(self, status: int, body: bytes, token: str = "") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if token:
                self.send_header("X-Subject-Token", token)
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    return Handler


def _json(body: Body) -> bytes:
    return json.dumps(body).encode()


def main(tenants: int, port: int) -> None:
    """Serves until it is ended."""
    cloud = Cloud(tenants, f"http://127.0.0.1:{port}")
    server = ThreadingHTTPServer(("127.0.0.1", port), handler(cloud))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
