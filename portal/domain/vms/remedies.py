"""Remedies: what an admin may do about a finding, in the order it is tried."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import update

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store import audit, wake
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import Refused
from portal.domain.tenants.models import Tenant
from portal.domain.vms import blockers, findings, kept, lifecycle
from portal.domain.vms.findings import IGNORED
from portal.domain.vms.lifecycle import Event
from portal.domain.vms.models import Finding, FindingKind, State, Vm
from portal.translation import N_, gettext

_ADOPTABLE = [State.PROVISIONING, State.ACTIVE, State.ERROR]


class Remedy(StrEnum):
    """What an admin may do about a finding, in the order it is tried."""

    ADOPT = "adopt"
    CHECK = "check"
    DELETE_STACK = "delete_stack"
    DELETE_STRAY = "delete_stray"
    RESTORE = "restore"
    DELETE_VM = "delete_vm"
    RETRY_DELETE = "retry_delete"
    CHECK_DELETE = "check_delete"
    REMOVE_BLOCKERS = "remove_blockers"
    GIVE_UP = "give_up"
    IGNORE = "ignore"


LADDERS: dict[FindingKind, tuple[Remedy, ...]] = {
    FindingKind.ORPHAN_STACK: (Remedy.DELETE_STACK, Remedy.IGNORE),
    FindingKind.DUPLICATE_STACK: (Remedy.ADOPT, Remedy.DELETE_STACK, Remedy.IGNORE),
    FindingKind.LEFTOVER_STACK: (Remedy.DELETE_STACK, Remedy.IGNORE),
    FindingKind.STATUS_DIFFERS: (Remedy.CHECK, Remedy.RESTORE, Remedy.DELETE_VM, Remedy.IGNORE),
    FindingKind.STRAY_PORT: (Remedy.DELETE_STRAY, Remedy.IGNORE),
    FindingKind.STRAY_FLOATING_IP: (Remedy.DELETE_STRAY, Remedy.IGNORE),
    FindingKind.VANISHED: (Remedy.RESTORE, Remedy.RETRY_DELETE, Remedy.IGNORE),
    FindingKind.STUCK_DELETE: (
        Remedy.RETRY_DELETE,
        Remedy.CHECK_DELETE,
        Remedy.REMOVE_BLOCKERS,
        Remedy.GIVE_UP,
        Remedy.IGNORE,
    ),
}
# What a worker does after the answer (see ladder.py); its outcome is told on the finding.
BY_WORKER = frozenset(
    {Remedy.CHECK, Remedy.DELETE_STRAY, Remedy.RESTORE, Remedy.CHECK_DELETE, Remedy.REMOVE_BLOCKERS}
)
NEEDS_REASON = frozenset({Remedy.RESTORE, Remedy.DELETE_VM, Remedy.GIVE_UP, Remedy.IGNORE})


@dataclass(frozen=True)
class _Settling:
    """Somebody settles a finding, for a reason."""

    finding: Finding
    remedy: Remedy
    reason: str
    by: User


def of(finding: Finding, user: User) -> list[Remedy]:
    """What this person may do about it now."""
    if finding.resolved_at or finding.asked or not access.allows(user, Permission.FINDING_SETTLE):
        return []
    vm = findings.vms_of([finding], user).get(finding.vm_id) if finding.vm_id else None
    return [remedy for remedy in LADDERS[finding.kind] if _fits(remedy, finding, vm)]


def recommended(finding: Finding, offered: list[Remedy]) -> Remedy | None:
    """The next rung: the first of those offered that comes after whatever was tried already."""
    ladder = LADDERS[finding.kind]
    tried = [ladder.index(each) for each in ladder if any(one["remedy"] == each for one in finding.tried)]
    mending = [each for each in offered if each is not Remedy.IGNORE]
    later = [each for each in mending if ladder.index(each) > max(tried, default=-1)]
    return next(iter(later or mending), None)


def _fits(remedy: Remedy, finding: Finding, vm: Vm | None) -> bool:
    """Whether the remedy would do something that isn't under way already."""
    if remedy is Remedy.ADOPT:
        return vm is not None and vm.state in _ADOPTABLE
    if finding.kind is FindingKind.STATUS_DIFFERS:
        goes = str(finding.proof["status"]).startswith("DELETE")
        is_active = vm is not None and vm.state is State.ACTIVE
        return remedy is Remedy.IGNORE or (is_active and (remedy is Remedy.DELETE_VM or not goes))
    if remedy is Remedy.RETRY_DELETE:
        return vm is not None and vm.state not in {State.DELETING, State.DELETED}
    if remedy is Remedy.REMOVE_BLOCKERS and not removable(finding):
        return False
    if remedy in {Remedy.CHECK_DELETE, Remedy.REMOVE_BLOCKERS, Remedy.RESTORE}:
        return vm is not None and vm.state is State.ERROR
    return remedy is not Remedy.DELETE_STACK or "delete_asked_by" not in finding.proof


def apply(finding: Finding, remedy: Remedy, *, reason: str, by: User) -> None:
    """Does it; whatever the cloud has to do is done by a worker. Raises Forbidden, Refused."""
    access.require(by, Permission.FINDING_SETTLE)
    if remedy in NEEDS_REASON and not reason.strip():
        raise Refused(gettext("Say why, for those who come after you."), field="reason")
    with transaction():
        db.session.refresh(finding, with_for_update={"of": Finding})
        if finding.resolved_at or remedy not in LADDERS[finding.kind]:
            raise Refused(gettext("This finding is settled already, or can't be settled this way."))
        if finding.asked:
            raise Refused(
                gettext("Something is being done about this finding just now. Wait for what comes of it.")
            )
        answer = _APPLY[remedy](_Settling(finding, remedy, reason.strip(), by))
        audit.record(
            "finding.asked" if remedy in BY_WORKER else "finding.settled",
            by=by,
            tenant_id=finding.tenant_id,
            vm_id=finding.vm_id,
            detail={
                "kind": finding.kind.value,
                "subject": finding.subject,
                "remedy": remedy.value,
                "reason": reason,
            },
        )
        if answer:
            findings.resolve(finding, answer, by=by)
    if remedy in BY_WORKER:
        wake.finding(finding.id)
        return
    wake.reconcile(finding.tenant_id)
    if finding.vm_id:
        wake.vm(finding.vm_id)


