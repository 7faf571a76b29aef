"""Brings what the pages need from npm into static/: htmx, Tabler's style cut to what is used, an icon sprite.

Run by hand after a template uses a new Tabler class or a new icon (`python static/src/vendor.py`; it needs
npm and the network). Its output is committed, so nothing is built when the portal is installed or runs.
Versions and checksums are pinned below; icons are listed in icons.txt.
"""

import base64
import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
STATIC = HERE.parent
WEB = STATIC.parent / "portal" / "web"

PACKAGES = {
    "htmx.org@4.0.1": (
        "oF7JgXhDW9UXCy/k1ZYFUQgzu/rm19ORWPSPNL91vPluB2PB9+MV55tyQdH/w7o2EAbTYUG5SDW1R60mdkdqGg=="
    ),
    "@tabler/core@1.6.1": (
        "lgmR9gcxRp5JlLxcmRi9Rz85JrEvH6Bz71KnlcPVSa97wtwQNjgSs3g3fxwbAlulHyRMghhIV04QUuW3pqDsIg=="
    ),
    "lucide-static@1.62.0": (
        "WBZA/m2PvkFpMGHDtsBck5P2A9G4ehLlYu4GwwICcmEm1BvYVgj00lCDxKRWLlbMlOibLaiwdQ88G5pHkSWgwA=="
    ),
}

# Utilities that pages may reach for without a new cut.
ALWAYS = re.compile(
    r"[mp][tbsexy]?-([0-5]|auto)|d-(none|block|flex|grid|inline|inline-block|inline-flex)|d-(sm|md|lg)-[\w-]+"
    r"|flex-(wrap|column|fill|grow-1|shrink-0)|(row-|column-)?gap-[0-5]|align-items-\w+|justify-content-\w+"
    r"|text-(start|center|end|secondary|danger|success|warning|nowrap|truncate|break|reset)|fw-(normal|medium|bold)"
    r"|row|row-cards|g-[0-4]|col|col-auto|col-\d+|col-(sm|md|lg)(-\d+|-auto)?|w-(100|auto)|h-100"
    r"|visually-hidden(-focusable)?|ms-auto|me-auto|mb-0|mt-0|list-unstyled|table-(sm|vcenter|responsive|nowrap)"
    r"|btn(-(primary|danger|link|sm|icon|list))?|form-(control|select|check|check-input|check-label|switch)"
    r"|input-group(-text)?|card(-(header|body))?|table(-\w+)?|active|disabled"
)
UNUSED = ("data-bs-", "data-theme", "theme-dark")


@dataclass
class Rule:
    """A style rule, or an at-rule with rules inside."""

    head: str
    body: str = ""
    inner: list["Rule"] = field(default_factory=list)

    @property
    def is_group(self) -> bool:
        return self.head.startswith(("@media", "@supports", "@layer"))

    def text(self) -> str:
        inside = "".join(rule.text() for rule in self.inner) if self.is_group else self.body
        return f"{self.head}{{{inside}}}\n"


def main() -> None:
    """Fetch, check, cut and write the four files."""
    htmx = fetch("htmx.org@4.0.1")
    write("htmx.js", htmx["dist/htmx.min.js"].replace("//# sourceMappingURL=htmx.min.js.map", ""))
    tabler = fetch("@tabler/core@1.6.1")["dist/css/tabler.css"]
    write("tabler.css", cut(tabler))
    write("icons.svg", sprite(fetch("lucide-static@1.62.0")))


def fetch(package: str) -> dict[str, str]:
    """The text files of a pinned npm package by their paths. Stops when its checksum is another."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", package, "--json", "--pack-destination", folder]
        packed = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - fixed words
        archive = (Path(folder) / json.loads(packed.stdout)[0]["filename"]).read_bytes()
    if base64.b64encode(hashlib.sha512(archive).digest()).decode() != PACKAGES[package]:
        sys.exit(f"{package} is not the package that was pinned")
    files = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar.getmembers():
            opened = tar.extractfile(member) if member.name.endswith((".js", ".css", ".svg")) else None
            if opened:
                files[member.name.removeprefix("package/")] = opened.read().decode()
    return files


def write(name: str, text: str) -> None:
    (STATIC / name).write_text(text, encoding="utf-8")
    sys.stdout.write(f"static/{name}: {len(text) // 1024} KiB\n")


def sprite(files: dict[str, str]) -> str:
    """One SVG with a symbol for each icon of icons.txt."""
    symbols = []
    for name in (HERE / "icons.txt").read_text(encoding="utf-8").split():
        drawing = re.sub(r"<!--.*?-->|</?svg[^>]*>", "", files[f"icons/{name}.svg"], flags=re.DOTALL)
        drawing = re.sub(r"\s+", " ", drawing).strip()
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{drawing}</symbol>\n')
    license_line = "<!-- Icons of lucide 1.62.0, ISC license, https://lucide.dev/license -->\n"
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{license_line}{"".join(symbols)}</svg>\n'


def cut(css: str) -> str:
    """Tabler's style without the rules, variables and animations that no page uses."""
    license_text = re.search(r"/\*!.*?\*/", css, flags=re.DOTALL)
    own = (STATIC / "portal.css").read_text(encoding="utf-8")
    used = words_of_pages() - own_classes(own)
    css = re.sub(r"/\*.*?\*/|@charset[^;]*;", "", css, flags=re.DOTALL)
    rules = [kept for rule in parse(css) if (kept := keep(rule, used))]
    drop_variables(rules, own)
    text = "".join(rule.text() for rule in rules if rule.inner or rule.body)
    text = drop_animations(text)
    return f"{license_text.group(0) if license_text else ''}\n{text}"


