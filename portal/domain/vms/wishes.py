"""Wishes: the changes that a VM's own template allows, each with what it means for Heat and for the quota."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from sqlalchemy import select

from portal.domain.catalog import catalog, conditions, hot, shelf
from portal.domain.catalog.hot import Parameter, Role, Template
from portal.domain.catalog.models import Flavor, Image
from portal.domain.catalog.shelf import Offering
from portal.domain.people.models import User
from portal.domain.store import vault
from portal.domain.store.db import db
from portal.domain.store.errors import Refused
from portal.domain.tenants import networks, tenants
from portal.domain.vms import changes, kept, offers, presets, quotas
from portal.domain.vms.answers import ONLY_SOME
from portal.domain.vms.changes import Wish
from portal.domain.vms.models import ChangeKind, Vm
from portal.domain.vms.offers import Offer
from portal.domain.vms.provisioning import sealed_place
from portal.translation import N_, gettext


def template_of(vm: Vm) -> Template:
    """The template that the VM was launched with."""
    return _read(vm.template)


# A page and its panel ask again and again.
_read = lru_cache(maxsize=64)(hot.read)


def parameters(vm: Vm) -> dict[str, Any]:
    """The parameters of the VM's stack, defaults for those that weren't given. Raises Refused."""
    try:
        given: dict[str, Any] = json.loads(vault.unseal(vm.sealed, place=sealed_place(vm.id)))
    except vault.Unsealable as error:
        raise Refused(gettext("What the VM was launched with can't be opened. %(why)s", why=error)) from error
    defaults = {one.name: one.default for one in template_of(vm).parameters if one.has_default}
    return defaults | given


def can(vm: Vm, role: Role) -> bool:
    """Whether the VM's template has a parameter of this part."""
    return template_of(vm).filled_by(role) is not None


def sizes(vm: Vm) -> list[Offer[Flavor]]:
    """The sizes of the tenant's cloud beside the one it has, those that can be had first."""
    lines = quotas.lines(vm.tenant, of=vm.owner_id)
    found = [
        Offer(flavor, _why_not(vm, flavor, lines))
        for flavor in catalog.flavors(vm.tenant_id)
        if flavor.os_id != (vm.spec.get("flavor") or {}).get("id")
    ]
    return sorted(found, key=lambda size: bool(size.why))


def quota(vm: Vm, flavor_id: str, *, for_: User) -> list[quotas.Line]:
    """The tenant's limits, and what the VM would take with this flavor beyond what it has, or give back."""
    flavor = next((one for one in catalog.flavors(vm.tenant_id) if one.os_id == flavor_id), None)
    asked = _more(vm, flavor) if flavor else None
    return quotas.lines(vm.tenant, asked, of=for_.id if for_.id == vm.owner_id else None)


def resize(vm: Vm, flavor_id: str) -> Wish:
    """The VM with another flavor. Raises Refused."""
    size = next((size for size in sizes(vm) if size.thing.os_id == flavor_id), None)
    if size is None:
        raise Refused(gettext("Choose another size than it has."), field="flavor")
    if size.why:
        raise Refused(
            gettext("%(name)s can't be had. %(why)s", name=size.thing.name, why=size.why), field="flavor"
        )
    flavor = size.thing
    now = (vm.spec.get("flavor") or {}).get("name", "another size")
    return _wish(
        vm,
        ChangeKind.RESIZE,
        kept.SIZE % {"old": now, "new": flavor.name},
        {name_of(vm, Role.FLAVOR): flavor.os_id},
        amount=replace(_like(vm), vcpus=flavor.vcpus, ram_mib=flavor.ram_mib, gpus=flavor.gpus),
        spec={"flavor": flavor_facts(flavor)},
    )


def firewalls(vm: Vm) -> list[tuple[str, str]]:
    """The firewall presets of the VM's template: (value, words)."""
    parameter = template_of(vm).parameter(presets.FIREWALL)
    return [(value, say(vm, parameter, value)) for value in parameter.choices] if parameter else []


def preset_of(vm: Vm) -> str:
    """The firewall that an admin chose for the VM's network; empty: its people choose."""
    network = networks.find(vm.tenant_id, (vm.spec.get("network") or {}).get("id", ""))
    return presets.of(template_of(vm), network)


def fixed(vm: Vm) -> str:
    """Why the VM keeps the firewall that it has; empty: there is something to change. Raises Refused."""
    chosen = preset_of(vm)
    if not chosen or (chosen == ONLY_SOME and can(vm, Role.SSH_FROM)):
        return ""
    is_so = parameters(vm).get(presets.FIREWALL) == chosen
    return presets.explain(dict(firewalls(vm))[chosen]) if is_so else ""


def firewall(vm: Vm, preset: str, ssh_from: str = "") -> Wish:
    """The VM behind another firewall; `ssh_from` counts where its template knows it. Raises Refused."""
    template = template_of(vm)
    parameter = template.parameter(presets.FIREWALL)
    if parameter is None or preset not in parameter.choices:
        raise Refused(gettext("Choose one of the firewalls."), field="firewall")
    if (chosen := preset_of(vm)) not in ("", preset):
        raise Refused(presets.explain(say(vm, parameter, chosen)), field="firewall")
    wanted: dict[str, Any] = {presets.FIREWALL: preset}
    source = template.filled_by(Role.SSH_FROM)
    if source and ssh_from and preset == ONLY_SOME:
        checked = template.validate({source.name: presets.source(ssh_from)}, partial=True)
        if checked.errors:
            raise Refused(checked.errors[source.name], field="ssh_from")
        wanted[source.name] = checked.values[source.name]
    said = say(vm, parameter, preset)
    spec = {"answers": {parameter.label: said}}
    return _wish(vm, ChangeKind.FIREWALL, kept.FIREWALL % {"firewall": said}, wanted, spec=spec)


