"""`flask user`: accounts from the command line, such as the first admin."""

import click
from flask.cli import with_appcontext

from portal.domain.people import accounts
from portal.domain.people.models import Role
from portal.domain.store.errors import Refused


@click.group("user")
def user() -> None:
    """People's accounts."""


@user.command("add")
@click.argument("email")
@click.option("--name", required=True, help="As other people see it.")
@click.option("--role", type=click.Choice([role.value for role in Role]), default="member", show_default=True)
@click.password_option(envvar="NEW_USER_PASSWORD", help="Asked for when not given.")
@with_appcontext
def add(email: str, name: str, role: str, password: str) -> None:
    """Adds an account."""
    try:
        accounts.create(email, name, password, Role(role))
    except Refused as error:
        raise click.ClickException(error.message) from error
    click.echo(f"{email} can sign in as {role}.")
