"""Listed: VMs as lists show them: plain rows, since records with all their columns are slow to make."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, select

from portal.domain.people.models import User
from portal.domain.store.db import db
from portal.domain.tenants.models import Tenant
from portal.domain.vms.models import State, Vm, VmTag

_COLUMNS = (
    *(Vm.id, Vm.tenant_id, Vm.owner_id, Vm.name, Vm.state, Vm.state_since, Vm.requested_at),
    *(Vm.power, Vm.power_asked, Vm.trouble, Vm.private_ip, Vm.public_ip, Vm.stack_id, Vm.offering),
    *(Vm.image_name, Vm.usual, Vm.delete_due_at, Vm.delete_cause),
    Vm.spec["title"].as_string().label("title"),
    Vm.spec["flavor", "name"].as_string().label("size"),
    Vm.spec["resources"].label("resources"),
    *(User.name.label("owner"), Tenant.name.label("tenant")),
)
_QUESTION = select(*_COLUMNS).join(User, User.id == Vm.owner_id).join(Tenant, Tenant.id == Vm.tenant_id)


class Listed(NamedTuple):
    """What a list shows of a VM; `title` is its template's, `size` its flavor's name. Columns, then tags."""

    id: UUID
    tenant_id: UUID
    owner_id: UUID
    name: str
    state: State
    state_since: datetime
    requested_at: datetime
    power: str | None
    power_asked: str | None
    trouble: str | None
    private_ip: str | None
    public_ip: str | None
    stack_id: str | None
    offering: str
    image_name: str | None
    usual: Mapping[str, Any] | None
    delete_due_at: datetime | None
    delete_cause: str | None
    title: str | None
    size: str | None
    resources: Sequence[str] | None
    owner: str
    tenant: str
    tags: Sequence[str]


def question() -> Select[Any]:
    """To be narrowed and ordered, then read."""
    return _QUESTION


def read(chosen: Select[Any]) -> list[Listed]:
    """Those the question finds, with their tags."""
    rows = db.session.execute(chosen).all()
    if not rows:
        return []
    tagged: dict[UUID, list[str]] = {}
    tags = select(VmTag.vm_id, VmTag.tag).where(VmTag.vm_id.in_([row.id for row in rows]))
    for vm_id, tag in db.session.execute(tags.order_by(VmTag.tag)):
        tagged.setdefault(vm_id, []).append(tag)
    return [Listed._make((*row, tagged.get(row.id, ()))) for row in rows]
