"""Answers: what a draft holds as typed, which of it is kept sealed, and good ones to begin with."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

from sqlalchemy import select

from portal.domain.catalog import catalog, keys, shelf
from portal.domain.catalog.hot import Parameter, Role
from portal.domain.catalog.models import Flavor, Image
from portal.domain.catalog.shelf import Offering
from portal.domain.people.models import User
from portal.domain.store import vault
from portal.domain.store.db import db
from portal.domain.tenants import networks, tenants
from portal.domain.tenants.models import Tenant
from portal.domain.vms import names, particulars, presets
from portal.domain.vms.models import LaunchDraft

# The firewall that lets SSH in from what the role SSH_FROM says.
ONLY_SOME = "mine"

# Answers that may hold secrets are kept sealed: user data, and whatever a template declares hidden.
_NO_PICKS: Mapping[Role, str] = {}
_SECRET_ROLES = frozenset({Role.USER_DATA})


def of(draft: LaunchDraft) -> dict[str, Any]:
    """All answers as typed, the sealed ones too: for the form of the person who typed them."""
    return draft.answers | _secrets(draft)


def columns(draft: LaunchDraft, offering: Offering, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the draft's row holds once these answers are added to it: secrets sealed, the others open."""
    secret = secret_names(offering)
    open_answers = {name: value for name, value in given.items() if name not in secret}
    secrets = _secrets(draft) | {name: value for name, value in given.items() if name in secret}
    sealed = vault.seal(json.dumps(secrets).encode(), place=_place(draft)) if secrets else None
    return {"answers": draft.answers | open_answers, "sealed": sealed}


def first(
    offering: Offering, tenant_id: UUID, by: User, picks: Mapping[Role, str] = _NO_PICKS
) -> dict[str, Any]:
    """Good answers to begin with: a free name, the newest image, the smallest size that fits, and the network
    and keys of last time, else the first network and all keys.

    `picks` are what the person chose already: the others go with them.
    """
    image, flavor = _machine(offering, tenant_id, picks)
    last = _last(tenant_id, by)
    profiles = tenants.networks(tenant_id)
    profiles = sorted(profiles, key=lambda one: one.network_id != last.get(Role.NETWORK))
    mine = [str(key.id) for key in keys.of(by)]
    by_role: dict[Role, Any] = {
        Role.NAME: names.suggest(tenant_id),
        Role.IMAGE: image.os_id if image else "",
        Role.FLAVOR: flavor.os_id if flavor else "",
        Role.NETWORK: profiles[0].network_id if profiles else "",
        Role.SUBNET: next((subnet.id for subnet in networks.subnets(profiles)), ""),
        Role.SSH_KEYS: [key for key in mine if key in last.get(Role.SSH_KEYS, [])] or mine,
    }
    by_role |= picks
    found = {name: by_role[role] for role, name in names_by_role(offering).items() if role in by_role}
    defaults = {
        parameter.name: parameter.as_text(parameter.default)
        for parameter in offering.template.asked
        if parameter.has_default and not parameter.hidden
    }
    longest = db.session.get_one(Tenant, tenant_id).longest_lease_days
    return defaults | found | particulars.first(longest) | preset(offering, tenant_id, found)


def preset(offering: Offering, tenant_id: UUID, typed: Mapping[str, Any]) -> dict[str, str]:
    """The firewall that the picked network has by an admin's choice; nothing: the person chooses."""
    picked = typed.get(_where(offering))
    found = (
        one.profile
        for one in networks.subnets(tenants.networks(tenant_id))
        if picked in (one.profile.network_id, one.id)
    )
    chosen = presets.of(offering.template, next(found, None))
    return {presets.FIREWALL: chosen} if chosen else {}


def settled(draft: LaunchDraft, offering: Offering, given: Mapping[str, Any]) -> dict[str, Any]:
    """The answers, with SSH's source as a network and the firewall that an admin chose for a new one."""
    place, source = _where(offering), names_by_role(offering).get(Role.SSH_FROM)
    found = {name: presets.source(value) if name == source else value for name, value in given.items()}
    if found.get(place) in (None, draft.answers.get(place)):
        return found
    return found | preset(offering, draft.tenant_id, found)