def _delete_stack(settling: _Settling) -> str | None:
    """The reconciler deletes it at its next sweep, which is now."""
    settling.finding.proof = settling.finding.proof | {"delete_asked_by": settling.by.email}
    db.session.execute(
        update(Tenant).where(Tenant.id == settling.finding.tenant_id).values(reconcile_due_at=now())
    )
    return None


def _hand_over(settling: _Settling) -> str | None:
    """A worker does it, and tells on the finding what came of it."""
    finding = settling.finding
    vm = db.session.get(Vm, finding.vm_id) if finding.vm_id else None
    if not _fits(settling.remedy, finding, vm):
        raise Refused(gettext("This can't be done any more, as things are now."))
    finding.asked = {
        "remedy": settling.remedy.value,
        "by": settling.by.email,
        "by_id": str(settling.by.id),
        "at": now().isoformat(),
        "reason": settling.reason,
    }
    finding.due_at = now()
    return None


def _adopt(settling: _Settling) -> str | None:
    moved = db.session.execute(
        update(Vm)
        .where(Vm.id == settling.finding.vm_id, Vm.state.in_(_ADOPTABLE))
        .values(stack_id=settling.finding.subject, stack_status=None, look_at=now())
        .execution_options(synchronize_session=False)
    )
    if not moved.rowcount:  # type: ignore[attr-defined]  # an UPDATE answers a CursorResult
        raise Refused(gettext("The VM isn't in a state in which a stack can be adopted."))
    return N_("The stack was adopted.")


def _retry_delete(settling: _Settling) -> str | None:
    vm = _vm(settling.finding)
    if not lifecycle.fire(
        vm,
        Event.DELETE,
        cause=N_("An admin had the deletion tried again."),
        by=settling.by,
        changes={"failure": None, "delete_sent_at": None, "delete_tries": 0},
    ):
        words = gettext("%(name)s is %(state)s now, so its deletion can't be tried again.", **_now(vm))
        raise Refused(words)
    words = N_("The deletion was asked for again.")
    findings.tell(settling.finding, settling.remedy.value, settling.by.email, words)
    return None


def _delete_vm(settling: _Settling) -> str | None:
    vm = _vm(settling.finding)
    words = kept.DELETED_BY_ADMIN % {"why": settling.reason}
    changes = {"delete_sent_at": None, "delete_tries": 0}
    if not lifecycle.fire(vm, Event.DELETE, cause=words, by=settling.by, changes=changes):
        raise Refused(gettext("%(name)s is %(state)s now, so there is nothing to delete.", **_now(vm)))
    return words


def _give_up(settling: _Settling) -> str | None:
    vm = _vm(settling.finding)
    left = ", ".join(left_behind(vm, settling.finding)) or "nothing known"
    words = kept.LEFT_BEHIND % {"why": settling.reason, "what": left}
    if vm.state is State.ERROR:
        lifecycle.fire(vm, Event.DELETE, cause=N_("An admin gives the deletion up."), by=settling.by)
        db.session.refresh(vm)
    changes = {"deleted_at": now(), "failure": None, "trouble": None}
    if not lifecycle.fire(vm, Event.GONE, cause=words, by=settling.by, changes=changes):
        raise Refused(gettext("%(name)s is %(state)s now, so it can't be given up.", **_now(vm)))
    return words


def left_behind(vm: Vm, finding: Finding) -> list[str]:
    """What may still be in OpenStack when the VM's deletion is given up, each with its id or address."""
    known = {"stack": vm.stack_id, "server": vm.server_id, "floating IP": vm.public_ip}
    left = [f"{what} {which}" for what, which in known.items() if which]
    blocking = [
        each for each in finding.proof.get("blockers", ()) if each.get("id") not in {None, "", vm.server_id}
    ]
    return left + [f"{each['resource']} {each['id']} ({each['type']})" for each in blocking]


def removable(finding: Finding) -> list[Mapping[str, str]]:
    """What blocks the finding's stack and could be deleted by its own API."""
    return [
        each
        for each in finding.proof.get("blockers", ())
        if each.get("id") and each.get("type") in blockers.WAYS
    ]


def _ignore(settling: _Settling) -> str | None:
    return f"{IGNORED}{settling.reason}"


def _now(vm: Vm) -> dict[str, str]:
    return {"name": vm.name, "state": lifecycle.word(vm.state)}


def _vm(finding: Finding) -> Vm:
    vm = db.session.get(Vm, finding.vm_id, populate_existing=True) if finding.vm_id else None
    if vm is None:
        raise Refused(gettext("The VM of this finding is gone."))
    return vm


_APPLY = {
    Remedy.ADOPT: _adopt,
    Remedy.DELETE_STACK: _delete_stack,
    **dict.fromkeys(BY_WORKER, _hand_over),
    Remedy.DELETE_VM: _delete_vm,
    Remedy.RETRY_DELETE: _retry_delete,
    Remedy.GIVE_UP: _give_up,
    Remedy.IGNORE: _ignore,
}
