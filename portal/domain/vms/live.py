"""Live: what OpenStack says of one VM this moment, asked with little patience, since somebody waits."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store import audit
from portal.domain.store.db import now, transaction
from portal.domain.store.errors import DomainError
from portal.domain.store.vault import Unsealable
from portal.domain.tenants import circuits, clouds
from portal.domain.vms import casefile, explain, serveractions
from portal.domain.vms.casefile import Line, Thing
from portal.domain.vms.models import Vm
from portal.openstack.cloud import Cloud
from portal.openstack.errors import NotFound, OpenStackError, Unavailable
from portal.openstack.heat import Stack, StackEvent, StackResource
from portal.openstack.nova import InstanceAction, Server
from portal.translation import N_, gettext

READ_TIMEOUT = 4.0
# Whatever isn't asked by then is left out.
PATIENCE = 8.0
CONSOLE_LINES = 100
MOST_EVENTS = 400


@dataclass
class Live:
    """What was told, and for the rest why not. `events` are Heat's, oldest first."""

    at: datetime
    stack: Stack | None = None
    events: Sequence[StackEvent] = ()
    resources: Sequence[StackResource] = ()
    server: Server | None = None
    actions: Sequence[InstanceAction] = ()
    console: str = ""
    troubles: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def lines(self) -> list[Line]:
        return [casefile.heat_line(event) for event in self.events]

    @property
    def things(self) -> list[Thing]:
        return casefile.live_things(self.stack.id, self.resources) if self.stack else []


def look(vm: Vm, *, by: User) -> Live:
    """Asks Heat and Nova about the VM now, and writes down that somebody did. Raises Forbidden.

    Answers within about ten seconds; a cloud that is left alone isn't asked.
    """
    access.require(by, Permission.SUPPORT_VIEW)
    with transaction():
        audit.record("vm.looked_live", by=by, tenant_id=vm.tenant_id, vm_id=vm.id)
    live, began = Live(now()), time.monotonic()
    if circuits.is_open(vm.tenant):
        live.troubles["OpenStack"] = gettext("It is left alone at present, since it doesn't answer.")
        return live
    try:
        cloud = clouds.impatient(vm.tenant_id, read_timeout=READ_TIMEOUT)
    except (DomainError, Unsealable) as error:
        live.troubles["OpenStack"] = str(error)
        return live
    try:
        _ask_all(vm, cloud, live)
    finally:
        cloud.close()
    live.seconds = time.monotonic() - began
    return live


def _ask_all(vm: Vm, cloud: Cloud, live: Live) -> None:
    """One question after the other; where one has no answer, the others that need it aren't asked."""
    end = time.monotonic() + PATIENCE

    def part(name: str, question: Callable[[], None]) -> None:
        if "OpenStack" in live.troubles:
            return
        if time.monotonic() > end:
            live.troubles["OpenStack"] = gettext("It took too long; the rest wasn't asked.")
            return
        try:
            question()
        except NotFound as error:
            live.troubles[name] = gettext("It is not there (any more). %(said)s", said=error.message)
        except Unavailable as error:
            place = name if error.status else "OpenStack"
            live.troubles[place] = f"{error.service}: {error.message}"
        except OpenStackError as error:
            live.troubles[name] = explain.trouble(error)

    part(N_("Stack"), lambda: _stack(vm, cloud, live))
    part(N_("Heat events"), lambda: _events(cloud, live))
    part(N_("Resources"), lambda: _resources(cloud, live))
    if server_id := _server_id(vm, live):
        part(N_("Server"), lambda: _server(server_id, cloud, live))
        part(N_("Nova actions"), lambda: _actions(vm, server_id, cloud, live))
        part(N_("Console output"), lambda: _console(server_id, cloud, live))


def _stack(vm: Vm, cloud: Cloud, live: Live) -> None:
    ref = vm.stack_id or vm.failed_stack_id
    if ref is None:
        raise NotFound(gettext("The portal knows of no stack of this VM."))
    live.stack = cloud.heat.show(ref)


def _events(cloud: Cloud, live: Live) -> None:
    if live.stack:
        live.events = cloud.heat.events(live.stack.name, live.stack.id)[-MOST_EVENTS:]


def _resources(cloud: Cloud, live: Live) -> None:
    if live.stack and not live.stack.is_deleted:
        live.resources = cloud.heat.resources(live.stack.name, live.stack.id)


def _server(server_id: str, cloud: Cloud, live: Live) -> None:
    live.server = cloud.nova.server(server_id)


def _actions(vm: Vm, server_id: str, cloud: Cloud, live: Live) -> None:
    live.actions = cloud.nova.instance_actions(server_id)
    serveractions.keep(vm.id, server_id, live.actions)


def _console(server_id: str, cloud: Cloud, live: Live) -> None:
    if live.server and live.server.status != "ERROR":
        live.console = cloud.nova.console_output(server_id, lines=CONSOLE_LINES)


def _server_id(vm: Vm, live: Live) -> str | None:
    """The server on record, or the one that Heat tells of."""
    told = next((one.physical_id for one in live.resources if one.type == "OS::Nova::Server"), None)
    return vm.server_id or told or serveractions.server_of(vm)
