"""The pages of tenants: the guided connecting, changing, suspending, archiving, networks, quotas."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select

from portal.domain.catalog import catalog
from portal.domain.people import accounts
from portal.domain.people.models import User
from portal.domain.store.db import db, transaction
from portal.domain.store.errors import Refused
from portal.domain.store.models import AuditEntry
from portal.domain.tenants import circuits, credentials, doctor, tenants
from portal.domain.tenants.models import Tenant
from portal.domain.vms import drafts, polling, quotas, vms
from portal.domain.vms.models import Vm
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.integration.conftest import Sandbox
from tests.support.page import Answer, Page
from tests.support.world import Worker, draft, fresh, launch, outside

PEM = """-----BEGIN CERTIFICATE-----
MIIBdzCCAR2gAwIBAgIUFqfSJ8hzUBM+1KY3HNfY0Q1pYlwwCgYIKoZIzj0EAwIw
-----END CERTIFICATE-----"""


@pytest.fixture
def admin(page: Page, root: User) -> Page:
    return page.sign_in(root)


def connect(admin: Page, **typed: Any) -> Answer:
    return admin.get("/admin/tenants/new").form("/admin/tenants/new").submit(**typed)


def certificate() -> str:
    """A new certificate in PEM."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, begins, begins + timedelta(days=9000))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def steps(answer: Answer) -> dict[str, str]:
    """The steps of setting up: words → done, or ""."""
    found = answer.all("//ol[@class='steps']//li/*")
    return {" ".join(each.text_content().split()): each.get("class") or "" for each in found}


def audited(action: str) -> list[AuditEntry]:
    return list(db.session.scalars(select(AuditEntry).where(AuditEntry.action == action)))


def test_a_tenant_is_connected_step_by_step(admin: Page, root: User, sandbox: Sandbox, work: Worker) -> None:
    made = connect(admin, name="  Chemistry  lab ", auth_url=sandbox.auth_url + "/", region="RegionOne")
    assert "Chemistry lab is connected" in made.text
    assert steps(made) == {
        "Connect": "done",
        "Credential": "",
        "Doctor": "",
        "Networks": "",
        "Quotas": "",
        "Members": "",
    }
    tenant = tenants.named("Chemistry lab")
    assert tenant.auth_url == sandbox.auth_url

    new = outside("tenant-a", sandbox.auth_url).keystone.create_application_credential("chemistry")
    secret = credentials.application_credential(new.id, new.secret)
    credentials.register(tenant.id, secret, label="first", by=root)
    waiting = admin.get(f"/admin/tenants/{tenant.id}/networks").one("//*[@id='networks']")
    assert "No network yet" in waiting.text_content()
    catalog.refresh(tenant.id)
    seen = admin.get(str(waiting.get("hx-get")), htmx=True).one("//*[@id='networks']")
    assert ("net-a" in seen.text_content(), seen.get("hx-get")) == (True, None)
    while due := doctor.due():
        for credential_id in due:
            doctor.examine(credential_id)
        work.clock.forward(1)
    networks = admin.get(f"/admin/tenants/{tenant.id}/networks")
    assert "net-a" in networks.text
    quotas = admin.get(f"/admin/quotas/{tenant.id}")
    assert "The cloud's own limit: 20" in quotas.text
    kept = quotas.form(f"/admin/quotas/{tenant.id}").submit(vms="7", vcpus="14", ram_mib="28")
    assert "The quotas are kept." in kept.text
    assert (fresh(tenant).quota_vms, tenant.quota_ram_mib) == (7, 28 * 1024)
    shown = admin.get(f"/admin/tenants/{tenant.id}")
    assert [words for words, state in steps(shown).items() if not state] == ["Members"]
    accounts.join(root, tenant.id)
    assert steps(admin.get(f"/admin/tenants/{tenant.id}")) == {}


