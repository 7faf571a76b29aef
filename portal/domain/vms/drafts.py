"""Drafts: a launch being put together. Keeps every answer as typed, says what is wrong, becomes VMs, once."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from portal.domain.catalog import shelf
from portal.domain.catalog.hot import Role
from portal.domain.catalog.models import Flavor
from portal.domain.catalog.shelf import Offering
from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store import wake
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import DomainError, NotFound, Refused
from portal.domain.tenants.models import Tenant
from portal.domain.vms import answers, launching, lifecycle, quotas, retrying, terms
from portal.domain.vms.models import LaunchDraft, Vm
from portal.domain.vms.review import QUOTA, WHOLE, Review, check
from portal.translation import gettext

__all__ = [
    "WHOLE",
    "Changed",
    "Incomplete",
    "LaunchDraft",
    "Launched",
    "Review",
    "Waiting",
    "answer",
    "change",
    "check",
    "digest",
    "discard",
    "edit",
    "get",
    "open_of",
    "start",
    "submit",
    "values",
    "waiting",
]

values = answers.of


class Incomplete(DomainError):
    """The draft can't be launched yet; `problems` has a message per field."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(gettext("Some answers need another look."))
        self.problems = problems


class Changed(DomainError):
    """The draft says something else by now than what the person was shown."""

    def __init__(self) -> None:
        super().__init__(gettext("This was changed elsewhere meanwhile. Look at it again before you launch."))


class Launched(DomainError):
    """The draft became a VM already, or several, so there is nothing to edit; `vm` is the first."""

    def __init__(self, vm: Vm) -> None:
        super().__init__(gettext("This was launched already."))
        self.vm = vm


@dataclass(frozen=True)
class Waiting:
    """A draft as a list says it: the title of its template, its size (empty: none), and whose it becomes."""

    draft: LaunchDraft
    title: str
    size: str
    tenant: Tenant


def start(
    offering_name: str, *, by: User, tenant: Tenant, picks: Mapping[Role, str] | None = None
) -> LaunchDraft:
    """A new draft with what was picked and good first answers. Raises shelf.NoSuchTemplate."""
    access.require(by, Permission.VM_LAUNCH, tenant.id)
    offering = _offering(offering_name, tenant)
    moment = now()
    draft = LaunchDraft(
        user_id=by.id, tenant_id=tenant.id, offering=offering_name, created_at=moment, updated_at=moment
    )
    draft.answers = answers.first(offering, tenant.id, by, picks or {})
    with transaction():
        db.session.add(draft)
    return draft


def get(draft_id: UUID, *, for_: User) -> LaunchDraft:
    """The person's own draft. Raises NotFound."""
    draft = db.session.get(LaunchDraft, draft_id)
    if draft is None or draft.user_id != for_.id or draft.tenant_id not in for_.tenant_ids:
        raise NotFound(gettext("You have no such draft."))
    return draft


def edit(draft_id: UUID, *, for_: User) -> LaunchDraft:
    """The person's own draft while it can be changed. Raises NotFound, or Launched once it is a VM."""
    draft = get(draft_id, for_=for_)
    if made := _made_from(draft):
        raise Launched(made)
    return draft


def open_of(user: User) -> list[LaunchDraft]:
    """The person's drafts that hold an answer of theirs and were not launched, newest first."""
    return list(
        db.session.scalars(
            select(LaunchDraft)
            .where(
                LaunchDraft.user_id == user.id,
                LaunchDraft.submitted_at.is_(None),
                LaunchDraft.updated_at != LaunchDraft.created_at,
            )
            .order_by(LaunchDraft.updated_at.desc())
            .limit(20)
        )
    )


def waiting(user: User) -> list[Waiting]:
    """The same, as a list says them."""
    offerings = {each.name: each for each in shelf.templates(hidden=True)}
    return [_waiting(draft, offerings.get(draft.offering)) for draft in open_of(user)]


def _waiting(draft: LaunchDraft, offering: Offering | None) -> Waiting:
    """`offering` None: it is off the shelf."""
    tenant = db.session.get_one(Tenant, draft.tenant_id)
    if offering is None:
        return Waiting(draft, draft.offering, "", tenant)
    chosen = draft.answers.get(answers.names_by_role(offering).get(Role.FLAVOR, ""))
    size = select(Flavor.name).where(Flavor.tenant_id == tenant.id, Flavor.os_id == chosen)
    return Waiting(draft, offering.title, db.session.scalar(size) or "", tenant)


