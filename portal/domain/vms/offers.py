"""Offers: what a launch may choose from, each with the reason where it can't be had."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from portal.domain.catalog import catalog
from portal.domain.catalog.models import Flavor, Image
from portal.domain.catalog.shelf import Offering
from portal.domain.people.models import User
from portal.domain.tenants import networks, tenants
from portal.domain.tenants.models import Tenant
from portal.domain.vms import particulars, quotas
from portal.domain.vms.review import Review, cost_of
from portal.translation import gettext

# What a smaller size takes less of.
OF_SIZES = {"vcpus", "ram_mib", "gpus"}
Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Offer(Generic[Thing]):
    """Something to choose; `why` says why it can't be had."""

    thing: Thing
    why: str = ""


def sizes(review: Review) -> list[Offer[Flavor]]:
    """The sizes of the tenant's cloud, those that can be had first, and why the others can't."""
    found = [Offer(flavor, _why_not(flavor, review)) for flavor in catalog.flavors(review.tenant.id)]
    return sorted(found, key=lambda offer: bool(offer.why))


def images(review: Review) -> list[Offer[Image]]:
    """The images that suit the template, and why one can't be had: no size carries it, or the quota none."""
    over = {flavor: _over(flavor, review) for flavor in catalog.flavors(review.tenant.id)}
    return [
        Offer(image, _without_size(image, review.offering, over))
        for image in catalog.images_for(review.tenant.id, review.offering)
    ]


def subnets(review: Review) -> list[networks.Choice]:
    """The subnets of the tenant's networks."""
    return networks.subnets(tenants.networks(review.tenant.id))


def no_address(review: Review) -> str:
    """Why this launch can't have a floating IP; empty when it can."""
    if words := networks.no_way_out(review.network):
        return words
    line = next(line for line in review.quota if line.name == "floating_ips")
    if line.room < review.told.count:
        return gettext("Your quota has %(left)s left of %(limit)s.", left=line.room, limit=line.limit)
    return ""


def of_tenant(tenant: Tenant, wanted: Mapping[str, str], *, for_: User) -> list[Offer[Flavor]]:
    """The sizes of its cloud, and why the quota has no room for one VM of them.

    `wanted`: words of the name (q), a family, only those with GPUs (gpus), only those that fit (fits).
    """
    lines = quotas.lines(tenant, of=for_.id)
    found = catalog.flavors(tenant.id, wanted.get("q", ""), gpus=bool(wanted.get("gpus")))
    offers = [
        Offer(flavor, shortage(lines, cost_of(flavor)))
        for flavor in found
        if wanted.get("family", "") in ("", catalog.family(flavor))
    ]
    return [offer for offer in offers if not (offer.why and wanted.get("fits"))]


def by_family(found: Sequence[Offer[Flavor]]) -> dict[str, list[Offer[Flavor]]]:
    """The sizes by what their names begin with, in the order in which each family is met first."""
    families: dict[str, list[Offer[Flavor]]] = {}
    for offer in found:
        families.setdefault(catalog.family(offer.thing), []).append(offer)
    return families


def templates(tenant: Tenant | None, image_id: str, flavor_id: str) -> list[Offer[Offering]]:
    """What is on the shelf, and why something of it doesn't go with the image or the size picked before."""
    if tenant is None:
        return [Offer(offering) for offering in catalog.templates()]
    image = next((one for one in catalog.images(tenant.id) if one.os_id == image_id), None)
    flavor = next((one for one in catalog.flavors(tenant.id) if one.os_id == flavor_id), None)
    return [Offer(one, _unsuited(one, tenant, image, flavor)) for one in catalog.templates(tenant=tenant)]


def picked(tenant: Tenant | None, picks: Mapping[str, str]) -> list[str]:
    """The names of the image, size and network of these ids in its cloud; what isn't there has none."""
    if tenant is None:
        return []
    names = {one.os_id: one.name for one in catalog.images(tenant.id)}
    names |= {one.os_id: one.name for one in catalog.flavors(tenant.id)}
    names |= {one.network_id: one.name for one in tenants.networks(tenant.id)}
    return [names[id_] for id_ in picks.values() if id_ in names]


def fitting(review: Review) -> list[str]:
    """The sizes that would still fit a launch over the quota; none where a smaller size is no help."""
    short = {line.name for line in review.quota if not line.fits}
    return [offer.thing.name for offer in sizes(review) if not offer.why] if short <= OF_SIZES else []


def most(review: Review) -> int:
    """How many such VMs the quota has room for; no more than are launched at once."""
    rooms: list[int] = [line.room // getattr(review.each, line.name) for line in review.quota if line.asked]
    return min([*rooms, particulars.MOST_AT_ONCE])


def shortage(lines: Sequence[quotas.Line], wanted: quotas.Amount) -> str:
    """Why the quota has no room for a size that takes so much more; empty: it has."""
    asked = [replace(line, asked=getattr(wanted, line.name)) for line in lines if line.name in OF_SIZES]
    short = [line for line in asked if not line.fits]
    return gettext("Over the quota (%(what)s).", what=quotas.shortage(short)) if short else ""


def _unsuited(offering: Offering, tenant: Tenant, image: Image | None, flavor: Flavor | None) -> str:
    if image and image.os_id not in {one.os_id for one in catalog.images_for(tenant.id, offering)}:
        return gettext("It is made for %(system)s.", system=str(offering.image_filter).capitalize())
    return (catalog.too_small(flavor, offering, image) or "") if flavor else ""


def _without_size(image: Image, offering: Offering, over: dict[Flavor, str]) -> str:
    able = [words for flavor, words in over.items() if catalog.too_small(flavor, offering, image) is None]
    if not able:
        return gettext("No size is large enough for it.") if over else ""
    return "" if "" in able else able[0]


def _why_not(flavor: Flavor, review: Review) -> str:
    return catalog.too_small(flavor, review.offering, review.image) or _over(flavor, review)


def _over(flavor: Flavor, review: Review) -> str:
    return shortage(review.quota, cost_of(flavor).times(review.told.count))
