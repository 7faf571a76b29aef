"""The wizard's steps: where each is, and what its page and panels are drawn from."""

from dataclasses import dataclass
from typing import Any

from flask import url_for
from flask_login import current_user

from portal.domain.catalog import cloudinit, keys, shelf
from portal.domain.catalog.hot import Role
from portal.domain.tenants import tenants
from portal.domain.vms import answers, drafts, offers, recipe
from portal.domain.vms.drafts import LaunchDraft, Review
from portal.translation import N_, gettext, translated
from portal.web import fields, questions, seen
from portal.web.fields import Question
from portal.web.questions import ACCESS, MACHINE

ANSWERED = (MACHINE, ACCESS)


@dataclass(frozen=True)
class Step:
    """One step of the wizard, and where it is."""

    name: str
    words: str

    def url(self, draft: LaunchDraft) -> str:
        """Its address for this draft."""
        if self.name in ANSWERED:
            return url_for("launch.step", draft_id=draft.id, step=self.name)
        return url_for(f"launch.{self.name}", draft_id=draft.id)


STEPS = (
    Step("template", N_("Template")),
    Step(MACHINE, N_("Image and size")),
    Step(ACCESS, N_("Network and access")),
    Step("review", N_("Review")),
)
NAMES = [step.name for step in STEPS]


def where(step: str, wanted: str) -> Step:
    """The step that the pressed button leads to: back, on, straight to the review, or the same again."""
    place = NAMES.index(step)
    return STEPS[{"back": place - 1, "same": place, "review": -1}.get(wanted, place + 1)]


def bar(current: str, draft: LaunchDraft | None = None) -> list[tuple[str, str, str]]:
    """The steps for the macro: words, where to, and whether done or current."""
    place = NAMES.index(current)
    return [
        (
            translated(step.words),
            step.url(draft) if draft else "",
            "current" if number == place else "done" if number < place else "",
        )
        for number, step in enumerate(STEPS)
    ]


def facts(draft: LaunchDraft, step: str, review: Review, *, insist: bool = False) -> dict[str, Any]:
    """What the pages of a step and its panels are drawn from."""
    machine, access = step == MACHINE, step == ACCESS
    return {
        "draft": draft,
        "step": STEPS[NAMES.index(step)],
        "steps": bar(step, draft),
        "review": review,
        "name_problem": review.problems.get(answers.names_by_role(review.offering)[Role.NAME], ""),
        "sections": questions.of_step(step, review, insist=insist) if step != "review" else [],
        "images": offers.images(review) if machine else [],
        "sizes": offers.sizes(review) if machine else [],
        "networks": tenants.networks(draft.tenant_id) if access else [],
        "no_address": offers.no_address(review) if access else "",
        "my_keys": keys.of(current_user) if access else [],
        "largest": cloudinit.LARGEST,
        "seen_from": seen.network(),
    }


def told(draft: LaunchDraft) -> dict[str, Any]:
    """What the review is drawn from: all that was chosen, step by step, and what needs another look."""
    review, about = drafts.check(draft), shelf.get(draft.offering)
    titles = [(gettext("Template"), translated(about.title)), (gettext("About"), translated(about.summary))]
    parts = [(STEPS[0], [(*each, "") for each in titles])]
    wrong: list[tuple[Question, Step]] = []
    own: list[tuple[Question, Step]] = []
    for step in STEPS[1:-1]:
        asked = questions.asked(step.name, review)
        wrong += [(one, step) for one in asked if one.problem]
        own += [(one, step) for one in asked if _is_own(one)]
        shown = [one for one in asked if not _is_own(one)]
        parts.append((step, [(one.label, fields.in_words(one, review), one.id) for one in shown]))
    over = "quota" in review.problems
    return facts(draft, "review", review) | {
        "digest": drafts.digest(draft),
        "parts": parts,
        "wrong": wrong,
        "own": own,
        "fitting": offers.fitting(review) if over else [],
        "most": offers.most(review) if over else 0,
        "recipe": None if review.problems else recipe.of(draft, review, by=current_user),
    }


def _is_own(question: Question) -> bool:
    """Whether it holds user data, which has a card of its own in the review."""
    return question.widget == "user_data" and bool(question.value)
