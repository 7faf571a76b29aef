"""The command line as an operator uses it."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner

from portal.config import ROOT
from portal.domain.catalog import shelf


@pytest.fixture
def flask(app: Flask) -> Iterator[FlaskCliRunner]:
    """Runs `flask …`; the shelf is as before afterwards."""
    yield app.test_cli_runner()
    shelf.open_at(ROOT / "hot_templates")
