"""The laws of the house: sizes, one writer of a state, the README true to the code, no idle template."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal import __version__, config
from portal.config import ROOT
from portal.domain.people.access import AS_OWNER, EVERYWHERE, IN_OWN_TENANTS, Permission, Role
from portal.domain.vms import lifecycle

PYTHON = sorted((ROOT / "portal").rglob("*.py"))
TEMPLATES = sorted((ROOT / "portal/web/templates").rglob("*.html"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
LONGEST_FILE, LONGEST_MODELS, LONGEST_FUNCTION, LONGEST_VIEW, LONGEST_TEMPLATE = 300, 400, 40, 20, 150


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            yield node


def length(function: ast.FunctionDef) -> int:
    """Lines of the function without its docstring."""
    doc = ast.get_docstring(function, clean=False)
    spent = len(doc.splitlines()) if doc else 0
    return (function.end_lineno or 0) - function.lineno + 1 - spent


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_files_and_functions_stay_readable(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= (LONGEST_MODELS if path.name == "models.py" else LONGEST_FILE)
    long = {function.name: length(function) for function in functions(path)}
    assert {key: value for key, value in long.items() if value > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("path", [path for path in PYTHON if "web" in path.parts], ids=name)
def test_views_are_a_few_lines_of_intent(path: Path) -> None:
    views = [
        function
        for function in functions(path)
        if any("blueprint." in ast.unparse(decorator) for decorator in function.decorator_list)
    ]
    assert {view.name: length(view) for view in views if length(view) > LONGEST_VIEW} == {}


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_page_templates_stay_short_and_carry_no_script(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_TEMPLATE or path.name == "ui.html"
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|<style", text)


def test_every_template_is_used() -> None:
    sources = [path.read_text(encoding="utf-8") for path in [*PYTHON, *TEMPLATES]]
    idle = []
    for path in TEMPLATES:
        reference = path.relative_to(ROOT / "portal/web/templates").as_posix()
        if not any(f'"{reference}"' in text or f"'{reference}'" in text for text in sources):
            idle.append(reference)
    assert [one for one in idle if not one.startswith("errors/")] == []


def test_a_state_is_written_by_fire_alone() -> None:
    writers = [
        name(path)
        for path in PYTHON
        if "sandbox" not in path.parts
        and re.search(r"\.state = |values\([^)]*\bstate=", path.read_text(encoding="utf-8"))
    ]
    assert writers == []


def test_the_readme_shows_the_lifecycle_of_the_code() -> None:
    assert lifecycle.diagram() in README


def test_the_readme_lists_every_setting() -> None:
    for variable in config.VARIABLES:
        assert f"| `{variable.name}` | {variable.meaning}" in README


def test_the_package_says_its_version() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == __version__


def test_every_role_has_its_line_in_the_tables_and_every_permission_a_holder() -> None:
    assert set(EVERYWHERE) == set(IN_OWN_TENANTS) == set(AS_OWNER) == set(Role)
    held = frozenset[Permission]().union(*EVERYWHERE.values(), *IN_OWN_TENANTS.values(), *AS_OWNER.values())
    assert held == set(Permission)


def test_support_changes_nothing() -> None:
    reads = {permission for permission in Permission if not permission.changes}
    own = {Permission.TENANT_SWITCH, Permission.KEY_MANAGE, Permission.ACCOUNT_MANAGE}
    held = EVERYWHERE[Role.SUPPORT] | IN_OWN_TENANTS[Role.SUPPORT] | AS_OWNER[Role.SUPPORT]
    assert reads <= held <= reads | own


# What takes the proof of who answers away, as it may stand in code.
UNPROVEN_NAMES = {"CERT_NONE", "CERT_OPTIONAL", "_create_unverified_context", "_create_stdlib_context"}
UNPROVEN_VALUES = {
    "verify": False,
    "check_hostname": False,
    "cert_reqs": "CERT_NONE",
    "ssl_cert_reqs": "none",
}
# These verify nothing unless they are given a context that does.
NEED_A_CONTEXT = {"starttls", "SMTP_SSL"}
UNPROVEN_ON_PURPOSE = {
    "portal/app.py: insecure=settings.insecure_http": "for development: webhooks by plain http",
}


def unproven(text: str) -> Iterator[str]:
    """Where the code takes a server for what it says it is."""
    for node in ast.walk(ast.parse(text)):
        named = getattr(node, "attr", None) or getattr(node, "id", None) or getattr(node, "name", None)
        if named in UNPROVEN_NAMES:
            yield str(named)
        called = ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
        if called in NEED_A_CONTEXT and "context=" not in ast.unparse(node):
            yield called
        yield from (f"{key}={ast.unparse(value)}" for key, value in _given(node) if _is_loose(key, value))


def _is_loose(key: str, value: ast.expr) -> bool:
    if isinstance(value, ast.IfExp):
        return _is_loose(key, value.body) or _is_loose(key, value.orelse)
    said = value.value if isinstance(value, ast.Constant) else value
    if key == "insecure":
        return said is not False
    return key in UNPROVEN_VALUES and said in (UNPROVEN_VALUES[key], None)


def _given(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """What is handed in or set by name: an argument, an attribute, an entry."""
    if isinstance(node, ast.keyword) and node.arg:
        yield node.arg, node.value
    elif isinstance(node, ast.Assign):
        yield from ((ast.unparse(each).rpartition(".")[2], node.value) for each in node.targets)
    elif isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        yield from ((str(key.value), value) for key, value in pairs if isinstance(key, ast.Constant))


def test_nobody_takes_a_server_for_what_it_says_it_is() -> None:
    found = {
        f"{name(path)}: {each}" for path in PYTHON for each in unproven(path.read_text(encoding="utf-8"))
    }
    assert found == set(UNPROVEN_ON_PURPOSE)


@pytest.mark.parametrize(
    "text",
    [
        "session.get(url, verify=False)",
        "session.verify = False",
        "Session(verify=False if pem else True)",
        "Session(**{'verify': None})",
        "context.verify_mode = ssl.CERT_NONE",
        "from ssl import CERT_NONE",
        "ssl._create_unverified_context()",
        "context.check_hostname = False",
        "server.starttls()",
        "smtplib.SMTP_SSL(host)",
        "Session(insecure=True)",
        "Redis(ssl_cert_reqs='none')",
    ],
)
def test_what_takes_it_so_is_seen(text: str) -> None:
    assert list(unproven(text))
