"""Retrying: a failed VM tried again in its place, as it was launched or with something changed."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import update

from portal.domain.people.models import User
from portal.domain.store import wake
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import Refused
from portal.domain.vms import durations, launching, lifecycle, quotas, terms
from portal.domain.vms.lifecycle import Event
from portal.domain.vms.models import LaunchDraft, Vm
from portal.domain.vms.review import Review

_PARTS = {"flavor": "size", "image": "image", "network": "network"}


def afresh(vm: Vm) -> dict[str, Any]:
    """What a VM that is tried again forgets of its earlier attempt; that stack is removed first."""
    return {
        "failed_stack_id": vm.stack_id or vm.failed_stack_id,
        "stack_id": None,
        "stack_status": None,
        "create_sent_at": None,
        "delete_tries": 0,
        "failure": None,
        "requested_at": now(),
        "usual": durations.usual(vm.tenant, vm.offering, durations.size_of(vm.spec)).plain,
        "server_id": None,
        "private_ip": None,
        "public_ip": None,
    }


def again(draft: LaunchDraft, review: Review, *, by: User) -> Vm:
    """Tries the failed VM that the draft is about again, with all that the draft says.

    It stays the same VM: so it has at most one stack, and the quota counts it once. Raises Refused where it
    isn't failed any more, or is over the quota.
    """
    vm = db.session.get_one(Vm, draft.replaces_id)
    columns, tags = launching.renewed(draft, review, by)
    with transaction():
        db.session.refresh(vm)
        if vm.delete_by_id is None:  # what the end of its earlier lease had planned
            columns |= {"delete_due_at": None, "delete_cause": None}
        quotas.reserve(vm.tenant_id, review.cost, of=vm.owner_id, but=vm.id)
        terms.require(vm.tenant_id, review.told.lease_days)
        cause = f"Another try was asked for{_differences(vm.spec, columns['spec'])}."
        if not lifecycle.fire(vm, Event.RETRY, cause=cause, by=by, changes=afresh(vm) | columns):
            raise Refused(lifecycle.no_retry(vm))
        vm.tags = tags
        db.session.execute(update(LaunchDraft).where(LaunchDraft.id == draft.id).values(submitted_at=now()))
    wake.vm(vm.id)
    return vm


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """What is another now, such as “, with the size m1.small instead of m1.large”."""
    told = []
    for part, word in _PARTS.items():
        before, after = ((spec.get(part) or {}).get("name") for spec in (old, new))
        if before != after:
            told.append(f"the {word} {after or 'of the template'} instead of {before or 'none'}")
    if old.get("floating_ip") != new.get("floating_ip"):
        told.append("a public address" if new.get("floating_ip") else "no public address")
    return f", with {' and '.join(told)}" if told else ""
