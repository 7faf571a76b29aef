"""Questions: the fields of the wizard, made from what the template's parameters ask for."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from werkzeug.datastructures import MultiDict

from portal.domain.catalog.hot import Group, Parameter, Role, Template
from portal.domain.vms import answers, drafts, particulars
from portal.domain.vms.drafts import Review
from portal.web import filters

MACHINE, ACCESS = "machine", "access"
# A field of one line holds as much; longer defaults get an area.
ONE_LINE = 120
MANY = 5

Form = MultiDict[str, str]


@dataclass(frozen=True)
class Question:
    """One field: how it is asked (`widget`), what was typed, and what is wrong with that."""

    name: str
    widget: str
    label: str
    help: str = ""
    value: Any = ""
    problem: str = ""
    optional: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)
    choices: Sequence[tuple[str, str]] = ()

    @property
    def id(self) -> str:
        return "q-" + re.sub(r"\W", "-", self.name)

    @property
    def errors(self) -> list[str]:
        return [self.problem] if self.problem else []

    def read(self, form: Form) -> dict[str, Any]:
        """What the form answers to this question; nothing where it leaves an earlier answer as it is."""
        if self.widget in _READS:
            return {self.name: _READS[self.widget](form, self.name)}
        given = form.get(self.name)
        if given is None or (self.widget == "secret" and not given):
            return {}
        return {self.name: given}


@dataclass(frozen=True)
class Section:
    """Questions that stand together under a heading."""

    title: str
    questions: Sequence[Question]
    text: str = ""
    folded: bool = False

    @property
    def is_open(self) -> bool:
        """Whether something in it was answered or is wrong, so that it is worth seeing at once."""
        return any(one.problem or one.value not in ("", "0") for one in self.questions)


_READS: Mapping[str, Callable[[Form, str], Any]] = {
    "keys": lambda form, name: form.getlist(name),
    "boxes": lambda form, name: ",".join(form.getlist(name)),
    "switch": lambda form, name: "true" if name in form else "false",
    "public": lambda form, name: "true" if name in form else "false",
}
_WIDGETS = {
    Role.NAME: "text",
    Role.IMAGE: "images",
    Role.FLAVOR: "sizes",
    Role.NETWORK: "networks",
    Role.SUBNET: "select",
    Role.FLOATING_IP: "public",
    Role.SSH_KEYS: "keys",
    Role.USER_DATA: "user_data",
}
# Where a template has no parameter of its own, or words of little help to people.
_LABELS = {Role.NAME: "Name", Role.SSH_KEYS: "SSH keys", Role.FLOATING_IP: "Public address"}
_HELP = {
    Role.NAME: "Also its host name: letters, digits and hyphens.",
    Role.SSH_KEYS: "They may sign in.",
}
_LEASE_HELP = "You are told before it ends; then the VM is stopped, and deleted later."
_ACCESS_ROLES = frozenset({Role.NETWORK, Role.FLOATING_IP, Role.SSH_KEYS})


def of_step(step: str, review: Review, *, insist: bool = False) -> list[Section]:
    """The fields of a step. What is still blank is complained about only with `insist`."""
    ask = _Asker(review, insist)
    if step == MACHINE:
        alone = (Role.NAME, Role.IMAGE, Role.FLAVOR)
        name, *found = [one for role in alone for one in ask.role(role)]
        return [Section("", [name, ask.count()]), *(Section(one.label, [one]) for one in found)]
    access, others = _groups(review.offering.template)
    reach = [*(ask.parameter(each) for each in access), *ask.role(Role.FLOATING_IP)]
    sections = [
        *(Section(one.label, [one]) for one in (*ask.role(Role.NETWORK), *ask.subnet())),
        *([Section("Access", reach)] if reach else []),
        *(Section(one.label, [one]) for one in ask.role(Role.SSH_KEYS)),
    ]
    for group, parameters in others:
        questions = [ask.parameter(each) for each in parameters]
        sections.append(Section(group.label or "Settings", questions, group.description))
    return [*sections, Section("More", ask.more(), folded=True)]


def asked(step: str, review: Review) -> list[Question]:
    """The questions of a step without their headings, with all that is wrong with them."""
    return [one for section in of_step(step, review, insist=True) for one in section.questions]


def step_of(name: str, review: Review) -> str:
    """The step on which this field is asked."""
    return MACHINE if name in {one.name for one in asked(MACHINE, review)} else ACCESS


def read(sections: Sequence[Section], form: Form) -> dict[str, Any]:
    """All that the form answers to these questions, as typed."""
    found: dict[str, Any] = {}
    for section in sections:
        for one in section.questions:
            found |= one.read(form)
    return found


def in_words(question: Question, review: Review) -> str:
    """What was answered, as the review tells it."""
    flavor = review.flavor
    picked = {
        "images": review.image.name if review.image else "",
        "sizes": f"{flavor.name}: {filters.capacity(flavor)}" if flavor else "",
        "networks": f"{review.network.name}, {', '.join(review.network.cidrs)}" if review.network else "",
        "keys": ", ".join(key.name for key in review.keys),
        "secret": "kept, not shown" if question.value else "",
    }
    if question.widget in picked:
        return picked[question.widget] or "none"
    if question.widget in {"switch", "public"}:
        return "yes" if question.value else "no"
    said = dict(question.choices)
    chosen = question.value if question.widget == "boxes" else [str(question.value or "")]
    return ", ".join(said.get(value, value) for value in chosen) or "none"


def _groups(template: Template) -> tuple[list[Parameter], list[tuple[Group, list[Parameter]]]]:
    """What is asked about reaching the VM, and the other groups of the template."""
    left = {one.name: one for one in template.parameters if one.role in {Role.ANSWER, Role.USER_DATA}}
    roles = {one.name: one.role for one in template.parameters}
    access: list[Parameter] = []
    others: list[tuple[Group, list[Parameter]]] = []
    for group in template.parameter_groups:
        asked = [left.pop(name) for name in group.parameters if name in left]
        if group.label and any(roles.get(name) in _ACCESS_ROLES for name in group.parameters):
            access += asked
        elif asked:
            others.append((group, asked))
    if left:
        others.append((Group("", "", ()), list(left.values())))
    return access, others


@dataclass(frozen=True)
class _Asker:
    """Makes questions of a draft's parameters."""

    review: Review
    insist: bool

    def role(self, role: Role) -> list[Question]:
        """The question that settles a well-known part; none where the template has no use for it."""
        name = answers.names_by_role(self.review.offering).get(role)
        if name is None:
            return []
        parameter = self.review.offering.template.parameter(name)
        value = self.review.typed.get(name)
        return [
            Question(
                name=name,
                widget=_WIDGETS[role],
                label=_LABELS.get(role) or (parameter.label if parameter else name),
                help=_HELP.get(role) or (parameter.description if parameter else ""),
                value=answers.is_yes(value) if role is Role.FLOATING_IP else value,
                problem=self.problem(name),
                attributes={"maxlength": 53, "required": "required"} if role is Role.NAME else {},
            )
        ]

    def count(self) -> Question:
        """How many VMs."""
        limits = {"min": 1, "max": particulars.MOST_AT_ONCE, "step": 1, "required": "required"}
        return self._told(
            particulars.COUNT, "number", "How many", "More than one are named name-1, name-2, …", limits
        )

    def more(self) -> list[Question]:
        """What few people want to say."""
        lease = self._told(particulars.LEASE, "radios", "Lease", _LEASE_HELP)
        return [
            self._told(particulars.DESCRIPTION, "area", "Description", "What it is for.", {"maxlength": 500}),
            self._told(particulars.TAGS, "text", "Tags", "Short words to find it by, such as: web course-7"),
            replace(lease, optional=False, choices=[(str(days), _days(days)) for days in particulars.LEASES]),
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
        choices = [(one.id, f"{one.profile.name}: {one.cidr}") for one in drafts.subnets(self.review)]
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
            optional=parameter.has_default and widget in {"text", "area", "secret"} and not parameter.default,
            attributes=_attributes(parameter) if widget in {"text", "number", "area", "secret"} else {},
            choices=choices,
        )

    def problem(self, name: str) -> str:
        typed = self.review.typed.get(name)
        return self.review.problems.get(name, "") if self.insist or typed else ""


def _days(days: int) -> str:
    return filters.plural(days, "day") if days else "none"


def _widget(parameter: Parameter, value: Any, choices: Sequence[tuple[str, str]]) -> str:
    if parameter.type == "boolean":
        return "switch"
    if choices:
        several = parameter.type == "comma_delimited_list"
        return "boxes" if several else "radios" if len(choices) <= MANY else "select"
    if parameter.hidden:
        return "secret"
    if parameter.type == "number" and _is_number(value):
        return "number"
    is_long = parameter.type == "json" or len(str(parameter.default or "")) > ONE_LINE
    return "area" if is_long else "text"


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
    if parameter.type == "json":
        found |= {"spellcheck": "false", "class": "mono"}
    return {name: value for name, value in found.items() if value is not None}
