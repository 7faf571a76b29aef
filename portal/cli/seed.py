"""`flask seed`: demo people and tenants on the sandbox or on the lab, each with its own credential."""

import secrets

import click
from flask.cli import with_appcontext
from sqlalchemy import select

from portal.domain.catalog import catalog
from portal.domain.people import accounts
from portal.domain.people.models import Role
from portal.domain.store.db import db, now
from portal.domain.store.errors import DomainError
from portal.domain.tenants import clouds, credentials, tenants
from portal.domain.tenants.models import Tenant
from portal.openstack.cloud import Access, Cloud, MemoryTokens, Password
from portal.openstack.errors import BadCredential, OpenStackError

LAB_AUTH_URL = "http://127.0.0.1:5000/v3"
SANDBOX_AUTH_PATH = "/identity/v3"
REGION = "RegionOne"
CLOUD_PASSWORD = "lab"  # noqa: S105 - the well-known password of the demo clouds, which listen on loopback only

PEOPLE = (
    ("ada@example.org", "Ada Member", Role.MEMBER),
    ("sam@example.org", "Sam Support", Role.SUPPORT),
    ("root@example.org", "Robin Admin", Role.ADMIN),
)
# Tenant name, project in the cloud, user in the cloud.
TENANTS = (("Research Lab", "tenant-a", "user-a"), ("Teaching", "tenant-b", "user-b"))


@click.command()
@click.option("--cloud", type=click.Choice(["sandbox", "lab"]), default="sandbox", show_default=True)
@click.option("--sandbox-url", envvar="SANDBOX_URL", help="Where the sandbox listens.")
@click.option("--password", envvar="DEMO_PASSWORD", default="portal-demo-1", help="Of the demo people.")
@with_appcontext
def seed(cloud: str, sandbox_url: str | None, password: str) -> None:
    """Makes demo people and tenants where they aren't there yet, and prints how to sign in."""
    if cloud == "sandbox" and not sandbox_url:
        raise click.UsageError("The sandbox's address is missing: --sandbox-url.")
    auth_url = LAB_AUTH_URL if cloud == "lab" else f"{sandbox_url}{SANDBOX_AUTH_PATH}"
    try:
        for name, project, user in TENANTS:
            _tenant(name, project, user, auth_url)
    except OpenStackError as error:
        raise click.ClickException(f"OpenStack at {auth_url} says no: {error}") from error
    for email, name, role in PEOPLE:
        person = accounts.find(email) or accounts.create(email, name, password, role)
        if role is Role.MEMBER:
            for tenant in db.session.scalars(select(Tenant)).all():
                accounts.join(person, tenant.id)
    click.echo("Sign in as:")
    for email, _, role in PEOPLE:
        click.echo(f"  {email:<18} {password}   ({role.value})")


def _tenant(name: str, project: str, user: str, auth_url: str) -> None:
    tenant = db.session.scalar(select(Tenant).where(Tenant.name == name))
    if tenant is None:
        tenant = tenants.create(
            Tenant(
                name=name,
                auth_url=auth_url,
                region=REGION,
                quotas_set_at=now(),
                quota_vms=60,
                quota_vcpus=200,
                quota_ram_mib=512 * 1024,
                quota_gpus=4,
                quota_floating_ips=20,
            )
        )
    tenants.move(tenant, auth_url)
    if not _opens(tenant):
        secret = Password(username=user, password=CLOUD_PASSWORD, project_name=project)
        access = Access(auth_url=auth_url, region=REGION, secret=secret)
        issuer = Cloud(access, tokens=MemoryTokens())
        made = issuer.keystone.create_application_credential(f"portal-{project}-{secrets.token_hex(4)}")
        credentials.register(tenant.id, made, label="demo")
    catalog.refresh(tenant.id)


def _opens(tenant: Tenant) -> bool:
    """Whether the tenant's credential still opens the cloud; a wiped one has forgotten it."""
    try:
        cloud = clouds.of(tenant.id)
        cloud.forget()  # a token of before would prove nothing
        cloud.renew()
    except (DomainError, BadCredential):
        return False
    return True
