"""The command line: `flask …` for operators, `python -m portal.cli.run up` for one machine."""

import click
from flask import Flask
from flask.cli import ScriptInfo

from portal.config import ROOT
from portal.domain.store.db import db


def hang_up(app: Flask) -> None:
    """Adds the commands to `flask`."""
    from portal.cli.audit import audit  # noqa: PLC0415 - only the command line needs them
    from portal.cli.check_catalog import check_catalog  # noqa: PLC0415
    from portal.cli.lifecycle import lifecycle_group  # noqa: PLC0415
    from portal.cli.people import user  # noqa: PLC0415
    from portal.cli.reseal import reseal  # noqa: PLC0415
    from portal.cli.seed import seed  # noqa: PLC0415
    from portal.cli.tenants import tenant  # noqa: PLC0415

    for command in (audit, check_catalog, lifecycle_group, user, reseal, seed, tenant):
        app.cli.add_command(command)
    context = click.get_current_context(silent=True)
    if context and context.find_object(ScriptInfo):  # elsewhere Alembic would only cost time and 10 MiB
        migrations(app)


def migrations(app: Flask) -> None:
    """Readies the app for `flask db` and for flask_migrate's functions."""
    from flask_migrate import Migrate  # noqa: PLC0415 - see above

    Migrate(app, db, directory=str(ROOT / "migrations"), render_as_batch=True, compare_type=True)
