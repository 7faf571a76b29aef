"""SSH keys: a person's public keys."""

from base64 import b64encode
from uuid import UUID, uuid4

from flask import Blueprint, flash, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import Field, HiddenField, StringField, TextAreaField
from wtforms.validators import ValidationError

from portal.domain.catalog import keys
from portal.domain.people.access import Permission
from portal.translation import N_, gettext
from portal.web.forms import accepted
from portal.web.guards import needs

blueprint = Blueprint("keys", __name__, url_prefix="/keys")


class NewKey(FlaskForm):
    """A name and the key as it stands in the .pub file: pasted, or the file itself."""

    name = StringField(N_("Name"), description=N_("What you call it, such as “laptop”."))
    public_key = TextAreaField(
        N_("Public key"),
        description=N_("The one line of ~/.ssh/id_ed25519.pub. The portal never asks for the private key."),
    )
    file = FileField(N_("Or the .pub file itself"))

    @property
    def text(self) -> str:
        """The key, pasted or else from the file."""
        if (self.public_key.data or "").strip() or not self.file.data:
            return self.public_key.data or ""
        self.file.data.seek(0)
        return str(self.file.data.read(keys.MAX_LENGTH + 1).decode(errors="replace"))

    def validate_public_key(self, _field: Field) -> None:
        """One of the two ways is needed."""
        if not self.text.strip():
            raise ValidationError(
                gettext("Paste the key, the one line of your .pub file, or choose that file.")
            )


class MadeKey(FlaskForm):
    """What a key that is made here shall be called; `once` tells this wish from the next one."""

    name = StringField(N_("Name"), description=N_("What you call it, such as “portal”."))
    once = HiddenField(default=lambda: str(uuid4()))

    @property
    def wish(self) -> tuple[str, str]:
        """The name, and the mark of the form it was typed into."""
        return self.name.data or "", self.once.data or ""


class AnyKey(NewKey, MadeKey):
    """A key that the person has, or else the name of one that is made here."""


@blueprint.get("/")
@needs(Permission.KEY_MANAGE)
def index() -> ResponseReturnValue:
    """The keys, and the form for one more."""
    return _page(NewKey(), _making())


@blueprint.post("/")
@needs(Permission.KEY_MANAGE)
def add() -> ResponseReturnValue:
    """One more key."""
    form = NewKey()
    key = form.validate() and accepted(form, keys.add, current_user, form.name.data or "", form.text)
    if not key:
        return _page(form, _making()), 422
    flash(gettext("“%(name)s” was added. New VMs can be opened with it.", name=key.name), "good")
    return redirect(url_for(".index"))


@blueprint.post("/make")
@needs(Permission.KEY_MANAGE)
def make() -> ResponseReturnValue:
    """One more key, made here; its private half is in this one answer and nowhere else."""
    form = MadeKey(prefix="made-")
    made = accepted(form, keys.make, current_user, *form.wish)
    if not made:
        return _page(NewKey(formdata=None), form), 422
    return handed_over(made, url_for(".index"))


@blueprint.post("/<uuid:key_id>/remove")
@needs(Permission.KEY_MANAGE)
def remove(key_id: UUID) -> ResponseReturnValue:
    """Forgets a key."""
    keys.remove(key_id, by=current_user)
    flash(gettext("The key was removed. VMs that have it keep it."), "good")
    return redirect(url_for(".index"))


def handed_over(made: keys.Pair, on: str) -> ResponseReturnValue:
    """The page with the private key, which no cache keeps; `on` is where one goes from there.

    Whoever asks for the same key again, as by loading that page anew, goes there at once.
    """
    if made.private_key is None:
        words = gettext(
            "“%(name)s” was made before, and its private key shown that one time. "
            "If you did not save it, have another key made, and remove this one.",
            name=made.key.name,
        )
        flash(words, "warn")
        return redirect(on)
    content = b64encode(made.private_key.encode()).decode()
    page = render_template("keys/made.html", made=made, content=content, on=on)
    response = make_response(page)
    response.headers["Cache-Control"] = "no-store"
    return response


def _making() -> MadeKey:
    return MadeKey(formdata=None, prefix="made-")


def _page(form: NewKey, making: MadeKey) -> str:
    return render_template("keys/page.html", keys=keys.of(current_user), form=form, making=making)
