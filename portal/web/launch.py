"""Launch: the wizard from a template to a VM. Its answers are kept on the server from the first click."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from htmx_flask import request

from portal.domain.catalog import keys, shelf
from portal.domain.catalog.hot import Role
from portal.domain.people.access import Permission
from portal.domain.store.errors import DomainError, Refused
from portal.domain.tenants import tenants
from portal.domain.vms import answers, drafts, offers
from portal.domain.vms.drafts import LaunchDraft
from portal.domain.vms.vms import Vm
from portal.translation import gettext
from portal.web import fields, questions, seen, wizard
from portal.web.forms import accepted
from portal.web.frame import here
from portal.web.guards import needs
from portal.web.keys import AnyKey, handed_over
from portal.web.questions import ACCESS, MACHINE

blueprint = Blueprint("launch", __name__, url_prefix="/launch")
# What may be picked before the template is: the catalogue leads here so.
PICKED = {"image": Role.IMAGE, "flavor": Role.FLAVOR, "network": Role.NETWORK}
ANSWERS = "/<uuid:draft_id>/<any(machine, access):step>"


@blueprint.get("/")
@needs(Permission.VM_LAUNCH)
def index() -> ResponseReturnValue:
    """The first step: what is on the shelf, and whether it goes with what was picked in the catalogue."""
    picks = {name: request.args[name] for name in PICKED if request.args.get(name)}
    found = offers.templates(here(), picks.get("image", ""), picks.get("flavor", ""))
    facts = {"picks": picks, "picked": offers.picked(here(), picks), "steps": wizard.bar("template")}
    return render_template("launch/template.html", offers=found, draft=None, **facts)


@blueprint.post("/")
@needs(Permission.VM_LAUNCH)
def start() -> ResponseReturnValue:
    """A draft of the template with good first answers; the quick way leads to its review at once."""
    tenant = here()
    if tenant is None:
        raise DomainError(gettext("You are in no tenant yet. Ask an administrator to add you to yours."))
    sent, quick = request.form, request.form.get("quick", "")
    picks = {role: sent[name] for name, role in PICKED.items() if sent.get(name)}
    picks[Role.SSH_FROM] = seen.network()
    draft = drafts.start(quick or sent.get("offering", ""), by=current_user, tenant=tenant, picks=picks)
    if quick:
        return redirect(url_for(".show", draft_id=draft.id))
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
    tenant = tenants.get(draft.tenant_id, for_=current_user)
    steps, found = wizard.bar("template", draft), offers.templates(tenant, "", "")
    return render_template("launch/template.html", offers=found, picks={}, draft=draft, steps=steps)


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
    sections, wanted = questions.of_step(step, drafts.check(draft)), request.form.get("_do", "next")
    # The page of a key that was made holds the answers of before it: loaded anew it must not bring them back.
    if wanted == "make-key" and keys.made(current_user, *AnyKey(prefix="key-").wish):
        return _make_key(draft)
    drafts.answer(draft, fields.read(sections, request.form), by=current_user)
    if request.htmx:
        return render_template("launch/_changed.html", **wizard.facts(draft, step, drafts.check(draft)))
    if wanted in {"key", "make-key"}:
        return _add_key(draft) if wanted == "key" else _make_key(draft)
    names = [one.name for section in sections for one in section.questions]
    if wanted not in {"back", "same"} and drafts.check(draft).problems_of(names):
        return _questions(draft, step, insist=True), 422
    return redirect(wizard.where(step, wanted).url(draft))


@blueprint.get("/<uuid:draft_id>/review")
@needs(Permission.VM_LAUNCH)
def review(draft_id: UUID) -> ResponseReturnValue:
    """The last step: everything that was chosen, and the button."""
    return _shown(drafts.edit(draft_id, for_=current_user))


@blueprint.post("/<uuid:draft_id>/submit")
@needs(Permission.VM_LAUNCH)
def submit(draft_id: UUID) -> ResponseReturnValue:
    """Launches what the review showed; a second click leads to the same VM."""
    vm = drafts.submit(draft_id, by=current_user, shown=request.form.get("shown", ""))
    return redirect(_place_of(vm))


@blueprint.post("/<uuid:draft_id>/discard")
@needs(Permission.VM_LAUNCH)
def discard(draft_id: UUID) -> ResponseReturnValue:
    """Throws the draft away."""
    drafts.discard(drafts.edit(draft_id, for_=current_user), by=current_user)
    flash(gettext("The draft was thrown away."), "good")
    return redirect(url_for("home.show"))


@blueprint.errorhandler(drafts.Launched)
def _launched(error: drafts.Launched) -> ResponseReturnValue:
    return _go(_place_of(error.vm))


@blueprint.errorhandler(drafts.Incomplete)
@blueprint.errorhandler(Refused)
def _not_yet(_error: DomainError) -> ResponseReturnValue:
    """The review says what is missing, or which limit of the quota is in the way."""
    draft_id = (request.view_args or {})["draft_id"]
    return _shown(drafts.edit(draft_id, for_=current_user)), 422


@blueprint.errorhandler(drafts.Changed)
def _changed(error: drafts.Changed) -> ResponseReturnValue:
    """The review as it stands now, which nobody has seen yet."""
    draft_id = (request.view_args or {})["draft_id"]
    return _shown(drafts.edit(draft_id, for_=current_user), news=str(error)), 409


@blueprint.errorhandler(shelf.NoSuchTemplate)
def _no_such_template(_error: shelf.NoSuchTemplate) -> ResponseReturnValue:
    draft_id = (request.view_args or {}).get("draft_id")
    words = gettext("That template is no longer on the shelf. Choose another.")
    kept = gettext("Your answers are kept.") if draft_id else ""
    flash(f"{words} {kept}".strip(), "warn")
    return _go(url_for(".template", draft_id=draft_id) if draft_id else url_for(".index"))


def _place_of(vm: Vm) -> str:
    """Where one sees what was launched: the VM's page, or the list of those launched together."""
    together = vm.spec.get("together")
    return url_for("vms.index", launch=vm.draft_id) if together else url_for("vms.show", vm_id=vm.id)


