"""`make translations`: gathers what is said to people, and brings each language's files up to date."""

import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import yaml
from babel.messages import Catalog
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from portal.config import ROOT
from portal.translation import LANGUAGES, SOURCE

FOLDER = ROOT / "portal/translations"
KEYWORDS: dict[str, Any] = {
    "_": None,
    "gettext": None,
    "N_": None,
    "ngettext": (1, 2),
    "plural": (2, 3),
}
# The sandbox is a cloud: it speaks English as OpenStack does. The command line is the operator's.
METHODS = [(f"{each}/**.py", "python") for each in ("domain", "post", "web")]
METHODS += [("web/templates/**.html", "jinja2")]
OPTIONS = {"web/templates/**.html": {"silent": "false", "trimmed": "true"}}
# A file's header tells no time: it changes when a message does.
_NO_TIME = datetime(2026, 1, 1, tzinfo=UTC)


def gather() -> Catalog:
    """All messages of the pages, of the domain and of the shelf, with the file each stands in."""
    catalog = Catalog(project="portal", fuzzy=False, creation_date=_NO_TIME, revision_date=_NO_TIME)
    found = extract_from_dir(
        ROOT / "portal",
        METHODS,
        OPTIONS,
        KEYWORDS,
        comment_tags=("Translators:",),
        strip_comment_tags=True,
    )
    for file, _, message, comments, context in found:
        catalog.add(message, locations=[(f"portal/{file}", 1)], auto_comments=comments, context=context)
    for file, message in _data():
        catalog.add(message, locations=[(file, 1)])
    return catalog


def read(language: str) -> Catalog:
    """A language's file, as it is."""
    path = _path(language)
    if not path.exists():
        return Catalog(locale=language, project="portal", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def updated(language: str) -> Catalog:
    """The same with the messages of today; new ones have no translation yet."""
    catalog = read(language)
    catalog.update(gather(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    catalog.creation_date = catalog.revision_date = _NO_TIME
    return catalog


def files(language: str) -> dict[Path, bytes]:
    """What the language's two files should hold, the readable and the compiled one."""
    catalog = updated(language)
    readable, compiled = BytesIO(), BytesIO()
    write_po(readable, catalog, width=110, sort_by_file=True, include_lineno=False)
    write_mo(compiled, catalog)
    return {_path(language): readable.getvalue(), _path(language).with_suffix(".mo"): compiled.getvalue()}


def missing(language: str) -> list[str]:
    """The messages that it has no words for."""
    return [str(message.id) for message in updated(language) if message.id and not _is_said(message)]


def _is_said(message: Message) -> bool:
    return all(message.string if isinstance(message.string, tuple) else (message.string,))


def _path(language: str) -> Path:
    return FOLDER / language / "LC_MESSAGES" / "messages.po"


def _data() -> Iterator[tuple[str, str]]:
    """What files of data say: the rules of failures, the shelf, and its templates."""
    causes = tomllib.loads((ROOT / "portal/domain/vms/causes.toml").read_text(encoding="utf-8"))
    for rule in causes["rule"]:
        yield from (
            ("portal/domain/vms/causes.toml", rule[name])
            for name in ("cause", "next", "help")
            if name in rule
        )
    shelf = tomllib.loads((ROOT / "hot_templates/catalog.toml").read_text(encoding="utf-8"))
    yield from (("hot_templates/catalog.toml", text) for text in _of_shelf(shelf))
    for path in sorted((ROOT / "hot_templates").glob("*.yaml")):
        template = yaml.safe_load(path.read_text(encoding="utf-8"))
        yield from ((f"hot_templates/{path.name}", text) for text in _of_template(template))


def _of_shelf(shelf: dict[str, Any]) -> Iterator[str]:
    for offering in shelf["templates"].values():
        yield from (offering[name] for name in ("title", "summary") if name in offering)
        yield from offering.get("words", {}).values()
    yield from shelf["words"].values()
    for labels in shelf["labels"].values():
        yield from labels.values()


def _of_template(template: dict[str, Any]) -> Iterator[str]:
    yield " ".join(template["description"].split())
    yield from (group["label"] for group in template.get("parameter_groups", ()))
    for parameter in template["parameters"].values():
        yield from (
            " ".join(parameter[name].split()) for name in ("label", "description") if name in parameter
        )
        yield from (
            " ".join(rule["description"].split())
            for rule in parameter.get("constraints", ())
            if "description" in rule
        )


def main() -> int:
    for language in LANGUAGES:
        if language != SOURCE:
            for path, content in files(language).items():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            print(f"{language}: {len(missing(language))} messages have no translation")
    return 0


if __name__ == "__main__":
    sys.exit(main())
