"""Describing: another name for a VM, what it is for, and its tags."""

from dataclasses import dataclass

from portal.domain.catalog.hot import Role
from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store import audit, wake
from portal.domain.store.db import db, transaction
from portal.domain.store.errors import Refused
from portal.domain.vms import changes, names, particulars, wishes
from portal.domain.vms.models import Change, State, Vm
from portal.translation import gettext


@dataclass(frozen=True)
class Told:
    """What a person says of a VM: its name, what it is for, and its tags in one line."""

    name: str
    description: str
    tags: str


def why_not(vm: Vm, user: User) -> str:
    """Why the person can't describe this VM now; empty: they can."""
    if not access.allows(user, Permission.VM_CHANGE, vm.tenant_id):
        return gettext("Your role doesn't change VMs of this tenant.")
    return gettext("It is deleted.") if vm.state in {State.DELETING, State.DELETED} else ""


def describe(vm: Vm, told: Told, *, by: User) -> str:
    """Writes it down; answers what becomes of the server's own name, in words, where that isn't plain.

    The server is renamed too where Heat can do that without making it anew. Raises Forbidden, or Refused with
    the field.
    """
    access.require(by, Permission.VM_CHANGE, vm.tenant_id)
    name, description = told.name.strip(), particulars.description(told.description)
    tags = particulars.tags(told.tags)
    with transaction():
        db.session.refresh(vm)
        if words := why_not(vm, by):
            raise Refused(words)
        before = {"name": vm.name, "description": vm.description, "tags": list(vm.tags)}
        after = {"name": name, "description": description, "tags": list(tags)}
        if before == after:
            return ""
        change, said = _renamed(vm, name, by) if name != vm.name else (None, "")
        vm.name, vm.description = name, description
        for tag in set(vm.tags) - set(tags):
            vm.tags.remove(tag)
        vm.tags.extend(sorted(set(tags) - set(vm.tags)))
        detail = {"before": before, "after": after}
        audit.record("vm.described", by=by, tenant_id=vm.tenant_id, vm_id=vm.id, detail=detail)
        change_id = change.id if change else None
    if change_id:
        wake.change(change_id)
    return said


def _renamed(vm: Vm, name: str, by: User) -> tuple[Change | None, str]:
    """The change of the server's name, or why it keeps the one it has."""
    if words := names.problem(vm.tenant_id, name):
        raise Refused(words, field="name")
    if not wishes.can(vm, Role.NAME):
        return None, gettext("The server keeps its own name: its template doesn't let it be changed.")
    if words := changes.why_not(vm, by):
        return None, gettext("The server keeps its own name for now. %(why)s", why=words)
    return changes.begin(vm, wishes.rename(vm, name), by), ""
