"""Delivering: the try of a letter or a message; one that asks support for help has the VM's bundle."""

import logging
from uuid import UUID

from sqlalchemy import select

from portal.domain.people import access, enclosures, sending
from portal.domain.people.access import Permission
from portal.domain.people.enclosures import Enclosure
from portal.domain.people.models import Delivery, Kind, User
from portal.domain.store import audit
from portal.domain.store.db import db, transaction
from portal.domain.store.models import AuditEntry
from portal.domain.vms import bundle
from portal.domain.vms.models import Vm

logger = logging.getLogger(__name__)
_SENT = "vm.bundle_sent"


def step(delivery_id: UUID) -> None:
    """Tries it, if it is due and nobody else does."""
    sending.step(delivery_id, _bundle)


def _bundle(delivery: Delivery) -> Enclosure | None:
    """The bundle as it is now; None: it is no call for help, or not to somebody who may see one."""
    if delivery.kind != Kind.SUPPORT_ASKED:
        return None
    to, vm = sending.recipient(delivery), db.session.get_one(Vm, delivery.subject_id)
    if to is None or not (to.active and access.allows(to, Permission.SUPPORT_VIEW)):
        return None
    name = bundle.name_of(vm)
    try:
        enclosed = Enclosure(name, *bundle.parts(vm, by=to)).fitted(delivery.channel)
    except Exception:
        # Whatever is wrong with the record, who asked for help because of it has to be heard.
        db.session.rollback()
        logger.exception("the bundle of a call for help could not be made")
        return Enclosure(name, left_out=enclosures.BROKEN)
    if enclosed.files:
        _note(delivery, vm, to)
    return enclosed


def _note(delivery: Delivery, vm: Vm, to: User) -> None:
    """Writes down once that it goes out, however often that is tried."""
    told = select(AuditEntry.detail).where(AuditEntry.vm_id == vm.id, AuditEntry.action == _SENT)
    if any(detail["delivery"] == str(delivery.id) for detail in db.session.scalars(told)):
        return
    about = {"email": to.email, "way": delivery.channel.value, "delivery": str(delivery.id)}
    with transaction():
        audit.record(_SENT, by=None, tenant_id=vm.tenant_id, vm_id=vm.id, detail=about)
