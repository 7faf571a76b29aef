"""Drafts: a launch being put together. Keeps every answer as typed, says what is wrong, becomes one VM."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from portal.domain.catalog import catalog, cloudinit, keys, shelf
from portal.domain.catalog.hot import Parameter, Role
from portal.domain.catalog.models import Flavor, Image, SshKey
from portal.domain.catalog.shelf import Offering
from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store import vault, wake
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import DomainError, NotFound, Refused
from portal.domain.tenants import tenants
from portal.domain.tenants.models import NetworkProfile, Tenant
from portal.domain.vms import lifecycle, names, quotas
from portal.domain.vms.models import LaunchDraft, State, Vm
from portal.domain.vms.provisioning import sealed_place

# Answers that may hold secrets are kept sealed: user data, and whatever a template declares hidden.
_SECRET_ROLES = {Role.USER_DATA}


class Incomplete(DomainError):
    """The draft can't be launched yet; `problems` has a message per field."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("Some answers need another look.")
        self.problems = problems


@dataclass(frozen=True)
class Review:
    """A draft with its answers resolved: what was chosen, what it costs, and what is wrong, by field."""

    offering: Offering
    values: Mapping[str, Any]
    image: Image | None
    flavor: Flavor | None
    network: NetworkProfile | None
    keys: Sequence[SshKey]
    floating_ip: bool
    cost: quotas.Amount
    quota: Sequence[quotas.Line]
    typed: Mapping[str, Any] = field(repr=False)
    problems: Mapping[str, str]

    def problems_of(self, fields: Sequence[str]) -> dict[str, str]:
        """The problems of one wizard step."""
        return {name: self.problems[name] for name in fields if name in self.problems}


def start(offering_name: str, *, by: User, tenant: Tenant) -> LaunchDraft:
    """A new draft with good first answers. Raises shelf.NoSuchTemplate."""
    access.require(by, Permission.VM_LAUNCH, tenant.id)
    offering = shelf.get(offering_name)
    draft = LaunchDraft(user_id=by.id, tenant_id=tenant.id, offering=offering_name)
    draft.answers = _first_answers(offering, tenant.id, by)
    with transaction():
        db.session.add(draft)
    return draft


def get(draft_id: UUID, *, for_: User) -> LaunchDraft:
    """The person's own draft. Raises NotFound."""
    draft = db.session.get(LaunchDraft, draft_id)
    if draft is None or draft.user_id != for_.id or draft.tenant_id not in for_.tenant_ids:
        raise NotFound("You have no such draft.")
    return draft


def open_of(user: User) -> list[LaunchDraft]:
    """The person's drafts that were not launched, newest first."""
    return list(
        db.session.scalars(
            select(LaunchDraft)
            .where(LaunchDraft.user_id == user.id, LaunchDraft.submitted_at.is_(None))
            .order_by(LaunchDraft.updated_at.desc())
            .limit(20)
        )
    )


def answer(draft: LaunchDraft, answers: Mapping[str, Any], *, by: User) -> None:
    """Keeps the answers as typed, right or wrong; `check` says what is wrong with them."""
    if draft.user_id != by.id:
        raise NotFound("You have no such draft.")
    secret_names = _secret_names(shelf.get(draft.offering))
    open_answers = {name: value for name, value in answers.items() if name not in secret_names}
    secrets = {name: value for name, value in answers.items() if name in secret_names}
    merged_secrets = _secrets(draft) | secrets
    sealed = vault.seal(json.dumps(merged_secrets).encode(), place=_place(draft)) if merged_secrets else None
    with transaction():
        db.session.execute(
            update(LaunchDraft)
            .where(LaunchDraft.id == draft.id, LaunchDraft.submitted_at.is_(None))
            .values(answers=draft.answers | open_answers, sealed=sealed, updated_at=now())
        )
    db.session.refresh(draft)


def discard(draft: LaunchDraft, *, by: User) -> None:
    """Throws the draft away, unless it was launched."""
    if draft.user_id != by.id:
        raise NotFound("You have no such draft.")
    with transaction():
        found = db.session.get(LaunchDraft, draft.id)
        if found and found.submitted_at is None:
            db.session.delete(found)


def values(draft: LaunchDraft) -> dict[str, Any]:
    """All answers as typed, the sealed ones too: for the form of the person who typed them."""
    return draft.answers | _secrets(draft)


