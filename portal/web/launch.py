"""Launch: the wizard from a template to a VM. Its answers are kept on the server from the first click."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from htmx_flask import request

from portal.domain.catalog import catalog, cloudinit, keys, shelf
from portal.domain.catalog.hot import Role
from portal.domain.people.access import Permission
from portal.domain.store.errors import DomainError, Refused
from portal.domain.tenants import tenants
from portal.domain.vms import answers, drafts
from portal.domain.vms.drafts import LaunchDraft, Review
from portal.domain.vms.vms import Vm
from portal.web import fields, questions, seen
from portal.web.fields import Question
from portal.web.forms import accepted
from portal.web.frame import here
from portal.web.guards import needs
from portal.web.keys import NewKey
from portal.web.questions import ACCESS, MACHINE

blueprint = Blueprint("launch", __name__, url_prefix="/launch")
FIELDS = (MACHINE, ACCESS)
ANSWERS = "/<uuid:draft_id>/<any(machine, access):step>"


@dataclass(frozen=True)
class Step:
    """One step of the wizard, and where it is."""

    name: str
    words: str

    def url(self, draft: LaunchDraft) -> str:
        """Its address for this draft."""
        if self.name in FIELDS:
            return url_for("launch.step", draft_id=draft.id, step=self.name)
        return url_for(f"launch.{self.name}", draft_id=draft.id)


STEPS = (
    Step("template", "Template"),
    Step(MACHINE, "Image and size"),
    Step(ACCESS, "Network and access"),
    Step("review", "Review"),
)
NAMES = [step.name for step in STEPS]


@blueprint.get("/")
@needs(Permission.VM_LAUNCH)
def index() -> ResponseReturnValue:
    """The first step: what is on the shelf."""
    return render_template(
        "launch/template.html", offerings=catalog.templates(), draft=None, steps=_steps("template")
    )


@blueprint.post("/")
@needs(Permission.VM_LAUNCH)
def start() -> ResponseReturnValue:
    """A draft of the template with good first answers."""
    tenant = here()
    if tenant is None:
        raise DomainError("You are in no tenant yet. Ask an administrator to add you to yours.")
    picks = {Role.SSH_FROM: seen.network()}
    draft = drafts.start(request.form.get("offering", ""), by=current_user, tenant=tenant, picks=picks)
    return redirect(url_for(".step", draft_id=draft.id, step=MACHINE))


@blueprint.get("/<uuid:draft_id>/")
@needs(Permission.VM_LAUNCH)
def show(draft_id: UUID) -> ResponseReturnValue:
    """Goes on with a draft: at what needs another look, else at the review."""
    draft = drafts.edit(draft_id, for_=current_user)
    review = drafts.check(draft)
    step = next(
        (questions.step_of(name, review) for name in review.problems if name not in drafts.WHOLE), None
    )
    return redirect(
        url_for(".step", draft_id=draft.id, step=step) if step else url_for(".review", draft_id=draft.id)
    )


@blueprint.get("/<uuid:draft_id>/template")
@needs(Permission.VM_LAUNCH)
def template(draft_id: UUID) -> ResponseReturnValue:
    """Another template for the draft."""
    draft = drafts.edit(draft_id, for_=current_user)
    steps = _steps("template", draft)
    return render_template("launch/template.html", offerings=catalog.templates(), draft=draft, steps=steps)


@blueprint.post("/<uuid:draft_id>/template")
@needs(Permission.VM_LAUNCH)
def change(draft_id: UUID) -> ResponseReturnValue:
    """Goes on with that template; what both ask keeps its answer."""
    draft = drafts.edit(draft_id, for_=current_user)
    drafts.change(draft, request.form.get("offering", ""), by=current_user)
    return redirect(url_for(".step", draft_id=draft.id, step=MACHINE))


@blueprint.get(ANSWERS)
@needs(Permission.VM_LAUNCH)
def step(draft_id: UUID, step: str) -> ResponseReturnValue:
    """The second or third step, with the answers so far."""
    draft = drafts.edit(draft_id, for_=current_user)
    return _questions(draft, step, insist=bool(request.args.get("check")))


@blueprint.post(ANSWERS)
@needs(Permission.VM_LAUNCH)
def save(draft_id: UUID, step: str) -> ResponseReturnValue:
    """Keeps the answers, right or wrong, and goes where the button says; htmx asks what they change."""
    draft = drafts.edit(draft_id, for_=current_user)
    sections = questions.of_step(step, drafts.check(draft))
    drafts.answer(draft, fields.read(sections, request.form), by=current_user)
    if request.htmx:
        return render_template("launch/_changed.html", **_facts(draft, step, drafts.check(draft)))
    wanted = request.form.get("_do", "next")
    if wanted == "key":
        return _add_key(draft)
    if wanted in {"back", "same"}:
        return redirect(STEPS[NAMES.index(step) - (wanted == "back")].url(draft))
    names = [one.name for section in sections for one in section.questions]
    if drafts.check(draft).problems_of(names):
        return _questions(draft, step, insist=True), 422
    return redirect(STEPS[NAMES.index(step) + 1].url(draft))


@blueprint.get("/<uuid:draft_id>/review")
@needs(Permission.VM_LAUNCH)
def review(draft_id: UUID) -> ResponseReturnValue:
    """The last step: everything that was chosen, and the button."""
    return _review(drafts.edit(draft_id, for_=current_user))


@blueprint.post("/<uuid:draft_id>/submit")
@needs(Permission.VM_LAUNCH)
def submit(draft_id: UUID) -> ResponseReturnValue:
    """Launches; a second click leads to the same VM."""
    return redirect(_place_of(drafts.submit(draft_id, by=current_user)))


@blueprint.post("/<uuid:draft_id>/discard")
@needs(Permission.VM_LAUNCH)
def discard(draft_id: UUID) -> ResponseReturnValue:
    """Throws the draft away."""
    drafts.discard(drafts.edit(draft_id, for_=current_user), by=current_user)
    flash("The draft was thrown away.", "good")
    return redirect(url_for("home.show"))


@blueprint.errorhandler(drafts.Launched)
def _launched(error: drafts.Launched) -> ResponseReturnValue:
    return _go(_place_of(error.vm))


@blueprint.errorhandler(drafts.Incomplete)
@blueprint.errorhandler(Refused)
def _not_yet(_error: DomainError) -> ResponseReturnValue:
    """The review says what is missing, or which limit of the quota is in the way."""
    draft_id = (request.view_args or {})["draft_id"]
    return _review(drafts.edit(draft_id, for_=current_user)), 422


@blueprint.errorhandler(shelf.NoSuchTemplate)
def _no_such_template(_error: shelf.NoSuchTemplate) -> ResponseReturnValue:
    draft_id = (request.view_args or {}).get("draft_id")
    kept = " Your answers are kept." if draft_id else ""
    flash(f"That template is no longer on the shelf. Choose another.{kept}", "warn")
    return _go(url_for(".template", draft_id=draft_id) if draft_id else url_for(".index"))


def _place_of(vm: Vm) -> str:
    """Where one sees what was launched: the VM's page, or the list of those launched together."""
    together = vm.spec.get("together")
    return url_for("vms.index", q=together) if together else url_for("vms.show", vm_id=vm.id)


