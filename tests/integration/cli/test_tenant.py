"""`flask tenant add` connects a project, or says why not and keeps nothing."""

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from sqlalchemy import select

from portal.domain.catalog import catalog
from portal.domain.store.db import db
from portal.domain.tenants import credentials, tenants
from portal.domain.tenants.models import Tenant
from portal.openstack.cloud import ApplicationCredential, Password
from tests.integration.conftest import Sandbox
from tests.support.world import only, outside

USER = ("--username", "user-a", "--project", "tenant-a")


@pytest.fixture
def made(app: Flask, sandbox: Sandbox) -> ApplicationCredential:
    """A credential that an owner of the project made for the portal."""
    return outside("tenant-a", sandbox.auth_url).keystone.create_application_credential("for-the-portal")


@pytest.fixture
def add(sandbox: Sandbox) -> list[str]:
    """The beginning of every such command."""
    return ["tenant", "add", "Lab", "--auth-url", sandbox.auth_url, "--region", "RegionOne"]


def test_a_project_is_connected_by_its_application_credential(
    flask: FlaskCliRunner, add: list[str], made: ApplicationCredential
) -> None:
    result = flask.invoke(
        args=[*add, "--application-credential-id", made.id, "--quota-ram-gib", "3"],
        env={"OS_APPLICATION_CREDENTIAL_SECRET": made.secret},
    )
    tenant = only(Tenant)
    images, sizes = len(catalog.images(tenant.id)), len(catalog.flavors(tenant.id))
    assert result.exit_code == 0
    assert result.output == f"Lab is connected: {images} images, {sizes} sizes, 1 networks.\n"
    assert (tenant.quota_ram_mib, tenant.region, tenant.interface) == (3072, "RegionOne", "public")
    assert tenant.project_id
    assert credentials.reveal(credentials.current(tenant.id)) == made


def test_a_service_user_does_too_and_the_password_is_asked_for_unseen(
    flask: FlaskCliRunner, add: list[str]
) -> None:
    bundle = DEFAULT_CA_BUNDLE_PATH
    result = flask.invoke(args=[*add, *USER, "--ca-file", bundle], input="lab\n")
    assert result.exit_code == 0
    assert "Lab is connected" in result.output
    assert ": lab" not in result.output
    secret = credentials.reveal(credentials.current(only(Tenant).id))
    assert secret == Password(username="user-a", password="lab", project_name="tenant-a")
    assert only(Tenant).ca_bundle == Path(bundle).read_text()


@pytest.mark.parametrize("variable", ["wrong", ""])
def test_a_wrong_secret_keeps_nothing_and_is_not_repeated(
    variable: str, flask: FlaskCliRunner, add: list[str], made: ApplicationCredential
) -> None:
    result = flask.invoke(
        args=[*add, "--application-credential-id", made.id],
        env={"OS_APPLICATION_CREDENTIAL_SECRET": variable},
        input="MISTYPED\n",
    )
    assert result.exit_code == 1
    assert "OpenStack says no, so nothing was kept" in result.output
    assert "MISTYPED" not in result.output
    assert db.session.scalars(select(Tenant)).all() == []


def test_a_cloud_that_is_not_there_keeps_nothing(flask: FlaskCliRunner, made: ApplicationCredential) -> None:
    result = flask.invoke(
        args=[
            "tenant",
            "add",
            "Lab",
            "--auth-url",
            "http://127.0.0.1:9/v3",
            "--application-credential-id",
            "x",
        ],
        env={"OS_APPLICATION_CREDENTIAL_SECRET": "x"},
    )
    assert result.exit_code == 1
    assert "nothing was kept" in result.output
    assert db.session.scalars(select(Tenant)).all() == []


def test_a_taken_name_is_said(flask: FlaskCliRunner, sandbox: Sandbox, lab: Tenant) -> None:
    result = flask.invoke(
        args=["tenant", "add", lab.name, "--auth-url", sandbox.auth_url, *USER], env={"OS_PASSWORD": "lab"}
    )
    assert result.exit_code == 1
    assert "Error: Another tenant has this name.\n" in result.output
    assert only(Tenant).id == lab.id


@pytest.mark.parametrize("given", [[], ["--username", "user-a"], ["--project", "tenant-a"]])
def test_half_a_service_user_is_none(given: list[str], flask: FlaskCliRunner, add: list[str]) -> None:
    result = flask.invoke(args=[*add, *given])
    assert result.exit_code == 2
    assert "Give --application-credential-id, or --username and --project." in result.output


def test_a_worker_may_be_quicker_with_the_catalogue(
    flask: FlaskCliRunner, add: list[str], app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    register = credentials.register

    def register_and_lose(*args: object, **named: object) -> object:
        kept = register(*args, **named)  # type: ignore[arg-type]  # as it was called
        assert catalog.refresh(kept.tenant_id)
        return kept

    monkeypatch.setattr(credentials, "register", register_and_lose)
    result = flask.invoke(args=[*add, *USER], env={"OS_PASSWORD": "lab"})
    assert result.output == "Lab is connected; a worker is reading its catalogue.\n"
    assert tenants.networks(only(Tenant).id)
