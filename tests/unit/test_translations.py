"""Every word for people can be translated, and each language has them all."""

from pathlib import Path

import pytest

from portal.config import ROOT
from tests.support import unsaid

TEMPLATES = sorted((ROOT / "portal/web/templates").rglob("*.html"))
MODULES = sorted([*(ROOT / "portal/web").rglob("*.py"), *(ROOT / "portal/domain").rglob("*.py")])
# Folders and files that aren't marked yet.
PENDING: tuple[str, ...] = (
    "portal/web/admin/",
    "portal/web/account.py",
    "portal/web/asking.py",
    "portal/web/auth.py",
    "portal/web/bulk.py",
    "portal/web/changes.py",
    "portal/web/errors.py",
    "portal/web/frame.py",
    "portal/web/guards.py",
    "portal/web/help.py",
    "portal/web/home.py",
    "portal/web/inventory.py",
    "portal/web/keys.py",
    "portal/web/launch.py",
    "portal/web/links.py",
    "portal/web/members.py",
    "portal/web/menus.py",
    "portal/web/metrics.py",
    "portal/web/questions.py",
    "portal/web/usage.py",
    "portal/web/webhooks.py",
    "portal/web/wizard.py",
    "portal/web/templates/admin/",
    "portal/web/templates/changes/",
    "portal/web/templates/home/",
    "portal/web/templates/ui.html",
    "portal/web/templates/vms/_actions.html",
    "portal/web/templates/vms/_change.html",
    "portal/web/templates/vms/_rows.html",
    "portal/web/templates/vms/_timeline.html",
    "portal/web/templates/vms/_vm.html",
    "portal/domain/people/",
    "portal/domain/store/",
    "portal/domain/catalog/",
    "portal/domain/tenants/",
    "portal/domain/vms/",
)
# What looks like words and is none for people: names of the wire, words for machines and operators.
OTHERS: dict[str, set[str]] = {
    "portal/web/compression.py": {"Vary"},
    "portal/web/cookies.py": {"Lax"},
    "portal/web/templates/launch/_field.html": {'aria-describedby="\ufffc" aria-invalid="true"'},
    "portal/web/templates/launch/_user_data.html": {"placeholder=#cloud-config\npackages: [nginx]"},
}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def done(paths: list[Path]) -> list[Path]:
    return [path for path in paths if not name(path).startswith(PENDING)]


@pytest.mark.parametrize("path", done(TEMPLATES), ids=name)
def test_a_template_marks_its_words(path: Path) -> None:
    assert set(unsaid.in_template(path)) - OTHERS.get(name(path), set()) == set()


@pytest.mark.parametrize("path", done(MODULES), ids=name)
def test_a_module_marks_its_words(path: Path) -> None:
    assert set(unsaid.in_python(path)) - OTHERS.get(name(path), set()) == set()
