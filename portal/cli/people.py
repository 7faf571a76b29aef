"""`flask user`: accounts from the command line, such as the first admin."""

import click
from flask.cli import with_appcontext

from portal.domain.people import accounts
from portal.domain.people.models import Role
from portal.domain.store.errors import DomainError
from portal.domain.tenants import tenants


@click.group("user")
def user() -> None:
    """People's accounts."""


@user.command("add")
@click.argument("email")
@click.option("--name", required=True, help="As other people see it.")
@click.option("--role", type=click.Choice([role.value for role in Role]), default="member", show_default=True)
@click.option("--tenant", "tenant_names", multiple=True, help="A tenant they belong to; may be given again.")
@click.password_option(envvar="NEW_USER_PASSWORD", help="Asked for when not given.")
@with_appcontext
def add(email: str, name: str, role: str, tenant_names: tuple[str, ...], password: str) -> None:
    """Adds an account."""
    try:
        joined = [tenants.named(tenant_name) for tenant_name in tenant_names]
        person = accounts.create(email, name, password, Role(role))
        for tenant in joined:
            accounts.join(person, tenant.id)
    except DomainError as error:
        raise click.ClickException(error.message) from error
    click.echo(f"{email} can sign in as {role}.")
