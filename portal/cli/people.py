"""`flask user`: accounts from the command line, such as the first admin."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask import current_app, url_for
from flask.cli import with_appcontext

from portal.domain.people import accounts, invitations, resets
from portal.domain.people.models import Role, TenantRole
from portal.domain.store.errors import DomainError, NotFound
from portal.domain.tenants import tenants

_role = click.option(
    "--role", type=click.Choice([role.value for role in Role]), default="member", show_default=True
)
_url = click.option(
    "--url", envvar="PORTAL_URL", default="", help="The portal's address, such as https://portal.example.org."
)


@click.group("user")
def user() -> None:
    """People's accounts."""


@user.command("add")
@click.argument("email")
@click.option("--name", required=True, help="As other people see it.")
@_role
@click.option("--tenant", "tenant_names", multiple=True, help="A tenant they belong to; may be given again.")
@click.option("--owner", is_flag=True, help="As an owner of these tenants.")
@click.password_option(envvar="NEW_USER_PASSWORD", help="Asked for when not given.")
@with_appcontext
def add(email: str, name: str, role: str, tenant_names: tuple[str, ...], owner: bool, password: str) -> None:
    """Adds an account."""
    with _told():
        joined = [tenants.named(tenant_name) for tenant_name in tenant_names]
        person = accounts.create(email, name, password, Role(role))
        for tenant in joined:
            accounts.join(person, tenant.id, TenantRole.OWNER if owner else TenantRole.MEMBER)
    click.echo(f"{email} can sign in as {role}.")


@user.command("invite")
@click.argument("email")
@_role
@click.option("--tenant", "tenant_name", help="The tenant they are invited to.")
@click.option("--owner", is_flag=True, help="As an owner of that tenant.")
@_url
@with_appcontext
def invite(email: str, role: str, tenant_name: str | None, owner: bool, url: str) -> None:
    """Makes an invitation and prints its link, this once."""
    with _told():
        invitation, token = invitations.invite(
            email,
            by=None,
            role=Role(role),
            tenant_id=tenants.named(tenant_name).id if tenant_name else None,
            tenant_role=TenantRole.OWNER if owner else TenantRole.MEMBER,
        )
    click.echo(f"Until {invitation.expires_at:%Y-%m-%d %H:%M} UTC, once:")
    click.echo(url.rstrip("/") + _path("links.invitation", token))


@user.command("reset")
@click.argument("email")
@_url
@with_appcontext
def reset(email: str, url: str) -> None:
    """Makes a link that sets a person's password anew, and prints it, this once."""
    with _told():
        person = accounts.find(email)
        if person is None:
            raise NotFound(f"Nobody has the address {email}.")
        link, token = resets.make(person.id, by=None)
    click.echo(f"Until {link.expires_at:%Y-%m-%d %H:%M} UTC, once:")
    click.echo(url.rstrip("/") + _path("links.reset", token))


def _path(endpoint: str, token: str) -> str:
    with current_app.test_request_context():
        return url_for(endpoint, token=token)


@contextmanager
def _told() -> Iterator[None]:
    """What the domain refuses ends the command in its words."""
    try:
        yield
    except DomainError as error:
        raise click.ClickException(error.message) from error
