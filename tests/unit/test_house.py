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
