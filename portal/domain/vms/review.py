"""The review of a draft: what its answers mean, what the launch costs, and what is wrong, by field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from portal.domain.catalog import catalog, cloudinit, keys, shelf
from portal.domain.catalog.hot import Role
from portal.domain.catalog.models import Flavor, Image, SshKey
from portal.domain.catalog.shelf import Offering
from portal.domain.store.db import db
from portal.domain.tenants import networks, standing, tenants
from portal.domain.tenants.models import NetworkProfile, Tenant
from portal.domain.vms import answers, lifecycle, names, particulars, presets, quotas
from portal.domain.vms.models import LaunchDraft, Vm
from portal.domain.vms.particulars import Particulars
from portal.translation import N_, gettext, translated

QUOTA, TENANT, AGAIN = "quota", "tenant", "again"
# What is wrong with a choice, by what is chosen.
_MISSING = {
    "image": N_("Choose the image."),
    "size": N_("Choose the size."),
    "network": N_("Choose the network."),
    "subnet": N_("Choose the subnet."),
}
_GONE = {
    "image": N_("The image you chose is no longer offered by the cloud. Choose another."),
    "size": N_("The size you chose is no longer offered by the cloud. Choose another."),
    "network": N_("The network you chose is no longer offered by the cloud. Choose another."),
    "subnet": N_("The subnet you chose is no longer offered by the cloud. Choose another."),
}
# Problems of the launch as a whole, which no field of the wizard mends.
WHOLE = frozenset({QUOTA, TENANT, AGAIN})


@dataclass(frozen=True)
class Review:
    """A draft with its answers resolved: what was chosen, what each VM costs, and what is wrong, by field."""

    offering: Offering
    tenant: Tenant
    values: Mapping[str, Any]
    image: Image | None
    flavor: Flavor | None
    network: NetworkProfile | None
    subnet: networks.Choice | None
    keys: Sequence[SshKey]
    floating_ip: bool
    told: Particulars
    each: quotas.Amount
    quota: Sequence[quotas.Line]
    typed: Mapping[str, Any] = field(repr=False)
    problems: Mapping[str, str]

    @property
    def name(self) -> str:
        """The VM's name as typed."""
        return str(self.typed.get(answers.names_by_role(self.offering)[Role.NAME]) or "").strip()

    @property
    def needless(self) -> set[str]:
        """The questions whose answers don't count, as others were answered."""
        asked = self.offering.template.asked
        return {one.name for one in asked if not answers.matters(one, self.typed)}

    @property
    def preset(self) -> str:
        """The firewall that an admin chose for its network; empty: the person chooses."""
        return presets.of(self.offering.template, self.network)

    @property
    def cost(self) -> quotas.Amount:
        """What all of them need."""
        return self.each.times(self.told.count)

    @property
    def names(self) -> list[str]:
        """What the VMs will be called."""
        return names.numbered(self.name, self.told.count)

    def problems_of(self, fields: Sequence[str]) -> dict[str, str]:
        """The problems of one wizard step."""
        return {name: self.problems[name] for name in fields if name in self.problems}


def check(draft: LaunchDraft) -> Review:
    """What the answers mean and what is wrong with them. Raises shelf.NoSuchTemplate."""
    offering = shelf.get(draft.offering)
    tenant = db.session.get_one(Tenant, draft.tenant_id)
    typed, role = answers.of(draft), answers.names_by_role(offering)
    picks = _Picks(typed, role)
    image = picks.one(Role.IMAGE, catalog.images_for(tenant.id, offering), "os_id", "image")
    flavor = picks.one(Role.FLAVOR, catalog.flavors(tenant.id), "os_id", "size")
    network, subnet = _place(picks, offering, tenants.networks(tenant.id))
    floating_ip = answers.is_yes(typed.get(role.get(Role.FLOATING_IP, ""), ""))
    chosen_keys = keys.chosen(draft.user_id, list(typed.get(role.get(Role.SSH_KEYS, ""), []) or []))
    checked = offering.template.validate(_asked(offering, typed))
    told = picks.told(tenant)
    each = cost_of(flavor, floating_ip=floating_ip)
    lines = quotas.lines(tenant, each.times(told.count), of=draft.user_id, but=draft.replaces_id)
    return Review(
        offering=offering,
        tenant=tenant,
        values=checked.values,
        image=image,
        flavor=flavor,
        network=network,
        subnet=subnet,
        keys=chosen_keys,
        floating_ip=floating_ip,
        told=told,
        each=each,
        quota=lines,
        typed=typed,
        problems=picks.problems
        | _size_problem(role, flavor, offering, image)
        | _address_problem(role, network, wanted=floating_ip)
        | _firewall_problem(offering, network, checked.values)
        | _name_problem(draft, role, typed, told.count)
        | _user_data_problem(role, typed, chosen_keys)
        | _quota_problem(lines)
        | _tenant_problem(tenant, offering)
        | _again_problem(draft, told.count)
        | dict(checked.errors),
    )


