"""Findings: differences between clouds and our records, with proof, until they are gone or settled."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, or_, select, update

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store import audit
from portal.domain.store.db import db, now, only_writable
from portal.domain.store.errors import NotFound
from portal.domain.vms.models import Finding, FindingKind, Vm
from portal.translation import N_, gettext

__all__ = [
    "Finding",
    "FindingKind",
    "get",
    "note",
    "of_vm",
    "open_ones",
    "resolve",
    "settled_ones",
    "tell",
    "vms_of",
]

# How the answer of a finding begins that an admin ignored, or had taken over as it is.
IGNORED, MARKED = "Ignored: ", "Marked as OpenStack has it: "
# These are found at an event, not at every sweep: once more is news.
_ASKED_AFRESH = (FindingKind.VANISHED, FindingKind.STUCK_DELETE)


def note(
    kind: FindingKind,
    tenant_id: UUID,
    subject: str,
    proof: Mapping[str, Any],
    *,
    vm_id: UUID | None = None,
    settled: str | None = None,
) -> None:
    """Writes the finding down, or that it is still there. `settled`: how the portal mended it at once.

    What an admin ignored, or took over as it is, stays settled. Runs inside the caller's transaction.
    """
    only_writable()
    left_so = or_(Finding.answer.startswith(IGNORED), Finding.answer.startswith(MARKED))
    found = db.session.scalar(
        select(Finding)
        .where(
            Finding.tenant_id == tenant_id,
            Finding.kind == kind,
            Finding.subject == subject,
            or_(Finding.resolved_at.is_(None), and_(Finding.kind.not_in(_ASKED_AFRESH), left_so)),
        )
        .order_by(Finding.first_seen.desc())
        .limit(1)
    )
    if found is None or (found.resolved_at and _is_news(found, proof)):
        found = Finding(tenant_id=tenant_id, kind=kind, subject=subject, vm_id=vm_id, proof=dict(proof))
        db.session.add(found)
        audit.record(
            "finding.opened",
            by=None,
            tenant_id=tenant_id,
            vm_id=vm_id,
            detail={"kind": kind.value, "subject": subject, **proof},
        )
    elif found.tried and kind is FindingKind.STUCK_DELETE:
        last = found.tried[-1] | {"then": f"It stuck again: {proof.get('reason')}"}
        found.tried = [*found.tried[:-1], last]
    found.last_seen, found.proof = now(), dict(proof)
    if settled:
        resolve(found, settled, by=None)


def _is_news(settled: Finding, proof: Mapping[str, Any]) -> bool:
    """Whether a stack has failed again, or otherwise, since somebody left it as it was."""
    if settled.kind is not FindingKind.STATUS_DIFFERS:
        return False
    return any(settled.proof.get(fact) != proof.get(fact) for fact in ("status", "changed"))


def settle_gone(tenant_id: UUID, still_there: Sequence[str], kinds: Sequence[FindingKind]) -> None:
    """Findings of these kinds about stacks that aren't there any more are over."""
    only_writable()
    db.session.execute(
        update(Finding)
        .where(
            Finding.tenant_id == tenant_id,
            Finding.kind.in_(kinds),
            Finding.resolved_at.is_(None),
            Finding.subject.not_in(still_there),
            # A sweep doesn't see what came up while it looked.
            Finding.last_seen < now() - timedelta(seconds=1),
        )
        .values(resolved_at=now(), answer=N_("It went away by itself."))
        .execution_options(synchronize_session=False)
    )


def open_ones(by: User) -> list[Finding]:
    """All findings that are not settled, newest first. Raises Forbidden."""
    access.require(by, Permission.FINDING_VIEW)
    chosen = select(Finding).where(Finding.resolved_at.is_(None)).order_by(Finding.first_seen.desc())
    return list(db.session.scalars(chosen.limit(500)))


def settled_ones(by: User) -> list[Finding]:
    """The findings settled last. Raises Forbidden."""
    access.require(by, Permission.FINDING_VIEW)
    chosen = select(Finding).where(Finding.resolved_at.is_not(None)).order_by(Finding.resolved_at.desc())
    return list(db.session.scalars(chosen.limit(50)))


def of_vm(vm: Vm) -> list[Finding]:
    """What is found about this VM and not settled."""
    return list(
        db.session.scalars(
            select(Finding).where(
                Finding.vm_id == vm.id,
                # A stack of another tenant may bear the VM's mark; that is none of this tenant's business.
                Finding.tenant_id == vm.tenant_id,
                Finding.resolved_at.is_(None),
            )
        )
    )


def vms_of(found: Sequence[Finding], by: User) -> dict[UUID, Vm]:
    """The VMs that these findings are about, by their ids. Raises Forbidden."""
    access.require(by, Permission.FINDING_VIEW)
    wanted = {finding.vm_id for finding in found if finding.vm_id}
    return {vm.id: vm for vm in db.session.scalars(select(Vm).where(Vm.id.in_(wanted)))} if wanted else {}


def how_many_open() -> int:
    """How many findings wait, for the badge of the navigation."""
    return sum(count_open().values())


def count_open() -> dict[FindingKind, int]:
    """How many findings of each kind wait."""
    rows = db.session.execute(
        select(Finding.kind, func.count()).where(Finding.resolved_at.is_(None)).group_by(Finding.kind)
    )
    return {row[0]: row[1] for row in rows}


def get(finding_id: UUID, *, for_: User) -> Finding:
    """The finding. Raises NotFound, Forbidden."""
    access.require(for_, Permission.FINDING_VIEW)
    finding = db.session.get(Finding, finding_id)
    if finding is None:
        raise NotFound(gettext("There is no such finding."))
    return finding


def tell(finding: Finding, remedy: str, by: str, words: str) -> None:
    """What came of a remedy that `by` asked for; runs inside the caller's transaction."""
    only_writable()
    done = {"remedy": remedy, "by": by, "at": now().isoformat(), "words": words}
    finding.tried = [*finding.tried, done]
    audit.record(
        "finding.tried",
        by=None,
        tenant_id=finding.tenant_id,
        vm_id=finding.vm_id,
        detail={"kind": finding.kind.value, "subject": finding.subject, **done},
    )


def resolve(finding: Finding, answer: str, *, by: User | None) -> None:
    """It is over; runs inside the caller's transaction."""
    only_writable()
    finding.resolved_at, finding.answer, finding.by_id = now(), answer, by.id if by else None
