"""The command line: `flask …` for operators, `python -m portal.cli.run up` for one machine."""

from flask import Flask


def hang_up(app: Flask) -> None:
    """Adds the commands to `flask`."""
    from portal.cli.check_catalog import check_catalog  # noqa: PLC0415 - only the command line needs them
    from portal.cli.lifecycle import lifecycle_group  # noqa: PLC0415
    from portal.cli.people import user  # noqa: PLC0415
    from portal.cli.seed import seed  # noqa: PLC0415
    from portal.cli.tenants import tenant  # noqa: PLC0415

    for command in (check_catalog, lifecycle_group, user, seed, tenant):
        app.cli.add_command(command)
