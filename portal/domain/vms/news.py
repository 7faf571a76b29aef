"""News: what people are told of VMs and of requests for more, in the transaction that makes it true."""

from collections.abc import Mapping
from typing import Any

from portal.domain.people import notices
from portal.domain.people.models import User
from portal.domain.people.notices import Fact, Kind
from portal.domain.store.db import db
from portal.domain.tenants.models import Answer, QuotaRequest, Tenant
from portal.domain.vms import explain, launches
from portal.domain.vms.models import State, Vm
from portal.translation import N_

# Facts that are kept, and said to each reader in their language.
_FAILED = {
    State.ACTIVE: N_("it is gone from the cloud"),
    State.DELETING: N_("it could not be deleted"),
}
_NEWS = {State.ACTIVE: Kind.VM_READY, State.ERROR: Kind.VM_FAILED}
_NOT_LAUNCHED = N_("the launch failed")
_ADDRESSES = ("public_ip", "private_ip")
_ANSWERS = {
    Answer.APPROVED: N_("granted"),
    Answer.CHANGED: N_("granted in part"),
    Answer.REFUSED: N_("refused"),
}


def moved(vm: Vm, columns: Mapping[str, Any]) -> None:
    """The VM gets these columns, a new state among them. Its owner is told where it is ready or failed.

    Of those launched together people are told once, webhooks of each.
    """
    state, moment = columns["state"], columns["state_since"].isoformat()
    launch_id = launches.of(vm)
    if state in _NEWS:
        kind = _NEWS[state]
        fact = Fact(kind, f"{kind} {vm.id} {moment}", vm.id, vm.tenant_id, _facts(vm, columns))
        tell = notices.tell_webhooks if launch_id else notices.tell
        tell(fact, to=[vm.owner])
    if launch_id and state is not State.PROVISIONING:
        launches.tell(launch_id, vm, f"launch {vm.id} {moment}", news=state in _NEWS)


def _facts(vm: Vm, columns: Mapping[str, Any]) -> dict[str, str]:
    if columns["state"] is State.ACTIVE:
        address = next(filter(None, (columns.get(each) for each in _ADDRESSES)), "")
        return {"name": vm.name, "address": address}
    cause = explain.kept_cause(columns.get("failure") or "")
    return {"name": vm.name, "what": _FAILED.get(vm.state, _NOT_LAUNCHED), "cause": cause}


def asked(request: QuotaRequest, *, by: User) -> None:
    """Somebody asks for more: whoever may give it is told."""
    facts = {"who": by.name, "tenant": _tenant(request), "reason": request.reason}
    notices.tell(
        Fact(Kind.QUOTA_ASKED, f"{Kind.QUOTA_ASKED} {request.id}", request.id, request.tenant_id, facts)
    )


def answered(request: QuotaRequest, answer: Answer, said: str) -> None:
    """The request has its answer: who asked is told."""
    facts = {"tenant": _tenant(request), "answer": _ANSWERS[answer], "said": said}
    key = f"{Kind.QUOTA_ANSWERED} {request.id}"
    notices.tell(Fact(Kind.QUOTA_ANSWERED, key, request.tenant_id, request.tenant_id, facts), to=[request.by])


def _tenant(request: QuotaRequest) -> str:
    return db.session.get_one(Tenant, request.tenant_id).name
