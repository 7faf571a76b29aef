"""`flask seed` makes the demo, as often as it is run, on a cloud that may have been wiped meanwhile."""

import pytest
from flask.testing import FlaskCliRunner
from sqlalchemy import func, select

from portal.cli import seed
from portal.domain.catalog import catalog
from portal.domain.people import accounts
from portal.domain.people.models import Role, User
from portal.domain.store.db import db
from portal.domain.tenants.models import Credential, Tenant
from portal.domain.vms.lifecycle import State
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.integration.conftest import Sandbox
from tests.support.world import Worker, fresh, launch


def run(flask: FlaskCliRunner, sandbox: Sandbox, *more: str) -> str:
    url = sandbox.auth_url.removesuffix(seed.SANDBOX_AUTH_PATH)
    result = flask.invoke(args=["seed", "--sandbox-url", url, *more])
    assert result.exit_code == 0, result.output
    return result.output


def rows() -> list[int]:
    models = (User, Tenant, Credential)
    return [db.session.scalar(select(func.count()).select_from(model)) or 0 for model in models]


def test_the_demo_people_can_sign_in_and_launch(
    flask: FlaskCliRunner, sandbox: Sandbox, work: Worker
) -> None:
    said = run(flask, sandbox)
    assert said.startswith("Sign in as:\n")
    for email, _, role in seed.PEOPLE:
        assert f"{email:<18} portal-demo-1   ({role.value})" in said
        assert accounts.sign_in(email, "portal-demo-1").user.role is role
    ada = accounts.sign_in("ada@example.org", "portal-demo-1").user
    tenants = db.session.scalars(select(Tenant).order_by(Tenant.name)).all()
    assert [tenant.name for tenant in tenants] == ["Research Lab", "Teaching"]
    assert ada.tenant_ids == {tenant.id for tenant in tenants}
    vm = launch(ada, tenants[0])
    work()
    assert fresh(vm).state is State.ACTIVE


def test_seeding_again_adds_nothing(flask: FlaskCliRunner, sandbox: Sandbox) -> None:
    run(flask, sandbox)
    before = rows()
    run(flask, sandbox, "--password", "another-one-1")
    assert rows() == before == [3, 2, 2]
    assert accounts.sign_in("ada@example.org", "portal-demo-1").user.role is Role.MEMBER


def test_a_wiped_cloud_gets_new_credentials(flask: FlaskCliRunner, sandbox: Sandbox, cloud: Control) -> None:
    run(flask, sandbox)
    cloud.reset()
    run(flask, sandbox)
    assert rows() == [3, 2, 4]
    for tenant in db.session.scalars(select(Tenant)):
        assert tenant.catalog_trouble is None
        assert catalog.images(tenant.id)


def test_a_cloud_that_answers_badly_is_told(flask: FlaskCliRunner, sandbox: Sandbox, cloud: Control) -> None:
    cloud.faults.add(Fault("status", "POST", "identity", ".*", status=500, times=10))
    url = sandbox.auth_url.removesuffix(seed.SANDBOX_AUTH_PATH)
    result = flask.invoke(args=["seed", "--sandbox-url", url])
    assert result.exit_code == 1
    assert f"OpenStack at {sandbox.auth_url} says no" in result.output
    cloud.faults.clear()
    run(flask, sandbox)


def test_the_address_of_the_sandbox_is_needed(flask: FlaskCliRunner) -> None:
    result = flask.invoke(args=["seed"], env={"SANDBOX_URL": ""})
    assert result.exit_code == 2
    assert "--sandbox-url" in result.output


def test_the_lab_is_where_it_always_is(
    flask: FlaskCliRunner, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seed, "LAB_AUTH_URL", sandbox.auth_url)
    result = flask.invoke(args=["seed", "--cloud", "lab"])
    assert result.exit_code == 0
    assert {tenant.auth_url for tenant in db.session.scalars(select(Tenant))} == {sandbox.auth_url}