def _go(url: str) -> ResponseReturnValue:
    return Response(headers={"HX-Redirect": url}) if request.htmx else redirect(url)


def _add_key(draft: LaunchDraft) -> ResponseReturnValue:
    """One more key of the person, chosen for this VM at once."""
    form = AnyKey(prefix="key-")
    key = form.validate() and accepted(form, keys.add, current_user, form.name.data or "", form.text)
    if not key:
        return _questions(draft, ACCESS, key_form=form), 422
    _choose(draft, key.id)
    flash(gettext("“%(name)s” was added, and chosen for this VM.", name=key.name), "good")
    return redirect(url_for(".step", draft_id=draft.id, step=ACCESS, _anchor="keys"))


def _make_key(draft: LaunchDraft) -> ResponseReturnValue:
    """The same with a key that is made here; its private half is in this one answer."""
    form = AnyKey(prefix="key-")
    made = accepted(form, keys.make, current_user, *form.wish)
    if not made:
        return _questions(draft, ACCESS, key_form=form), 422
    _choose(draft, made.key.id)
    # Without an anchor: to a browser that would be a place on the page it shows already.
    return handed_over(made, url_for(".step", draft_id=draft.id, step=ACCESS))


def _choose(draft: LaunchDraft, key_id: UUID) -> None:
    field = answers.names_by_role(shelf.get(draft.offering))[Role.SSH_KEYS]
    chosen = [*drafts.values(draft).get(field, []), str(key_id)]
    drafts.answer(draft, {field: list(dict.fromkeys(chosen))}, by=current_user)


def _shown(draft: LaunchDraft, *, news: str = "") -> str:
    return render_template("launch/review.html", news=news, **wizard.told(draft))


def _questions(draft: LaunchDraft, step: str, **more: Any) -> str:
    insist, key_form = more.get("insist", False), more.get("key_form") or AnyKey(formdata=None, prefix="key-")
    facts = wizard.facts(draft, step, drafts.check(draft), insist=insist)
    return render_template("launch/step.html", key_form=key_form, **facts)
