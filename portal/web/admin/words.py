"""Words of findings: what each kind means, for who settles it and for whose VM it is; and each remedy."""

from dataclasses import dataclass

from portal.domain.vms.findings import FindingKind
from portal.domain.vms.remedies import Remedy


@dataclass(frozen=True)
class Kind:
    """A kind of finding; `member` is what the VM's own page says."""

    title: str
    picture: str
    text: str
    member: str


@dataclass(frozen=True)
class Cure:
    """A remedy: what its button says, what comes of it, and what is said once it is asked for."""

    title: str
    button: str
    picture: str
    text: str
    done: str
    danger: bool = False


KINDS: dict[FindingKind, Kind] = {
    FindingKind.ORPHAN_STACK: Kind(
        "A stack without a VM",
        "unplug",
        "It bears the portal's mark, but the VM that it names is none of this tenant's. Nothing proves that "
        "it may go, so it is left alone until you decide.",
        "",
    ),
    FindingKind.DUPLICATE_STACK: Kind(
        "A second stack of one VM",
        "copy",
        "It bears the mark of a VM whose record names another stack. It is deleted by itself only while "
        "the stack on record is there as well.",
        "OpenStack has a second stack with this VM's mark. An administrator decides which of the two stays.",
    ),
    FindingKind.LEFTOVER_STACK: Kind(
        "A stack of a deleted VM",
        "box",
        "The VM is deleted, yet a stack with its mark is there. It is proven ours; the portal deletes it.",
        "A part of this VM is still in OpenStack. The portal removes it by itself.",
    ),
    FindingKind.STATUS_DIFFERS: Kind(
        "A stack that somebody changes",
        "triangle-alert",
        "The VM is active here, while its stack failed, or is being deleted, by what somebody does outside "
        "the portal. It ends by itself when the stack is whole again, or when the VM is gone.",
        "Somebody works on this VM in OpenStack, outside the portal, and that failed or deletes it. An "
        "administrator sees it too.",
    ),
    FindingKind.STRAY_PORT: Kind(
        "A port without a VM",
        "network",
        "It bears the mark of a VM that is deleted or that is none of this tenant's, and no stack with that "
        "mark is there. It takes an address and a place in the quota of the project.",
        "A network port of this VM is still in OpenStack. An administrator decides whether it may go.",
    ),
    FindingKind.STRAY_FLOATING_IP: Kind(
        "A floating IP without a VM",
        "globe",
        "It bears the mark of a VM that is deleted or that is none of this tenant's, and no stack with that "
        "mark is there. It takes a public address and a place in the quota of the project.",
        "A floating IP of this VM is still in OpenStack. An administrator decides whether it may go.",
    ),
    FindingKind.VANISHED: Kind(
        "Deleted outside the portal",
        "cloud-off",
        "OpenStack says that the VM's stack or server doesn't exist any more, and nobody asked the portal "
        "for that.",
        "It was deleted in OpenStack, outside the portal. An administrator sees it too. Delete it here "
        "when you don't need it any more: until then it counts against the quota.",
    ),
    FindingKind.STUCK_DELETE: Kind(
        "A deletion that doesn't end",
        "hourglass",
        "OpenStack didn't delete the stack, as often as the portal tried. What blocks it stands below.",
        "OpenStack could not delete all of it. An administrator sees what blocks it and settles it; until "
        "then it counts against the quota.",
    ),
}

