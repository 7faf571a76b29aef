"""Clouds: one client a tenant, one sign-in for all processes, and a new credential that counts at once."""

import threading
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import update

from portal import log
from portal.domain.store import volatile
from portal.domain.store.db import db, transaction
from portal.domain.store.errors import NotFound
from portal.domain.tenants import clouds, credentials
from portal.domain.tenants.clouds import SealedTokens
from portal.domain.tenants.models import Tenant
from portal.openstack.cloud import Access, ApplicationCredential, Cloud, Password
from portal.openstack.errors import BadCredential
from portal.sandbox.control import Control
from tests.integration.conftest import Sandbox
from tests.support.calls import observed, sign_ins
from tests.support.world import Clock, fresh, outside


def another_process() -> None:
    """Drops the clients made so far, as a process that just began has none."""
    clouds.configure(connect_timeout=1, read_timeout=2)


def change(tenant: Tenant, **facts: object) -> None:
    with transaction():
        db.session.execute(update(Tenant).where(Tenant.id == tenant.id).values(**facts))
    fresh(tenant)


def new_credential(sandbox: Sandbox, project: str, name: str) -> ApplicationCredential:
    return outside(project, sandbox.auth_url).keystone.create_application_credential(name)


def test_a_tenant_keeps_its_client(lab: Tenant, school: Tenant) -> None:
    assert clouds.of(lab.id) is clouds.of(lab.id)
    assert clouds.of(lab.id) is not clouds.of(school.id)


def test_there_is_no_cloud_of_no_tenant(app: Flask) -> None:
    with pytest.raises(NotFound):
        clouds.of(uuid4())


@pytest.mark.parametrize(
    "facts",
    [
        {"region": None},
        {"interface": "internal"},
        {"ca_bundle": "-----BEGIN CERTIFICATE-----"},
        {"endpoint_overrides": {"compute": "http://127.0.0.1:9"}},
    ],
    ids=lambda facts: next(iter(facts)),
)
def test_what_is_changed_of_a_tenant_counts_at_once(facts: dict[str, object], lab: Tenant) -> None:
    before = clouds.of(lab.id)
    change(lab, **facts)
    assert clouds.of(lab.id) is not before


def test_a_new_credential_counts_at_once(lab: Tenant, cloud: Control, sandbox: Sandbox) -> None:
    first = clouds.of(lab.id)
    first.nova.flavors()
    cloud.delete_credential("portal-tenant-a")
    cloud.expire_tokens()
    with pytest.raises(BadCredential):
        clouds.of(lab.id).nova.flavors()
    credentials.register(lab.id, new_credential(sandbox, "tenant-a", "second"), label="second")
    assert clouds.of(lab.id) is not first
    assert clouds.of(lab.id).nova.flavors()


def test_two_processes_share_one_sign_in(lab: Tenant) -> None:
    volatile.client().flushdb()
    with observed() as calls:
        for _ in range(3):
            another_process()
            clouds.of(lab.id).nova.flavors()
    assert sign_ins(calls) == 1


def test_processes_that_begin_at_once_share_one_sign_in(lab: Tenant) -> None:
    volatile.client().flushdb()
    secret = credentials.reveal(credentials.current(lab.id))
    several = [clouds.try_out(lab, secret, tokens=SealedTokens()) for _ in range(4)]
    with observed() as calls:
        threads = [threading.Thread(target=one.nova.flavors) for one in several]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sign_ins(calls) == 1
    assert len(calls) == 1 + len(several)


def test_the_shared_token_is_sealed_in_redis(lab: Tenant, sandbox: Sandbox) -> None:
    cloud = clouds.of(lab.id)
    cloud.nova.flavors()
    key = Access(auth_url=lab.auth_url, secret=credentials.reveal(credentials.current(lab.id))).token_key
    state = volatile.recall(f"token:{key}")
    assert state
    assert "auth_token" in state
    [stored] = [volatile.client().get(name) for name in volatile.client().scan_iter("portal:token:*")]
    assert isinstance(stored, bytes)
    for readable in (b"auth_token", b"tenant-a", b"compute", sandbox.auth_url.encode()):
        assert readable not in stored


def test_a_token_sealed_for_somebody_else_is_not_taken(lab: Tenant, school: Tenant) -> None:
    def name(tenant: Tenant) -> str:
        secret = credentials.reveal(credentials.current(tenant.id))
        return f"portal:token:{Access(auth_url=tenant.auth_url, secret=secret).token_key}"

    clouds.of(lab.id).nova.flavors()
    clouds.of(school.id).nova.flavors()
    volatile.client().copy(name(lab), name(school), replace=True)
    another_process()
    assert clouds.of(school.id).project_id != clouds.of(lab.id).project_id


def test_a_token_is_renewed_before_a_create_when_little_life_is_left(
    lab: Tenant, cloud: Control, clock: Clock
) -> None:
    clouds.of(lab.id).renew()
    clock.forward(3600 - 950)
    with observed() as calls:
        clouds.of(lab.id).renew()
    assert sign_ins(calls) == 0
    clock.forward(100)
    with observed() as calls:
        clouds.of(lab.id).nova.flavors()
        assert sign_ins(calls) == 0
        clouds.of(lab.id).renew()
        another_process()
        clouds.of(lab.id).renew()
    assert sign_ins(calls) == 1


def test_a_token_that_ended_early_is_replaced_once(lab: Tenant, cloud: Control) -> None:
    clouds.of(lab.id).nova.flavors()
    cloud.expire_tokens()
    with observed() as calls:
        assert clouds.of(lab.id).nova.flavors()
    assert sign_ins(calls) == 1


def test_a_forgotten_token_is_forgotten_by_all(lab: Tenant) -> None:
    clouds.of(lab.id).nova.flavors()
    clouds.of(lab.id).forget()
    another_process()
    with observed() as calls:
        clouds.of(lab.id).nova.flavors()
    assert sign_ins(calls) == 1


def test_a_credential_is_tried_out_without_being_kept(lab: Tenant, sandbox: Sandbox) -> None:
    volatile.client().flushdb()
    good = clouds.try_out(lab, Password(username="user-a", password="lab", project_name="tenant-a"))
    assert good.project_id == clouds.of(lab.id).project_id
    volatile.client().flushdb()
    good.nova.flavors()
    assert not list(volatile.client().scan_iter("portal:token:*"))
    with pytest.raises(BadCredential):
        clouds.try_out(lab, ApplicationCredential(id="none", secret="none")).nova.flavors()


def test_the_clouds_answer_without_redis_too(lab: Tenant) -> None:
    kept = volatile.client()
    volatile.connect("unix:///nowhere/at/all")
    try:
        another_process()
        assert clouds.of(lab.id).nova.flavors()
    finally:
        volatile._client[:] = [kept]


def test_calls_carry_the_request_id_of_the_page_and_are_logged(
    lab: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    request_id = f"req-{uuid4()}"
    caplog.set_level("INFO", logger="portal.openstack")
    with log.context(request_id=request_id), observed() as calls:
        clouds.of(lab.id).nova.flavors()
    assert calls[-1].sent_request_id == request_id
    line = caplog.records[-1]
    assert line.getMessage().startswith("compute GET /compute/v2.1/flavors/detail 200")
    assert line.__dict__["openstack_request_id"] == calls[-1].request_id


def test_a_client_knows_whose_cloud_it_is(lab: Tenant) -> None:
    cloud = clouds.of(lab.id)
    assert isinstance(cloud, Cloud)
    assert cloud.project_id == lab.project_id
