"""Signing in and out."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField
from wtforms.validators import InputRequired, Length

from portal.domain.people import accounts
from portal.translation import N_
from portal.web import language, limits, paths, signing
from portal.web.forms import accepted
from portal.web.guards import public

blueprint = Blueprint("auth", __name__)


class SignIn(FlaskForm):
    """The e-mail address and the password."""

    email = EmailField(
        N_("E-mail address"),
        [InputRequired(N_("Your e-mail address is missing.")), Length(max=255)],
    )
    password = PasswordField(
        N_("Password"), [InputRequired(N_("Your password is missing.")), Length(max=1000)]
    )


@blueprint.get("/sign-in")
@public
def sign_in() -> ResponseReturnValue:
    """The form; whoever is in already goes on."""
    if current_user.is_authenticated:
        return redirect(_next())
    return render_template("auth/sign_in.html", form=SignIn(), next=_next())


@blueprint.post("/sign-in")
@public
@limits.limiter.limit("10 per 15 minutes", key_func=limits.account_and_address, deduct_when=limits.was_wrong)
@limits.limiter.limit(
    "30 per 15 minutes",
    key_func=limits.account,
    deduct_when=limits.was_wrong,
    exempt_when=limits.is_at_home,
)
@limits.limiter.limit("60 per 15 minutes", deduct_when=limits.was_wrong)
def open_session() -> ResponseReturnValue:
    """In, and on to where the person wanted to go."""
    form = SignIn()
    typed = form.email.data or "", form.password.data or ""
    opened = form.validate() and accepted(form, accounts.sign_in, *typed, agent=signing.agent())
    if not opened:
        return render_template("auth/sign_in.html", form=form, next=_next()), limits.WRONG
    signing.take(opened)
    return language.remembered(redirect(_next()), opened.user)


@blueprint.post("/sign-out")
@public
def sign_out() -> ResponseReturnValue:
    """Out; nothing of the session stays in the browser."""
    if current_user.is_authenticated:
        accounts.sign_out(current_user, signing.here())
    signing.leave()
    return redirect(url_for(".sign_in"))


def _next() -> str:
    """Where to go after signing in: a path of ours, or home."""
    return paths.ours(request.values.get("next", ""), url_for("home.show"))
