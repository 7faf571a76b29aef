"""Menus: what may be done with a VM beside its buttons, and why some of it can't be done now."""

from dataclasses import dataclass

from flask import url_for
from flask_login import current_user

from portal.domain.catalog.hot import Role
from portal.domain.vms import changes, describing, leases, rebuilds, wishes
from portal.domain.vms.changes import Change
from portal.domain.vms.vms import Vm
from portal.translation import gettext


@dataclass(frozen=True)
class Item:
    """One entry; `why` says why it can't be had now."""

    words: str
    picture: str
    endpoint: str
    vm: Vm
    why: str = ""

    @property
    def url(self) -> str:
        return url_for(self.endpoint, vm_id=self.vm.id)


def of_vm(vm: Vm, change: Change | None) -> list[Item]:
    """What may be changed of the VM; nothing for whoever may change nothing, or once it is deleted.

    `change` is its latest, if any.
    """
    described = describing.why_not(vm, current_user)
    if described:
        return []
    why = changes.why_not_after(change, vm, current_user)
    address = gettext("Release its address") if vm.public_ip else gettext("Give it an address")
    no_address = "" if vm.public_ip else wishes.no_address(vm)
    found = [
        Item(gettext("Name, description, tags"), "pencil", "changes.about", vm, described),
        Item(gettext("Resize"), "scaling", "changes.resize", vm, why or _needs(vm, Role.FLAVOR)),
        Item(gettext("Firewall"), "shield", "changes.firewall", vm, why or _no_firewall(vm)),
        Item(address, "globe", "changes.address", vm, why or no_address),
        Item(
            gettext("Rebuild"),
            "refresh-cw",
            "changes.rebuild",
            vm,
            rebuilds.why_not_after(change, vm, current_user),
        ),
    ]
    if vm.lease_ends_at:
        lease = leases.why_not(vm, current_user)
        found.append(Item(gettext("Extend its lease"), "calendar-clock", "changes.lease", vm, lease))
    return found


def _needs(vm: Vm, role: Role) -> str:
    return "" if wishes.can(vm, role) else gettext("Its template doesn't let this be changed.")


def _no_firewall(vm: Vm) -> str:
    return "" if wishes.firewalls(vm) else gettext("Its template has no firewall to choose.")
