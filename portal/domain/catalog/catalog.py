"""The catalogue: what a tenant's cloud offers, refreshed behind the pages."""

import logging
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from portal.domain.catalog import shelf
from portal.domain.catalog.models import Flavor, Image
from portal.domain.catalog.shelf import Offering
from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store import audit, wake
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import DomainError
from portal.domain.tenants import ceilings, circuits, clouds, counts, networks
from portal.domain.tenants.models import KEPT, Tenant
from portal.openstack import glance, nova
from portal.openstack.cloud import Cloud
from portal.openstack.errors import OpenStackError
from portal.translation import gettext, number

logger = logging.getLogger(__name__)

EVERY = timedelta(minutes=10)
AFTER_TROUBLE = timedelta(minutes=1)
_LEASE = timedelta(minutes=2)


def templates(search: str = "", tenant: Tenant | None = None) -> list[Offering]:
    """What is on the shelf, in its order; for a tenant only what its members may use."""
    wanted = search.strip().lower()
    return [
        offering
        for offering in shelf.templates()
        if wanted in f"{offering.name} {offering.title} {offering.summary}".lower()
        and (tenant is None or offering.is_for(tenant.name))
    ]


def images(tenant_id: UUID, search: str = "", distro: str = "") -> list[Image]:
    """The images of the tenant's cloud, newest version first within a system."""
    found = db.session.scalars(select(Image).where(Image.tenant_id == tenant_id, Image.gone.is_(False)))
    wanted = search.strip().lower()
    return sorted(
        (
            image
            for image in found
            if wanted in f"{image.name} {image.os_distro} {image.os_version} {image.os_id}".lower()
            and distro in ("", image.os_distro)
        ),
        key=lambda image: (image.os_distro or "~", _newest_first(image.os_version), image.name),
    )


def distros(tenant_id: UUID) -> list[str]:
    """The operating systems among the images."""
    return sorted({image.os_distro for image in images(tenant_id) if image.os_distro})


def family(flavor: Flavor) -> str:
    """What the names of sizes of one kind begin with, such as m1."""
    return re.split(r"[.\-_ ]", flavor.name)[0]


def families(tenant_id: UUID) -> list[str]:
    """The families of the tenant's sizes, those with the smallest first."""
    return list(dict.fromkeys(family(flavor) for flavor in flavors(tenant_id)))


def flavors(tenant_id: UUID, search: str = "", *, gpus: bool = False) -> list[Flavor]:
    """The sizes of the tenant's cloud, smallest first; `gpus`: only those with one."""
    found = db.session.scalars(select(Flavor).where(Flavor.tenant_id == tenant_id, Flavor.gone.is_(False)))
    wanted = search.strip().lower()
    return sorted(
        (
            flavor
            for flavor in found
            if wanted in f"{flavor.name} {flavor.os_id}".lower() and (flavor.gpus or not gpus)
        ),
        key=lambda flavor: (flavor.gpus, flavor.vcpus, flavor.ram_mib, flavor.disk_gib, flavor.name),
    )


def images_for(tenant_id: UUID, offering: Offering) -> list[Image]:
    """The images that suit the offering; all of them where none bears its system's name."""
    everything = images(tenant_id)
    if not offering.image_filter:
        return everything
    wanted = offering.image_filter.lower()
    suited = [image for image in everything if wanted in f"{image.os_distro} {image.name}".lower()]
    return suited or everything


def too_small(flavor: Flavor, offering: Offering, image: Image | None) -> str | None:
    """Why this size can't carry the offering and the image, in plain words; None: it can."""
    min_ram = max(offering.min_ram_mib, image.min_ram_mib if image else 0)
    min_disk = max(offering.min_disk_gib, image.min_disk_gib if image else 0)
    if offering.gpu and not flavor.gpus:
        return gettext("It has no GPU.")
    if flavor.vcpus < offering.min_vcpus:
        return gettext(
            "It has %(has)s vCPU; %(needed)s are needed.", has=flavor.vcpus, needed=offering.min_vcpus
        )
    if flavor.ram_mib < min_ram:
        return gettext(
            "It has %(has)s of memory; %(needed)s are needed.", has=_gib(flavor.ram_mib), needed=_gib(min_ram)
        )
    # A disk of 0 means that the flavor takes the image's own size.
    if flavor.disk_gib and flavor.disk_gib < min_disk:
        return gettext(
            "It has %(has)s GiB of disk; %(needed)s are needed.", has=flavor.disk_gib, needed=min_disk
        )
    return None


def _gib(mib: int) -> str:
    return f"{number(mib / 1024)} GiB" if mib >= 1024 and mib % 512 == 0 else f"{mib} MiB"