def _where(offering: Offering) -> str:
    """The parameter that says in which network: the network itself, or the subnet."""
    roles = names_by_role(offering)
    return roles.get(Role.NETWORK) or (roles[Role.SUBNET] if asks_subnet(offering) else "")


def _machine(
    offering: Offering, tenant_id: UUID, picks: Mapping[Role, str]
) -> tuple[Image | None, Flavor | None]:
    """The newest image and the smallest size that go together, and with what was picked of them."""
    images, flavors = catalog.images_for(tenant_id, offering), catalog.flavors(tenant_id)
    if wanted := picks.get(Role.IMAGE):
        images = [one for one in images if one.os_id == wanted]
    if wanted := picks.get(Role.FLAVOR):
        flavors = [one for one in flavors if one.os_id == wanted]
    elif not offering.gpu:
        flavors = [one for one in flavors if not one.gpus]
    able: list[Image | None] = [*images] or [None]
    pairs = ((image, flavor) for image in able for flavor in flavors)
    fitting = ((image, flavor) for image, flavor in pairs if not catalog.too_small(flavor, offering, image))
    return next(fitting, (next(iter(images), None), None))


def _last(tenant_id: UUID, by: User) -> Mapping[Role, Any]:
    """What the person's last launch in the tenant answered."""
    launched = (
        select(LaunchDraft)
        .where(LaunchDraft.user_id == by.id, LaunchDraft.tenant_id == tenant_id)
        .where(LaunchDraft.submitted_at.is_not(None))
    )
    draft = db.session.scalar(launched.order_by(LaunchDraft.submitted_at.desc()).limit(1))
    if draft is None:
        return {}
    with suppress(shelf.NoSuchTemplate):
        roles = names_by_role(shelf.get(draft.offering, hidden=True))
        return {role: draft.answers[name] for role, name in roles.items() if name in draft.answers}
    return {}


def names_by_role(offering: Offering) -> dict[Role, str]:
    """The parameter that plays each well-known part in this template.

    A VM has a name in any case, and SSH keys where the portal writes the user data: those are asked for too.
    """
    known = {
        parameter.role: parameter.name
        for parameter in offering.template.parameters
        if parameter.role is not Role.ANSWER
    }
    composed = {Role.SSH_KEYS: "ssh_keys"} if Role.USER_DATA in known else {}
    return {Role.NAME: "name"} | composed | known


def asks_subnet(offering: Offering) -> bool:
    """Whether a person picks a subnet: where no network says which, and no default does."""
    one = offering.template.filled_by(Role.SUBNET)
    return one is not None and not one.has_default and offering.template.filled_by(Role.NETWORK) is None


def matters(parameter: Parameter, typed: Mapping[str, Any]) -> bool:
    """Whether the answer counts: where SSH may come from does with the firewall that asks for it."""
    return parameter.role is not Role.SSH_FROM or typed.get(presets.FIREWALL, ONLY_SOME) == ONLY_SOME


def secret_names(offering: Offering) -> set[str]:
    """The parameters whose answers are never shown and are kept sealed."""
    return {
        parameter.name
        for parameter in offering.template.parameters
        if parameter.hidden or parameter.role in _SECRET_ROLES
    }


def is_yes(text: object) -> bool:
    """Whether an answer means yes, as Heat reads booleans."""
    return bool(re.fullmatch(r"(?i)t|true|on|y|yes|1", str(text).strip()))


def _secrets(draft: LaunchDraft) -> dict[str, Any]:
    if draft.sealed is None:
        return {}
    opened: dict[str, Any] = json.loads(vault.unseal(draft.sealed, place=_place(draft)))
    return opened


def _place(draft: LaunchDraft) -> str:
    return f"launch_drafts.sealed/{draft.id}"