CURES: dict[Remedy, Cure] = {
    Remedy.ADOPT: Cure(
        "Adopt the stack",
        "Adopt it",
        "check",
        "The VM's record names this stack from now on, and the VM follows it. The stack on record until "
        "now is forgotten; if it is there, it becomes a finding itself.",
        "The stack is adopted. The VM follows it from now on.",
    ),
    Remedy.CHECK: Cure(
        "Have Heat check the stack",
        "Check it",
        "activity",
        "Heat compares the stack with what is really there, and changes nothing else. A stack that turns out "
        "whole ends the finding; else the check's words stand here.",
        "A worker has Heat check the stack. What came of it will stand here.",
    ),
    Remedy.DELETE_STACK: Cure(
        "Delete the stack",
        "Show what would be deleted",
        "trash-2",
        "With everything in it. The next page shows first what that is.",
        "A worker deletes the stack; after that the finding is settled.",
    ),
    Remedy.DELETE_STRAY: Cure(
        "Delete it",
        "Show what would be deleted",
        "trash-2",
        "Only if nothing uses it: a worker looks again right before. The next page shows first what it is.",
        "A worker looks once more whether anything uses it, and deletes it. What came of it will stand here.",
    ),
    Remedy.RESTORE: Cure(
        "Mark the VM as OpenStack has it",
        "Mark it so",
        "check",
        "A worker looks. Stack and server there: the VM is active again. Nothing left: it counts as deleted, "
        "and its quota is given back. A stack without its server: the VM stays in error. Nothing is deleted "
        "in OpenStack.",
        "A worker looks what OpenStack has and marks the VM so. What came of it will stand here.",
    ),
    Remedy.DELETE_VM: Cure(
        "Delete the VM",
        "Show what would be deleted",
        "trash-2",
        "With its stack and all data on it, also where somebody began that in OpenStack already. The next "
        "page shows first what goes.",
        "The VM is being deleted.",
        danger=True,
    ),
    Remedy.CHECK_DELETE: Cure(
        "Have Heat check, then try again",
        "Check and try again",
        "activity",
        "Heat compares the stack with what is really there, and is then asked to delete it once more. What "
        "the check found is told here; it deletes nothing.",
        "A worker has Heat check the stack. What came of it will stand here.",
    ),
    Remedy.REMOVE_BLOCKERS: Cure(
        "Remove what blocks it, then try again",
        "Show what would be removed",
        "trash-2",
        "What blocks the stack is deleted by itself, where it is proven to be a part of the stack; a port is "
        "first taken from the server that holds it. Then the deletion is tried once more. The next page "
        "shows first what that is.",
        "A worker removes what blocks the stack. What came of it will stand here.",
        danger=True,
    ),
    Remedy.RETRY_DELETE: Cure(
        "Try the deletion again",
        "Try again",
        "rotate-cw",
        "The portal asks OpenStack to delete the stack once more. It helps when what blocked it is gone.",
        "The deletion is on its way; the finding is settled when the VM is gone.",
    ),
    Remedy.GIVE_UP: Cure(
        "Give the deletion up",
        "Give up",
        "ban",
        "The VM counts as deleted and its quota is given back. What is left behind in OpenStack, somebody "
        "has to remove there.",
        "The deletion is given up. What is left behind stands below.",
        danger=True,
    ),
    Remedy.IGNORE: Cure(
        "Ignore it",
        "Ignore it",
        "x",
        "The finding is settled as it is. Nothing changes in OpenStack or in our records.",
        "The finding is settled as it is.",
    ),
}
_DELETE_THE_REST = Cure(
    "Delete the VM",
    "Delete the VM",
    "trash-2",
    "Whatever OpenStack still has of it is deleted, the VM counts as deleted, and its quota is given back.",
    "The VM is being deleted; the finding is settled when it is gone.",
    danger=True,
)
_LEAVE_IT_SO = Cure(
    "Leave the VM as Nova has it",
    "Leave it so",
    "check",
    "A worker looks: the server's state and addresses are written into the VM's record, and the finding is "
    "over until the stack fails again. Nothing changes in OpenStack.",
    "A worker looks what Nova has and marks the VM so. What came of it will stand here.",
)
PROOF = {
    "stack": "Stack",
    "server": "Server",
    "name": "Stack name",
    "tags": "Tags",
    "status": "Stack status",
    "created": "Created",
    "changed": "Last changed",
    "record": "Our record",
    "port": "Port",
    "floating_ip": "Floating IP",
    "address": "Address",
    "mark": "Its mark",
    "held_by": "Used by",
    "reason": "OpenStack's words",
    "said": "How we know",
    "blockers": "What blocks it",
    "delete_asked_by": "Deletion asked by",
}
# Their buttons stand on a page that shows first what would go.
PREVIEWED = frozenset({Remedy.DELETE_STACK, Remedy.DELETE_STRAY, Remedy.DELETE_VM, Remedy.REMOVE_BLOCKERS})
_SPECIAL = {
    (Remedy.RETRY_DELETE, FindingKind.VANISHED): _DELETE_THE_REST,
    (Remedy.RESTORE, FindingKind.STATUS_DIFFERS): _LEAVE_IT_SO,
}


def cure(remedy: Remedy, kind: FindingKind) -> Cure:
    """The words of a remedy for this kind of finding."""
    return _SPECIAL.get((remedy, kind)) or CURES[remedy]


# What an admin may choose as the firewall of a network.
FIREWALLS = [
    ("", "As its people choose"),
    ("ssh", "SSH from anywhere"),
    ("mine", "SSH only from where each person says"),
    ("web", "SSH, HTTP and HTTPS from anywhere"),
    ("closed", "Nothing from outside"),
]
