"""The pages of credentials: adding, examining, rotating; and what members see of a refused one."""

from typing import Any

from portal.domain.people.models import User
from portal.domain.tenants import credentials, doctor
from portal.domain.tenants.models import Tenant
from tests.integration.conftest import Sandbox
from tests.support.page import Answer, Page
from tests.support.world import Worker, outside


def examined(work: Worker) -> None:
    """The doctor comes and goes."""
    while due := doctor.due():
        for credential_id in due:
            doctor.examine(credential_id)
        work.clock.forward(1)


def made(sandbox: Sandbox, project: str = "tenant-a", *, unrestricted: bool = False) -> tuple[str, str]:
    keystone = outside(project, sandbox.auth_url).keystone
    new = keystone.create_application_credential("second", unrestricted=unrestricted)
    return new.id, new.secret


def paste(page: Page, tenant: Tenant, key: str, secret: str) -> Answer:
    form = page.get(f"/admin/credentials/{tenant.id}/new").form("application_credential")
    answers: dict[str, Any] = {"a-key": key, "a-secret": secret, "a-label": "autumn"}
    return form.submit(**answers)


def test_a_credential_is_pasted_examined_and_switched_to(
    page: Page, root: User, lab: Tenant, sandbox: Sandbox, work: Worker
) -> None:
    page.sign_in(root)
    earlier = credentials.current(lab.id)
    key, secret = made(sandbox)
    staged = paste(page, lab, key, secret)
    assert "The doctor is still examining it." in staged.text
    assert secret not in staged.response.get_data(as_text=True)
    examined(work)
    ready = page.get(f"/admin/credentials/{lab.id}")
    assert "The doctor finds it fit" in ready.text
    switched = ready.form(button="Switch to it").submit("Switch to it")
    assert "All new work uses the new credential." in switched.text
    assert "in 1 min" in switched.text or "in 2 min" in switched.text
    new = credentials.current(lab.id)
    assert (new.public["id"], new.label) == (key, "autumn")
    work.clock.forward(180)
    work.once()
    gone = page.get(f"/admin/credentials/{lab.id}")
    assert f"openstack application credential delete {earlier.public['id']}" in gone.text
