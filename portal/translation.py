"""The words people read, in their language: written in English, looked up when they are said.

What is kept (a reason, an act of the audit, a fact of a notice) stays English, or better a name that gets its
words when somebody reads it. The pages plug in where translations come from; until then all is English.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from gettext import NullTranslations
from typing import Any

from babel.dates import format_date
from babel.numbers import format_decimal

# Languages that are complete, as each calls itself.
LANGUAGES = {"en": "English", "de": "Deutsch"}
SOURCE = "en"

Find = Callable[[str], NullTranslations]


@dataclass(frozen=True)
class _Voice:
    language: str
    translations: NullTranslations


_ENGLISH = _Voice(SOURCE, NullTranslations())
_voice: ContextVar[_Voice] = ContextVar("voice", default=_ENGLISH)
_find: list[Find] = [lambda _: _ENGLISH.translations]


def plug(find: Find) -> None:
    """From here on the translations of a language come from there."""
    _find[0] = find


def speak(language: str) -> None:
    """From here on this thread speaks so; unknown languages are English."""
    known = language in LANGUAGES and language != SOURCE
    _voice.set(_Voice(language, _find[0](language)) if known else _ENGLISH)


def spoken() -> str:
    """The language that is spoken here."""
    return _voice.get().language


@contextmanager
def speaking(language: str | None) -> Iterator[None]:
    """Speaks so to somebody in between; None: English."""
    before = _voice.get()
    speak(language or SOURCE)
    try:
        yield
    finally:
        _voice.set(before)


def translated(message: str) -> str:
    """A text that was marked elsewhere, or an operator's own, which stays as it is."""
    return _voice.get().translations.gettext(message) if message else message


def translated_count(one: str, many: str, count: int) -> str:
    """The same for a number of things."""
    return _voice.get().translations.ngettext(one, many, count)


def number(amount: float, form: str = "#,##0.###") -> str:
    """A number as it is written in the language: “1,234.5”, “1.234,5”."""
    return format_decimal(amount, format=form, locale=spoken())


def day(when: date) -> str:
    """A day as it is written in the language: “Nov 28, 2026”, “28.11.2026”."""
    return format_date(when, locale=spoken())


def gettext(message: str, **facts: Any) -> str:
    """The message with its %(name)s filled in; a per cent sign is written %%."""
    return translated(message) % facts


def ngettext(one: str, many: str, count: int, **facts: Any) -> str:
    """The message for so many things; `%(num)s` is the number, unless another is given."""
    return translated_count(one, many, count) % ({"num": count} | facts)


def N_(message: str) -> str:  # noqa: N802 - as gettext's users write it
    """Marks a text that is looked up later, when it is said."""
    return message
