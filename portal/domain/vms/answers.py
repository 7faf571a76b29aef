"""Answers: what a draft holds as typed, which of it is kept sealed, and good ones to begin with."""

import json
import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from portal.domain.catalog import catalog, keys
from portal.domain.catalog.hot import Parameter, Role
from portal.domain.catalog.shelf import Offering
from portal.domain.people.models import User
from portal.domain.store import vault
from portal.domain.tenants import networks, tenants
from portal.domain.vms import names, particulars
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
    """Good answers to begin with: a free name, the newest image, the smallest size that fits, all keys.

    `picks` are what the person chose already.
    """
    images = catalog.images_for(tenant_id, offering)
    image = images[0] if images else None
    fitting = [
        flavor
        for flavor in catalog.flavors(tenant_id)
        if catalog.too_small(flavor, offering, image) is None and (offering.gpu or not flavor.gpus)
    ]
    profiles = tenants.networks(tenant_id)
    by_role: dict[Role, Any] = {
        Role.NAME: names.suggest(tenant_id),
        Role.IMAGE: image.os_id if image else "",
        Role.FLAVOR: fitting[0].os_id if fitting else "",
        Role.NETWORK: profiles[0].network_id if profiles else "",
        Role.SUBNET: next((subnet.id for subnet in networks.subnets(profiles)), ""),
        Role.SSH_KEYS: [str(key.id) for key in keys.of(by)],
    }
    by_role |= picks
    found = {name: by_role[role] for role, name in names_by_role(offering).items() if role in by_role}
    defaults = {
        parameter.name: parameter.as_text(parameter.default)
        for parameter in offering.template.asked
        if parameter.has_default and not parameter.hidden
    }
    return defaults | found | particulars.FIRST


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
    return parameter.role is not Role.SSH_FROM or typed.get("firewall", ONLY_SOME) == ONLY_SOME


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
