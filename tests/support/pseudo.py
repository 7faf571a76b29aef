"""A language that nobody speaks: what is translated stands in ⟦brackets⟧, so that the rest can be seen."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from gettext import NullTranslations

from lxml import html
from sqlalchemy import select

from portal import translation
from portal.domain.store.db import Base, db
from tests.support.unsaid import NAMES

LANGUAGE = "eo"
# Beside code: what names a language bears it.
_SILENT = ("code", "pre", "kbd", "script", "style", "textarea", "button[@lang]", "*[@translate='no']")
_SPOKEN = ("title", "aria-label", "placeholder", "alt", "data-say", "data-title", "data-body")
_INNERMOST = re.compile(r"⟦[^⟦⟧]*⟧")


class _Brackets(NullTranslations):
    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"⟦{msgid1 if n == 1 else msgid2}⟧"


@contextmanager
def spoken() -> Iterator[None]:
    """The portal knows it in between."""
    before = translation._find[0]
    translation.LANGUAGES[LANGUAGE] = "Esperanto"
    translation.plug(lambda _: _Brackets())
    try:
        yield
    finally:
        translation.plug(before)
        del translation.LANGUAGES[LANGUAGE]


def kept() -> str:
    """All text of the database, as one: what pages show of it is nobody's to translate."""
    rows = (row for mapper in Base.registry.mappers for row in db.session.execute(select(mapper.local_table)))
    return " ".join(" ".join(str(row).split()) for row in rows)


def untranslated(page: str) -> list[str]:
    """Texts of the page outside of brackets, data among them, piece by piece."""
    tree = html.document_fromstring(page)
    for element in tree.xpath(" | ".join(f"//{each}" for each in _SILENT)):
        element.drop_tree()
    # A sentence may go on through elements: what was translated is judged with all that stands in it.
    texts = _outside(tree)
    texts += [value for name in _SPOKEN for value in tree.xpath(f"//@{name}")]
    pieces = (piece.strip(" .–“”…✓✗") for text in texts for piece in re.split(r"[,;:·()\n]", _bare(text)))
    return [" ".join(each.split()) for each in pieces if set(re.findall(r"[A-Za-z]{2,}", each)) - NAMES]


def _outside(tree: html.HtmlElement) -> list[str]:
    """The texts that stand in no translated message, each text node by itself."""
    depth, found = 0, []
    for text in tree.xpath("//body//text() | //title/text()"):
        part = ""
        for character in str(text):
            depth += (character == "⟦") - (character == "⟧")
            part += character if depth == 0 and character != "⟧" else " "
        found.append(part)
    return found


def _bare(text: str) -> str:
    while (shorter := _INNERMOST.sub(" ", text)) != text:
        text = shorter
    return text
