"""Acts: what was done with a VM beside its moves, in words, from what the audit keeps of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from portal.domain.people.models import User
from portal.domain.store.db import db
from portal.domain.store.models import AuditEntry
from portal.domain.vms import kept
from portal.domain.vms.models import Vm
from portal.translation import N_, gettext, ngettext, translated

# The newest of them; a VM's page asks for more than anybody reads at once.
MOST = 50

# What its people are told.
_TITLES = {
    "vm.start": N_("Start asked for"),
    "vm.stop": N_("Stop asked for"),
    "vm.reboot": N_("Restart asked for"),
    "vm.reset": N_("Hard restart asked for"),
    "vm.resize": N_("Another size asked for"),
    "vm.firewall": N_("Another firewall asked for"),
    "vm.attach_ip": N_("Public address asked for"),
    "vm.detach_ip": N_("Release of the public address asked for"),
    "vm.rename_server": N_("Another name of the server asked for"),
    "vm.rebuild": N_("Rebuild asked for"),
    "vm.delete_planned": N_("Deletion planned"),
    "vm.delete_undone": N_("Deletion taken back"),
    "vm.lease_extended": N_("Lease extended"),
    "vm.lease_ended": N_("Lease ended"),
    "vm.described": N_("Name or description changed"),
    "vm.changed": N_("Change done"),
    "vm.change_failed": N_("Change failed"),
    "vm.support_asked": N_("Support asked for help"),
    "vm.refreshed": N_("Marked as OpenStack has it"),
}
# What those who look after it read too.
_LOOKS = {
    "vm.console": N_("Console output asked for"),
    "vm.console_opened": N_("Graphical console asked for"),
    "vm.looked_live": N_("OpenStack asked live"),
    "vm.bundled": N_("Diagnosis bundle downloaded"),
    "vm.bundle_sent": N_("Diagnosis bundle sent to support"),
}
_DONE = {
    "resize": N_("Size changed"),
    "firewall": N_("Firewall changed"),
    "attach_ip": N_("Public address given"),
    "detach_ip": N_("Public address released"),
    "rename_server": N_("Server renamed"),
    "rebuild": N_("Rebuilt"),
}
# Facts that say nothing to a person.
_OURS = {"seconds", "delivery"}


@dataclass(frozen=True)
class Act:
    """One act: its title, what there is to say beyond it, and who did it; `by` empty: the portal."""

    at: datetime
    title: str
    detail: str
    by: str
    failed: bool


def of_vm(vm: Vm) -> list[Act]:
    """What was done with the VM, as its people are told, newest first."""
    chosen = (
        select(AuditEntry, User.name)
        .outerjoin(User, User.id == AuditEntry.user_id)
        .where(AuditEntry.vm_id == vm.id, AuditEntry.action.in_(_TITLES))
        .order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
        .limit(MOST)
    )
    return [
        Act(
            entry.at,
            title(entry.action, entry.detail),
            detail(entry.action, entry.detail),
            name or "",
            entry.action == "vm.change_failed",
        )
        for entry, name in db.session.execute(chosen)
    ]


def title(action: str, facts: Mapping[str, Any]) -> str:
    """What was done, in a few words; the action's own name where it has none."""
    if action == "vm.changed":
        return translated(_DONE.get(facts.get("kind", ""), _TITLES[action]))
    return translated(_TITLES.get(action) or _LOOKS.get(action) or action)


def detail(action: str, facts: Mapping[str, Any]) -> str:
    """What there is to say of it: from what to what, until when, why not."""
    if action == "vm.described":
        return _described(facts["before"], facts["after"])
    if action == "vm.lease_extended":
        return gettext("Until %(when)s UTC.", when=_moment(facts["after"]))
    if action == "vm.lease_ended":
        return gettext("Stopped, and to be deleted on %(when)s UTC.", when=_moment(facts["deleted_at"]))
    if action == "vm.support_asked":
        return f"“{facts['said']}”"
    if "what" not in facts:
        return ", ".join(f"{name}: {value}" for name, value in facts.items() if name not in _OURS)
    return " ".join(filter(None, (f"{kept.said(facts['what'])}.", kept.said(facts.get("why")))))


def _described(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    said = []
    if before["name"] != after["name"]:
        said.append(gettext("Renamed from %(old)s to %(new)s.", old=before["name"], new=after["name"]))
    if before["description"] != after["description"]:
        said.append(gettext("Described anew."))
    if added := sorted(set(after["tags"]) - set(before["tags"])):
        said.append(
            ngettext("Tag added: %(tags)s.", "Tags added: %(tags)s.", len(added), tags=", ".join(added))
        )
    if removed := sorted(set(before["tags"]) - set(after["tags"])):
        words = ngettext(
            "Tag removed: %(tags)s.", "Tags removed: %(tags)s.", len(removed), tags=", ".join(removed)
        )
        said.append(words)
    return " ".join(said)


def _moment(stamp: str) -> str:
    return f"{datetime.fromisoformat(stamp):%Y-%m-%d %H:%M}"
