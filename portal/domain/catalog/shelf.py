"""The shelf: the templates of a folder, presented by its catalog.toml; read again as soon as a file changes.

A template with a mistake is off the shelf and among `problems`; the others don't notice.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from portal.domain.catalog import hot, listing
from portal.domain.catalog.hot import Parameter, Role, Template
from portal.domain.catalog.listing import Entry, Listing
from portal.translation import N_

CATALOG = "catalog.toml"
_ANSWERS = {"true": N_("yes"), "false": N_("no")}
SUFFIXES = (".yaml", ".yml")
# Names stand in addresses and in the database.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")

# What people count among what they get, by the resource's type.
_GIVES = {
    "OS::Nova::Server": N_("a server"),
    "OS::Neutron::SecurityGroup": N_("a firewall of its own"),
    "OS::Neutron::Net": N_("a network of its own"),
    "OS::Cinder::Volume": N_("a disk that can be detached"),
}

# What tells one state of the folder from another: name, inode, size and time of each file.
_Print = tuple[tuple[str, int, int, int], ...]


class NoSuchTemplate(LookupError):
    """No template of this name is on the shelf (any more)."""


@dataclass(frozen=True)
class Problem:
    """A file with mistakes, each in a sentence."""

    file: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Offering:
    """A template as it is offered: its words, the images and sizes that fit it, and the template itself."""

    name: str
    title: str
    summary: str
    icon: str
    gpu: bool
    min_vcpus: int
    min_ram_mib: int
    min_disk_gib: int
    image_filter: str | None  # an os_distro; None: any image
    login: str
    serves: str  # “http” or “https” where it serves a page at its address, else empty
    hidden: bool
    tenants: tuple[str, ...]  # by name; empty: all
    template: Template
    resource_words: Mapping[str, str]  # by the resource's name
    labels: Mapping[str, Mapping[str, str]]  # by the parameter's name, by the value

    @property
    def own_user_data(self) -> bool:
        """Does the person bring the user data?"""
        return self.template.filled_by(Role.USER_DATA) is not None

    def is_for(self, tenant_name: str) -> bool:
        """Whether members of this tenant may use it."""
        return not self.tenants or tenant_name in self.tenants

    @property
    def gives(self) -> list[str]:
        """What one gets of it, in words, each kind once."""
        address = N_("a public address if you want one") if self.template.filled_by(Role.FLOATING_IP) else ""
        made = set(self.template.resources.values())
        kinds = [words for type_, words in _GIVES.items() if type_ in made]
        return [words for words in (*kinds, address) if words]

    def choices(self, parameter: Parameter) -> list[tuple[str, str]]:
        """(value, words) of a parameter with allowed values; empty when anything may be entered."""
        words = self.labels.get(parameter.name, {})
        return [(value, words.get(value, value)) for value in parameter.choices]

    def say(self, parameter: Parameter, value: object) -> str:
        """A value in words, as `choices` has them."""
        text = parameter.as_text(value)
        words = _ANSWERS.get(text, text) if parameter.type == "boolean" else text
        return self.labels.get(parameter.name, {}).get(text, words)


@dataclass(frozen=True)
class _Contents:
    offerings: Mapping[str, Offering]
    problems: tuple[Problem, ...]


class Shelf:
    """The templates of one folder."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._seen: tuple[_Print, _Contents] | None = None

    def contents(self) -> _Contents:
        """What the folder holds now; read only when it has changed."""
        try:
            seen = _fingerprint(self._directory)
        except OSError as error:
            problem = Problem(str(self._directory), (f"The folder can't be read: {error.strerror}.",))
            return _Contents({}, (problem,))
        # Threads may read at the same time; each makes the same, and swaps it in whole.
        if self._seen is None or self._seen[0] != seen:
            self._seen = (seen, _read(self._directory, [name for name, *_ in seen]))
        return self._seen[1]


_shelf: Shelf | None = None


def open_at(directory: Path) -> None:
    """Puts the templates of a folder on the shelf."""
    global _shelf  # noqa: PLW0603 - the one shelf of the process, opened when the application is made
    _shelf = Shelf(Path(directory))


def templates(*, hidden: bool = False) -> list[Offering]:
    """What is on the shelf, in its order; `hidden` adds what is kept off it."""
    return [one for one in _contents().offerings.values() if hidden or not one.hidden]