def check(draft: LaunchDraft) -> Review:
    """What the answers mean and what is wrong with them. Raises shelf.NoSuchTemplate."""
    offering = shelf.get(draft.offering)
    tenant = db.session.get_one(Tenant, draft.tenant_id)
    typed, role = values(draft), _names_by_role(offering)
    problems: dict[str, str] = {}

    def chosen(wanted: Role, choices: Sequence[Any], key: str, missing: str) -> Any:
        name = role.get(wanted)
        if name is None:
            return None
        found = next((choice for choice in choices if getattr(choice, key) == typed.get(name)), None)
        if found is None:
            problems[name] = missing
        return found

    image = chosen(
        Role.IMAGE, catalog.images(tenant.id), "os_id", "Choose an image; this one is not offered."
    )
    flavor = chosen(
        Role.FLAVOR, catalog.flavors(tenant.id), "os_id", "Choose a size; this one is not offered."
    )
    network = chosen(
        Role.NETWORK, tenants.networks(tenant.id), "network_id", "Choose a network; this one is not offered."
    )
    if flavor and (words := catalog.too_small(flavor, offering, image)):
        problems[role[Role.FLAVOR]] = f"{flavor.name} is too small. {words}"
    floating_ip = _is_yes(typed.get(role.get(Role.FLOATING_IP, ""), ""))
    if floating_ip and network and not network.external_network_id:
        problems[role[Role.FLOATING_IP]] = "This network has no way out, so it can't have a floating IP."
    problems |= _name_problem(draft, role, typed) | _user_data_problem(role, typed)
    checked = offering.template.validate(
        {
            parameter.name: str(typed[parameter.name])
            for parameter in offering.template.parameters
            if parameter.role is Role.ANSWER and typed.get(parameter.name) is not None
        }
    )
    cost = _cost(flavor, floating_ip=floating_ip)
    lines = quotas.lines(tenant, cost)
    if short := [line for line in lines if not line.fits]:
        problems["quota"] = quotas.explain(short)
    return Review(
        offering=offering,
        values=checked.values,
        image=image,
        flavor=flavor,
        network=network,
        keys=keys.chosen(draft.user_id, list(typed.get(role.get(Role.SSH_KEYS, ""), []) or [])),
        floating_ip=floating_ip,
        cost=cost,
        quota=lines,
        typed=typed,
        problems=problems | dict(checked.errors),
    )


def submit(draft_id: UUID, *, by: User) -> Vm:
    """Makes the VM of this draft, once: again, or in parallel, answers the same VM.

    Raises NotFound, Incomplete (a message per field), Refused (quota), shelf.NoSuchTemplate.
    """
    draft = get(draft_id, for_=by)
    if made := _made_from(draft):
        return made
    access.require(by, Permission.VM_LAUNCH, draft.tenant_id)
    review = check(draft)
    if review.problems:
        raise Incomplete(review.problems)
    vm = _vm(draft, review, by)
    try:
        with transaction():
            quotas.reserve(draft.tenant_id, review.cost)
            lifecycle.born(vm, by=by)
            db.session.execute(
                update(LaunchDraft).where(LaunchDraft.id == draft.id).values(submitted_at=now())
            )
    except (IntegrityError, Refused):
        # A twin of this click won: its VM is the answer, also where the twin took the last of the quota.
        if made := _made_from(draft):
            return made
        raise
    wake.vm(vm.id)
    return vm


def _made_from(draft: LaunchDraft) -> Vm | None:
    return db.session.scalar(
        select(Vm).where(Vm.tenant_id == draft.tenant_id, Vm.client_request_id == draft.id)
    )


def _vm(draft: LaunchDraft, review: Review, by: User) -> Vm:
    vm_id, role = uuid4(), _names_by_role(review.offering)
    parameters = _parameters(vm_id, draft, review, by)
    return Vm(
        id=vm_id,
        tenant_id=draft.tenant_id,
        owner_id=draft.user_id,
        client_request_id=draft.id,
        name=str(review.typed[role[Role.NAME]]).strip(),
        state=State.REQUESTED,
        state_since=now(),
        requested_at=now(),
        offering=review.offering.name,
        spec=_spec(review, parameters),
        template=review.offering.template.text,
        sealed=vault.seal(json.dumps(parameters).encode(), place=sealed_place(vm_id)),
        vcpus=review.cost.vcpus,
        ram_mib=review.cost.ram_mib,
        gpus=review.cost.gpus,
        floating_ips=review.cost.floating_ips,
    )


def _parameters(vm_id: UUID, draft: LaunchDraft, review: Review, by: User) -> dict[str, Any]:
    """The HOT parameters as Heat gets them."""
    public_keys = [key.public_key for key in review.keys]
    by_role: dict[Role, Any] = {
        Role.METADATA: {
            "portal_vm": str(vm_id),
            "portal_tenant": str(draft.tenant_id),
            "portal_owner": by.email,
        },
        Role.SSH_KEYS: public_keys,
    }
    role = _names_by_role(review.offering)
    by_role[Role.NAME] = str(review.typed[role[Role.NAME]]).strip()
    if review.image:
        by_role[Role.IMAGE] = review.image.os_id
    if review.flavor:
        by_role[Role.FLAVOR] = review.flavor.os_id
    if review.network:
        by_role[Role.NETWORK] = review.network.network_id
        by_role[Role.EXTERNAL_NETWORK] = review.network.external_network_id or ""
    by_role[Role.FLOATING_IP] = review.floating_ip
    if Role.USER_DATA in role:
        by_role[Role.USER_DATA] = cloudinit.compose(
            str(review.typed.get(role[Role.USER_DATA]) or ""), public_keys
        )
    return dict(review.values) | {role[kind]: value for kind, value in by_role.items() if kind in role}


