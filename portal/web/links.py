"""Links: where an invitation is accepted, and where a password is set anew. Their tokens let people in.

The token rides in the query, which our logs leave out, never in the path.
"""

from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from portal.domain.people import accounts, choices, invitations, resets
from portal.domain.people.access import Permission
from portal.domain.people.invitations import Invitation
from portal.domain.people.notices import Channel
from portal.domain.tenants import tenants
from portal.translation import N_, gettext
from portal.web import limits, signing
from portal.web.forms import accepted
from portal.web.guards import needs, public
from portal.web.paths import ours

blueprint = Blueprint("links", __name__)
_ENOUGH = N_("At least 10 characters.")


class AccountForm(FlaskForm):
    """What a new account needs."""

    name = StringField(N_("Your name"), [InputRequired(N_("Your name is missing."))])
    password = PasswordField(
        N_("Password"),
        [InputRequired(N_("A password is missing.")), Length(max=1000)],
        description=_ENOUGH,
    )


class ResetForm(FlaskForm):
    """The new password."""

    password = PasswordField(
        N_("New password"),
        [InputRequired(N_("The new password is missing.")), Length(max=1000)],
        description=_ENOUGH,
    )


@blueprint.get("/invitation")
@public
def invitation() -> ResponseReturnValue:
    """What the invitation is for, and how to accept it."""
    return _invitation(AccountForm())


@blueprint.post("/invitation")
@public
@limits.limiter.limit("60 per 15 minutes", deduct_when=limits.was_wrong)
def accept() -> ResponseReturnValue:
    """A new account, signed in."""
    form = AccountForm()
    typed = {"name": form.name.data or "", "password": form.password.data or ""}
    opened = form.validate() and accepted(form, invitations.accept, _token(), **typed, agent=signing.agent())
    if not opened:
        return _invitation(form), limits.WRONG
    signing.take(opened)
    flash(gettext("Welcome, %(name)s. Your account is ready.", name=opened.user.name), "good")
    return redirect(url_for("home.show"))


@blueprint.post("/invitation/join")
@needs(Permission.ACCOUNT_MANAGE)
def join() -> ResponseReturnValue:
    """Somebody who has an account goes where they are invited to, and works there from here on."""
    joined = invitations.join(_token(), by=current_user)
    if joined.tenant_id:
        session["tenant"] = str(joined.tenant_id)
    flash(gettext("You are in."), "good")
    return redirect(url_for("home.show"))


@blueprint.get("/reset")
@public
def reset() -> ResponseReturnValue:
    """Asks for the new password."""
    return render_template("links/reset.html", form=ResetForm(), link=resets.read(_token()), token=_token())


@blueprint.post("/reset")
@public
@limits.limiter.limit("60 per 15 minutes", deduct_when=limits.was_wrong)
def set_password() -> ResponseReturnValue:
    """The new password holds; the person signs in with it."""
    form, token = ResetForm(), _token()
    person = form.validate() and accepted(form, resets.use, token, form.password.data or "")
    if not person:
        return render_template(
            "links/reset.html", form=form, link=resets.read(token), token=token
        ), limits.WRONG
    signing.leave()
    flash(gettext("Your new password holds. Sign in with it."), "good")
    return redirect(url_for("auth.sign_in"))


@blueprint.post("/links/<any(invitation, reset):of>/send")
@needs(Permission.ACCOUNT_MANAGE)
@limits.limiter.limit("60 per 15 minutes", key_func=limits.person)
def send(of: str) -> ResponseReturnValue:
    """Mails a link to whom it is for: who made it asks, on the page that shows it."""
    path = url_for(f"links.{of}", token=_token())
    if of == "invitation":
        place = _tenant_of(invitations.read(_token())) or N_("the portal")
        address = invitations.send(_token(), path, place, by=current_user).email
    else:
        address = resets.send(_token(), path, by=current_user).user.email
    flash(gettext("The link is on its way to %(address)s.", address=address), "good")
    return redirect(ours(request.form.get("back", ""), url_for("home.show")))


def made(of: str, token: str, *, email: str, until: datetime, back: str) -> str:
    """The page that shows a link the only time it can be shown. `of`: "invitation" or "reset"."""
    facts = {"of": of, "url": url_for(f"links.{of}", token=token, _external=True), "token": token}
    mails = Channel.MAIL in choices.offered()
    return render_template("links/made.html", **facts, email=email, until=until, back=back, mails=mails)


def _invitation(form: AccountForm) -> str:
    found = invitations.read(_token())
    return render_template(
        "links/invitation.html",
        form=form,
        invitation=found,
        token=_token(),
        tenant=_tenant_of(found),
        known=accounts.find(found.email) is not None,
    )


def _tenant_of(invitation: Invitation) -> str | None:
    return tenants.names([invitation.tenant_id]).get(invitation.tenant_id) if invitation.tenant_id else None


def _token() -> str:
    return str(request.values.get("token", ""))
