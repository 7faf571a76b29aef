"""Words of findings: what each kind means, for who settles it and for whose VM it is; and each remedy."""

from dataclasses import dataclass

from portal.domain.vms.findings import FindingKind
from portal.domain.vms.remedies import Remedy
from portal.translation import N_


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
        N_("A stack without a VM"),
        "unplug",
        N_(
            "It bears the portal's mark, but the VM that it names is none of this tenant's. Nothing "
            "proves that "
            "it may go, so it is left alone until you decide."
        ),
        "",
    ),
    FindingKind.DUPLICATE_STACK: Kind(
        N_("A second stack of one VM"),
        "copy",
        N_(
            "It bears the mark of a VM whose record names another stack. It is deleted by itself only while "
            "the stack on record is there as well."
        ),
        N_(
            "OpenStack has a second stack with this VM's mark. An administrator decides which of "
            "the two stays."
        ),
    ),
    FindingKind.LEFTOVER_STACK: Kind(
        N_("A stack of a deleted VM"),
        "box",
        N_(
            "The VM is deleted, yet a stack with its mark is there. It is proven ours; the portal deletes it."
        ),
        N_("A part of this VM is still in OpenStack. The portal removes it by itself."),
    ),
    FindingKind.STATUS_DIFFERS: Kind(
        N_("A stack that somebody changes"),
        "triangle-alert",
        N_(
            "The VM is active here, while its stack failed, or is being deleted, by what somebody "
            "does outside "
            "the portal. It ends by itself when the stack is whole again, or when the VM is gone."
        ),
        N_(
            "Somebody works on this VM in OpenStack, outside the portal, and that failed or deletes it. An "
            "administrator sees it too."
        ),
    ),
    FindingKind.STRAY_PORT: Kind(
        N_("A port without a VM"),
        "network",
        N_(
            "It bears the mark of a VM that is deleted or that is none of this tenant's, and no "
            "stack with that "
            "mark is there. It takes an address and a place in the quota of the project."
        ),
        N_("A network port of this VM is still in OpenStack. An administrator decides whether it may go."),
    ),
    FindingKind.STRAY_FLOATING_IP: Kind(
        N_("A floating IP without a VM"),
        "globe",
        N_(
            "It bears the mark of a VM that is deleted or that is none of this tenant's, and no "
            "stack with that "
            "mark is there. It takes a public address and a place in the quota of the project."
        ),
        N_("A floating IP of this VM is still in OpenStack. An administrator decides whether it may go."),
    ),
    FindingKind.VANISHED: Kind(
        N_("Deleted outside the portal"),
        "cloud-off",
        N_(
            "OpenStack says that the VM's stack or server doesn't exist any more, and nobody asked "
            "the portal "
            "for that."
        ),
        N_(
            "It was deleted in OpenStack, outside the portal. An administrator sees it too. Delete it here "
            "when you don't need it any more: until then it counts against the quota."
        ),
    ),
    FindingKind.STUCK_DELETE: Kind(
        N_("A deletion that doesn't end"),
        "hourglass",
        N_("OpenStack didn't delete the stack, as often as the portal tried. What blocks it stands below."),
        N_(
            "OpenStack could not delete all of it. An administrator sees what blocks it and settles "
            "it; until "
            "then it counts against the quota."
        ),
    ),
}

