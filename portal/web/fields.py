"""The fields of the wizard: how each is asked, and what a form answers to it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import MultiDict

from portal.domain.vms.drafts import Review
from portal.translation import gettext, translated
from portal.web import filters

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
    line: int = 0  # the line of the text that is wrong, where one is

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


def read(sections: Sequence[Section], form: Form) -> dict[str, Any]:
    """All that the form answers to these questions, as typed."""
    found: dict[str, Any] = {}
    for section in sections:
        for one in section.questions:
            found |= one.read(form)
    return found


def in_words(question: Question, review: Review) -> str:
    """What was answered, as the review tells it."""
    flavor, names = review.flavor, review.names
    picked = {
        "name": gettext("%(first)s to %(last)s", first=names[0], last=names[-1]) if names[1:] else names[0],
        "images": review.image.name if review.image else "",
        "sizes": f"{flavor.name}: {filters.capacity(flavor)}" if flavor else "",
        "networks": f"{review.network.name}, {', '.join(review.network.cidrs)}" if review.network else "",
        "keys": ", ".join(key.name for key in review.keys),
        "secret": gettext("kept, not shown") if question.value else "",
    }
    if question.widget in picked:
        return picked[question.widget] or gettext("none")
    if question.widget in {"switch", "public"}:
        return gettext("yes") if question.value else gettext("no")
    said = {value: translated(words) for value, words in question.choices}
    chosen = question.value if question.widget == "boxes" else [str(question.value or "")]
    return ", ".join(said.get(value, value) for value in chosen) or gettext("none")
