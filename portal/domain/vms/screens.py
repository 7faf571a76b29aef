"""Screens: the address of a server's graphical console, fetched by a worker at a click and shown once.

Whoever has the address is at the server's screen, so it is kept sealed in Redis alone, for a minute.
"""

import json
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from portal.domain.people.models import User
from portal.domain.store import audit, volatile, wake
from portal.domain.store.db import db, transaction
from portal.domain.store.errors import DomainError
from portal.domain.tenants import clouds
from portal.domain.vms import claims, explain, power
from portal.domain.vms.models import Vm
from portal.openstack.errors import OpenStackError

KEPT, PATIENCE = 60.0, 30.0


@dataclass(frozen=True)
class Screen:
    """The console's address, or why there is none; `pending`: it is on its way."""

    url: str = ""
    trouble: str = ""
    pending: bool = False


def ask(vm: Vm, *, by: User) -> None:
    """Has the address fetched. Raises Forbidden, or Refused where there is no server."""
    power.require_console(vm, by)
    with transaction():
        audit.record("vm.console_opened", by=by, tenant_id=vm.tenant_id, vm_id=vm.id)
    volatile.forget(_key(vm.id))
    volatile.keep(_asked(vm.id), "1", seconds=PATIENCE)
    wake.screen(vm.id)


def fetch(vm_id: UUID) -> None:
    """Fetches the address and keeps it for a minute."""
    vm = db.session.get_one(Vm, vm_id)
    kept = {}
    with claims.told(vm):
        try:
            url = clouds.of(vm.tenant_id).nova.console_url(str(vm.server_id))
            kept["url"] = url if urlsplit(url).scheme in {"http", "https"} else ""
        except (OpenStackError, DomainError) as error:
            kept["trouble"] = explain.trouble(error)
    volatile.keep(_key(vm_id), json.dumps(kept), seconds=KEPT)
    volatile.forget(_asked(vm_id))


def take(vm: Vm) -> Screen:
    """What was fetched; whoever takes it is the only one."""
    kept = json.loads(volatile.recall(_key(vm.id)) or "{}")
    if not kept:
        return Screen(pending=volatile.recall(_asked(vm.id)) is not None)
    volatile.forget(_key(vm.id))
    return Screen(kept.get("url", ""), kept.get("trouble", ""))


def _key(vm_id: UUID) -> str:
    return f"screen:{vm_id}"


def _asked(vm_id: UUID) -> str:
    return f"screen-asked:{vm_id}"
