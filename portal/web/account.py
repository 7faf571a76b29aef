"""My account: a person's own name, password and sessions."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from portal.domain.people import accounts, choices, hooks, notices, sessions, wording
from portal.domain.people.access import Permission
from portal.domain.people.notices import Channel, Kind
from portal.translation import N_, gettext
from portal.web import limits, signing, webhooks
from portal.web.forms import accepted
from portal.web.guards import needs

blueprint = Blueprint("account", __name__, url_prefix="/account")


class NameForm(FlaskForm):
    """How other people see the person."""

    name = StringField(N_("Name"), [InputRequired(N_("A name is missing."))])


class PasswordForm(FlaskForm):
    """The present password, and the one after it."""

    password = PasswordField(
        N_("Present password"),
        [InputRequired(N_("Your present password is missing.")), Length(max=1000)],
    )
    new_password = PasswordField(
        N_("New password"),
        [InputRequired(N_("The new password is missing.")), Length(max=1000)],
        description=N_("At least 10 characters. Everywhere else you are signed out."),
    )


@blueprint.get("/")
@needs(Permission.ACCOUNT_MANAGE)
def show() -> ResponseReturnValue:
    """All of it."""
    return _page()


@blueprint.post("/name")
@needs(Permission.ACCOUNT_MANAGE)
def rename() -> ResponseReturnValue:
    """Another name."""
    form = NameForm()
    if form.validate():
        accepted(form, accounts.rename, current_user, form.name.data or "")
    if form.errors:
        return _page(name=form), limits.WRONG
    flash(gettext("Your name is changed."), "good")
    return redirect(url_for(".show"))


@blueprint.post("/password")
@needs(Permission.ACCOUNT_MANAGE)
@limits.limiter.limit("10 per 15 minutes", key_func=limits.person, deduct_when=limits.was_wrong)
def change_password() -> ResponseReturnValue:
    """Another password; this browser stays signed in."""
    form = PasswordForm()
    if form.validate():
        typed = form.password.data or "", form.new_password.data or ""
        accepted(form, accounts.change_password, current_user, *typed, here=signing.here())
    if form.errors:
        return _page(password=form), limits.WRONG
    flash(gettext("Your password is changed. Everywhere else you are signed out."), "good")
    return redirect(url_for(".show"))


@blueprint.post("/sessions/<uuid:session_id>/end")
@needs(Permission.ACCOUNT_MANAGE)
def end_session(session_id: UUID) -> ResponseReturnValue:
    """Signs one browser out."""
    sessions.end(session_id, current_user, by=current_user)
    flash(gettext("That browser is signed out."), "good")
    return redirect(url_for(".show"))


@blueprint.post("/sessions/end-others")
@needs(Permission.ACCOUNT_MANAGE)
def end_others() -> ResponseReturnValue:
    """Signs every other browser out."""
    sessions.end_others(current_user, but=signing.here())
    flash(gettext("Everywhere else you are signed out."), "good")
    return redirect(url_for(".show"))


@blueprint.post("/telling")
@needs(Permission.ACCOUNT_MANAGE)
def choose_telling() -> ResponseReturnValue:
    """How the person is told of what."""
    ticked = set(request.form.getlist("told"))
    wanted = {(kind, channel) for kind in Kind for channel in Channel if f"{kind} {channel}" in ticked}
    choices.save(_kinds(), wanted, by=current_user)
    flash(gettext("You are told as you chose."), "good")
    return redirect(url_for(".show", _anchor="telling"))


@blueprint.post("/webhook")
@needs(Permission.ACCOUNT_MANAGE)
def set_webhook() -> ResponseReturnValue:
    """Where messages to the person are sent; the new secret is shown this once."""
    form = webhooks.AddressForm()
    done = form.validate() and accepted(form, hooks.put, form.url.data or "", by=current_user)
    return webhooks.made(*done) if done else (_page(address=form), limits.WRONG)


def _page(
    *,
    name: NameForm | None = None,
    password: PasswordForm | None = None,
    address: webhooks.AddressForm | None = None,
) -> str:
    hook = hooks.mine(current_user)
    return render_template(
        "account/page.html",
        name=name or NameForm(obj=current_user),
        password=password or PasswordForm(),
        address=address or webhooks.AddressForm(),
        sessions=sessions.of(current_user),
        here=signing.here(),
        kinds=[(kind, wording.MEANINGS[kind]) for kind in _kinds()],
        told=choices.of(current_user),
        offered=choices.offered(),
        hook=hook,
        recent=hooks.recent(hook),
    )


def _kinds() -> list[Kind]:
    """What may be told to the person at all."""
    return [kind for kind in wording.MEANINGS if notices.concerns(current_user, kind)]
