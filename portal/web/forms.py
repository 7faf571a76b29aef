"""Forms: what several views do with them."""

from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

from flask_wtf import FlaskForm
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the types

from portal.domain.store.errors import Refused
from portal.translation import translated

P = ParamSpec("P")
T = TypeVar("T")


def accepted(form: FlaskForm, command: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """What the command of the domain answers; None when it refused, its words then stand at the field.

    A refusal that names no field of the form is raised.
    """
    try:
        return command(*args, **kwargs)
    except Refused as refusal:
        if refusal.field not in form:
            raise
        form[refusal.field].errors = [*form[refusal.field].errors, refusal.message]
        return None


def choices(pairs: Iterable[tuple[str, str]]) -> Callable[[], list[Any]]:
    """The choices of a select or of radio buttons, from (value, words); asked for anew for each form."""
    known = list(pairs)
    return lambda: [SelectChoice(value, translated(words)) for value, words in known]