def _spec(review: Review, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What pages may show of the launch: no user data, nothing hidden."""
    image, flavor, network = review.image, review.flavor, review.network
    secret = _secret_names(review.offering)
    return {
        "title": review.offering.title,
        "login": review.offering.login,
        "image": {"id": image.os_id, "name": image.name} if image else None,
        "flavor": {
            "id": flavor.os_id,
            "name": flavor.name,
            "vcpus": flavor.vcpus,
            "ram_mib": flavor.ram_mib,
            "disk_gib": flavor.disk_gib,
            "gpus": flavor.gpus,
        }
        if flavor
        else None,
        "network": {"id": network.network_id, "name": network.name} if network else None,
        "floating_ip": review.floating_ip,
        "keys": [key.name for key in review.keys],
        "answers": {
            parameter.label or parameter.name: str(parameters.get(parameter.name, ""))
            for parameter in review.offering.template.parameters
            if parameter.role is Role.ANSWER and parameter.name not in secret
        },
        "resources": list(review.offering.template.resources_made(parameters)),
    }


def _first_answers(offering: Offering, tenant_id: UUID, by: User) -> dict[str, Any]:
    """Good answers to begin with: a free name, the newest image, the smallest size that fits, all keys."""
    images = catalog.images_for(tenant_id, offering)
    image = images[0] if images else None
    fitting = [
        flavor
        for flavor in catalog.flavors(tenant_id)
        if catalog.too_small(flavor, offering, image) is None and (offering.gpu or not flavor.gpus)
    ]
    networks = tenants.networks(tenant_id)
    by_role: dict[Role, Any] = {
        Role.NAME: names.suggest(tenant_id),
        Role.IMAGE: image.os_id if image else "",
        Role.FLAVOR: fitting[0].os_id if fitting else "",
        Role.NETWORK: networks[0].network_id if networks else "",
        Role.SSH_KEYS: [str(key.id) for key in keys.of(by)],
    }
    first = {name: by_role[kind] for kind, name in _names_by_role(offering).items() if kind in by_role}
    for parameter in offering.template.parameters:
        if parameter.role is Role.ANSWER and parameter.has_default and not parameter.hidden:
            first[parameter.name] = _as_typed(parameter)
    return first


def _as_typed(parameter: Parameter) -> str:
    default = parameter.default
    if isinstance(default, bool):
        return "true" if default else "false"
    if isinstance(default, (dict, list)):
        return json.dumps(default) if parameter.type == "json" else ",".join(map(str, default))
    return str(default)


def _names_by_role(offering: Offering) -> dict[Role, str]:
    """The parameter that plays each well-known part in this template."""
    return {
        parameter.role: parameter.name
        for parameter in offering.template.parameters
        if parameter.role is not Role.ANSWER
    }


def _secret_names(offering: Offering) -> set[str]:
    return {
        parameter.name
        for parameter in offering.template.parameters
        if parameter.hidden or parameter.role in _SECRET_ROLES
    }


def _name_problem(draft: LaunchDraft, role: Mapping[Role, str], typed: Mapping[str, Any]) -> dict[str, str]:
    field_name = role[Role.NAME]
    words = names.problem(draft.tenant_id, str(typed.get(field_name) or ""))
    return {field_name: words} if words else {}


def _user_data_problem(role: Mapping[Role, str], typed: Mapping[str, Any]) -> dict[str, str]:
    name = role.get(Role.USER_DATA)
    text = str(typed.get(name) or "") if name else ""
    if not name or not text.strip():
        return {}
    try:
        cloudinit.check(text)
    except cloudinit.Mistake as mistake:
        return {name: str(mistake)}
    return {}


def _cost(flavor: Flavor | None, *, floating_ip: bool) -> quotas.Amount:
    if flavor is None:
        return quotas.Amount(vms=1, floating_ips=int(floating_ip))
    return quotas.Amount(1, flavor.vcpus, flavor.ram_mib, flavor.gpus, int(floating_ip))


def _is_yes(text: object) -> bool:
    return bool(re.fullmatch(r"(?i)t|true|on|y|yes|1", str(text).strip()))


def _secrets(draft: LaunchDraft) -> dict[str, Any]:
    if draft.sealed is None:
        return {}
    opened: dict[str, Any] = json.loads(vault.unseal(draft.sealed, place=_place(draft)))
    return opened


def _place(draft: LaunchDraft) -> str:
    return f"launch_drafts.sealed/{draft.id}"
