"""100,000 VMs of 1,000 tenants, written straight into PostgreSQL, and what happened to them."""

import hashlib
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, String, Uuid, cast, func, insert, literal, select, text
from sqlalchemy.sql.expression import Insert

from portal.config import ROOT
from portal.domain.people import accounts
from portal.domain.people.models import Membership, Role
from portal.domain.store.db import db, now
from portal.domain.tenants import credentials
from portal.domain.tenants.models import Credential, Tenant
from portal.domain.vms.models import HeatEvent, State, Transition, Vm
from portal.openstack.cloud import ApplicationCredential

TENANTS = 1_000
PASSWORD = "correct-horse-1"
EVENTS = 8  # of Heat, kept of each VM
_LATER = timedelta(days=1)
_MOVES = ((None, State.REQUESTED), (State.REQUESTED, State.PROVISIONING), (State.PROVISIONING, State.ACTIVE))
_SPEC: dict[str, Any] = {
    "title": "Ubuntu server",
    "login": "ubuntu",
    "image": {"id": "i", "name": "ubuntu-24.04"},
    "flavor": {"id": "f", "name": "m1.small", "vcpus": 1, "ram_mib": 1024, "disk_gib": 10, "gpus": 0},
    "network": {"id": "n", "name": "net-a"},
    "floating_ip": False,
    "keys": ["laptop"],
    "answers": {"Firewall": "SSH from anywhere"},
    "resources": ["port", "server"],
}


def known(kind: str, number: int) -> UUID:
    """The id of a thing by its number, here and in the cloud that stands in."""
    return UUID(hashlib.md5(f"{kind}-{number}".encode(), usedforsecurity=False).hexdigest())


def _known(kind: str, number: ColumnElement[Any]) -> ColumnElement[UUID]:
    """The same in SQL."""
    return cast(func.md5(literal(f"{kind}-") + cast(number, String)), Uuid)


def tenants(auth_url: str) -> UUID:
    """All tenants with a credential each, Ada in the first of them, and Root; answers Ada's id."""
    ada_id = accounts.create("ada@example.org", "Ada", PASSWORD, Role.MEMBER).id
    accounts.create("root@example.org", "Root", PASSWORD, Role.ADMIN)
    later = now() + _LATER
    rows = [
        {
            "id": known("tenant", number),
            "name": f"Tenant {number:04}",
            "auth_url": auth_url,
            "region": "RegionOne",
            "quota_vms": 200,
            "catalog_due_at": later,
            "reconcile_due_at": later,
        }
        for number in range(TENANTS)
    ]
    with db.engine.begin() as connection:
        connection.execute(insert(Tenant), rows)
        connection.execute(insert(Credential), [_credential(number) for number in range(TENANTS)])
        connection.execute(insert(Membership), [{"user_id": ada_id, "tenant_id": known("tenant", 0)}])
    db.session.rollback()
    return ada_id


def _credential(number: int) -> dict[str, Any]:
    """A row whose turn with the doctor isn't soon."""
    secret = ApplicationCredential(f"tenant-{number}", "secret")
    made = credentials.sealed(known("tenant", number), secret, label="bench")
    given = {column.key: getattr(made, column.key) for column in Credential.__table__.columns}
    return {key: value for key, value in given.items() if value is not None} | {
        "doctor_due_at": now() + _LATER
    }


def vms(owner_id: UUID, start: int, stop: int) -> None:
    """The VMs of these numbers, at rest, their moves and their Heat events."""
    numbers = select(func.generate_series(start, stop - 1).label("n")).subquery()
    number = cast(numbers.c.n, Integer)
    with db.engine.begin() as connection:
        connection.execute(_from(Vm, _vm(number, owner_id)))
        for old, new in _MOVES:
            connection.execute(_from(Transition, _move(number, old, new)))
        for position in range(EVENTS):
            connection.execute(_from(HeatEvent, _event(number, position)))
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def _vm(number: ColumnElement[int], owner_id: UUID) -> dict[Any, Any]:
    moment = now()
    address = func.concat("10.", number.op("/")(65536), ".", number.op("/")(256) % 256, ".", number % 256)
    return {
        Vm.id: _known("vm", number),
        Vm.tenant_id: _known("tenant", number % TENANTS),
        Vm.owner_id: literal(owner_id, Uuid),
        Vm.client_request_id: _known("draft", number),
        Vm.name: literal("vm-") + func.lpad(cast(number, String), 6, "0"),
        Vm.state: literal(State.ACTIVE, Vm.state.type),
        Vm.state_since: literal(moment - _LATER, Vm.state_since.type),
        Vm.offering: literal("ubuntu-basic"),
        Vm.image_name: literal(_SPEC["image"]["name"]),
        Vm.spec: literal(_SPEC, Vm.spec.type),
        Vm.template: literal((ROOT / "hot_templates/ubuntu-basic.yaml").read_text()),
        Vm.sealed: literal(bytes(range(256)) * 3, Vm.sealed.type),
        Vm.vcpus: literal(1),
        Vm.ram_mib: literal(1024),
        Vm.stack_id: cast(_known("stack", number), String),
        Vm.stack_status: literal("CREATE_COMPLETE"),
        Vm.server_id: cast(_known("server", number), String),
        Vm.private_ip: address,
        Vm.power: literal("ACTIVE"),
        Vm.look_at: literal(moment + _LATER, Vm.look_at.type),
        Vm.requested_at: literal(moment, Vm.requested_at.type) - func.make_interval(0, 0, 0, 0, 0, 0, number),
        Vm.active_at: literal(moment, Vm.active_at.type),
    }


def _move(number: ColumnElement[int], old: State | None, new: State) -> dict[Any, Any]:
    return {
        Transition.vm_id: _known("vm", number),
        Transition.at: literal(now(), Transition.at.type),
        Transition.old: literal(old, Transition.old.type),
        Transition.new: literal(new, Transition.new.type),
        Transition.event: literal("completed"),
        Transition.cause: literal("Heat completed the stack."),
    }


def _event(number: ColumnElement[int], position: int) -> dict[Any, Any]:
    return {
        HeatEvent.id: cast(_known(f"event-{position}", number), String),
        HeatEvent.vm_id: _known("vm", number),
        HeatEvent.stack_id: cast(_known("stack", number), String),
        HeatEvent.position: literal(position),
        HeatEvent.at: literal(now(), HeatEvent.at.type),
        HeatEvent.resource: literal(("port", "server")[position % 2]),
        HeatEvent.status: literal("CREATE_COMPLETE"),
        HeatEvent.reason: literal("state changed"),
    }


def _from(model: Any, columns: dict[Any, Any]) -> Insert:
    """An INSERT of all rows at once; the other columns get their defaults."""
    return insert(model).from_select(list(columns), select(*columns.values()), include_defaults=True)
