"""Settling: an admin chooses a remedy, a worker carries it out, and what was noted of that."""

from sqlalchemy import select

from portal.domain.people.models import User
from portal.domain.store.db import db
from portal.domain.vms import remedies
from portal.domain.vms.models import Finding, Transition
from portal.domain.vms.remedies import Remedy
from tests.support.world import Worker, fresh


def ask(finding: Finding, remedy: Remedy, root: User, work: Worker, reason: str = "") -> Finding:
    """The finding after the remedy was asked for and all that it takes was done."""
    remedies.apply(finding, remedy, reason=reason, by=root)
    work()
    return fresh(finding)


def told(finding: Finding) -> str:
    """What is said of the step that was tried last."""
    return str(fresh(finding).tried[-1]["words"])


def causes() -> list[str]:
    """Why the VMs moved, in order."""
    db.session.rollback()
    return list(db.session.scalars(select(Transition.cause).order_by(Transition.id)))
