"""`flask tenant`: connecting a project of an OpenStack from the command line."""

import os
from typing import Any

import click
from flask.cli import with_appcontext

from portal.domain.catalog import catalog
from portal.domain.store.db import now
from portal.domain.store.errors import DomainError
from portal.domain.tenants import clouds, credentials, tenants
from portal.domain.tenants.models import Tenant
from portal.openstack.cloud import ApplicationCredential, Password
from portal.openstack.errors import OpenStackError


@click.group("tenant")
def tenant() -> None:
    """Tenants: projects of an OpenStack."""


@tenant.command("add")
@click.argument("name")
@click.option("--auth-url", required=True, help="Keystone's address, ending in /v3.")
@click.option("--region", help="Where the cloud has several.")
@click.option("--interface", default="public", show_default=True)
@click.option("--ca-file", type=click.File(), help="Certificates to trust, as PEM.")
@click.option("--application-credential-id")
@click.option("--username", help="A service user instead of an application credential.")
@click.option("--project", help="The service user's project.")
@click.option("--user-domain", default="Default", show_default=True)
@click.option("--project-domain", default="Default", show_default=True)
@click.option("--quota-vms", type=int, default=10, show_default=True)
@click.option("--quota-vcpus", type=int, default=20, show_default=True)
@click.option("--quota-ram-gib", type=int, default=64, show_default=True)
@click.option("--quota-gpus", type=int, default=0, show_default=True)
@click.option("--quota-floating-ips", type=int, default=5, show_default=True)
@with_appcontext
def add(name: str, **options: Any) -> None:
    """Connects a project and reads its catalogue.

    The secret is asked for, or read from OS_APPLICATION_CREDENTIAL_SECRET or OS_PASSWORD.
    """
    secret, ca_file = _secret(options), options["ca_file"]
    new = Tenant(
        name=name,
        auth_url=options["auth_url"],
        region=options["region"],
        interface=options["interface"],
        ca_bundle=ca_file.read() if ca_file else None,
        quotas_set_at=now(),
        quota_vms=options["quota_vms"],
        quota_vcpus=options["quota_vcpus"],
        quota_ram_mib=options["quota_ram_gib"] * 1024,
        quota_gpus=options["quota_gpus"],
        quota_floating_ips=options["quota_floating_ips"],
    )
    try:
        new.project_id = clouds.try_out(new, secret).project_id
        tenants.create(new)
        credentials.register(new.id, secret, label="from the command line")
    except OpenStackError as error:
        raise click.ClickException(f"OpenStack says no, so nothing was kept: {error}") from error
    except DomainError as error:
        raise click.ClickException(error.message) from error
    if not catalog.refresh(new.id):
        click.echo(f"{name} is connected; a worker is reading its catalogue.")
        return
    click.echo(
        f"{name} is connected: {len(catalog.images(new.id))} images, {len(catalog.flavors(new.id))} sizes, "
        f"{len(tenants.networks(new.id))} networks."
    )


def _secret(options: dict[str, Any]) -> ApplicationCredential | Password:
    if options["application_credential_id"]:
        secret = _ask("OS_APPLICATION_CREDENTIAL_SECRET", "Secret of the application credential")
        return ApplicationCredential(id=options["application_credential_id"], secret=secret)
    if not (options["username"] and options["project"]):
        raise click.UsageError("Give --application-credential-id, or --username and --project.")
    return Password(
        username=options["username"],
        password=_ask("OS_PASSWORD", "Password of the service user"),
        project_name=options["project"],
        user_domain=options["user_domain"],
        project_domain=options["project_domain"],
    )


def _ask(variable: str, words: str) -> str:
    return os.environ.get(variable) or str(click.prompt(words, hide_input=True))