def address(vm: Vm, *, wanted: bool) -> Wish:
    """The VM with or without a floating IP. Raises Refused."""
    if wanted and (words := no_address(vm)):
        raise Refused(words)
    kind = ChangeKind.ATTACH if wanted else ChangeKind.DETACH
    words = N_("A public address") if wanted else kept.NO_ADDRESS % {"address": vm.public_ip}
    amount = replace(_like(vm), floating_ips=int(wanted))
    given = {name_of(vm, Role.FLOATING_IP): wanted}
    template, known = template_of(vm), parameters(vm)
    external = template.filled_by(Role.EXTERNAL_NETWORK)
    if wanted and external and not known.get(external.name):
        raise Refused(gettext("It was launched without a way out of its network."))
    resources = conditions.resources_made(template, known | given)
    return _wish(vm, kind, words, given, amount=amount, spec={"floating_ip": wanted, "resources": resources})


def no_address(vm: Vm) -> str:
    """Why the VM can't have a floating IP; empty: it can."""
    if not can(vm, Role.FLOATING_IP):
        return gettext("Its template has no floating IP.")
    mine = (vm.spec.get("network") or {}).get("id")
    network = next((one for one in tenants.networks(vm.tenant_id) if one.network_id == mine), None)
    if network is None or not network.gives_floating_ips:
        return gettext("Its network gives no floating IPs.")
    return ""


def addresses(vm: Vm) -> quotas.Line:
    """How many floating IPs the tenant holds, and would with one more."""
    lines = quotas.lines(vm.tenant, quotas.Amount(floating_ips=1), of=vm.owner_id)
    return next(line for line in lines if line.name == "floating_ips")


def rename(vm: Vm, name: str) -> Wish:
    """The VM's server under another name. Raises Refused."""
    return _wish(vm, ChangeKind.RENAME, kept.SERVER_NAME % {"name": name}, {name_of(vm, Role.NAME): name})


def name_of(vm: Vm, role: Role) -> str:
    """The name of the parameter that plays this part in the VM's template. Raises Refused."""
    parameter = template_of(vm).filled_by(role)
    if parameter is None:
        raise Refused(gettext("The VM's template doesn't let this be changed."))
    return parameter.name


def offering_of(vm: Vm) -> Offering | None:
    """What the VM was launched from, if it still is there."""
    try:
        return shelf.get(vm.offering, hidden=True)
    except shelf.NoSuchTemplate:
        return None


def say(vm: Vm, parameter: Parameter, value: object) -> str:
    """A parameter's value in the words of the shelf, as far as it has any."""
    offering = offering_of(vm)
    return offering.say(parameter, value) if offering else parameter.as_text(value)


def flavor_facts(flavor: Flavor) -> dict[str, Any]:
    """What pages show of a VM's size."""
    return {
        "id": flavor.os_id,
        "name": flavor.name,
        "vcpus": flavor.vcpus,
        "ram_mib": flavor.ram_mib,
        "disk_gib": flavor.disk_gib,
        "gpus": flavor.gpus,
    }


def _wish(
    vm: Vm,
    kind: ChangeKind,
    title: str,
    wanted: Mapping[str, Any],
    *,
    amount: quotas.Amount | None = None,
    spec: Mapping[str, Any] | None = None,
) -> Wish:
    known = parameters(vm)
    before = {name: known.get(name, "") for name in wanted}
    if before == dict(wanted):
        raise Refused(gettext("It is so already."))
    return Wish(kind, title, wanted, before, amount or _like(vm), spec or {})


def _like(vm: Vm) -> quotas.Amount:
    return changes.held(vm)


def _more(vm: Vm, flavor: Flavor) -> quotas.Amount:
    has, names = _like(vm), ("vcpus", "ram_mib", "gpus")
    return quotas.Amount(**{name: getattr(flavor, name) - getattr(has, name) for name in names})


def _why_not(vm: Vm, flavor: Flavor, lines: Sequence[quotas.Line]) -> str:
    has = vm.spec.get("flavor") or {}
    if 0 < flavor.disk_gib < has.get("disk_gib", 0):
        facts = {"has": has["disk_gib"], "wanted": flavor.disk_gib}
        return gettext("Its disk of %(has)s GiB can't shrink to %(wanted)s GiB.", **facts)
    offering, image = offering_of(vm), _image(vm)
    if offering and (words := catalog.too_small(flavor, offering, image)):
        return words
    return offers.shortage(lines, _more(vm, flavor))


def _image(vm: Vm) -> Image | None:
    wanted = (vm.spec.get("image") or {}).get("id")
    return db.session.scalar(select(Image).where(Image.tenant_id == vm.tenant_id, Image.os_id == wanted))
