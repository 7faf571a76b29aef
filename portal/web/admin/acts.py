"""Words of the audit: what each act is called, by groups to seek them by."""

from collections.abc import Iterator, Mapping
from typing import Any

# The first word of an action is its group.
GROUPS = {
    "vm": "VMs",
    "person": "People",
    "session": "Sessions",
    "invitation": "Invitations",
    "webhook": "Webhooks",
    "member": "Members",
    "key": "SSH keys",
    "tenant": "Tenants",
    "credential": "Credentials",
    "network": "Networks",
    "quota": "Quotas",
    "catalog": "Catalogue",
    "finding": "Findings",
    "audit": "Audit",
}
ACTS = {
    "vm.launch": "Launched a VM",
    "vm.delete": "Had a VM deleted",
    "vm.retry": "Had a launch tried again",
    "vm.start": "Had a VM started",
    "vm.stop": "Had a VM stopped",
    "vm.reboot": "Had a VM restarted",
    "vm.reset": "Had a VM restarted the hard way",
    "vm.console_opened": "Opened a VM's graphical console",
    "vm.resize": "Had a VM resized",
    "vm.firewall": "Had a VM's firewall changed",
    "vm.attach_ip": "Had a VM given a public address",
    "vm.detach_ip": "Had a VM's public address released",
    "vm.rename_server": "Had a VM's server renamed",
    "vm.delete_planned": "Had a VM's deletion planned",
    "vm.delete_undone": "Took a VM's deletion back",
    "vm.lease_extended": "Extended a VM's lease",
    "vm.lease_ended": "A VM's lease ended",
    "vm.described": "Named or described a VM",
    "vm.changed": "A change of a VM came true",
    "vm.change_failed": "A change of a VM failed",
    "vm.console": "Fetched a VM's console output",
    "vm.accepted": "OpenStack took a launch",
    "vm.completed": "A VM became active",
    "vm.failed": "A VM failed",
    "vm.vanished": "A VM vanished from OpenStack",
    "vm.gone": "A VM was deleted",
    "vm.refreshed": "A VM was marked as OpenStack has it",
    "vm.looked_live": "Asked OpenStack about a VM",
    "vm.support_asked": "Asked support for help with a VM",
    "vm.bundled": "Downloaded a VM's bundle",
    "vm.exported": "Exported a list of VMs",
    "person.signed_in": "Signed in",
    "person.sign_in_refused": "A sign-in was refused",
    "person.signed_out": "Signed out",
    "person.created": "Made an account",
    "person.joined": "Gave somebody a tenant",
    "person.renamed": "Changed their name",
    "person.language_chosen": "Chose their language",
    "person.password_changed": "Changed their password",
    "person.password_reset": "Reset their password by a link",
    "person.reset_link_made": "Made a link to reset a password",
    "person.reset_link_mailed": "Sent a link to reset a password by mail",
    "person.chose_notices": "Chose what to be told of",
    "person.role_changed": "Changed somebody's role",
    "person.deactivated": "Closed an account",
    "person.reactivated": "Opened an account again",
    "session.ended": "Ended a session",
    "session.others_ended": "Ended their other sessions",
    "invitation.made": "Invited somebody",
    "invitation.mailed": "Sent an invitation by mail",
    "invitation.accepted": "Accepted an invitation",
    "invitation.withdrawn": "Withdrew an invitation",
    "webhook.set": "Set a webhook",
    "webhook.secret_renewed": "Renewed a webhook's secret",
    "webhook.removed": "Removed a webhook",
    "member.role_changed": "Changed a member's role",
    "member.limited": "Set how much a member may have",
    "member.removed": "Took a tenant from somebody",
    "key.added": "Added an SSH key",
    "key.removed": "Removed an SSH key",
    "tenant.created": "Created a tenant",
    "tenant.moved": "Changed where a tenant's cloud is",
    "tenant.changed": "Changed a tenant",
    "tenant.suspended": "Suspended a tenant",
    "tenant.resumed": "Let a tenant go on",
    "tenant.archived": "Archived a tenant",
    "tenant.restored": "Brought a tenant back",
    "network.changed": "Changed a tenant's network",
    "quota.changed": "Changed quotas",
    "quota.requested": "Asked for more quota",
    "quota.request_withdrawn": "Withdrew a request for quota",
    "quota.request_granted": "Granted a request for quota",
    "quota.request_refused": "Refused a request for quota",
    "credential.registered": "Replaced a credential at once",
    "credential.staged": "Staged a credential",
    "credential.switched": "Switched to a credential",
    "credential.rolled_back": "Went back to a credential",
    "credential.hastened": "Had a credential revoked sooner",
    "credential.discarded": "Discarded a staged credential",
    "credential.revoked": "A credential was revoked",
    "credential.examination_asked": "Had a credential examined",
    "credential.examined": "A credential was examined",
    "credential.refused": "A cloud refuses a credential",
    "credential.accepted_again": "A cloud takes a credential again",
    "catalog.refresh_asked": "Had a catalogue read anew",
    "finding.opened": "Something was found to differ",
    "finding.asked": "Asked for a remedy of a finding",
    "finding.tried": "A remedy was tried",
    "finding.settled": "Settled a finding",
    "audit.exported": "Exported the audit",
    "audit.verified": "Had the audit verified",
    "audit.head_lost": "The note of the last entry was gone",
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


def _text(value: Any) -> str:
    return (
        {None: "none", True: "yes", False: "no"}.get(value, str(value))
        if value is None or isinstance(value, bool)
        else str(value)
    )