CURES: dict[Remedy, Cure] = {
    Remedy.ADOPT: Cure(
        N_("Adopt the stack"),
        N_("Adopt it"),
        "check",
        N_(
            "The VM's record names this stack from now on, and the VM follows it. The stack on record until "
            "now is forgotten; if it is there, it becomes a finding itself."
        ),
        N_("The stack is adopted. The VM follows it from now on."),
    ),
    Remedy.CHECK: Cure(
        N_("Have Heat check the stack"),
        N_("Check it"),
        "activity",
        N_(
            "Heat compares the stack with what is really there, and changes nothing else. A stack "
            "that turns out "
            "whole ends the finding; else the check's words stand here."
        ),
        N_("A worker has Heat check the stack. What came of it will stand here."),
    ),
    Remedy.DELETE_STACK: Cure(
        N_("Delete the stack"),
        N_("Show what would be deleted"),
        "trash-2",
        N_("With everything in it. The next page shows first what that is."),
        N_("A worker deletes the stack; after that the finding is settled."),
    ),
    Remedy.DELETE_STRAY: Cure(
        N_("Delete it"),
        N_("Show what would be deleted"),
        "trash-2",
        N_(
            "Only if nothing uses it: a worker looks again right before. The next page shows first "
            "what it is."
        ),
        N_(
            "A worker looks once more whether anything uses it, and deletes it. What came of it "
            "will stand here."
        ),
    ),
    Remedy.RESTORE: Cure(
        N_("Mark the VM as OpenStack has it"),
        N_("Mark it so"),
        "check",
        N_(
            "A worker looks. Stack and server there: the VM is active again. Nothing left: it "
            "counts as deleted, "
            "and its quota is given back. A stack without its server: the VM stays in error. "
            "Nothing is deleted "
            "in OpenStack."
        ),
        N_("A worker looks what OpenStack has and marks the VM so. What came of it will stand here."),
    ),
    Remedy.DELETE_VM: Cure(
        N_("Delete the VM"),
        N_("Show what would be deleted"),
        "trash-2",
        N_(
            "With its stack and all data on it, also where somebody began that in OpenStack "
            "already. The next "
            "page shows first what goes."
        ),
        N_("The VM is being deleted."),
        danger=True,
    ),
    Remedy.CHECK_DELETE: Cure(
        N_("Have Heat check, then try again"),
        N_("Check and try again"),
        "activity",
        N_(
            "Heat compares the stack with what is really there, and is then asked to delete it once "
            "more. What "
            "the check found is told here; it deletes nothing."
        ),
        N_("A worker has Heat check the stack. What came of it will stand here."),
    ),
    Remedy.REMOVE_BLOCKERS: Cure(
        N_("Remove what blocks it, then try again"),
        N_("Show what would be removed"),
        "trash-2",
        N_(
            "What blocks the stack is deleted by itself, where it is proven to be a part of the "
            "stack; a port is "
            "first taken from the server that holds it. Then the deletion is tried once more. The next page "
            "shows first what that is."
        ),
        N_("A worker removes what blocks the stack. What came of it will stand here."),
        danger=True,
    ),
    Remedy.RETRY_DELETE: Cure(
        N_("Try the deletion again"),
        N_("Try again"),
        "rotate-cw",
        N_("The portal asks OpenStack to delete the stack once more. It helps when what blocked it is gone."),
        N_("The deletion is on its way; the finding is settled when the VM is gone."),
    ),
    Remedy.GIVE_UP: Cure(
        N_("Give the deletion up"),
        N_("Give up"),
        "ban",
        N_(
            "The VM counts as deleted and its quota is given back. What is left behind in "
            "OpenStack, somebody "
            "has to remove there."
        ),
        N_("The deletion is given up. What is left behind stands below."),
        danger=True,
    ),
    Remedy.IGNORE: Cure(
        N_("Ignore it"),
        N_("Ignore it"),
        "x",
        N_("The finding is settled as it is. Nothing changes in OpenStack or in our records."),
        N_("The finding is settled as it is."),
    ),
}
_DELETE_THE_REST = Cure(
    N_("Delete the VM"),
    N_("Delete the VM"),
    "trash-2",
    N_(
        "Whatever OpenStack still has of it is deleted, the VM counts as deleted, and its quota is "
        "given back."
    ),
    N_("The VM is being deleted; the finding is settled when it is gone."),
    danger=True,
)
_LEAVE_IT_SO = Cure(
    N_("Leave the VM as Nova has it"),
    N_("Leave it so"),
    "check",
    N_(
        "A worker looks: the server's state and addresses are written into the VM's record, and the "
        "finding is "
        "over until the stack fails again. Nothing changes in OpenStack."
    ),
    N_("A worker looks what Nova has and marks the VM so. What came of it will stand here."),
)
PROOF = {
    "stack": N_("Stack"),
    "server": N_("Server"),
    "name": N_("Stack name"),
    "tags": N_("Tags"),
    "status": N_("Stack status"),
    "created": N_("Created"),
    "changed": N_("Last changed"),
    "record": N_("Our record"),
    "port": N_("Port"),
    "floating_ip": N_("Floating IP"),
    "address": N_("Address"),
    "mark": N_("Its mark"),
    "held_by": N_("Used by"),
    "reason": N_("OpenStack's words"),
    "said": N_("How we know"),
    "blockers": N_("What blocks it"),
    "delete_asked_by": N_("Deletion asked by"),
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
    ("", N_("As its people choose")),
    ("ssh", N_("SSH from anywhere")),
    ("mine", N_("SSH only from where each person says")),
    ("web", N_("SSH, HTTP and HTTPS from anywhere")),
    ("closed", N_("Nothing from outside")),
]