def test_a_bad_address_is_told_at_its_field(admin: Page, sandbox: Sandbox) -> None:
    for typed, words in {
        "": "Give Keystone's address.",
        "keystone.example.org": "Give a whole address",
        "http://[": "Give a whole address",
        "https://a b/v3": "Give a whole address",
        "ftp://keystone.example.org": "Give a whole address",
        "https://me:secret@keystone.example.org": "has no place in an address",
        "https://keystone.example.org/v3?x=1": "Leave out what follows",
        "http://127.0.0.1:9/v3": "No Keystone answers there. The service could not be reached.",
        sandbox.auth_url.removesuffix("/identity/v3"): "No Keystone answers there.",
    }.items():
        answer = connect(admin, name="Chemistry", auth_url=typed)
        assert answer.status == 422
        assert words in answer.errors["auth_url"], typed
    assert db.session.scalars(select(Tenant)).all() == []


def test_an_address_that_doesnt_answer_yet_may_be_kept(admin: Page) -> None:
    refused = connect(admin, name="Chemistry", auth_url="http://127.0.0.1:9/v3")
    kept = refused.form("/admin/tenants/new").submit(unheard="y")
    assert "Chemistry is connected" in kept.text


def test_certificates_overrides_names_and_interfaces_are_told_at_their_fields(
    admin: Page, lab: Tenant, sandbox: Sandbox
) -> None:
    good = {"name": "Chemistry", "auth_url": sandbox.auth_url}
    assert "not a list of certificates" in connect(admin, **good, ca_bundle=PEM).errors["ca_bundle"]
    assert "whole address" in connect(admin, **good, override_image="glance").errors["override_image"]
    assert "Another tenant has this name" in connect(admin, **good | {"name": lab.name}).errors["name"]
    assert "Give it a name" in connect(admin, **good | {"name": "  "}).errors["name"]
    assert "interface" in connect(admin, **good, interface="inner").errors


def test_a_changed_tenant_is_asked_at_its_new_address(admin: Page, lab: Tenant, sandbox: Sandbox) -> None:
    circuits.silent(lab.id)
    form = admin.get(f"/admin/tenants/{lab.id}/edit").form(f"/admin/tenants/{lab.id}/edit")
    assert (form["name"], form["auth_url"], form["region"]) == ("Research Lab", sandbox.auth_url, "RegionOne")
    overrides: dict[str, Any] = {"override_image": sandbox.auth_url.replace("identity/v3", "image/v2/")}
    changed = form.submit(name="Research", **overrides)
    assert "The cloud is looked at anew." in changed.text
    assert (fresh(lab).name, lab.silent_tries) == ("Research", 0)
    assert lab.endpoint_overrides == {"image": sandbox.auth_url.replace("identity/v3", "image/v2")}
    again = admin.get(f"/admin/tenants/{lab.id}/edit").form(f"/admin/tenants/{lab.id}/edit")
    assert again["override_image"] == lab.endpoint_overrides["image"]
    again.submit()
    [entry] = audited("tenant.changed")
    assert entry.detail["before"] == {"name": "Research Lab", "endpoint_overrides": {}}
    assert entry.detail["after"]["name"] == "Research"
    again.submit(name="Chemistry", ca_bundle=certificate())
    again.submit(name="Biology", ca_bundle=certificate())
    bundles = [entry.detail["after"].get("ca_bundle") for entry in audited("tenant.changed")]
    assert [str(one)[:7] for one in bundles] == ["None", "sha256:", "sha256:"]
    renamed = admin.get(f"/admin/tenants/{lab.id}/edit").form(f"/admin/tenants/{lab.id}/edit")
    renamed.submit(name="Research")
    assert audited("tenant.changed")[-1].detail["before"] == {"name": "Biology"}
    moved = again.submit(auth_url="http://127.0.0.1:9/v3")
    assert "No Keystone answers there" in moved.errors["auth_url"]