def get(name: str, *, hidden: bool = False) -> Offering:
    """The offering of a name; a hidden one only when asked so. Raises NoSuchTemplate."""
    found = _contents().offerings.get(name)
    if found is None or (found.hidden and not hidden):
        raise NoSuchTemplate(f"There is no template “{name}” on the shelf.")
    return found


def problems() -> list[Problem]:
    """The files with mistakes."""
    return list(_contents().problems)


def _contents() -> _Contents:
    return (
        _shelf.contents()
        if _shelf
        else _Contents({}, (Problem("", ("No folder of templates was opened.",)),))
    )


def _fingerprint(directory: Path) -> _Print:
    """Raises OSError when there is no such folder."""
    seen = []
    with os.scandir(directory) as files:  # each page looks, some of them more than once
        for file in files:
            # An editor may take a file away while this looks; then it will look different the next time.
            if (file.name.endswith(SUFFIXES) or file.name == CATALOG) and file.is_file():
                with suppress(FileNotFoundError):
                    at = file.stat()
                    seen.append((file.name, at.st_ino, at.st_size, at.st_mtime_ns))
    return tuple(sorted(seen))


def _read(directory: Path, files: list[str]) -> _Contents:
    wrong: dict[str, list[str]] = {}
    listed = Listing()
    if CATALOG in files:
        with _naming(CATALOG, wrong):
            listed, wrong[CATALOG] = listing.read((directory / CATALOG).read_text("utf-8"))
    found: dict[str, Offering] = {}
    for file in files:
        name = Path(file).stem
        if file == CATALOG:
            continue
        with _naming(file, wrong):
            if not _NAME.fullmatch(name):
                raise hot.Mistake(["A template's file name is made of letters, digits, - and _."])
            if name in found:
                raise hot.Mistake([f"There is another file for the template “{name}”."])
            template = hot.read((directory / file).read_text("utf-8"))
            found[name] = _offering(name, template, listed)
    wrong[CATALOG] = wrong.get(CATALOG, []) + _mismatches(listed, found, {Path(file).stem for file in files})
    names = sorted(found, key=lambda name: (_place(name, listed), name))
    problems = tuple(
        Problem(file, tuple(sentences)) for file, sentences in sorted(wrong.items()) if sentences
    )
    return _Contents({name: found[name] for name in names}, problems)


@contextmanager
def _naming(file: str, wrong: dict[str, list[str]]) -> Iterator[None]:
    """Writes down what is wrong with a file."""
    try:
        yield
    except hot.Mistake as mistake:
        wrong[file] = list(mistake.sentences)
    except UnicodeDecodeError:
        wrong[file] = ["This is not a text in UTF-8."]
    except OSError as error:
        wrong[file] = [f"The file can't be read: {error.strerror}."]


def _offering(name: str, template: Template, listed: Listing) -> Offering:
    entry = listed.templates.get(name, Entry())
    return Offering(
        name=name,
        title=entry.title or name.replace("-", " ").replace("_", " ").capitalize(),
        summary=entry.summary or template.description,
        icon=entry.icon,
        gpu=entry.gpu,
        min_vcpus=entry.min_vcpus,
        min_ram_mib=entry.min_ram_mib,
        min_disk_gib=entry.min_disk_gib,
        image_filter=entry.image,
        login=entry.login,
        serves=entry.serves,
        hidden=entry.hidden,
        tenants=entry.tenants,
        template=template,
        resource_words=MappingProxyType(
            {
                resource: entry.words.get(resource) or listed.words.get(type_) or _words(resource)
                for resource, type_ in template.resources.items()
            }
        ),
        labels=listed.labels,
    )


def _words(resource: str) -> str:
    return f"Creating {resource.replace('-', ' ').replace('_', ' ')}…"


def _place(name: str, listed: Listing) -> int:
    order = list(listed.templates)
    return order.index(name) if name in listed.templates else len(order)


def _mismatches(listed: Listing, found: Mapping[str, Offering], names: set[str]) -> list[str]:
    """Entries for what isn't there. A template with mistakes is there: it is named by itself."""
    wrong = [f"[templates.{name}] has no file of its own." for name in listed.templates if name not in names]
    for name, offering in found.items():
        entry = listed.templates.get(name, Entry())
        wrong += [
            f"[templates.{name}] has words for “{resource}”, which is no resource of it."
            for resource in entry.words
            if resource not in offering.template.resources
        ]
    return wrong
