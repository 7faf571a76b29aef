"""The colours of portal.css hold their contrast in both schemes, computed from the tokens."""

import math
import re

import pytest

from portal.config import ROOT

CSS = (ROOT / "static/portal.css").read_text(encoding="utf-8")
SCHEMES = ("light", "dark")
GROUNDS = ("ground", "surface", "raised", "sunken")
TONES = ("good", "busy", "warn", "bad", "calm")
WORDS = [
    *((ink, ground) for ink in ("ink", "ink-soft", "accent") for ground in GROUNDS),
    *((tone, f"{tone}-tint") for tone in TONES),
    *((tone, ground) for tone in TONES for ground in ("ground", "surface")),
    *((ink, f"{tone}-tint") for ink in ("ink", "ink-soft") for tone in TONES),
    ("ink", "accent-tint"),
    ("white", "accent-ground"),
]
EDGES = [("line-strong", ground) for ground in GROUNDS]


def token(name: str, scheme: str) -> str:
    """The colour that the token is in that scheme."""
    if name == "white":
        return "#fff"
    found = re.search(rf"--{name}: ([^;]+);", CSS)
    assert found, f"no token --{name}"
    value = found[1]
    if alias := re.fullmatch(r"var\(--([\w-]+)\)", value):
        return token(alias[1], scheme)
    both = re.fullmatch(r"light-dark\((#\w+|oklch\([^)]*\)), (#\w+|oklch\([^)]*\))\)", value)
    assert both, f"--{name} has no two schemes: {value}"
    return both[1 + SCHEMES.index(scheme)]


def luminance(colour: str) -> float:
    """Relative luminance as WCAG has it; oklch by Ottosson's matrices."""
    if colour == "#fff":
        return 1.0
    found = re.fullmatch(r"oklch\(([\d.]+)% ([\d.]+) ([\d.]+)\)", colour)
    assert found, colour
    light, chroma, hue = float(found[1]) / 100, float(found[2]), math.radians(float(found[3]))
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (light - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short
    parts = (min(1.0, max(0.0, part)) for part in (red, green, blue))
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))


def contrast(one: str, other: str, scheme: str) -> float:
    """Between 1 and 21."""
    darker, lighter = sorted((luminance(token(one, scheme)), luminance(token(other, scheme))))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_words_can_be_read_on_every_ground_they_stand_on(scheme: str) -> None:
    weak = {pair: contrast(*pair, scheme) for pair in WORDS}
    assert {pair: round(found, 2) for pair, found in weak.items() if found < 4.5} == {}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_edges_of_fields_can_be_seen(scheme: str) -> None:
    weak = {pair: contrast(*pair, scheme) for pair in EDGES}
    assert {pair: round(found, 2) for pair, found in weak.items() if found < 3} == {}
