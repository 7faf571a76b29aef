"""Rebuilds: the images that a VM's disk may be made anew from, and the wish for one of them.

All that is on the disk is lost by it, so whoever asks types the VM's name.
"""

from dataclasses import dataclass

from sqlalchemy import select

from portal.domain.catalog import catalog, disks, logins
from portal.domain.catalog.hot import Role
from portal.domain.catalog.models import Flavor, Image
from portal.domain.catalog.shelf import Offering
from portal.domain.people.models import User
from portal.domain.store.db import db
from portal.domain.store.errors import Refused
from portal.domain.vms import changes, kept, wishes
from portal.domain.vms.changes import Change, Wish
from portal.domain.vms.models import ChangeKind, Vm
from portal.translation import gettext, translated


@dataclass(frozen=True)
class Source:
    """An image that a VM's disk might be made anew from; `why` says why it can't, `is_own`: it has it now."""

    image: Image
    is_own: bool
    why: str = ""


def why_not(vm: Vm, user: User) -> str:
    """Why the person can't have this VM rebuilt now, in plain words; empty: they can."""
    return why_not_after(changes.latest(vm), vm, user)


def why_not_after(found: Change | None, vm: Vm, user: User) -> str:
    """The same for who knows already what `changes.latest` found."""
    why = changes.why_not_after(found, vm, user, ChangeKind.REBUILD)
    return why or _disk_stays(vm)


def sources(vm: Vm) -> list[Source]:
    """The images to choose from: the VM's own first, then those that its template allows, if they fit."""
    own = _own(vm)
    offering = wishes.offering_of(vm)
    found = [Source(one, is_own=True) for one in catalog.images(vm.tenant_id) if one.os_id == own]
    if offering and offering.is_for(vm.tenant.name):
        others = [one for one in catalog.images_for(vm.tenant_id, offering) if one.os_id != own]
        flavor = _flavor(vm)
        found += [Source(one, is_own=False, why=_too_large(flavor, one, offering)) for one in others]
    return sorted(found, key=lambda one: bool(one.why))


def seen(vm: Vm) -> str:
    """Which rebuild a page knows of; a form sent again once it is done is told by it. Empty: of none."""
    last = changes.last(vm, ChangeKind.REBUILD)
    return str(last.id) if last else ""


def rebuild(vm: Vm, image_id: str, *, typed: str, seen_last: str) -> Wish:
    """The VM with its disk made anew. Raises Refused.

    `typed` is the VM's name, `seen_last` what `seen` told when the page was made.
    """
    if why := _disk_stays(vm):
        raise Refused(why)
    source = next((one for one in sources(vm) if one.image.os_id == image_id), None)
    if source is None:
        raise Refused(gettext("Choose one of the images."), field="image")
    if source.why:
        raise Refused(
            gettext("%(name)s can't be had.", name=source.image.name) + f" {source.why}", field="image"
        )
    if typed.strip() != vm.name:
        raise Refused(
            gettext("Type %(name)s here to confirm that its disk may be wiped.", name=vm.name), field="typed"
        )
    last = changes.last(vm, ChangeKind.REBUILD)
    if seen_last != seen(vm) and not (last and last.is_open):
        raise Refused(
            gettext("It has been rebuilt since this page was opened. Look at it first."), field="typed"
        )
    return _wish(vm, source)


def _wish(vm: Vm, source: Source) -> Wish:
    image, parameter = source.image, wishes.name_of(vm, Role.IMAGE)
    offering = wishes.offering_of(vm)
    login = {"login": logins.user_of(offering, image)} if offering else {}
    return Wish(
        ChangeKind.REBUILD,
        (kept.REBUILD_AGAIN if source.is_own else kept.REBUILD) % {"image": image.name},
        {parameter: image.os_id},
        {parameter: wishes.parameters(vm).get(parameter, "")},
        changes.held(vm),
        spec={"image": {"id": image.os_id, "name": image.name}, **login},
    )


def _disk_stays(vm: Vm) -> str:
    """Why its disk can't be made anew; empty: it can."""
    why = disks.why_it_stays(vm.template)
    return translated(why) if why else ""


def _own(vm: Vm) -> str:
    """The id of the image that the VM's stack has."""
    return str((vm.spec.get("image") or {}).get("id", ""))


def _flavor(vm: Vm) -> Flavor | None:
    flavor_id = (vm.spec.get("flavor") or {}).get("id")
    return db.session.scalar(
        select(Flavor).where(Flavor.tenant_id == vm.tenant_id, Flavor.os_id == flavor_id)
    )


def _too_large(flavor: Flavor | None, image: Image, offering: Offering) -> str:
    """Why the VM's size doesn't carry the image; empty: it does, or nobody knows the size any more."""
    words = catalog.too_small(flavor, offering, image) if flavor else None
    return gettext("Its size is too small for it. %(why)s", why=words) if words else ""
