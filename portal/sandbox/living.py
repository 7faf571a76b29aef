"""A stack as it stands: its values, its state, and the moves of that state, each of which is an event."""

import uuid
from typing import Any

from portal.sandbox.functions import select
from portal.sandbox.judge import know_attribute
from portal.sandbox.parameters import Invalid
from portal.sandbox.resource_types import KINDS
from portal.sandbox.state import Row, World
from portal.sandbox.template import Plain, read


class Living(Plain):
    """The stage of a stack that exists: references are ids, attributes come from the resources."""

    def __init__(self, world: World, stack: Row) -> None:
        template = read(stack["template"])
        super().__init__(template, stack["values"], pseudo(stack))
        self._world = world
        self._resources = stack["resources"]
        self._gone = stack["action"] == "DELETE"

    def _known(self, name: str) -> None:
        if self._gone or name not in self._resources:
            message = f'The specified reference "{name}" (in unknown) is incorrect.'
            raise Invalid("InvalidTemplateReference", message)

    def reference(self, name: str) -> Any:
        self._known(name)
        return self._resources[name]["physical"] or name

    def attribute(self, name: str, path: list[Any]) -> Any:
        self._known(name)
        resource = self._resources[name]
        if not path or not resource["physical"]:
            return None
        kind = KINDS[resource["type"]]
        know_attribute(kind, name, path[0])
        shown = kind.show(self._world, resource["physical"])
        return select(shown and {**shown, **kind.more(self._world, shown)}, path)


def pseudo(stack: Row) -> Row:
    return {
        "OS::stack_id": stack["id"], "OS::project_id": stack["project_id"], "OS::stack_name": stack["name"]
    }  # fmt: skip


def summary(stack: Row) -> Row:
    """What a test wants to know of a stack."""
    keys = ("id", "name", "project_id", "tags", "reason", "created", "deleted_at")
    return {**{key: stack[key] for key in keys}, "status": status(stack)}


def status(stack: Row) -> str:
    return f"{stack['action']}_{stack['phase']}"


def turn(world: World, stack: Row, action: str, phase: str, reason: str) -> None:
    """The stack changes its state, and says so in an event."""
    stack.update(action=action, phase=phase, reason=reason)
    _tell(world, stack, stack["name"], stack["id"], f"{action}_{phase}", reason)


def mark(world: World, stack: Row, name: str, state: str, reason: str) -> None:
    """A resource changes its state, and says so in an event."""
    resource = stack["resources"][name]
    action, _, phase = state.partition("_")
    resource.update(action=action, phase=phase, reason=reason)
    _tell(world, stack, name, resource["physical"] or resource["name"], state, reason)


def _tell(world: World, stack: Row, name: str, physical: str, state: str, reason: str) -> None:
    event = {
        "id": str(uuid.uuid4()), "at": world.now(), "name": name, "physical": physical, "status": state,
        "reason": reason,
    }  # fmt: skip
    stack["events"].append(event)
