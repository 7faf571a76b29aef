"""Launching: the rows of the VMs made from a reviewed draft, with what Heat will be given."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import inspect

from portal.domain.catalog import cloudinit, conditions, logins
from portal.domain.catalog.hot import Role
from portal.domain.people.models import User
from portal.domain.store import vault
from portal.domain.store.db import now
from portal.domain.vms import answers, durations, launches, marks, terms
from portal.domain.vms.models import LaunchDraft, State, Vm
from portal.domain.vms.provisioning import sealed_place
from portal.domain.vms.review import Review

# What stays when a failed VM is tried again; its state is the lifecycle's.
_LASTING = {"id", "tenant_id", "owner_id", "client_request_id", "state", "state_since", "requested_at"}


def vms_of(draft: LaunchDraft, review: Review, by: User) -> list[Vm]:
    """The VMs that the draft becomes; not in the database yet. The first one's request id is the draft's."""
    size = review.flavor.name if review.flavor else ""
    usual = durations.usual(review.tenant, review.offering.name, size)
    began = now()
    made = [_vm(number, draft, review, by, began) for number, _ in enumerate(review.names, 1)]
    for vm in made:
        vm.usual = usual.plain
    return made


def _vm(number: int, draft: LaunchDraft, review: Review, by: User, began: datetime) -> Vm:
    vm_id = id_of(draft, number)
    sent = parameters(number, draft, review, by)
    moment = began + timedelta(microseconds=number - 1)  # lists keep them in order by it
    lease_ends = review.told.lease_ends_at(began)
    return Vm(
        id=vm_id,
        tenant_id=draft.tenant_id,
        owner_id=draft.user_id,
        draft_id=draft.id,
        client_request_id=draft.id if number == 1 else uuid5(draft.id, f"request-{number}"),
        name=review.names[number - 1],
        description=review.told.description,
        tags=list(review.told.tags),
        lease_ends_at=lease_ends,
        lease_warn_at=terms.warned_from(began, lease_ends) if lease_ends else None,
        lease_stage=0,
        state=State.REQUESTED,
        state_since=moment,
        requested_at=moment,
        offering=review.offering.name,
        image_name=review.image.name if review.image else None,
        spec=_spec(review, sent),
        template=review.offering.template.text,
        sealed=vault.seal(json.dumps(sent).encode(), place=sealed_place(vm_id)),
        vcpus=review.each.vcpus,
        ram_mib=review.each.ram_mib,
        gpus=review.each.gpus,
        floating_ips=review.each.floating_ips,
    )


def renewed(draft: LaunchDraft, review: Review, by: User) -> tuple[dict[str, Any], list[str]]:
    """What another try of a failed VM changes: columns, and its tags. Who it is and whose stays."""
    made = vms_of(draft, review, by)[0]
    tags = list(made.tags)
    columns = {column.key for column in inspect(Vm).column_attrs} - _LASTING
    return {name: value for name, value in vars(made).items() if name in columns}, tags


def id_of(draft: LaunchDraft, number: int) -> UUID:
    """The id of the draft's VM of this number, known before: the review shows what will be sent."""
    return draft.replaces_id or launches.id_of(draft.id, number)


def parameters(number: int, draft: LaunchDraft, review: Review, by: User) -> dict[str, Any]:
    """The HOT parameters of the VM of this number, as Heat gets them."""
    public_keys = [key.public_key for key in review.keys]
    by_role: dict[Role, Any] = {
        Role.METADATA: {
            marks.SERVER: str(id_of(draft, number)),
            "portal_tenant": str(draft.tenant_id),
            "portal_owner": by.email,
        },
        Role.SSH_KEYS: public_keys,
        Role.NAME: review.names[number - 1],
        Role.FLOATING_IP: review.floating_ip,
    }
    if review.image:
        by_role[Role.IMAGE] = review.image.os_id
    if review.flavor:
        by_role[Role.FLAVOR] = review.flavor.os_id
    if review.network:
        by_role[Role.NETWORK] = review.network.network_id
        by_role[Role.EXTERNAL_NETWORK] = review.network.external_network_id or ""
    subnet = review.offering.template.filled_by(Role.SUBNET)
    if subnet and review.subnet and not subnet.has_default:
        by_role[Role.SUBNET] = review.subnet.id
    role = answers.names_by_role(review.offering)
    if Role.USER_DATA in role:
        own = str(review.typed.get(role[Role.USER_DATA]) or "")
        by_role[Role.USER_DATA] = cloudinit.compose(own, public_keys)
    filled = {role[kind]: value for kind, value in by_role.items() if kind in role}
    known = {parameter.name for parameter in review.offering.template.parameters}
    return {name: value for name, value in (dict(review.values) | filled).items() if name in known}


def _spec(review: Review, sent: Mapping[str, Any]) -> dict[str, Any]:
    """What pages may show of the launch: no user data, nothing hidden."""
    image, flavor, network = review.image, review.flavor, review.network
    secret = answers.secret_names(review.offering)
    return {
        "title": review.offering.title,
        # What the names of those that were launched together begin with.
        "together": f"{review.name}-" if review.told.count > 1 else "",
        "login": logins.user_of(review.offering, image),
        "serves": review.offering.serves,
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
            parameter.label: review.offering.say(parameter, sent.get(parameter.name, ""))
            for parameter in review.offering.template.asked
            if parameter.name not in secret and answers.matters(parameter, review.typed)
        },
        "resources": conditions.resources_made(review.offering.template, sent),
    }
