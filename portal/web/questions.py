"""Questions: what each step of the wizard asks, made from what the template's parameters ask for."""

from portal.domain.catalog.hot import ASKED, Group, Parameter, Role, Template
from portal.domain.vms.drafts import Review
from portal.translation import gettext
from portal.web.asking import Asker
from portal.web.fields import Question, Section

MACHINE, ACCESS = "machine", "access"

_ASKED = ASKED | {Role.USER_DATA}
_ACCESS_ROLES = frozenset({Role.NETWORK, Role.FLOATING_IP, Role.SSH_KEYS})


def of_step(step: str, review: Review, *, insist: bool = False) -> list[Section]:
    """The fields of a step. What is still blank is complained about only with `insist`."""
    ask = Asker(review, insist)
    if step == MACHINE:
        alone = (Role.NAME, Role.IMAGE, Role.FLAVOR)
        name, *found = [one for role in alone for one in ask.role(role)]
        return [Section("", [name, ask.count()]), *(Section(one.label, [one]) for one in found)]
    access, others = _groups(review.offering.template)
    reach = [*(ask.parameter(each) for each in access), *ask.role(Role.FLOATING_IP)]
    sections = [
        *(Section(one.label, [one]) for one in (*ask.role(Role.NETWORK), *ask.subnet())),
        *([Section(gettext("Access"), reach)] if reach else []),
        *(Section(one.label, [one]) for one in ask.role(Role.SSH_KEYS)),
    ]
    for group, parameters in others:
        questions = [ask.parameter(each) for each in parameters]
        sections.append(Section(group.label or gettext("Settings"), questions, group.description))
    return [*sections, Section(gettext("More"), ask.more(), folded=True)]


def asked(step: str, review: Review) -> list[Question]:
    """The questions of a step that count, without their headings, with all that is wrong with them."""
    found = [one for section in of_step(step, review, insist=True) for one in section.questions]
    return [one for one in found if one.name not in review.needless]


def step_of(name: str, review: Review) -> str:
    """The step on which this field is asked."""
    return MACHINE if name in {one.name for one in asked(MACHINE, review)} else ACCESS


def _groups(template: Template) -> tuple[list[Parameter], list[tuple[Group, list[Parameter]]]]:
    """What is asked about reaching the VM, and the other groups of the template."""
    left = {one.name: one for one in template.parameters if one.role in _ASKED}
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