def words_of_pages() -> set[str]:
    """Every word of templates, views and script: a class is used if its name is among them."""
    scripts = (path for path in STATIC.glob("*.js") if path.name != "htmx.js")
    places = [*WEB.rglob("*.html"), *WEB.rglob("*.py"), *scripts]
    return {word for place in places for word in re.findall(r"[A-Za-z][\w-]*", place.read_text("utf-8"))}


def own_classes(own: str) -> set[str]:
    """The classes that are portal.css's alone: Tabler may mean something else by the same name."""
    return {name for name in re.findall(r"\.([A-Za-z][\w-]*)", own) if not ALWAYS.fullmatch(name)}


def parse(css: str) -> Iterator[Rule]:
    """The rules of a style sheet, groups with their inner rules."""
    at, start = 0, 0
    while (opening := find(css, "{", at)) >= 0:
        closing = matching(css, opening)
        head = re.sub(r"\s+", " ", css[start:opening]).strip()
        rule = Rule(head)
        if rule.is_group:
            rule.inner = list(parse(css[opening + 1 : closing]))
        else:
            rule.body = re.sub(r"\s*\n\s*", " ", css[opening + 1 : closing]).strip()
        yield rule
        at = start = closing + 1


def find(css: str, wanted: str, at: int) -> int:
    """Where a character stands outside of quotes, or -1."""
    quote = ""
    for position in range(at, len(css)):
        character = css[position]
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in wanted:
            return position
    return -1


def matching(css: str, opening: int) -> int:
    """Where the brace that stands at `opening` is closed."""
    depth, at = 0, opening
    while at >= 0:
        depth += 1 if css[at] == "{" else -1
        if depth == 0:
            return at
        at = find(css, "{}", at + 1)
    sys.exit("a brace is never closed")


def keep(rule: Rule, used: set[str]) -> Rule | None:
    """The rule with the selectors that can match, or None."""
    if rule.is_group:
        inner = [kept for each in rule.inner if (kept := keep(each, used))]
        return Rule(rule.head, inner=inner) if inner else None
    if rule.head.startswith("@"):
        return rule
    matching_ones = [each for each in selectors(rule.head) if can_match(each, used)]
    return Rule(",".join(matching_ones), rule.body) if matching_ones else None


def selectors(head: str) -> list[str]:
    """What stands between the commas that are inside no bracket."""
    found, depth = [""], 0
    for character in head:
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            found.append("")
        else:
            found[-1] += character
    return [selector.strip() for selector in found]


def can_match(selector: str, used: set[str]) -> bool:
    if any(theme in selector for theme in UNUSED):
        return False  # light-dark() and color-scheme do it: see portal.css
    positive = re.sub(r":not\([^)]*\)", "", selector)
    return all(name in used or ALWAYS.fullmatch(name) for name in re.findall(r"\.([A-Za-z][\w-]*)", positive))


def drop_variables(rules: list[Rule], own: str) -> None:
    """Take out, again and again, custom properties that nothing reads."""
    while True:
        everything = own + "".join(rule.text() for rule in rules)
        read = set(re.findall(r"var\(\s*(--[\w-]+)", everything))
        if not sum([drop_unread(rule, read) for rule in rules]):
            return


def drop_unread(rule: Rule, read: set[str]) -> int:
    if rule.is_group:
        return sum([drop_unread(each, read) for each in rule.inner])
    dropped = 0
    declarations = re.split(r";\s*(?![^()\"']*[)\"'])", rule.body)
    kept = []
    for declaration in filter(None, (each.strip() for each in declarations)):
        name = declaration.partition(":")[0].strip()
        if name.startswith("--") and name not in read:
            dropped += 1
        else:
            kept.append(declaration)
    if dropped:
        rule.body = "; ".join(kept)
    return dropped


def drop_animations(css: str) -> str:
    named = set(re.findall(r"animation(?:-name)?:[^;}]*", css))
    lines = [line for line in css.splitlines(keepends=True) if not line.startswith("@property")]

    def plays(line: str) -> bool:
        found = re.match(r"@keyframes ([\w-]+)", line)
        return not found or any(found.group(1) in use for use in named)

    return "".join(line for line in lines if plays(line) and not re.search(r"^[^{]+\{\}$", line))


if __name__ == "__main__":
    main()
