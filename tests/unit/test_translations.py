"""Every word for people can be translated, and each language has them all."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from portal.cli import translations
from portal.config import ROOT
from portal.domain.tenants import probe, revoking
from portal.translation import LANGUAGES, SOURCE
from tests.support import unsaid

OTHER_LANGUAGES = [language for language in LANGUAGES if language != SOURCE]
TEMPLATES = sorted((ROOT / "portal/web/templates").rglob("*.html"))
MODULES = sorted(
    path for each in ("domain", "post", "web") for path in (ROOT / "portal" / each).rglob("*.py")
)
# What a template's author is told by `flask check-catalog`.
AUTHORS = tuple(
    f"portal/domain/catalog/{each}.py" for each in ("hot", "listing", "parameters", "references", "shelf")
)
# English as a whole: for operators, for who helps from outside, and what came of a remedy or a change.
ENGLISH = (
    "portal/domain/vms/bundle.py",
    "portal/domain/vms/counts.py",
    "portal/domain/vms/gauges.py",
    "portal/domain/vms/rungs.py",
)
# What looks like words and is none for people: names of the wire, words for machines and operators.
OTHERS: dict[str, set[str]] = {
    # No words: names, SQL, a secret's stand-in, a template of Heat's.
    "portal/domain/tenants/places.py": {"CA bundle"},
    "portal/domain/tenants/probe.py": {probe.TEMPLATE},
    "portal/domain/people/accounts.py": {"nobody has this password"},
    "portal/domain/people/sessions.py": {"Mac OS X"},
    "portal/domain/store/db.py": {"SELECT clock_timestamp()"},
    # For machines.
    "portal/domain/people/sending.py": {"A test of this webhook"},
    # Kept with their facts: as they were written.
    "portal/domain/catalog/catalog.py": {
        "The portal itself failed (\ufffc); an administrator can see why.",
    },
    "portal/domain/tenants/revoking.py": {
        revoking.BY_HAND,
        "Keystone was asked in vain to delete it; it is asked again. \ufffc",
    },
    "portal/post/mail.py": {
        "The mail server refuses the address (\ufffc).",
        "The mail server answers \ufffc.",
        "The mail server can't be used (\ufffc).",
    },
    "portal/post/webhooks.py": {"No answer (\ufffc).", "It answers \ufffc."},
    "portal/domain/tenants/ways.py": {"Or with rules for every method on all of: \ufffc."},
    "portal/domain/vms/findings.py": {"Marked as OpenStack has it: ", "It stuck again: \ufffc"},
    "portal/domain/vms/handover.py": {
        "VMs that Heat still works on under it: \ufffc.",
        "Jobs that may still use it: \ufffc.",
    },
    "portal/domain/vms/holds.py": {"the hold of port \ufffc by \ufffc"},
    "portal/domain/vms/ladder.py": {
        "OpenStack says no (\ufffc: \ufffc).",
    },
    "portal/domain/vms/leases.py": {
        "It is stopped, and deleted on \ufffc UTC unless you extend it.",
    },
    "portal/domain/vms/names.py": {
        "amber brave calm clever coral eager gentle golden keen lively lucky mellow noble quiet swift",
        "badger comet cedar falcon fjord heron ibex lynx maple otter puffin raven river tern willow",
    },
    "portal/domain/vms/recipe.py": {"openstack stack create"},
    "portal/domain/vms/reconcile.py": {"The stack was deleted (\ufffc).", "proven ours, and not wanted"},
    "portal/domain/vms/retrying.py": {
        "Another try was asked for\ufffc.",
        "of the template",
        "no public address",
    },
    "portal/domain/vms/verdicts.py": {
        "OpenStack answered 404",
    },
    "portal/web/admin/credentials.py": {"Default"},
    "portal/web/cookies.py": {"Lax"},
    "portal/web/guards.py": {"View"},
    "portal/web/metrics.py": {"Authorization", "Bearer", "Bearer \ufffc", "A bearer token is needed.\n"},
    "portal/web/templates/admin/credentials/new.html": {"openstack application credential create portal"},
    "portal/web/templates/ui.html": {"BooleanField", "Select"},
}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


# Headers of HTTP, types of resources: one word with hyphens or colons.
WIRE = re.compile(r"(X-|HX-)?[A-Z][A-Za-z]*([-:]+[A-Z][A-Za-z]*)+|Vary")


def words_of(path: Path, found: Iterable[str]) -> set[str]:
    return {text for text in found if not WIRE.fullmatch(text)} - OTHERS.get(name(path), set())


def done(paths: list[Path]) -> list[Path]:
    return [path for path in paths if not name(path).startswith(AUTHORS + ENGLISH)]


@pytest.mark.parametrize("path", done(TEMPLATES), ids=name)
def test_a_template_marks_its_words(path: Path) -> None:
    assert words_of(path, unsaid.in_template(path)) == set()


@pytest.mark.parametrize("path", done(MODULES), ids=name)
def test_a_module_marks_its_words(path: Path) -> None:
    assert words_of(path, unsaid.in_python(path)) == set()


def test_nothing_is_excepted_that_is_no_longer_there() -> None:
    found = {
        file: set((unsaid.in_template if file.endswith(".html") else unsaid.in_python)(ROOT / file))
        for file in OTHERS
    }
    assert {file: texts - found[file] for file, texts in OTHERS.items() if texts - found[file]} == {}


@pytest.mark.parametrize("language", OTHER_LANGUAGES)
def test_a_language_is_complete(language: str) -> None:
    assert translations.missing(language) == []


@pytest.mark.parametrize("language", OTHER_LANGUAGES)
def test_a_language_says_each_fact_of_a_message(language: str) -> None:
    wrong = [
        (message.id, said)
        for message in translations.read(language)
        for said in _forms(message.string)
        if message.id and _facts(said) not in [_facts(form) for form in _forms(message.id)]
    ]
    assert wrong == []


@pytest.mark.parametrize("language", OTHER_LANGUAGES)
def test_the_files_of_a_language_are_of_today(language: str) -> None:
    for path, content in translations.files(language).items():
        assert path.read_bytes() == content, "make translations"


def _forms(text: Any) -> tuple[str, ...]:
    return text if isinstance(text, tuple) else (text,)


def _facts(text: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)s|%%|</?\w+", text))
