"""Fixtures of the tests that go through pages."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.config import ROOT
from portal.domain.catalog import keys, shelf
from portal.domain.people.models import User
from portal.domain.tenants.models import Tenant
from portal.domain.vms.models import Vm
from tests.support.page import Page
from tests.support.wizard import PUBLIC_KEY
from tests.support.world import Worker, fresh, launch


@pytest.fixture
def browser(page: Page, ada: User) -> Page:
    """Ada's browser."""
    return page.sign_in(ada)


@pytest.fixture
def vm(ada: User, lab: Tenant, work: Worker) -> Vm:
    """A VM that is there."""
    keys.add(ada, "laptop", PUBLIC_KEY)
    made = launch(ada, lab, name="quiet-otter", floating_ip="true")
    work()
    return fresh(made)


@pytest.fixture
def templates(tmp_path: Path) -> Iterator[Path]:
    """A library of templates that a test may change."""
    folder = tmp_path / "hot_templates"
    shutil.copytree(ROOT / "hot_templates", folder)
    shelf.open_at(folder)
    yield folder
    shelf.open_at(ROOT / "hot_templates")
