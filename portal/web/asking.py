"""Asking: the field for each parameter of a template, by what it is for, its type and its constraints."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from portal.domain.catalog import cloudinit
from portal.domain.catalog.hot import Parameter, Role
from portal.domain.vms import answers, offers, particulars, presets, terms
from portal.domain.vms.drafts import Review
from portal.translation import N_, gettext, translated
from portal.web import filters
from portal.web.fields import Question

# A field of one line holds as much; longer defaults get an area.
ONE_LINE = 120
MANY = 5

_WIDGETS = {
    Role.NAME: "name",
    Role.IMAGE: "images",
    Role.FLAVOR: "sizes",
    Role.NETWORK: "networks",
    Role.SUBNET: "select",
    Role.FLOATING_IP: "public",
    Role.SSH_KEYS: "keys",
    Role.USER_DATA: "user_data",
}
_TYPED = frozenset({"text", "area", "json", "secret"})
# Where a template has no parameter of its own, or words of little help to people.
_LABELS = {
    Role.NAME: N_("Name"),
    Role.SSH_KEYS: N_("SSH keys"),
    Role.FLOATING_IP: N_("Public address"),
}
_HELP = {
    Role.NAME: N_("Also its host name: letters, digits and hyphens."),
    Role.SSH_KEYS: N_("They may sign in."),
}
_LEASE_HELP = N_("You are told before it ends; then the VM is stopped, and deleted later.")


@dataclass(frozen=True)
class Asker:
    """Makes questions of a draft's parameters."""

    review: Review
    insist: bool

    def role(self, role: Role) -> list[Question]:
        """The question that settles a well-known part; none where the template has no use for it."""
        name = answers.names_by_role(self.review.offering).get(role)
        if name is None:
            return []
        parameter = self.review.offering.template.parameter(name)
        value, problem = self.review.typed.get(name), self.problem(name)
        return [
            Question(
                name=name,
                widget=_WIDGETS[role],
                label=_LABELS.get(role) or (parameter.label if parameter else name),
                help=_HELP.get(role) or (parameter.description if parameter else ""),
                value=answers.is_yes(value) if role is Role.FLOATING_IP else value,
                problem=problem,
                line=cloudinit.mistaken_line(str(value)) if problem and role is Role.USER_DATA else 0,
                attributes={"maxlength": 53, "required": "required"} if role is Role.NAME else {},
            )
        ]

    def count(self) -> Question:
        """How many VMs."""
        limits = {"min": 1, "max": particulars.MOST_AT_ONCE, "step": 1, "required": "required"}
        help = gettext(
            "At most %(num)s. More than one are named name-1, name-2, …", num=particulars.MOST_AT_ONCE
        )
        told = self._told(particulars.COUNT, "number", gettext("How many"), help, limits)
        # Blank it is wrong at once: it wasn't when one came.
        return replace(told, problem=self.review.problems.get(told.name, ""))

    def more(self) -> list[Question]:
        """What few people want to say."""
        help = " ".join(filter(None, (translated(_LEASE_HELP), terms.rule(self.review.tenant))))
        lease = self._told(particulars.LEASE, "radios", gettext("Lease"), help)
        days = particulars.leases(self.review.tenant.longest_lease_days)
        return [
            self._told(
                particulars.DESCRIPTION,
                "area",
                gettext("Description"),
                gettext("What it is for."),
                {"maxlength": 500},
            ),
            self._told(
                particulars.TAGS,
                "text",
                gettext("Tags"),
                gettext("Short words to find it by, such as: web course-7"),
            ),
            replace(lease, optional=False, choices=[(str(each), _days(each)) for each in days]),
        ]

    def _told(
        self, name: str, widget: str, label: str, help: str, attributes: Mapping[str, Any] | None = None
    ) -> Question:
        value = self.review.typed.get(name, particulars.FIRST[name])
        return Question(
            name=name,
            widget=widget,
            label=label,
            help=help,
            value=value,
            problem=self.problem(name),
            optional=name != particulars.COUNT,
            attributes=attributes or {},
        )

    def subnet(self) -> list[Question]:
        """Which subnet, where the template has one and no network."""
        if not answers.asks_subnet(self.review.offering):
            return []
        choices = [(one.id, f"{one.profile.name}: {one.cidr}") for one in offers.subnets(self.review)]
        return [replace(one, choices=choices) for one in self.role(Role.SUBNET)]

    def parameter(self, parameter: Parameter) -> Question:
        """The question for one parameter that a person answers."""
        if parameter.role is Role.USER_DATA:
            return self.role(Role.USER_DATA)[0]
        name, choices = parameter.name, self.review.offering.choices(parameter)
        value = self.review.typed.get(name)
        widget = _widget(parameter, value, choices)
        rule = parameter.constraint("range") or parameter.constraint("length")
        return Question(
            name=name,
            widget=widget,
            label=parameter.label,
            help=parameter.description or (rule.rule if rule else ""),
            value=_shown(widget, value),
            problem=self.problem(name),
            optional=parameter.has_default and widget in _TYPED and not parameter.default,
            attributes=_attributes(parameter) if widget in _TYPED | {"number"} else {},
            choices=choices,
        )

    def problem(self, name: str) -> str:
        typed = self.review.typed.get(name)
        return self.review.problems.get(name, "") if self.insist or typed else ""


def _days(days: int) -> str:
    return filters.plural(days, "day", "days") if days else "none"


def _widget(parameter: Parameter, value: Any, choices: Sequence[tuple[str, str]]) -> str:
    if parameter.role is Role.SSH_FROM:
        return "cidr"
    if parameter.type == "boolean":
        return "switch"
    if choices:
        return _picked_by(parameter, len(choices))
    if parameter.hidden:
        return "secret"
    if parameter.type == "number" and _is_number(value):
        return "number"
    is_long = len(str(parameter.default or "")) > ONE_LINE
    return "json" if parameter.type == "json" else "area" if is_long else "text"


def _picked_by(parameter: Parameter, count: int) -> str:
    if parameter.name == presets.FIREWALL:
        return "firewall"
    if parameter.type == "comma_delimited_list":
        return "boxes"
    return "radios" if count <= MANY else "select"


def _shown(widget: str, value: Any) -> Any:
    if widget == "switch":
        return answers.is_yes(value)
    if widget == "boxes":
        return str(value or "").split(",")
    return "" if value is None else value


def _is_number(value: Any) -> bool:
    """Whether a number field can show it; a browser shows anything else as nothing at all."""
    return value in (None, "") or re.fullmatch(r"-?\d+(\.\d+)?(e\d+)?", str(value)) is not None


def _attributes(parameter: Parameter) -> dict[str, Any]:
    """The constraints as far as HTML has words for them. The server judges in any case."""
    found: dict[str, Any] = {} if parameter.has_default else {"required": "required"}
    if parameter.type == "number":
        found |= {"step": "any", "inputmode": "decimal"}
    names = {"range": ("min", "max"), "length": ("minlength", "maxlength")}
    for one in parameter.constraints:
        if one.kind in names and (one.kind == "range" or parameter.type == "string"):
            found |= dict(zip(names[one.kind], one.detail, strict=True))
        if one.kind == "modulo":
            found["step"] = one.detail[0]
    return {name: value for name, value in found.items() if value is not None}
