"""The usage page: bars, days, asking for more and the answer; and a launch that is more than is left."""

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal import translation
from portal.domain.catalog import catalog
from portal.domain.people.models import Role, User
from portal.domain.store.db import db, transaction
from portal.domain.store.errors import Refused
from portal.domain.store.models import AuditEntry
from portal.domain.tenants.models import Answer, QuotaRequest, Tenant, UsageSample
from portal.domain.vms import quotas, requests, usage
from portal.domain.vms.models import Vm
from portal.web.filters import mib
from tests.support.page import Page
from tests.support.world import Worker, add_person, draft, fresh, launch, only


@pytest.fixture
def admin(app: Flask, root: User) -> Page:
    return Page(app).sign_in(root)


def word(said: str) -> dict[str, Any]:
    """What is typed into the form of a refusal."""
    return {"no-said": said}


def limited(tenant: Tenant, **limits: int) -> None:
    with transaction():
        for name, limit in limits.items():
            setattr(tenant, f"quota_{name}", limit)


def test_the_most_of_each_day_is_kept_for_ninety_days(
    browser: Page, lab: Tenant, vm: Vm, work: Worker
) -> None:
    usage.sample(lab.id)
    day = only(UsageSample)
    assert (day.used["vms"], day.used["floating_ips"], day.limits["vms"]) == (1, 1, 20)
    browser.get(f"/vms/{vm.id}/delete").form("/delete").submit("Delete now")
    work()
    usage.sample(lab.id)
    assert fresh(day).used["vms"] == 1
    with transaction():
        db.session.add(UsageSample(tenant_id=lab.id, day=day.day - timedelta(days=90), used={}, limits={}))
    work.clock.forward(86400)
    usage.sample(lab.id)
    later = db.session.scalars(select(UsageSample).order_by(UsageSample.day)).all()
    assert [(one.day, one.used["vms"]) for one in later] == [(day.day, 1), (usage.today(), 0)]


def test_the_page_draws_bars_and_days(browser: Page, lab: Tenant, vm: Vm) -> None:
    limited(lab, vms=0)
    usage.sample(lab.id)
    shown = browser.get("/").follow("Usage")
    assert shown.url == f"/usage/{lab.id}"
    assert "The quota, by 1" in shown.text
    pictures = [each.get("aria-label") for each in shown.all("//*[@class='chart']")]
    assert "The most on each of the last 90 days; 1 are known, at most 1 VM." in pictures
    [column] = shown.all("//*[@class='chart']/*[@class='bar-over']")
    assert (column.get("x"), column.get("height")) == ("890", "100.0")
    assert "1 VM, quota 0" in column.text_content()
    memory = f"2 GiB memory, quota {mib(lab.quota_ram_mib)}"
    assert memory in " ".join(each.text_content() for each in shown.all("//*[@class='chart']//title"))
    [beside] = (words for words in shown.words("//figure") if words.startswith("Memory"))
    first, last = (translation.day(usage.today() - timedelta(days=back)) for back in (89, 0))
    assert re.search(f"at most 2 GiB.*{first} ?{last}$", beside)


def test_a_member_without_a_tenant_is_told(app: Flask, page: Page) -> None:
    page.sign_in(add_person("new@example.org", Role.MEMBER))
    assert page.get("/usage/").status in (403, 404)


def test_a_request_is_granted_and_the_answer_read(browser: Page, admin: Page, lab: Tenant, ada: User) -> None:
    form = browser.get(f"/usage/{lab.id}").form("/requests")
    assert (form["vms"], form["ram_mib"]) == ("20", "256")
    assert "Ask for more than" in form.submit(reason="x").errors["vms"]
    assert "what it is for" in form.submit(vms="30", reason=" ").errors["reason"]
    assert "whole number from 0" in form.submit(gpus="-1", reason="x").errors["gpus"]
    asked = form.submit(vms="30", ram_mib="512", reason="A course of 30.")
    assert "30 VMs, 512 GiB memory" in asked.text
    assert asked.all("//form[contains(@action, '/requests')][not(contains(@action, 'withdraw'))]") == []
    assert "waits for its answer already" in form.submit(vms="40", reason="More.").text

    listed = admin.get("/admin/tenants/").follow("Requests 1 open")
    wanted = listed.follow("Research Lab")
    answer = wanted.form("/grant").submit()
    assert "Granted." in answer.text
    assert (fresh(lab).quota_vms, lab.quota_ram_mib, lab.quota_vcpus) == (30, 512 * 1024, 100)
    assert only(QuotaRequest).answer is Answer.APPROVED
    assert "Approved 30 VMs" in browser.get(f"/usage/{lab.id}").text
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "quota.changed")).one()
    assert (entry.detail["before"]["vms"], entry.detail["after"]["vms"]) == (20, 30)
    assert entry.detail["request"] == str(only(QuotaRequest).id)
    assert "meanwhile" in wanted.form("/refuse").submit(**word("No.")).text


