"""Findings: what differs between clouds and our records, the proof of it, and what an admin does about it."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import TextAreaField
from wtforms.validators import Length

from portal.domain.people.access import Permission
from portal.domain.vms import findings, remedies
from portal.domain.vms.findings import Finding
from portal.domain.vms.remedies import Remedy
from portal.translation import N_, gettext, translated
from portal.web.admin import words
from portal.web.forms import accepted
from portal.web.guards import needs
from portal.web.panels import panel

FOLLOW_SECONDS = 1.5

blueprint = Blueprint("drift", __name__, url_prefix="/admin/findings")


class Reason(FlaskForm):
    """Why a finding is settled so."""

    reason = TextAreaField(
        N_("Why"),
        [Length(max=1000, message=N_("Say it in 1000 characters."))],
        description=N_("For those who come after you; it is kept with the finding and in the audit trail."),
    )


@blueprint.get("/")
@needs(Permission.FINDING_VIEW)
def index() -> ResponseReturnValue:
    """What is open, and what was settled last."""
    waiting, settled = findings.open_ones(current_user), findings.settled_ones(current_user)
    vms = findings.vms_of([*waiting, *settled], current_user)
    facts = {"kinds": words.KINDS, "vms": vms, "proof": proof}
    return render_template("admin/findings.html", waiting=waiting, settled=settled, **facts)


@blueprint.get("/<uuid:finding_id>")
@needs(Permission.FINDING_VIEW)
def show(finding_id: UUID) -> ResponseReturnValue:
    """One finding, and what this person may do about it."""
    finding = findings.get(finding_id, for_=current_user)
    return render_template("admin/finding.html", **_facts(finding), forms=_forms())


@blueprint.get("/<uuid:finding_id>/<any(delete_stack, delete_stray, delete_vm, remove_blockers):remedy>")
@needs(Permission.FINDING_SETTLE)
def preview(finding_id: UUID, remedy: str) -> ResponseReturnValue:
    """Says what would be deleted, and asks."""
    finding, wanted = findings.get(finding_id, for_=current_user), Remedy(remedy)
    if wanted not in remedies.of(finding, current_user):
        return redirect(url_for(".show", finding_id=finding.id))
    return render_template("admin/delete_found.html", **_facts(finding), remedy=wanted, forms=_forms())


@blueprint.get("/<uuid:finding_id>/panel")
@needs(Permission.FINDING_VIEW)
def live(finding_id: UUID) -> ResponseReturnValue:
    """The part of its page that follows a remedy under way."""
    return panel("admin/_finding.html", **_facts(findings.get(finding_id, for_=current_user)), forms=_forms())


@blueprint.post(f"/<uuid:finding_id>/<any({', '.join(Remedy)}):remedy>")
@needs(Permission.FINDING_SETTLE)
def settle(finding_id: UUID, remedy: str) -> ResponseReturnValue:
    """Does one of the remedies."""
    finding, wanted, forms = findings.get(finding_id, for_=current_user), Remedy(remedy), _forms()
    form = forms[wanted]
    if form.validate():
        reason = form.reason.data or ""
        accepted(form, remedies.apply, finding, wanted, reason=reason, by=current_user)
    if form.errors:
        page = "admin/delete_found.html" if wanted in words.PREVIEWED else "admin/finding.html"
        return render_template(page, **_facts(finding), remedy=wanted, forms=forms), 422
    flash(translated(words.cure(wanted, finding.kind).done), "good")
    return redirect(url_for(".show", finding_id=finding.id))


def proof(finding: Finding) -> Iterator[tuple[str, list[str]]]:
    """What proves the finding, line by line: (word, what was seen)."""
    for key, value in finding.proof.items():
        seen = [_line(each) for each in (value if isinstance(value, list) else [value])]
        if key in {"created", "changed"} and value:
            seen = [f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M:%S} UTC"]
        yield translated(words.PROOF.get(key, key.replace("_", " ").capitalize())), seen or [gettext("none")]


def _line(value: Any) -> str:
    if not isinstance(value, Mapping):
        return gettext("not known") if value is None else str(value)
    head = " ".join(str(value[key]) for key in ("resource", "id") if value.get(key))
    kind = f" ({value['type']})" if value.get("type") else ""
    holder = " " + gettext("Held by %(holder)s.", holder=value["holder"]) if value.get("holder") else ""
    reason = value.get("reason") or gettext("no reason given")
    return f"{head}{kind}: {reason}{holder}"


def _forms() -> dict[Remedy, Reason]:
    """A form for each remedy, told apart by the names of their fields."""
    return {remedy: Reason(prefix=f"{remedy.value}_") for remedy in Remedy}


def _facts(finding: Finding) -> dict[str, Any]:
    """What a finding's pages are drawn from."""
    vm = findings.vms_of([finding], current_user).get(finding.vm_id) if finding.vm_id else None
    ladder = remedies.of(finding, current_user)
    return {
        "finding": finding,
        "kind": words.KINDS[finding.kind],
        "vm": vm,
        "ladder": [(remedy, words.cure(remedy, finding.kind)) for remedy in ladder],
        "next": remedies.recommended(finding, ladder),
        "needs_reason": remedies.NEEDS_REASON,
        "previewed": words.PREVIEWED,
        "left_behind": remedies.left_behind(vm, finding) if vm else [],
        "removable": remedies.removable(finding),
        "told": [
            (words.cure(Remedy(each["remedy"]), finding.kind), each, datetime.fromisoformat(each["at"]))
            for each in finding.tried
        ],
        "under_way": words.cure(Remedy(finding.asked["remedy"]), finding.kind) if finding.asked else None,
        "every": FOLLOW_SECONDS if finding.asked else None,
        "proof": proof(finding),
    }
