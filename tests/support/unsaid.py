"""Where the code has words for people that nobody can translate: they aren't marked."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from jinja2 import Environment, nodes

MARKED = {"_", "N_", "gettext", "ngettext", "plural"}
# Calls whose texts are no words for people.
_MACHINES = {"url_for", "asset", "re.compile", "logger", "text", "panel", "render_template", "blueprint"}
# What only monitoring, a log or a developer reads.
_MACHINES |= {"Counter", "Gauge", "Histogram", "RuntimeError", "ConnectionError", "ValueError"}
_MACHINES |= {"TypeError", "Unsealable", "Unusable"}
# Names that are the same in every language.
NAMES = {
    "Portal",
    "OpenStack",
    "vCPU",
    "GiB",
    "MiB",
    "GPU",
    "SSH",
    "UTC",
    "Keystone",
    "Heat",
    "Nova",
    "Neutron",
}
NAMES |= {
    "Ubuntu",
    "Debian",
    "Rocky",
    "Glance",
    "Horizon",
    "Skyline",
    "CSV",
    "JSON",
    "HOT",
    "YAML",
    "ID",
    "IP",
    "VM",
    "Esc",
    "URL",
    "min",
}
_SPOKEN_ATTRIBUTES = {
    "title",
    "aria-label",
    "placeholder",
    "alt",
    "data-say",
    "data-title",
    "data-body",
    "data-label",
}
_SILENT = {"code", "pre", "kbd", "script", "style", "svg"}
_ENVIRONMENT = Environment(extensions=["jinja2.ext.i18n", "jinja2.ext.loopcontrols"], autoescape=True)


def in_template(path: Path) -> Iterator[str]:
    """Literal words of a template, and those that its expressions hand on."""
    source = path.read_text(encoding="utf-8")
    reader = _Reader()
    reader.feed(_html(source))
    reader.close()
    yield from reader.found
    for node in _unmarked(_ENVIRONMENT.parse(source)):
        if _is_said(node.value):
            yield node.value


def _html(source: str) -> str:
    """The template without its expressions and statements; what stands in {% trans %} is marked."""
    parts, marked = [], False
    inside: list[str] = []
    for _, kind, value in _ENVIRONMENT.lex(source):
        if kind == "block_begin":
            inside = []
        elif kind == "name":
            inside.append(value)
        elif kind == "block_end" and inside and inside[0] in ("trans", "endtrans"):
            marked = inside[0] == "trans"
        elif kind == "variable_begin":
            parts.append("\ufffc")
        elif kind == "data" and not marked:
            parts.append(value)
    return "".join(parts)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in _SILENT
        for name, value in attrs:
            if name in _SPOKEN_ATTRIBUTES and _has_words(value or ""):
                self.found.append(f"{name}={value}")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in _SILENT

    def handle_data(self, data: str) -> None:
        if not self._silent and _has_words(data):
            self.found.append(" ".join(data.split()))


def _has_words(text: str) -> bool:
    return bool(set(re.findall(r"[A-Za-z]{2,}", text)) - NAMES)


def _unmarked(node: nodes.Node) -> Iterator[nodes.Const]:
    if isinstance(node, nodes.Call) and getattr(node.node, "name", "") in MARKED | _MACHINES:
        for each in node.kwargs:
            yield from _unmarked(each)
        return
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        yield node
    for child in node.iter_child_nodes():
        yield from _unmarked(child)


def _is_said(text: str) -> bool:
    """Whether a string is words: a capitalised one, or several with a full stop, comma or dots."""
    text = text.strip()
    if text in NAMES or not re.search("[a-z]", text) or text.startswith("/"):
        return False
    begins = re.match(r"[“A-Z][A-Za-z’'-]*( |$|[.:,…])", text)
    return bool(begins or re.search(r"[a-z]{2} [a-z]+ [a-z]{2,}|[a-z][.…]$", text))


def in_python(path: Path) -> Iterator[str]:
    """Sentences of a module; single words too where it draws pages."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for text in _strings(tree):
        if _is_said(text) and (" " in text.strip() or "web" in path.parts):
            yield text


def _strings(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func)
        if name in MARKED or name.split(".")[0] in _MACHINES or name in _MACHINES:
            for keyword in node.keywords:
                yield from _strings(keyword)
            return
    if isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "\ufffc" for part in node.values)
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                yield from _strings(part.value)
                yield from _ungathered(part.value)
        return
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield node.value
        return
    body = list(ast.iter_child_nodes(node))
    if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
        body.remove(node.body[0])
    for child in body:
        yield from _strings(child)


def _ungathered(node: ast.AST) -> Iterator[str]:
    """Marked within the braces of an f-string, where nobody who gathers messages finds them."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and ast.unparse(call.func) in MARKED:
            yield from (str(each.value) for each in call.args if isinstance(each, ast.Constant))
