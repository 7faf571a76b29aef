"""Ending: what came of a change, written once, with what the VM counts for in quotas from then on."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import update

from portal.domain.store import audit, vault, wake
from portal.domain.store.db import db, now, transaction
from portal.domain.vms import changes, verdicts
from portal.domain.vms.models import Change, ChangeKind, Vm
from portal.domain.vms.provisioning import sealed_place
from portal.translation import N_


def came_true(change: Change, vm: Vm, told: Mapping[str, object]) -> None:
    """The cloud has it: the VM's row says so, and its parameters are what a later change goes by."""
    with transaction():
        if not _ended(change, vm, done=True, answer=N_("Done.")):
            return
        place = sealed_place(vm.id)
        parameters = json.loads(vault.unseal(vm.sealed, place=place)) | change.wanted
        facts: dict[str, Any] = {
            "sealed": vault.seal(json.dumps(parameters).encode(), place=place),
            "spec": _merged(vm.spec, change.spec),
            "look_at": now(),
            **verdicts.outputs(told),
        }
        if change.kind is ChangeKind.REBUILD:
            facts["image_name"] = change.spec["image"]["name"]
        db.session.execute(
            update(Vm).where(Vm.id == vm.id).values(**facts).execution_options(synchronize_session=False)
        )
        changes.count(vm, change.amounts["after"])
    wake.tenant(vm.tenant_id)


def undone(change: Change, vm: Vm, why: str) -> None:
    """The VM is as it was."""
    with transaction():
        if _ended(change, vm, done=False, answer=why):
            changes.count(vm, change.amounts["before"])


def unknown(change: Change, vm: Vm, why: str) -> None:
    """Nobody knows how far it came: what it may take stays counted until the next change or the end."""
    with transaction():
        _ended(change, vm, done=False, answer=why)


def _ended(change: Change, vm: Vm, *, done: bool, answer: str) -> bool:
    """Whether it was us who ended it."""
    ended = db.session.execute(
        update(Change)
        .where(Change.id == change.id, Change.ended_at.is_(None))
        .values(ended_at=now(), due_at=None, done=done, answer=answer, trouble=None)
        .execution_options(synchronize_session=False)
    )
    if not ended.rowcount:  # type: ignore[attr-defined]  # an UPDATE answers a CursorResult
        return False
    if change.kind is ChangeKind.REBUILD:  # its power may be another now, and Nova has more to tell
        news = {"look_at": now(), "actions_due_at": now()}
        db.session.execute(update(Vm).where(Vm.id == vm.id).values(**news))
    action = "vm.changed" if done else "vm.change_failed"
    detail = {"what": change.title, "kind": change.kind.value} | ({} if done else {"why": answer})
    audit.record(action, by=None, tenant_id=vm.tenant_id, vm_id=vm.id, detail=detail)
    return True


def _merged(spec: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, Any]:
    """The spec with what is new; the answers to a template's questions one by one."""
    answers = {**spec.get("answers", {}), **news.get("answers", {})}
    return {**spec, **news, "answers": answers}
