"""Menus: what may be done with a VM, by the buttons of its page and the menu beside them; and why not now."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flask import url_for
from flask_login import current_user

from portal.domain.catalog.hot import Role
from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.vms import changes, describing, leases, power, rebuilds, removals, vms, wishes
from portal.domain.vms.changes import Change
from portal.domain.vms.power import Action
from portal.domain.vms.vms import Event, State, Vm
from portal.translation import gettext

# The ids of the buttons: whoever pressed one finds the focus in its place on the page that comes.
TURN, RESTART = "turn", "restart"
PLACES = {Action.START: TURN, Action.STOP: TURN, Action.REBOOT: RESTART, Action.RESET: RESTART}


@dataclass(frozen=True)
class Item:
    """One entry; `why` says why it can't be had now, `note` what it does.

    With `asks` it is no link but a button, which sends that at once, `place` its id.
    """

    words: str
    picture: str
    endpoint: str
    vm: Vm
    why: str = ""
    note: str = ""
    asks: Mapping[str, Any] | None = None
    place: str = ""

    @property
    def url(self) -> str:
        return url_for(self.endpoint, vm_id=self.vm.id, **(self.asks or {}))


@dataclass(frozen=True)
class Head:
    """The head of a VM's page: buttons, the menu behind “More”, and the deletion at the end."""

    buttons: list[Item] = field(default_factory=list)
    more: list[Item] = field(default_factory=list)
    delete: Item | None = None

    @property
    def whys(self) -> dict[str, list[str]]:
        """Each reason, with the words of the buttons that can't be had for it."""
        found: dict[str, list[str]] = {}
        for item in [*self.buttons, *filter(None, [self.delete])]:
            if item.why:
                found.setdefault(item.why, []).append(item.words)
        return found


def of_vm(vm: Vm, change: Change | None) -> Head:
    """What may be done with the VM. What the person's role doesn't allow is left out, and most once it goes.

    `change` is its latest, if any.
    """
    if describing.why_not(vm, current_user):
        return Head(delete=_delete(vm))
    return Head(_buttons(vm), _more(vm, change), _delete(vm))


def _buttons(vm: Vm) -> list[Item]:
    why = power.why_no_console(vm, current_user)
    console = Item(gettext("Console output"), "square-terminal", "vms.fetch_console", vm, why, asks={})
    if Event.RETRY in vms.actions(vm, current_user):  # which stands where they would
        return [console]
    return [_switch(vm, power.turn(vm)), _switch(vm, Action.REBOOT), console]


def _switch(vm: Vm, action: Action) -> Item:
    words, picture = {
        Action.START: (gettext("Start"), "power"),
        Action.STOP: (gettext("Stop"), "circle-stop"),
        Action.REBOOT: (gettext("Restart"), "rotate-cw"),
        Action.RESET: (gettext("Restart the hard way"), "zap"),
    }[action]
    why = power.why_not(vm, action, current_user)
    return Item(words, picture, "vms.switch", vm, why, asks={"action": action.value}, place=PLACES[action])


def _more(vm: Vm, change: Change | None) -> list[Item]:
    why = changes.why_not_after(change, vm, current_user)
    console = power.why_no_console(vm, current_user)
    address = gettext("Release its address") if vm.public_ip else gettext("Give it an address")
    no_address = "" if vm.public_ip else wishes.no_address(vm)
    rebuild = rebuilds.why_not_after(change, vm, current_user)
    found = [
        Item(gettext("Graphical console"), "monitor", "vms.screen", vm, console),
        Item(gettext("Name, description, tags"), "pencil", "changes.about", vm),
        Item(gettext("Resize"), "scaling", "changes.resize", vm, why or _needs(vm, Role.FLAVOR)),
        Item(gettext("Firewall"), "shield", "changes.firewall", vm, why or _no_firewall(vm)),
        Item(address, "globe", "changes.address", vm, why or no_address),
        Item(gettext("Rebuild"), "refresh-cw", "changes.rebuild", vm, rebuild),
    ]
    if vm.lease_ends_at:
        lease = leases.why_not(vm, current_user)
        found.append(Item(gettext("Extend its lease"), "calendar-clock", "changes.lease", vm, lease))
    pulled = gettext("As if the plug were pulled: what isn't written to its disk is lost.")
    return [*found, replace(_switch(vm, Action.RESET), note=pulled)]


def _delete(vm: Vm) -> Item | None:
    """None: the person's role doesn't allow it, or nothing is left to delete."""
    if vm.state is State.DELETED or not access.allows(current_user, Permission.VM_DELETE, vm.tenant_id):
        return None
    why = removals.why_not(vm, current_user)
    return Item(gettext("Delete"), "trash-2", "vms.confirm_delete", vm, why)


def _needs(vm: Vm, role: Role) -> str:
    return "" if wishes.can(vm, role) else gettext("Its template doesn't let this be changed.")


def _no_firewall(vm: Vm) -> str:
    return "" if wishes.firewalls(vm) else gettext("Its template has no firewall to choose.")