def answer(draft: LaunchDraft, given: Mapping[str, Any], *, by: User) -> None:
    """Keeps the answers as typed, right or wrong; `check` says what is wrong with them.

    Another network brings the firewall that an admin chose for it.
    """
    _own(draft, by)
    offering = shelf.get(draft.offering)
    _write(draft, **answers.columns(draft, offering, answers.settled(draft, offering, given)))


def change(draft: LaunchDraft, offering_name: str, *, by: User) -> None:
    """Goes on with another template; answers to what both ask are kept. Raises shelf.NoSuchTemplate."""
    _own(draft, by)
    offering = _offering(offering_name, db.session.get_one(Tenant, draft.tenant_id))
    first = answers.first(offering, draft.tenant_id, by)
    missing = {name: value for name, value in first.items() if not draft.answers.get(name)}
    missing |= answers.preset(offering, draft.tenant_id, draft.answers | missing)
    _write(draft, offering=offering_name, **answers.columns(draft, offering, missing))
    roles = answers.names_by_role(offering)
    picked = [roles[role] for role in (Role.IMAGE, Role.FLAVOR) if role in roles]
    if check(draft).problems_of(picked):
        _write(draft, **answers.columns(draft, offering, {name: first[name] for name in picked}))


def discard(draft: LaunchDraft, *, by: User) -> None:
    """Throws the draft away, unless it was launched."""
    _own(draft, by)
    with transaction():
        found = db.session.get(LaunchDraft, draft.id)
        if found and found.submitted_at is None:
            db.session.delete(found)


def digest(draft: LaunchDraft) -> str:
    """Another one once the draft says something else; it tells nothing of the sealed answers."""
    said = json.dumps([draft.offering, draft.answers], sort_keys=True).encode()
    return hashlib.sha256(said + (draft.sealed or b"")).hexdigest()


def submit(draft_id: UUID, *, by: User, shown: str | None = None) -> Vm:
    """Makes the VMs of this draft, all or none, once: again, or in parallel, answers the same first VM.

    `shown` is the digest of what the person was shown; None: nothing was.
    Raises NotFound, Changed, Incomplete (a message per field), Refused (quota), shelf.NoSuchTemplate.
    """
    draft = get(draft_id, for_=by)
    try:
        return _made_from(draft) or _launch(draft, by, shown)
    except (Changed, Incomplete, IntegrityError, Refused):
        # A twin of this click may have won: then its VM is the answer, also where it took the name or the
        # last of the quota.
        db.session.rollback()
        if made := _made_from(draft):
            return made
        raise


def _launch(draft: LaunchDraft, by: User, shown: str | None) -> Vm:
    access.require(by, Permission.VM_LAUNCH, draft.tenant_id)
    if shown not in (None, digest(draft)):
        raise Changed
    review = check(draft)
    if set(review.problems) == {QUOTA}:
        raise Refused(review.problems[QUOTA], field=QUOTA)
    if review.problems:
        raise Incomplete(review.problems)
    if draft.replaces_id:
        return retrying.again(draft, review, by=by)
    made = launching.vms_of(draft, review, by)
    with transaction():
        quotas.reserve(draft.tenant_id, review.cost, of=draft.user_id)
        terms.require(draft.tenant_id, review.told.lease_days)
        for vm in made:
            lifecycle.born(vm, by=by)
        db.session.execute(update(LaunchDraft).where(LaunchDraft.id == draft.id).values(submitted_at=now()))
    for vm in made:
        wake.vm(vm.id)
    return made[0]


def _offering(name: str, tenant: Tenant) -> Offering:
    found = shelf.get(name)
    if not found.is_for(tenant.name):
        words = gettext("There is no template “%(name)s” for %(tenant)s.", name=name, tenant=tenant.name)
        raise shelf.NoSuchTemplate(words)
    return found


def _own(draft: LaunchDraft, by: User) -> None:
    if draft.user_id != by.id:
        raise NotFound(gettext("You have no such draft."))


def _write(draft: LaunchDraft, **columns: Any) -> None:
    with transaction():
        db.session.execute(
            update(LaunchDraft)
            .where(LaunchDraft.id == draft.id, LaunchDraft.submitted_at.is_(None))
            .values(updated_at=now(), **columns)
        )
    db.session.refresh(draft)


def _made_from(draft: LaunchDraft) -> Vm | None:
    if draft.replaces_id:
        return db.session.get(Vm, draft.replaces_id) if draft.submitted_at else None
    return db.session.scalar(
        select(Vm).where(Vm.tenant_id == draft.tenant_id, Vm.client_request_id == draft.id)
    )