def test_a_suspended_tenant_launches_and_starts_nothing(
    admin: Page, lab: Tenant, ada: User, vm: Vm, work: Worker
) -> None:
    silent = admin.get(f"/admin/tenants/{lab.id}").form(f"/admin/tenants/{lab.id}/suspend").submit(why=" ")
    assert "Say why" in silent.errors["why"]
    form = admin.get(f"/admin/tenants/{lab.id}").form(f"/admin/tenants/{lab.id}/suspend")
    assert "its members read why" in form.submit(why="The grant has ended.").text
    assert "meanwhile" in form.submit(why="Again.").text

    member = Page(admin._app).sign_in(ada)
    home = member.get("/")
    assert "An administrator says: The grant has ended." in home.text
    assert "Launch a VM" not in home.links
    refused = member.get(f"/launch/{draft(ada, lab, name='second').id}/review")
    assert "is suspended, so nothing is launched" in refused.text
    assert "is suspended" in refused.form("/submit").submit().text
    power = member.get(f"/vms/{vm.id}").form(f"/vms/{vm.id}/stop")
    assert power.submit().status == 200
    work()
    assert fresh(vm).power == "SHUTOFF"
    assert "is suspended" in member.get(f"/vms/{vm.id}").text
    power.element.set("action", f"/vms/{vm.id}/start")
    assert "is suspended" in power.submit().text

    resumed = admin.get(f"/admin/tenants/{lab.id}").form(f"/admin/tenants/{lab.id}/resume")
    assert "is open again" in resumed.submit().text
    resumed.submit()
    assert len(audited("tenant.resumed")) == 1
    assert "Launch a VM" in member.get("/").links


def test_a_tenant_with_vms_is_not_archived_but_told_what_lives(
    admin: Page, lab: Tenant, ada: User, root: User, work: Worker
) -> None:
    made = [launch(ada, lab, name=f"vm-{number}") for number in range(7)]
    asked = admin.get(f"/admin/tenants/{lab.id}/archive")
    assert "7 VMs still live" in asked.text
    assert "vm-6" in asked.links
    refused = admin.get(f"/admin/tenants/{lab.id}")  # the page offers no button, so the rule is asked itself
    token = refused.form("/suspend")["csrf_token"]
    answer = admin.post(f"/admin/tenants/{lab.id}/archive", {"csrf_token": token})
    assert "Delete its VMs first: vm-6, vm-5, vm-4, vm-3, vm-2 and 2 more." in answer.text
    for each in made:
        vms.ask(each, vms.Event.DELETE, by=ada)
    work()
    done = admin.get(f"/admin/tenants/{lab.id}/archive").form("/archive").submit()
    assert "Research Lab is archived." in done.text


def test_an_archived_tenant_is_out_of_everybodys_way_until_it_is_restored(
    admin: Page, lab: Tenant, school: Tenant, ada: User, work: Worker
) -> None:
    accounts.join(ada, school.id)
    admin.get(f"/admin/tenants/{lab.id}/archive").form("/archive").submit()
    work.clock.forward(3600)
    due = polling.due()
    assert lab.id not in {*due.catalogs, *due.reconciles}
    assert credentials.current(lab.id).id not in due.doctors
    assert tenants.of(ada) == [school] == tenants.visible(ada)
    assert tenants.current(ada, lab.id) == school
    member = Page(admin._app).sign_in(ada)
    assert member.get(f"/tenant/{lab.id}/silence").status == 404
    assert "Research Lab" not in admin.get("/admin/tenants/").text
    archived = admin.get("/admin/tenants/?show=archived")
    assert archived.words("//td/a") == ["Research Lab"]
    page = admin.get(f"/admin/tenants/{lab.id}")
    assert "It is in no menu" in page.text
    page.form("/restore").submit()
    page.form("/restore").submit()
    assert len(audited("tenant.restored")) == 1
    assert lab.id in polling.due().catalogs
    assert tenants.of(ada) == [lab, school]