@dataclass
class _Picks:
    """Looks up what was picked from the lists, and keeps what is wrong with it."""

    typed: Mapping[str, Any]
    role: Mapping[Role, str]
    problems: dict[str, str] = field(default_factory=dict)

    def one(self, wanted: Role, choices: Sequence[Any], key: str, noun: str) -> Any:
        """The choice that was made; None: none, or it is no longer offered, or the template doesn't ask."""
        name = self.role.get(wanted)
        if name is None:
            return None
        found = next((choice for choice in choices if getattr(choice, key) == self.typed.get(name)), None)
        if found is None and self.typed.get(name):
            self.problems[name] = translated(_GONE[noun])
        elif found is None:
            self.problems[name] = translated(_MISSING[noun])
        return found

    def told(self, tenant: Tenant) -> Particulars:
        """What the template doesn't ask."""
        told, wrong = particulars.check(self.typed, tenant.longest_lease_days)
        self.problems |= wrong
        return told


def _place(
    picks: _Picks, offering: Offering, profiles: Sequence[NetworkProfile]
) -> tuple[NetworkProfile | None, networks.Choice | None]:
    """The subnet that was picked and its network, where the template asks; else a network and its first."""
    if answers.asks_subnet(offering):
        subnet: networks.Choice | None = picks.one(Role.SUBNET, networks.subnets(profiles), "id", "subnet")
        return subnet.profile if subnet else None, subnet
    network = picks.one(Role.NETWORK, profiles, "network_id", "network")
    return network, next(iter(networks.subnets([network] if network else [])), None)


def _asked(offering: Offering, typed: Mapping[str, Any]) -> dict[str, str]:
    return {
        parameter.name: str(typed[parameter.name])
        for parameter in offering.template.asked
        if typed.get(parameter.name) is not None and answers.matters(parameter, typed)
    }


def _size_problem(
    role: Mapping[Role, str], flavor: Flavor | None, offering: Offering, image: Image | None
) -> dict[str, str]:
    words = catalog.too_small(flavor, offering, image) if flavor else None
    if flavor is None or not words:
        return {}
    return {role[Role.FLAVOR]: gettext("%(name)s is too small. %(why)s", name=flavor.name, why=words)}


def _address_problem(
    role: Mapping[Role, str], network: NetworkProfile | None, *, wanted: bool
) -> dict[str, str]:
    words = networks.no_way_out(network) if wanted else ""
    return {role[Role.FLOATING_IP]: words} if words else {}


def _quota_problem(lines: Sequence[quotas.Line]) -> dict[str, str]:
    short = [line for line in lines if not line.fits]
    return {QUOTA: quotas.explain(short)} if short else {}


def _tenant_problem(tenant: Tenant, offering: Offering) -> dict[str, str]:
    words = standing.refusal(tenant)
    if not offering.is_for(tenant.name):
        facts = {"title": translated(offering.title), "tenant": tenant.name}
        words = gettext("The template “%(title)s” is not for %(tenant)s. Choose another.", **facts)
    return {TENANT: words} if words else {}


def _again_problem(draft: LaunchDraft, count: int) -> dict[str, str]:
    """Another try of a failed VM is for that one, and only while it is failed."""
    vm = db.session.get(Vm, draft.replaces_id) if draft.replaces_id else None
    if vm is None:
        return {}
    if not lifecycle.allows(vm, lifecycle.Event.RETRY):
        return {AGAIN: lifecycle.no_retry(vm)}
    words = gettext("One VM is tried again: launch others by themselves.")
    return {particulars.COUNT: words} if count > 1 else {}


def _firewall_problem(
    offering: Offering, network: NetworkProfile | None, values: Mapping[str, Any]
) -> dict[str, str]:
    parameter, preset = offering.template.parameter(presets.FIREWALL), presets.of(offering.template, network)
    if parameter is None or not preset or values.get(parameter.name) == preset:
        return {}
    return {parameter.name: presets.explain(offering.say(parameter, preset))}


def _name_problem(
    draft: LaunchDraft, role: Mapping[Role, str], typed: Mapping[str, Any], count: int
) -> dict[str, str]:
    field_name = role[Role.NAME]
    words = names.problem(draft.tenant_id, str(typed.get(field_name) or ""), count, but=draft.replaces_id)
    return {field_name: words} if words else {}


def _user_data_problem(
    role: Mapping[Role, str], typed: Mapping[str, Any], chosen: Sequence[SshKey]
) -> dict[str, str]:
    name = role.get(Role.USER_DATA)
    text = str(typed.get(name) or "") if name else ""
    if not name or not text.strip():
        return {}
    try:
        cloudinit.check(text, [key.public_key for key in chosen])
    except cloudinit.Mistake as mistake:
        return {name: str(mistake)}
    return {}


def cost_of(flavor: Flavor | None, *, floating_ip: bool = False) -> quotas.Amount:
    """What one VM of this size needs."""
    if flavor is None:
        return quotas.Amount(vms=1, floating_ips=int(floating_ip))
    return quotas.Amount(1, flavor.vcpus, flavor.ram_mib, flavor.gpus, int(floating_ip))
