"""Asking support about a VM: what is sent is said before, and who looks after all tenants is told."""

from collections.abc import Callable

from portal.domain.people.models import User
from portal.domain.tenants.models import Tenant
from portal.domain.vms.models import State
from tests.support.page import Page
from tests.support.world import launch

NO_HOST = "No valid host was found."


def test_support_is_told_in_the_persons_words_with_the_way_to_the_bundle(
    page: Page, ada: User, sam: User, lab: Tenant, record: Callable[..., None]
) -> None:
    own = "#!/bin/sh\nexport KEY=sealed-Words-123456\n"
    vm = launch(ada, lab, "own-cloud-init", name="quiet-otter", user_data=own)
    record(vm, state=State.ERROR, failure=NO_HOST)
    page.sign_in(ada)
    form = page.get(f"/vms/{vm.id}").follow("Ask support")
    for words in ("quiet-otter, which failed", "ada@example.org", "User data, hidden answers and SSH keys"):
        assert words in form.text
    refused = form.form("/help").submit()
    assert (refused.status, refused.errors["said"]) == (422, "Say in a few words what you need.")
    assert "at most 2000" in form.form("/help").submit(said="x" * 2001).errors["said"]
    for _ in range(2):
        told = form.form("/help").submit(said="It must run today. KEY=sealed-Words-123456")
        assert "Support was told" in told.text
    page.sign_in(sam)
    rows = page.get("/notices/").words("//main//li[contains(., 'asks for help')]")
    assert len(rows) == 1
    assert "Ada asks for help with quiet-otter" in rows[0]
    assert "It must run today." in rows[0]
    assert "sealed-Words" not in rows[0]
    case = page.get(f"/notices/support.asked/{vm.id}")
    assert case.url == f"/admin/vms/{vm.id}"
    assert "Bundle" in case.links
    assert "It must run today." in case.text
    assert "sealed-Words" not in case.text


def test_support_itself_asks_nobody(page: Page, ada: User, sam: User, lab: Tenant) -> None:
    vm = launch(ada, lab)
    assert page.sign_in(sam).get(f"/vms/{vm.id}/help").status == 403