def test_an_archived_tenant_takes_no_launch_and_is_archived_once(
    admin: Page, lab: Tenant, ada: User, root: User
) -> None:
    page = admin.get(f"/admin/tenants/{lab.id}/archive").form("/archive")
    page.submit()
    page.submit()
    assert len(audited("tenant.archived")) == 1
    with pytest.raises(drafts.Incomplete) as refused:
        launch(ada, lab)
    assert refused.value.problems == {"tenant": "Research Lab is archived."}
    with pytest.raises(Refused, match="archived"), transaction():
        quotas.reserve(lab.id, quotas.Amount(1), of=ada.id)


def test_tenants_are_found_by_name_address_and_state(admin: Page, lab: Tenant, school: Tenant) -> None:
    def found(query: str) -> list[str]:
        return admin.get(f"/admin/tenants/?{query}").words("//td/a")

    assert found("") == found("show=nonsense") == ["Research Lab", "Teaching"]
    assert found("q=teach") == ["Teaching"]
    assert found(f"q={lab.project_id}") == ["Research Lab"]
    assert found("q=%25") == []
    with transaction():
        lab.suspended_at, lab.suspended_why = lab.created_at, "x"
    assert found("show=suspended") == ["Research Lab"]
    for _ in range(circuits.OPENS_AFTER):
        circuits.silent(school.id)
    assert found("show=silent") == ["Teaching"]
    assert "No answer" in admin.get("/admin/tenants/").text


def test_support_sees_tenants_and_changes_none(page: Page, sam: User, lab: Tenant) -> None:
    page.sign_in(sam)
    assert "Connect a tenant" not in page.get("/admin/tenants/").links
    shown = page.get(f"/admin/tenants/{lab.id}")
    assert shown.all("//main//form") == []
    shown = page.get(f"/admin/tenants/{lab.id}/networks")
    assert shown.all("//main//form") == []
    assert "Firewall: As its people choose." in shown.text
    assert page.get(f"/admin/quotas/{lab.id}").all("//main//form") == []


def test_an_admin_sets_the_longest_lease(admin: Page, lab: Tenant) -> None:
    page = f"/admin/quotas/{lab.id}"
    wrong = admin.get(page).form("/lease").submit(longest="0")
    assert "from 1 to 3650" in wrong.errors["longest"]
    for typed, kept in {"7": 7, "07": 7, "": None}.items():
        assert "The longest lease is kept." in admin.get(page).form("/lease").submit(longest=typed).text
        assert fresh(lab).longest_lease_days == kept
    told = select(AuditEntry.detail).where(AuditEntry.action == "quota.lease_limited").order_by(AuditEntry.id)
    assert db.session.scalars(told).all() == [{"before": None, "after": 7}, {"before": 7, "after": None}]


def test_a_network_is_renamed_and_switched_off(admin: Page, lab: Tenant, ada: User, cloud: Control) -> None:
    [network] = tenants.networks(lab.id)
    prefix = f"{network.id}-"

    def keep(**values: Any) -> Answer:
        form = admin.get(f"/admin/tenants/{lab.id}/networks").form(f"/networks/{network.id}")
        return form.submit(**{f"{prefix}{name}": value for name, value in values.items()})

    assert "Laboratory was kept." in keep(name=" Laboratory ", floating_ips=None).text
    catalog.ask_refresh(lab, by=ada)
    catalog.refresh(lab.id)
    assert (fresh(network).name, network.os_name, network.gives_floating_ips) == (
        "Laboratory",
        "net-a",
        False,
    )
    refused = drafts.check(draft(ada, lab, floating_ip="true")).problems["floating_ip"]
    assert "An administrator allows no floating IPs" in refused
    keep(offered=None, floating_ips="y")
    assert tenants.networks(lab.id) == []
    assert "Switched off" in admin.get(f"/admin/tenants/{lab.id}/networks").text
    keep(offered="y", name="")
    assert [one.name for one in tenants.networks(lab.id)] == ["net-a"]
    gone = keep(external="00000000-0000-0000-0000-000000000000")
    assert "doesn't show this external network" in gone.errors[f"{prefix}external"]