def test_less_than_asked_or_nothing_is_granted_with_a_word(
    browser: Page, admin: Page, lab: Tenant, ada: User, root: User
) -> None:
    first = requests.ask(lab, {"vms": 30, "gpus": 8}, "A course.", by=ada)
    page = admin.get(f"/admin/quotas/requests/{first.id}")
    assert "Say why it is another amount." in page.form("/grant").submit(gpus="4").errors["said"]
    assert "integer" in page.form("/grant").submit(gpus="many").errors["gpus"]
    page.form("/grant").submit(gpus="4", said="Four are free.")
    assert "Granted otherwise 30 VMs, 8 GPUs" in (shown := browser.get(f"/usage/{lab.id}").text)
    assert "30 VMs, 4 GPUs. Four are free." in shown
    second = requests.ask(fresh(lab), {"gpus": 8}, "Still.", by=ada)
    page = admin.get(f"/admin/quotas/requests/{second.id}")
    assert "Say why not." in page.form("/refuse").submit().errors["no-said"]
    with pytest.raises(Refused, match="Say why not"):
        requests.refuse(second, " ", by=root)
    page.form("/refuse").submit(**word("None left."))
    assert "None left." in browser.get(f"/usage/{lab.id}").text
    assert fresh(lab).quota_gpus == 4


def test_who_asked_may_withdraw(browser: Page, lab: Tenant, ada: User) -> None:
    made = requests.ask(lab, {"vms": 30}, "A course.", by=ada)
    with pytest.raises(Refused, match="Only who asked"):
        requests.withdraw(made, by=add_person("kim@example.org", Role.MEMBER, lab))
    gone = browser.get(f"/usage/{lab.id}").form("/withdraw").submit()
    assert "Your request is withdrawn." in gone.text
    assert "Withdrawn 30 VMs" in gone.text


def test_a_launch_beyond_the_quota_names_what_still_fits(browser: Page, lab: Tenant, ada: User) -> None:
    sizes = catalog.flavors(lab.id)
    smallest, largest = sizes[1], max(sizes, key=lambda one: one.vcpus)
    limited(lab, vcpus=smallest.vcpus)
    made = draft(ada, lab, flavor=largest.os_id)
    answer = browser.get(f"/launch/{made.id}/review")
    assert f"vCPU: {largest.vcpus:,} wanted, {smallest.vcpus} of {smallest.vcpus} left" in answer.text
    assert "These sizes still fit: " in answer.text
    assert smallest.name in answer.text
    assert answer.links["ask for more"] == f"/usage/{lab.id}"
    limited(lab, vms=0)
    assert "No smaller size helps" in browser.get(f"/launch/{made.id}/review").text


def test_the_cloud_s_own_limit_is_a_warning_before_a_launch(browser: Page, lab: Tenant, ada: User) -> None:
    with transaction():
        lab.cloud_limits = {"vms": {"limit": 3, "used": 3}, "vcpus": {"limit": -1, "used": 9}}
    line = quotas.lines(fresh(lab), quotas.Amount(1))[0]
    assert (line.fits, line.fits_cloud, line.binds) == (True, False, "cloud")
    made = draft(ada, lab)
    assert "The cloud may refuse this" in browser.get(f"/launch/{made.id}/review").text


def test_a_tenants_quotas_are_among_the_tenants_and_a_request_is_not(
    page: Page, root: User, lab: Tenant
) -> None:
    page.sign_in(root)
    here = "//nav//a[@aria-current='page'][not(ancestor::main)]"
    assert page.get(f"/admin/quotas/{lab.id}").words(here) == ["Tenants"]
    assert page.get("/admin/quotas/requests").words(here) == ["Requests"]


def test_what_is_used_this_moment_counts_for_today(browser: Page, ada: User, lab: Tenant) -> None:
    usage.sample(lab.id)
    launch(ada, lab)
    of_vms = browser.get(f"/usage/{lab.id}").words("//figure[1]/figcaption")
    assert of_vms == ["VMs at most 1"]
    assert only(UsageSample).used["vms"] == 0
