"""Support: a person asks for help with a VM; support is told, with its bundle."""

import hashlib

from portal.domain.people import access, notices
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.people.notices import Fact, Kind
from portal.domain.store import audit
from portal.domain.store.db import now, transaction
from portal.domain.store.errors import Refused
from portal.domain.vms import asked
from portal.domain.vms.models import Vm
from portal.translation import gettext

LONGEST = 2000


def ask(vm: Vm, said: str, *, by: User) -> None:
    """Tells support, as each of them chose to be told. The same words on one day are told once.

    What is sealed of the VM is taken out of the words. Raises Forbidden, Refused with the field.
    """
    access.require(by, Permission.SUPPORT_ASK, vm.tenant_id)
    said = said.strip()
    if not said:
        raise Refused(gettext("Say in a few words what you need."), field="said")
    if len(said) > LONGEST:
        raise Refused(gettext("Use at most %(num)s characters.", num=LONGEST), field="said")
    _, scrub = asked.of(vm)
    said = scrub(said)
    words = hashlib.sha256(said.encode()).hexdigest()[:16]
    key = f"{Kind.SUPPORT_ASKED} {vm.id} {by.id} {now():%Y-%m-%d} {words}"
    with transaction():
        facts = {"who": by.name, "email": by.email, "name": vm.name, "said": said}
        notices.tell(Fact(Kind.SUPPORT_ASKED, key, vm.id, vm.tenant_id, facts))
        audit.record("vm.support_asked", by=by, tenant_id=vm.tenant_id, vm_id=vm.id, detail={"said": said})