def test_the_firewall_of_a_network_is_chosen(admin: Page, lab: Tenant) -> None:
    [network] = tenants.networks(lab.id)

    def keep(preset: str) -> Answer:
        form = admin.get(f"/admin/tenants/{lab.id}/networks").form(f"/networks/{network.id}")
        sent: dict[str, Any] = {f"{network.id}-firewall": preset}
        return form.submit(**sent)

    assert "Choose one of the firewalls." in keep("open").errors[f"{network.id}-firewall"]
    assert "VMs that are there keep theirs" in keep("closed").text
    assert audited("network.changed")[-1].detail["after"]["firewall"] == "closed"
    keep("")
    assert fresh(network).firewall is None


def test_floating_ips_come_from_the_external_network_an_admin_chose(
    admin: Page, lab: Tenant, school: Tenant, ada: User
) -> None:
    [network] = tenants.networks(lab.id)
    with transaction():
        lab.external_networks = [*lab.external_networks, {"id": "zone", "name": "zone"}]
    form = admin.get(f"/admin/tenants/{lab.id}/networks").form(f"/networks/{network.id}")
    wish: dict[str, Any] = {f"{network.id}-external": "zone"}
    form.submit(**wish)
    assert (fresh(network).external_network_name, network.external_chosen) == ("zone", True)
    catalog.ask_refresh(lab, by=ada)
    catalog.refresh(lab.id)
    # Neutron doesn't show it: back to the first.
    assert (fresh(network).external_network_name, network.external_chosen) == ("public", False)
    with transaction():
        network.external_chosen = True
    catalog.ask_refresh(lab, by=ada)
    catalog.refresh(lab.id)
    assert (fresh(network).external_network_name, network.external_chosen) == ("public", True)
    other = tenants.networks(school.id)[0]
    token = {"csrf_token": form["csrf_token"]}
    assert admin.post(f"/admin/tenants/{lab.id}/networks/{other.id}", token).status == 404


def test_quotas_are_changed_and_audited_also_below_the_use(
    admin: Page, lab: Tenant, vm: Vm, cloud: Control
) -> None:
    path = f"/admin/quotas/{lab.id}"
    wrong = admin.get(path).form(path).submit(vms="-1", gpus="many")
    assert "whole number" in wrong.errors["gpus"] or "integer" in wrong.errors["gpus"]
    assert "Give a whole number from 0" in admin.get(path).form(path).submit(vms="-1").errors["vms"]
    below = admin.get(path).form(path).submit(vms="0")
    assert "Kept, below what is used" in below.text
    assert "VMs: 1 used, 0 allowed" in below.text
    assert "The quota, by 1" in below.text
    entry = audited("quota.changed")[-1]
    assert (entry.detail["before"]["vms"], entry.detail["after"]["vms"]) == (20, 0)


def test_what_binds_is_named(admin: Page, lab: Tenant, ada: User, cloud: Control) -> None:
    cloud.set_quota("tenant-a", instances=3, cores=-1)
    catalog.ask_refresh(lab, by=ada)
    catalog.refresh(lab.id)
    words = admin.get(f"/admin/quotas/{lab.id}").words("//table//tr")
    assert any(row.startswith("VMs 0 20 0 of 3 The cloud: 3 left") for row in words), words
    assert any(row.startswith("vCPU 0 100 none The quota: 100 left") for row in words), words
    assert any(row.startswith("GPUs 0 2 not told The quota: 2 left") for row in words), words


def test_a_cloud_that_hides_its_limits_is_mirrored_all_the_same(
    lab: Tenant, ada: User, cloud: Control
) -> None:
    cloud.faults.add(Fault("status", "GET", "compute", "/limits", status=403, times=0))
    catalog.ask_refresh(lab, by=ada)
    catalog.refresh(lab.id)
    assert set(fresh(lab).cloud_limits) == {"floating_ips"}
    assert lab.catalog_trouble is None
