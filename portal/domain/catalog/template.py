"""A template that Heat would take: its questions to a person, and what the answers mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from portal.domain.catalog.constraints import Refused
from portal.domain.catalog.parameters import Parameter, Role
from portal.translation import gettext

# What a person answers in a form, though the portal may know a good first answer.
ASKED = frozenset({Role.ANSWER, Role.SSH_FROM})


@dataclass(frozen=True)
class Group:
    """Parameters that belong together in a form, by name."""

    label: str
    description: str
    parameters: tuple[str, ...]


@dataclass(frozen=True)
class Checked:
    """Answers as values of their types, and a message for each parameter whose answer won't do."""

    values: Mapping[str, Any]
    errors: Mapping[str, str]


@dataclass(frozen=True)
class Template:
    """A template Heat would take. `resources` are types by name; `digest` is of `text`, sent verbatim."""

    description: str
    parameters: tuple[Parameter, ...]
    parameter_groups: tuple[Group, ...]
    resources: Mapping[str, str]
    outputs: tuple[str, ...]
    text: str = field(repr=False)
    digest: str

    @property
    def asked(self) -> tuple[Parameter, ...]:
        """The parameters that a person answers in a form."""
        return tuple(one for one in self.parameters if one.role in ASKED)

    def parameter(self, name: str) -> Parameter | None:
        return next((one for one in self.parameters if one.name == name), None)

    def filled_by(self, role: Role) -> Parameter | None:
        """The parameter that has a role other than ANSWER: there is at most one."""
        return next((one for one in self.parameters if one.role is role), None)

    def form(self) -> list[tuple[Group, tuple[Parameter, ...]]]:
        """The asked parameters, group by group; the last group, without a label, has what is in no other."""
        grouped = {name for group in self.parameter_groups for name in group.parameters}
        rest = Group("", "", tuple(one.name for one in self.parameters if one.name not in grouped))
        asked = {one.name: one for one in self.asked}
        filled = [
            (group, tuple(asked[name] for name in group.parameters if name in asked))
            for group in (*self.parameter_groups, rest)
        ]
        return [(group, questions) for group, questions in filled if questions]

    def validate(self, answers: Mapping[str, object], *, partial: bool = False) -> Checked:
        """What the answers to the asked parameters mean to Heat; a default stands in for an answer not given.

        `partial`: judge only what is in `answers`, for a form that isn't filled in to its end.
        """
        values: dict[str, Any] = {}
        errors: dict[str, str] = {}
        for one in self.asked:
            given = answers.get(one.name)
            if partial and one.name not in answers:
                continue
            if not one.is_blank(given):
                try:
                    values[one.name] = one.read(given)
                except Refused as error:
                    errors[one.name] = str(error)
            elif one.has_default:
                values[one.name] = one.default
            else:
                errors[one.name] = gettext("Choose one.") if one.choices else gettext("Fill this in.")
        return Checked(values, errors)
