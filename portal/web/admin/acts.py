"""Words of the audit: what each act is called, by groups to seek them by."""

from collections.abc import Iterator, Mapping
from typing import Any

from portal.translation import N_, translated

# The first word of an action is its group.
GROUPS = {
    "vm": N_("VMs"),
    "person": N_("People"),
    "session": N_("Sessions"),
    "invitation": N_("Invitations"),
    "webhook": N_("Webhooks"),
    "member": N_("Members"),
    "key": N_("SSH keys"),
    "tenant": N_("Tenants"),
    "credential": N_("Credentials"),
    "network": N_("Networks"),
    "quota": N_("Quotas"),
    "catalog": N_("Catalogue"),
    "finding": N_("Findings"),
    "audit": N_("Audit"),
}
ACTS = {
    "vm.launch": N_("Launched a VM"),
    "vm.delete": N_("Had a VM deleted"),
    "vm.retry": N_("Had a launch tried again"),
    "vm.start": N_("Had a VM started"),
    "vm.stop": N_("Had a VM stopped"),
    "vm.reboot": N_("Had a VM restarted"),
    "vm.reset": N_("Had a VM restarted the hard way"),
    "vm.console_opened": N_("Opened a VM's graphical console"),
    "vm.resize": N_("Had a VM resized"),
    "vm.firewall": N_("Had a VM's firewall changed"),
    "vm.attach_ip": N_("Had a VM given a public address"),
    "vm.detach_ip": N_("Had a VM's public address released"),
    "vm.rename_server": N_("Had a VM's server renamed"),
    "vm.rebuild": N_("Had a VM rebuilt"),
    "vm.delete_planned": N_("Had a VM's deletion planned"),
    "vm.delete_undone": N_("Took a VM's deletion back"),
    "vm.lease_extended": N_("Extended a VM's lease"),
    "vm.lease_ended": N_("A VM's lease ended"),
    "vm.described": N_("Named or described a VM"),
    "vm.changed": N_("A change of a VM came true"),
    "vm.change_failed": N_("A change of a VM failed"),
    "vm.console": N_("Fetched a VM's console output"),
    "vm.accepted": N_("OpenStack took a launch"),
    "vm.completed": N_("A VM became active"),
    "vm.failed": N_("A VM failed"),
    "vm.vanished": N_("A VM vanished from OpenStack"),
    "vm.gone": N_("A VM was deleted"),
    "vm.refreshed": N_("A VM was marked as OpenStack has it"),
    "vm.looked_live": N_("Asked OpenStack about a VM"),
    "vm.support_asked": N_("Asked support for help with a VM"),
    "vm.bundled": N_("Downloaded a VM's bundle"),
    "vm.bundle_sent": N_("A VM's bundle was sent to support"),
    "vm.exported": N_("Exported a list of VMs"),
    "person.signed_in": N_("Signed in"),
    "person.sign_in_refused": N_("A sign-in was refused"),
    "person.signed_out": N_("Signed out"),
    "person.created": N_("Made an account"),
    "person.joined": N_("Gave somebody a tenant"),
    "person.renamed": N_("Changed their name"),
    "person.language_chosen": N_("Chose their language"),
    "person.password_changed": N_("Changed their password"),
    "person.password_reset": N_("Reset their password by a link"),
    "person.reset_link_made": N_("Made a link to reset a password"),
    "person.reset_link_mailed": N_("Sent a link to reset a password by mail"),
    "person.chose_notices": N_("Chose what to be told of"),
    "person.role_changed": N_("Changed somebody's role"),
    "person.deactivated": N_("Closed an account"),
    "person.reactivated": N_("Opened an account again"),
    "session.ended": N_("Ended a session"),
    "session.others_ended": N_("Ended their other sessions"),
    "invitation.made": N_("Invited somebody"),
    "invitation.mailed": N_("Sent an invitation by mail"),
    "invitation.accepted": N_("Accepted an invitation"),
    "invitation.withdrawn": N_("Withdrew an invitation"),
    "webhook.set": N_("Set a webhook"),
    "webhook.secret_renewed": N_("Renewed a webhook's secret"),
    "webhook.removed": N_("Removed a webhook"),
    "member.role_changed": N_("Changed a member's role"),
    "member.limited": N_("Set how much a member may have"),
    "member.removed": N_("Took a tenant from somebody"),
    "key.added": N_("Added an SSH key"),
    "key.removed": N_("Removed an SSH key"),
    "tenant.created": N_("Created a tenant"),
    "tenant.moved": N_("Changed where a tenant's cloud is"),
    "tenant.changed": N_("Changed a tenant"),
    "tenant.suspended": N_("Suspended a tenant"),
    "tenant.resumed": N_("Let a tenant go on"),
    "tenant.archived": N_("Archived a tenant"),
    "tenant.restored": N_("Brought a tenant back"),
    "network.changed": N_("Changed a tenant's network"),
    "quota.changed": N_("Changed quotas"),
    "quota.lease_limited": N_("Changed the longest lease of a tenant's VMs"),
    "quota.requested": N_("Asked for more quota"),
    "quota.request_withdrawn": N_("Withdrew a request for quota"),
    "quota.request_granted": N_("Granted a request for quota"),
    "quota.request_refused": N_("Refused a request for quota"),
    "credential.registered": N_("Replaced a credential at once"),
    "credential.staged": N_("Staged a credential"),
    "credential.switched": N_("Switched to a credential"),
    "credential.rolled_back": N_("Went back to a credential"),
    "credential.hastened": N_("Had a credential revoked sooner"),
    "credential.discarded": N_("Discarded a staged credential"),
    "credential.revoked": N_("A credential was revoked"),
    "credential.examination_asked": N_("Had a credential examined"),
    "credential.examined": N_("A credential was examined"),
    "credential.refused": N_("A cloud refuses a credential"),
    "credential.accepted_again": N_("A cloud takes a credential again"),
    "catalog.refresh_asked": N_("Had a catalogue read anew"),
    "finding.opened": N_("Something was found to differ"),
    "finding.asked": N_("Asked for a remedy of a finding"),
    "finding.tried": N_("A remedy was tried"),
    "finding.settled": N_("Settled a finding"),
    "audit.exported": N_("Exported the audit"),
    "audit.verified": N_("Had the audit verified"),
    "audit.head_lost": N_("The note of the last entry was gone"),
}


def words(action: str) -> str:
    """What it is called; one without words as it is."""
    return ACTS.get(action, action)


def menu() -> dict[str, list[tuple[str, str]]]:
    """The acts to choose from, by group."""
    chosen: dict[str, list[tuple[str, str]]] = {group: [] for group in GROUPS}
    for action, title in ACTS.items():
        chosen[action.partition(".")[0]].append((action, title))
    return {group: acts for group, acts in chosen.items() if acts}


def actions(wanted: str) -> tuple[str, ...]:
    """What a choice stands for: one action, or with a dot at its end all of a group."""
    if not wanted.endswith("."):
        return (wanted,) if wanted else ()
    return tuple(action for action in ACTS if action.startswith(wanted))


def lines(detail: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, list[str]]]:
    """The detail of an entry line by line: (word, what it says)."""
    for key, value in detail.items():
        word = f"{path} {key}".strip().replace("_", " ")
        if isinstance(value, Mapping):
            yield from lines(value, word)
        else:
            yield word.capitalize(), [_text(each) for each in (value if isinstance(value, list) else [value])]


_PLAIN = {None: N_("none"), True: N_("yes"), False: N_("no")}


def _text(value: Any) -> str:
    plain = value is None or isinstance(value, bool)
    return translated(_PLAIN[value]) if plain else str(value)
