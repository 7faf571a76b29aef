"""Control: move time, set faults, look inside, pull things away; from Python, or over HTTP at /_sandbox."""

import copy
from collections.abc import Callable
from typing import Any

from werkzeug.wrappers import Request, Response

from portal.sandbox import compute, living, stacks
from portal.sandbox.faults import Fault, Faults
from portal.sandbox.seed import plant
from portal.sandbox.state import Row, World
from portal.sandbox.wire import answer


class Control:
    """What tests hold in their hands."""

    def __init__(self, world: World, faults: Faults) -> None:
        self._world = world
        self._settings = world.settings
        self.faults = faults

    def now(self) -> float:
        """Virtual seconds since 1970."""
        return self._world.now()

    def advance(self, seconds: float) -> None:
        """Let virtual time pass."""
        with self._world.lock:
            self._world.advance(seconds)
            stacks.settle(self._world)
            self._world.save()

    def reset(self) -> None:
        """Begin again: no stacks, no faults, only the seed and the first settings."""
        self.faults.clear()
        with self._world.lock:
            self._world.clear()
            self._world.settings = self._settings
            plant(self._world)
            self._world.save()

    def configure(self, **changes: Any) -> None:
        """Change settings while running: stack_seconds, token_seconds, create_latency, deferred_auth, ..."""
        with self._world.lock:
            self._world.configure(**changes)

    def stacks(self, project: str, *, deleted: bool = False) -> list[Row]:
        """The stacks of a project (name or id), oldest first: id, name, status, tags, and so on."""
        with self._world.lock:
            stacks.settle(self._world)
            key = self._project(project)
            found = [s for s in self._world.rows("stack") if s["project_id"] == key]
            return [living.summary(s) for s in found if deleted or s["deleted_at"] is None]

    def stack_names(self, project: str) -> list[str]:
        return [stack["name"] for stack in self.stacks(project)]

    def servers(self, project: str) -> list[Row]:
        """The servers of a project (name or id), newest first: id, name, status, and so on."""
        with self._world.lock:
            stacks.settle(self._world)
            key = self._project(project)
            return [dict(server) for server in compute.of_project(self._world, key)]

    def delete_server(self, server_id: str) -> None:
        """Take a server away behind Heat's back. Raises KeyError when there is none."""
        with self._world.lock:
            compute.delete(self._world, self._world.tables["server"][server_id])
            self._world.save()

    def delete_image(self, image_id: str) -> None:
        """Take an image away. Raises KeyError when there is none."""
        with self._world.lock:
            if image_id not in self._world.tables["image"]:
                raise KeyError(image_id)
            self._world.drop("image", image_id)
            self._world.save()

    def change(self, kind: str, name: str, /, **facts: Any) -> None:
        """Change a flavor, an image or a network; with another `id` it is one more. Raises KeyError."""
        with self._world.lock:
            found = {row["name"]: row for row in self._world.rows(kind)}[name]
            self._world.put(kind, found | facts)
            self._world.save()

    def row(self, kind: str, key: str) -> Row:
        """A copy of any row by its id. Raises KeyError."""
        with self._world.lock:
            return copy.deepcopy(self._world.tables[kind][key])

    def rows(self, kind: str) -> list[Row]:
        """Copies of all rows of a kind."""
        with self._world.lock:
            stacks.settle(self._world)
            return copy.deepcopy(list(self._world.rows(kind)))

    def put(self, kind: str, row: Row) -> None:
        """One more row, or another in place of the one with its id."""
        with self._world.lock:
            self._world.put(kind, row)
            self._world.save()

    def alter(self, kind: str, key: str, /, **facts: Any) -> None:
        """Change any row by its id: a port, a floating IP, a stack. Raises KeyError."""
        self.put(kind, self.row(kind, key) | facts)

    def spoil_delete(self, name: str, reason: str, times: int = 1) -> None:
        """Let the next deletions of a stack fail for this reason. Raises KeyError for an unknown name."""
        with self._world.lock:
            stacks.spoil(self._world, name, reason, times)
            self._world.save()

    def block_delete(self, name: str, resource: str, reason: str) -> None:
        """Let one resource of a stack stand in the way of its deletion until it is gone. Raises KeyError."""
        with self._world.lock:
            stacks.block(self._world, name, resource, reason)
            self._world.save()

    def abandon(self, name: str) -> None:
        """Let Heat forget a stack whose parts stay. Raises KeyError for an unknown name."""
        with self._world.lock:
            stacks.abandon(self._world, name)
            self._world.save()

    def delete_credential(self, name: str) -> None:
        """Take all application credentials of that name away."""
        with self._world.lock:
            for credential in self._world.rows("credential"):
                if credential["name"] == name:
                    self._world.drop("credential", credential["id"])
            self._world.save()

    def expire_tokens(self) -> None:
        """No token given so far is worth anything any more."""
        with self._world.lock:
            for token in self._world.rows("token"):
                self._world.drop("token", token["id"])
            self._world.save()

    def remember(self) -> bytes:
        """All there is now, for `restore`."""
        with self._world.lock:
            return self._world.dump()

    def restore(self, remembered: bytes) -> None:
        """The cloud as it was then, without faults."""
        self.faults.clear()
        with self._world.lock:
            self._world.load(remembered)
            stacks.wake(self._world)
            self._world.save()

    def set_quota(self, project: str, **limits: int) -> None:
        """instances, cores, ram, ports, floating_ips, security_groups."""
        with self._world.lock:
            key = self._project(project)
            self._world.put("quota", {**self._world.tables["quota"].get(key, {}), **limits, "id": key})
            self._world.save()

    def stick(self, name: str) -> None:
        """Leave a stack IN_PROGRESS for ever, as a killed heat-engine does."""
        with self._world.lock:
            stacks.stick(self._world, name)
            self._world.save()

    def state(self) -> Row:
        """Counts of everything, the virtual time and the faults."""
        with self._world.lock:
            stacks.settle(self._world)
            counts = {kind: len(rows) for kind, rows in self._world.tables.items()}
            return {"now": self._world.now(), "counts": counts, "faults": self.faults.listed()}

    def _project(self, wanted: str) -> str:
        for project in self._world.rows("project"):
            if wanted in (project["id"], project["name"]):
                return str(project["id"])
        raise KeyError(wanted)


