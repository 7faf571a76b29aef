"""SSH keys: a person's public keys."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import StringField, TextAreaField
from wtforms.validators import InputRequired

from portal.domain.catalog import keys
from portal.domain.people.access import Permission
from portal.web.forms import accepted
from portal.web.guards import needs

blueprint = Blueprint("keys", __name__, url_prefix="/keys")


class NewKey(FlaskForm):
    """A name and the key as it stands in the .pub file."""

    name = StringField("Name", description="What you call it, such as “laptop”.")
    public_key = TextAreaField(
        "Public key",
        [InputRequired("Paste the key: the one line of your .pub file.")],
        description="The one line of ~/.ssh/id_ed25519.pub. The portal never asks for the private key.",
    )


@blueprint.get("/")
@needs(Permission.KEY_MANAGE)
def index() -> ResponseReturnValue:
    """The keys, and the form for one more."""
    return render_template("keys/page.html", keys=keys.of(current_user), form=NewKey())


@blueprint.post("/")
@needs(Permission.KEY_MANAGE)
def add() -> ResponseReturnValue:
    """One more key."""
    form = NewKey()
    key = form.validate() and accepted(
        form, keys.add, current_user, form.name.data or "", form.public_key.data or ""
    )
    if not key:
        return render_template("keys/page.html", keys=keys.of(current_user), form=form), 422
    flash(f"“{key.name}” was added. New VMs can be opened with it.", "good")
    return redirect(url_for(".index"))


@blueprint.post("/<uuid:key_id>/remove")
@needs(Permission.KEY_MANAGE)
def remove(key_id: UUID) -> ResponseReturnValue:
    """Forgets a key."""
    keys.remove(key_id, by=current_user)
    flash("The key was removed. VMs that have it keep it.", "good")
    return redirect(url_for(".index"))
