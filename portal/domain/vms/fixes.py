"""Fixes: what would let a failed launch work, by its cause; each begins a draft that is still filled."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import select

from portal.domain.catalog import catalog, shelf
from portal.domain.catalog.hot import Role
from portal.domain.catalog.models import Flavor, Image
from portal.domain.catalog.shelf import Offering
from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import Refused
from portal.domain.tenants import tenants
from portal.domain.vms import answers, explain, lifecycle, particulars, quotas
from portal.domain.vms.explain import Fix
from portal.domain.vms.lifecycle import Event
from portal.domain.vms.models import LaunchDraft, Vm
from portal.translation import gettext

__all__ = ["Fix", "Offer", "begin", "offered"]


@dataclass(frozen=True)
class Offer:
    """One fix as it would be tried: in words, the part of the launch that it changes, and to what."""

    fix: Fix
    words: str
    role: Role
    value: str


def offered(vm: Vm, user: User) -> list[Offer]:
    """The fixes that fit the failure and can be had now. Only for who launched it: the answers are theirs."""
    if vm.owner_id != user.id or not vm.failure or not lifecycle.allows(vm, Event.RETRY):
        return []
    if not access.allows(user, Permission.VM_LAUNCH, vm.tenant_id) or not _draft(vm):
        return []
    try:
        offering = shelf.get(vm.offering)
    except shelf.NoSuchTemplate:
        return []
    asked = answers.names_by_role(offering)
    found = (_FINDERS[fix](vm, offering) for fix in explain.failure(vm.failure).fixes)
    return [offer for offer in found if offer and offer.role in asked]


def begin(vm: Vm, fix: Fix, *, by: User) -> LaunchDraft:
    """A draft with all answers of the failed launch but the fixed one. Raises Forbidden, Refused."""
    access.require(by, Permission.VM_LAUNCH, vm.tenant_id)
    offer = next((each for each in offered(vm, by) if each.fix is fix), None)
    old = _draft(vm)
    if offer is None or old is None:
        raise Refused(gettext("This can't be tried any more. Look what the VM's page offers now."))
    offering, moment = shelf.get(vm.offering), now()
    roles = answers.names_by_role(offering)
    draft = LaunchDraft(
        id=uuid4(),
        user_id=by.id,
        tenant_id=vm.tenant_id,
        offering=vm.offering,
        answers={},
        created_at=moment,
        updated_at=moment,
        replaces_id=vm.id,
    )
    given = answers.of(old) | {
        roles[Role.NAME]: vm.name,
        particulars.COUNT: "1",
        roles[offer.role]: offer.value,
    }
    for name, value in answers.columns(draft, offering, given).items():
        setattr(draft, name, value)
    with transaction():
        db.session.add(draft)
    return draft


def _draft(vm: Vm) -> LaunchDraft | None:
    """What the VM was made from last."""
    return db.session.get(LaunchDraft, vm.draft_id or vm.client_request_id)


def _sizes(vm: Vm, offering: Offering) -> list[Flavor]:
    """The other sizes that fit template, image and quota, smallest first; without GPUs unless it had some."""
    wanted = (vm.spec.get("image") or {}).get("id")
    image = next((one for one in catalog.images(vm.tenant_id) if one.os_id == wanted), None)
    lines = quotas.lines(vm.tenant, of=vm.owner_id, but=vm.id)
    left = {line.name: line.left for line in lines}
    return [
        flavor
        for flavor in catalog.flavors(vm.tenant_id)
        if flavor.os_id != _had(vm)["id"]
        and not catalog.too_small(flavor, offering, image)
        and flavor.gpus <= _had(vm)["gpus"]
        and all(getattr(flavor, name) <= left[name] for name in ("vcpus", "ram_mib", "gpus"))
    ]


def _had(vm: Vm) -> Mapping[str, Any]:
    """The size that the VM was launched with."""
    return vm.spec.get("flavor") or {"id": "", "vcpus": 0, "ram_mib": 0, "disk_gib": 0, "gpus": 0}


def _size(fix: Fix, flavors: Sequence[Flavor]) -> Offer | None:
    first = next(iter(flavors), None)
    return (
        Offer(fix, gettext("Try again with the size %(name)s", name=first.name), Role.FLAVOR, first.os_id)
        if first
        else None
    )


def _smaller(vm: Vm, offering: Offering) -> Offer | None:
    """The largest of those that take no more of anything."""
    had = _had(vm)
    found = [
        flavor
        for flavor in _sizes(vm, offering)
        if flavor.vcpus <= had["vcpus"]
        and flavor.ram_mib <= had["ram_mib"]
        and (flavor.vcpus, flavor.ram_mib) != (had["vcpus"], had["ram_mib"])
    ]
    return _size(Fix.SMALLER, found[::-1])


def _more(fix: Fix, column: str) -> Callable[[Vm, Offering], Offer | None]:
    """The smallest of those that have more of it."""

    def find(vm: Vm, offering: Offering) -> Offer | None:
        sizes = _sizes(vm, offering)
        return _size(fix, [flavor for flavor in sizes if getattr(flavor, column) > _had(vm)[column]])

    return find


def _another_size(vm: Vm, offering: Offering) -> Offer | None:
    """The one that is nearest to what is gone, and no smaller where there is one."""
    had, sizes = _had(vm), _sizes(vm, offering)
    enough = [each for each in sizes if each.vcpus >= had["vcpus"] and each.ram_mib >= had["ram_mib"]]
    return _size(Fix.SIZE, enough or sizes[::-1])


def _image(vm: Vm, offering: Offering) -> Offer | None:
    """The newest other image for the template, of the same system where there is one."""
    gone = vm.spec.get("image") or {}
    distro = db.session.scalar(
        select(Image.os_distro).where(Image.tenant_id == vm.tenant_id, Image.os_id == gone.get("id"))
    )
    others = [one for one in catalog.images_for(vm.tenant_id, offering) if one.os_id != gone.get("id")]
    first = next(iter(sorted(others, key=lambda one: one.os_distro != distro)), None)
    if first is None:
        return None
    return Offer(
        Fix.IMAGE, gettext("Try again with the image %(name)s", name=first.name), Role.IMAGE, first.os_id
    )


def _network(vm: Vm, _offering: Offering) -> Offer | None:
    """Another network of the tenant, one with a way out where a public address is wanted."""
    had = (vm.spec.get("network") or {}).get("id")
    for one in tenants.networks(vm.tenant_id):
        if one.network_id != had and (one.gives_floating_ips or not vm.spec.get("floating_ip")):
            words = gettext("Try again on the network %(name)s", name=one.name)
            return Offer(Fix.NETWORK, words, Role.NETWORK, one.network_id)
    return None


def _no_address(vm: Vm, _offering: Offering) -> Offer | None:
    if not vm.spec.get("floating_ip"):
        return None
    return Offer(Fix.NO_ADDRESS, gettext("Try again without a public address"), Role.FLOATING_IP, "false")


_FINDERS: dict[Fix, Callable[[Vm, Offering], Offer | None]] = {
    Fix.SMALLER: _smaller,
    Fix.MORE_DISK: _more(Fix.MORE_DISK, "disk_gib"),
    Fix.MORE_MEMORY: _more(Fix.MORE_MEMORY, "ram_mib"),
    Fix.SIZE: _another_size,
    Fix.IMAGE: _image,
    Fix.NETWORK: _network,
    Fix.NO_ADDRESS: _no_address,
}