def console(control: Control, request: Request) -> Response:
    """The HTTP face of the control, for a sandbox in another process."""
    handler = _COMMANDS.get((request.method, request.path.removeprefix("/_sandbox/")))
    if handler is None:
        commands = [f"{method} /_sandbox/{name}" for method, name in _COMMANDS]
        return answer(404, {"error": "unknown command", "commands": commands})
    try:
        result = handler(control, request.get_json(silent=True) or {}, request.args.to_dict())
    except (KeyError, TypeError, ValueError) as error:
        return answer(400, {"error": str(error)})
    return answer(200, {"ok": True} if result is None else result)


def _add_fault(control: Control, body: Row, _query: dict[str, str]) -> Any:
    control.faults.add(Fault(**body))


_Command = Callable[[Control, Row, dict[str, str]], Any]
_COMMANDS: dict[tuple[str, str], _Command] = {
    ("GET", "state"): lambda control, _body, _query: control.state(),
    ("GET", "faults"): lambda control, _body, _query: {"faults": control.faults.listed()},
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): lambda control, _body, _query: control.faults.clear(),
    ("POST", "advance"): lambda control, body, _query: control.advance(float(body["seconds"])),
    ("POST", "reset"): lambda control, _body, _query: control.reset(),
    ("POST", "configure"): lambda control, body, _query: control.configure(**body),
    ("POST", "quota"): lambda control, body, _query: control.set_quota(**body),
    ("POST", "delete_server"): lambda control, body, _query: control.delete_server(body["id"]),
    ("POST", "delete_credential"): lambda control, body, _query: control.delete_credential(body["name"]),
    ("POST", "expire_tokens"): lambda control, _body, _query: control.expire_tokens(),
    ("POST", "stick"): lambda control, body, _query: control.stick(body["name"]),
    ("POST", "spoil_delete"): lambda control, body, _query: control.spoil_delete(**body),
    ("POST", "block_delete"): lambda control, body, _query: control.block_delete(**body),
    ("POST", "abandon"): lambda control, body, _query: control.abandon(body["name"]),
    ("GET", "stacks"): lambda control, _body, query: {
        "stacks": control.stacks(query["project"], deleted="deleted" in query)
    },
    ("GET", "servers"): lambda control, _body, query: {"servers": control.servers(query["project"])},
}
