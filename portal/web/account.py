"""My account: a person's own name, password and sessions."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from portal.domain.people import accounts, sessions
from portal.domain.people.access import Permission
from portal.web import limits, signing
from portal.web.forms import accepted
from portal.web.guards import needs

blueprint = Blueprint("account", __name__, url_prefix="/account")


class NameForm(FlaskForm):
    """How other people see the person."""

    name = StringField("Name", [InputRequired("A name is missing.")])


class PasswordForm(FlaskForm):
    """The present password, and the one after it."""

    password = PasswordField(
        "Present password", [InputRequired("Your present password is missing."), Length(max=1000)]
    )
    new_password = PasswordField(
        "New password",
        [InputRequired("The new password is missing."), Length(max=1000)],
        description=f"At least {accounts.MIN_PASSWORD} characters. Everywhere else you are signed out.",
    )


@blueprint.get("/")
@needs(Permission.ACCOUNT_MANAGE)
def show() -> ResponseReturnValue:
    """All of it."""
    return _page(NameForm(obj=current_user), PasswordForm())


@blueprint.post("/name")
@needs(Permission.ACCOUNT_MANAGE)
def rename() -> ResponseReturnValue:
    """Another name."""
    form = NameForm()
    if form.validate():
        accepted(form, accounts.rename, current_user, form.name.data or "")
    if form.errors:
        return _page(form, PasswordForm()), limits.WRONG
    flash("Your name is changed.", "good")
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
        return _page(NameForm(obj=current_user), form), limits.WRONG
    flash("Your password is changed. Everywhere else you are signed out.", "good")
    return redirect(url_for(".show"))


@blueprint.post("/sessions/<uuid:session_id>/end")
@needs(Permission.ACCOUNT_MANAGE)
def end_session(session_id: UUID) -> ResponseReturnValue:
    """Signs one browser out."""
    sessions.end(session_id, current_user, by=current_user)
    flash("That browser is signed out.", "good")
    return redirect(url_for(".show"))


@blueprint.post("/sessions/end-others")
@needs(Permission.ACCOUNT_MANAGE)
def end_others() -> ResponseReturnValue:
    """Signs every other browser out."""
    sessions.end_others(current_user, but=signing.here())
    flash("Everywhere else you are signed out.", "good")
    return redirect(url_for(".show"))


def _page(name: NameForm, password: PasswordForm) -> str:
    return render_template(
        "account/page.html",
        name=name,
        password=password,
        sessions=sessions.of(current_user),
        here=signing.here(),
    )
