"""Credentials: sealed wherever they rest, one in use at a time, the earlier ones retired."""

from pathlib import Path

import pytest
from flask import Flask
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import select, text, update

from portal.domain.catalog import catalog
from portal.domain.people.models import User
from portal.domain.store import vault, volatile, wake
from portal.domain.store.db import db, transaction
from portal.domain.store.models import AuditEntry
from portal.domain.tenants import clouds, credentials
from portal.domain.tenants.credentials import NoCredential
from portal.domain.tenants.models import Credential, CredentialKind, Tenant
from portal.openstack.cloud import ApplicationCredential, Password
from tests.support.world import BOTH, fresh

DATABASES = BOTH
SECRET = "MARKED-SECRET"  # what must not be found anywhere
SECRETS: list[credentials.Secret] = [
    ApplicationCredential(id="cred-1", secret=SECRET),
    Password(username="portal", password=SECRET, project_name="tenant-a", user_domain="People"),
]


def all_of(tenant: Tenant) -> list[Credential]:
    rows = select(Credential).where(Credential.tenant_id == tenant.id).order_by(Credential.created_at)
    return list(db.session.scalars(rows))


@pytest.mark.parametrize("secret", SECRETS, ids=["application credential", "password"])
def test_a_secret_is_sealed_at_rest_and_opens_for_the_client(
    secret: credentials.Secret, lab: Tenant, root: User
) -> None:
    kept = credentials.register(lab.id, secret, label="new", by=root)
    raw = db.session.execute(text("SELECT sealed FROM credentials WHERE standing = 'current'")).scalar_one()
    assert SECRET.encode() not in bytes(raw)
    assert vault.Vault.version(bytes(raw)) == 1
    assert credentials.reveal(fresh(kept)) == secret
    assert SECRET not in f"{kept.public} {kept.label} {secret!r}"


def test_no_secret_is_in_the_database_outside_its_seal(lab: Tenant, root: User) -> None:
    for secret in SECRETS:
        credentials.register(lab.id, secret, label="new", by=root)
    everything = [
        str(row)
        for table in ("credentials", "audit_entries", "tenants")
        for row in db.session.execute(text(f"SELECT * FROM {table}"))
    ]
    assert not [row for row in everything if SECRET in row]
    if db.engine.dialect.name == "sqlite":
        file = Path(str(db.engine.url.database))
        assert SECRET.encode() not in b"".join(
            part.read_bytes() for part in file.parent.glob(f"{file.name}*")
        )


def test_the_public_part_says_who_signs_in(lab: Tenant) -> None:
    first, second = (credentials.register(lab.id, secret, label="new") for secret in SECRETS)
    assert (first.kind, first.public) == (CredentialKind.APPLICATION_CREDENTIAL, {"id": "cred-1"})
    assert (second.kind, second.public) == (
        CredentialKind.PASSWORD,
        {"username": "portal", "project": "tenant-a"},
    )


def test_a_replaced_credential_is_retired_and_both_are_in_the_audit(lab: Tenant, root: User) -> None:
    [earlier] = all_of(lab)
    new = credentials.register(lab.id, SECRETS[0], label="second", by=root)
    assert [(row.id, row.retired_at is None) for row in all_of(lab)] == [(earlier.id, False), (new.id, True)]
    assert credentials.current(lab.id).id == new.id
    *_, entry = db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == "credential.registered").order_by(AuditEntry.id)
    )
    assert (entry.user_id, entry.tenant_id) == (root.id, lab.id)
    assert entry.detail == {"label": "second", "kind": "application_credential", "id": "cred-1"}


def test_a_credential_of_one_tenant_leaves_those_of_others_alone(lab: Tenant, school: Tenant) -> None:
    kept = credentials.current(school.id).id
    credentials.register(lab.id, SECRETS[0], label="new")
    assert credentials.current(school.id).id == kept


def test_a_tenant_without_a_credential_says_whose_turn_it_is(app: Flask) -> None:
    with transaction():
        tenant = Tenant(name="Bare", auth_url="http://127.0.0.1:9/v3")
        db.session.add(tenant)
    with pytest.raises(NoCredential, match="an administrator has to add one"):
        credentials.current(tenant.id)
    with pytest.raises(NoCredential):
        clouds.of(tenant.id)


def test_a_sealed_secret_copied_to_another_row_does_not_open(lab: Tenant, school: Tenant) -> None:
    stolen, place = credentials.current(lab.id), credentials.current(school.id)
    with transaction():
        db.session.execute(update(Credential).where(Credential.id == place.id).values(sealed=stolen.sealed))
    with pytest.raises(vault.Unsealable):
        credentials.reveal(fresh(place))


def test_a_new_credential_has_the_catalogue_looked_at(lab: Tenant) -> None:
    assert lab.id not in catalog.due()
    credentials.register(lab.id, SECRETS[0], label="new")
    assert lab.id in catalog.due()
    jobs = Queue(wake.CHORES, connection=volatile.client(), serializer=JSONSerializer).jobs
    assert [job.func_name for job in jobs if job.args[0] == str(lab.id)] == ["portal.worker.refresh"]