def ask_refresh(tenant: Tenant, *, by: User) -> None:
    """Has the cloud looked at soon."""
    access.require(by, Permission.CATALOG_REFRESH, tenant.id)
    with transaction():
        db.session.execute(update(Tenant).where(Tenant.id == tenant.id).values(catalog_due_at=now()))
        audit.record("catalog.refresh_asked", by=by, tenant_id=tenant.id)
    wake.catalog(tenant.id)


def due() -> Sequence[UUID]:
    """The tenants whose catalogue should be looked at."""
    return db.session.scalars(select(Tenant.id).where(Tenant.catalog_due_at <= now(), KEPT)).all()


def refresh(tenant_id: UUID) -> bool:
    """Mirrors what the tenant's cloud offers and allows; False: not due, or somebody else does it.

    A cloud that doesn't answer leaves the tables as they were and says so on the pages.
    """
    with transaction():
        claimed = db.session.execute(
            update(Tenant)
            .where(Tenant.id == tenant_id, Tenant.catalog_due_at <= now())
            .values(catalog_due_at=now() + _LEASE)
        )
    if claimed.rowcount == 0:  # type: ignore[attr-defined]  # an UPDATE answers a CursorResult
        return False
    try:
        _mirror(tenant_id, clouds.of(tenant_id))
    except (OpenStackError, DomainError) as error:
        logger.warning("the catalogue could not be refreshed: %s", error, extra={"tenant_id": str(tenant_id)})
        counts.in_vain([tenant_id], error)
        _note(tenant_id, trouble=str(error), again=AFTER_TROUBLE)
    except Exception as error:
        words = f"The portal itself failed ({type(error).__name__}); an administrator can see why."
        _note(tenant_id, trouble=words, again=EVERY)
        raise
    else:
        circuits.heard(tenant_id)
    return True


def _mirror(tenant_id: UUID, cloud: Cloud) -> None:
    flavors_seen = [_flavor_facts(flavor) for flavor in cloud.nova.flavors()]
    images_seen = [
        _image_facts(image)
        for image in cloud.glance.images()
        if image.status == "active" and not image.hidden
    ]
    networks_seen, subnets_seen = cloud.neutron.networks(), cloud.neutron.subnets()
    project_id, limits = cloud.project_id, ceilings.read(cloud)
    with transaction():
        _merge(Flavor, tenant_id, flavors_seen)
        _merge(Image, tenant_id, images_seen)
        networks.mirror(tenant_id, networks_seen, subnets_seen)
        db.session.execute(
            update(Tenant)
            .where(Tenant.id == tenant_id)
            .values(
                catalog_checked_at=now(),
                catalog_trouble=None,
                catalog_due_at=now() + EVERY,
                project_id=project_id,
                cloud_limits=limits,
            )
        )


def _flavor_facts(flavor: nova.Flavor) -> dict[str, Any]:
    return {
        "os_id": flavor.id,
        "name": flavor.name,
        "vcpus": flavor.vcpus,
        "ram_mib": flavor.ram_mib,
        "disk_gib": flavor.disk_gib,
        "gpus": flavor.gpus,
        "extra_specs": dict(flavor.extra_specs),
    }


def _image_facts(image: glance.Image) -> dict[str, Any]:
    return {
        "os_id": image.id,
        "name": image.name,
        "os_distro": image.os_distro or "",
        "os_version": image.os_version or "",
        "admin_user": image.admin_user,
        "min_disk_gib": image.min_disk_gib,
        "min_ram_mib": image.min_ram_mib,
        "size_bytes": image.size_bytes or 0,
        "visibility": image.visibility,
        "made_at": image.created_at,
    }


def _merge(model: type[Flavor] | type[Image], tenant_id: UUID, seen: list[dict[str, Any]]) -> None:
    rows: Sequence[Any] = db.session.scalars(select(model).where(model.tenant_id == tenant_id)).all()
    known = {row.os_id: row for row in rows}
    for facts in seen:
        row = known.pop(facts["os_id"], None)
        if row is None:
            row = model(tenant_id=tenant_id)
            db.session.add(row)
        for name, value in facts.items():
            setattr(row, name, value)
        row.gone = False
    for row in known.values():
        row.gone = True


def _note(tenant_id: UUID, *, trouble: str, again: timedelta) -> None:
    with transaction():
        db.session.execute(
            update(Tenant)
            .where(Tenant.id == tenant_id)
            .values(catalog_trouble=trouble, catalog_due_at=now() + again)
        )


def _newest_first(version: str) -> tuple[int, ...]:
    """A key that puts 24.04 before 22.04."""
    return tuple(-int(part) for part in version.split(".") if part.isdigit()) or (1,)
