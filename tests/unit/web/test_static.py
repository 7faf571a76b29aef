"""The static files: what pages name is there, and what is there is named."""

import re
import tomllib

from portal.config import ROOT
from portal.web.admin.words import CURES, KINDS
from portal.web.errors import BY_STATUS, TABLE, UNEXPECTED
from portal.web.frame import NAVIGATION

STATIC = ROOT / "static"
TEMPLATES = {
    path: path.read_text(encoding="utf-8") for path in (ROOT / "portal/web/templates").rglob("*.html")
}
SCRIPTS = [path.read_text(encoding="utf-8") for path in sorted(STATIC.glob("*.js")) if path.name != "htmx.js"]
SOURCES = [
    *TEMPLATES.values(),
    *SCRIPTS,
    *(path.read_text(encoding="utf-8") for path in (ROOT / "portal/web").rglob("*.py")),
]
OWN = (STATIC / "portal.css").read_text(encoding="utf-8")
TABLER = (STATIC / "tabler.css").read_text(encoding="utf-8")


def classes(css: str) -> set[str]:
    return set(re.findall(r"\.([A-Za-z][\w-]*)", re.sub(r"/\*.*?\*/|url\([^)]*\)", "", css, flags=re.DOTALL)))


def test_every_icon_that_is_named_is_in_the_sprite() -> None:
    sprite = set(re.findall(r'<symbol id="([\w-]+)"', (STATIC / "icons.svg").read_text(encoding="utf-8")))
    listed = set((STATIC / "src/icons.txt").read_text(encoding="utf-8").split())
    named = {
        name for text in TEMPLATES.values() for name in re.findall(r'(?:icon\(|picture=)"([\w-]+)"', text)
    }
    named |= {place.icon for places in NAVIGATION.values() for place in places}
    named |= {kind.picture for kind in KINDS.values()} | {cure.picture for cure in CURES.values()}
    named |= {trouble.picture for trouble in [*TABLE.values(), *BY_STATUS.values(), UNEXPECTED]}
    shelf = tomllib.loads((ROOT / "hot_templates/catalog.toml").read_text(encoding="utf-8"))
    named |= {offering["icon"] for offering in shelf["templates"].values() if "icon" in offering}
    assert named - sprite == set()
    assert sprite == listed


def test_every_icon_of_the_sprite_is_used() -> None:
    shelf = (ROOT / "hot_templates/catalog.toml").read_text(encoding="utf-8")
    sources = [*SOURCES, shelf]
    quoted = {word for source in sources for word in re.findall(r"[\"'#]([a-z][\w-]*)[\"']", source)}
    assert set((STATIC / "src/icons.txt").read_text(encoding="utf-8").split()) - quoted == set()


def test_every_class_of_the_templates_has_a_style() -> None:
    used = {
        name
        for text in TEMPLATES.values()
        for value in re.findall(r'class="([^"{]*)"', text)
        for name in value.split()
    }
    assert used - classes(OWN) - classes(TABLER) == set()


def test_every_class_of_the_own_style_is_used() -> None:
    words = {word for source in SOURCES for word in re.findall(r"[A-Za-z][\w-]*", source)}
    made = {f"tone-{tone}" for tone in ("good", "busy", "warn", "bad", "calm")}
    htmx = {name for name in classes(OWN) if name.startswith("htmx-")}
    assert classes(OWN) - words - made - htmx == set()


def test_the_styles_ask_for_nothing_from_elsewhere() -> None:
    for css in (OWN, TABLER):
        assert "@import" not in css
        assert all(
            address.startswith("data:image/svg+xml") for address in re.findall(r'url\("?([^")]+)', css)
        )


def test_no_script_evaluates_anything() -> None:
    for script in SCRIPTS:
        assert not re.search(r"\beval\(|new Function|innerHTML|document\.write", script)