def _go(url: str) -> ResponseReturnValue:
    return Response(headers={"HX-Redirect": url}) if request.htmx else redirect(url)


def _add_key(draft: LaunchDraft) -> ResponseReturnValue:
    """One more key of the person, chosen for this VM at once."""
    form = NewKey(prefix="key-")
    name, text = form.name.data or "", form.public_key.data or ""
    key = form.validate() and accepted(form, keys.add, current_user, name, text)
    if not key:
        return _questions(draft, ACCESS, key_form=form), 422
    field = answers.names_by_role(shelf.get(draft.offering))[Role.SSH_KEYS]
    chosen = [*drafts.values(draft).get(field, []), str(key.id)]
    drafts.answer(draft, {field: chosen}, by=current_user)
    flash(f"“{key.name}” was added, and chosen for this VM.", "good")
    return redirect(url_for(".step", draft_id=draft.id, step=ACCESS, _anchor="keys"))


def _questions(draft: LaunchDraft, step: str, **more: Any) -> str:
    insist, key_form = more.get("insist", False), more.get("key_form") or NewKey(formdata=None, prefix="key-")
    facts = _facts(draft, step, drafts.check(draft), insist=insist)
    return render_template("launch/step.html", key_form=key_form, **facts)


def _review(draft: LaunchDraft) -> str:
    """Everything that was chosen, step by step, and what needs another look."""
    review, about = drafts.check(draft), shelf.get(draft.offering)
    parts = [(STEPS[0], [("Template", about.title), ("About", about.summary)])]
    wrong: list[tuple[Question, Step]] = []
    user_data = ""
    for step in STEPS[1:-1]:
        asked = questions.asked(step.name, review)
        wrong += [(one, step) for one in asked if one.problem]
        user_data = next((one.value for one in asked if one.widget == "user_data"), user_data) or ""
        told = [one for one in asked if one.widget != "user_data"]
        parts.append((step, [(one.label, fields.in_words(one, review)) for one in told]))
    facts = _facts(draft, "review", review) | {"parts": parts, "wrong": wrong, "user_data": user_data}
    facts["fitting"] = drafts.fitting(review) if "quota" in review.problems else []
    return render_template("launch/review.html", **facts)


def _facts(draft: LaunchDraft, step: str, review: Review, *, insist: bool = False) -> dict[str, Any]:
    """What the pages of a step and its panels are drawn from."""
    machine = step == MACHINE
    return {
        "draft": draft,
        "step": STEPS[NAMES.index(step)],
        "steps": _steps(step, draft),
        "review": review,
        "sections": questions.of_step(step, review, insist=insist) if step != "review" else [],
        "images": catalog.images_for(draft.tenant_id, review.offering) if machine else [],
        "sizes": drafts.sizes(review) if machine else [],
        "networks": tenants.networks(draft.tenant_id) if step == ACCESS else [],
        "my_keys": keys.of(current_user) if step == ACCESS else [],
        "largest": cloudinit.LARGEST,
        "seen_from": seen.network(),
    }


def _steps(current: str, draft: LaunchDraft | None = None) -> list[tuple[str, str, str]]:
    """The steps for the macro: words, where to, and whether done or current."""
    place = NAMES.index(current)
    return [
        (
            step.words,
            step.url(draft) if draft else "",
            "current" if number == place else "done" if number < place else "",
        )
        for number, step in enumerate(STEPS)
    ]
