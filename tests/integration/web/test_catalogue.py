"""The catalogue's pages: what they show, how they filter, when they ask again."""

from urllib.parse import parse_qs, urlsplit

import pytest

from portal.domain.people.models import Role, User
from portal.domain.store.db import db, now, transaction
from portal.domain.tenants.models import Tenant
from portal.domain.vms.models import LaunchDraft
from tests.support.page import Answer, Form, Page
from tests.support.wizard import limit
from tests.support.world import Worker, add_person, fresh, only


def names(answer: Answer) -> list[str]:
    return answer.words("//*[@id='results']//tbody/tr/td[1]/strong")


def test_the_shelf_is_shown_and_searched(page: Page, ada: User) -> None:
    page.sign_in(ada)
    titles = page.get("/catalogue/").words("//article//h2")
    assert "Ubuntu server" in titles
    found = page.get("/catalogue/").form("/catalogue/").submit(q="nginx")
    assert found.words("//article//h2") == ["Web server"]
    assert found.form("/catalogue/")["q"] == "nginx"


def test_a_search_without_a_hit_leads_back(page: Page, ada: User) -> None:
    page.sign_in(ada)
    nothing = page.get("/catalogue/?q=<b>zzz")
    assert "No template matches “<b>zzz”" in nothing.text
    assert nothing.follow("All templates").words("//article//h2")


def test_images_are_filtered_by_words_and_system(page: Page, ada: User) -> None:
    page.sign_in(ada)
    everything = page.get("/catalogue/images")
    assert len(names(everything)) > 2
    ubuntu = everything.form("/catalogue/images").submit(distro="ubuntu")
    assert names(ubuntu)
    assert all("buntu" in name for name in names(ubuntu))
    assert "distro=ubuntu" in ubuntu.url
    newest = ubuntu.form("/catalogue/images").submit(q="22.04")
    assert len(names(newest)) == 1
    assert newest.form("/catalogue/images")["distro"] == "ubuntu"


def test_sizes_are_filtered_by_gpu(page: Page, ada: User) -> None:
    page.sign_in(ada)
    everything = page.get("/catalogue/sizes")
    with_gpu = everything.form("/catalogue/sizes").submit(gpus="1")
    assert 0 < len(names(with_gpu)) < len(names(everything))
    assert with_gpu.one("//input[@name='gpus'][@type='checkbox']").get("checked") is not None


def test_sizes_come_by_family_and_say_what_the_quota_has_no_room_for(
    page: Page, ada: User, lab: Tenant
) -> None:
    limit(lab, quota_vcpus=4)
    page.sign_in(ada)
    everything = page.get("/catalogue/sizes")
    assert everything.words("//th[@scope='rowgroup']") == ["Family m1", "Family c1", "Family x1", "Family g1"]
    assert "Over the quota (vCPU: 8 wanted, 4 of 4 left)." in everything.text
    fitting = everything.form("/catalogue/sizes").submit(family="m1", fits="1")
    assert names(fitting) == ["m1.tiny", "m1.small", "m1.medium", "m1.large"]
    assert "Over the quota" not in fitting.text


def test_a_card_says_what_one_gets_and_who_may_use_it(page: Page, ada: User) -> None:
    page.sign_in(ada)
    card = page.get("/catalogue/?q=gpu").words("//article")[0]
    for words in (
        "a server, a firewall of its own, a public address if you want one",
        "2 vCPU, 8 GiB memory, 40 GiB disk, a GPU",
        "every tenant",
    ):
        assert words in card


@pytest.mark.parametrize(
    ("kind", "name", "field"),
    [
        ("images", "debian-12", "image"),
        ("sizes", "m1.large", "flavor"),
        ("networks", "net-a", "network"),
        ("", "Your own cloud-init", ""),
    ],
)
def test_launching_with_something_starts_the_wizard_filled_in(
    page: Page, ada: User, kind: str, name: str, field: str
) -> None:
    found = page.sign_in(ada).get(f"/catalogue/{kind}")
    if field:
        link = found.one(f"//a[@aria-label='Launch with {name}']").get("href", "")
        machine = page.get(link).form("/launch/").submit("Your own cloud-init")
        assert only(LaunchDraft).answers[field] == parse_qs(urlsplit(link).query)[field][0]
    else:
        [form] = (Form(found, each) for each in found.all(f"//form[button/@aria-label='Launch with {name}']"))
        machine = form.submit()
    assert machine.url.endswith("/machine")


def test_networks_tell_their_addresses(page: Page, ada: User) -> None:
    page.sign_in(ada)
    answer = page.get("/catalogue/networks")
    assert names(answer)
    assert "/" in answer.one("//tbody/tr[1]/td[2]").text_content()


def test_htmx_gets_the_results_alone_and_they_are_those_of_the_page(page: Page, ada: User) -> None:
    page.sign_in(ada)
    panel = page.get("/catalogue/images?q=ubuntu", htmx=True)
    assert not panel.is_whole
    assert panel.one("/div/*[1]").get("id") == "results"
    assert names(panel) == names(page.get("/catalogue/images?q=ubuntu"))


def test_an_unchanged_panel_is_answered_with_304(page: Page, ada: User) -> None:
    page.sign_in(ada)
    first = page.get("/catalogue/images", htmx=True)
    again = page.get("/catalogue/images", htmx=True, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status == 304
    other = page.get(
        "/catalogue/images?q=ubuntu", htmx=True, headers={"If-None-Match": first.headers["ETag"]}
    )
    assert other.status == 200


def test_asking_the_cloud_again_is_watched_until_it_is_done(
    page: Page, ada: User, lab: Tenant, work: Worker
) -> None:
    page.sign_in(ada)
    work.clock.forward(5)
    before = fresh(lab).catalog_checked_at
    asked = page.get("/catalogue/images?q=ubuntu").form(button="Ask the cloud again").submit()
    assert asked.one("//*[@id='results']").get("hx-trigger") == "every 1000ms"
    assert asked.form("/catalogue/images")["q"] == "ubuntu"
    work.once()
    done = page.get(asked.one("//*[@id='results']").get("hx-get"), htmx=True)
    assert done.one("//*[@id='results']").get("hx-trigger") is None
    checked = fresh(lab).catalog_checked_at
    assert before is not None
    assert checked is not None
    assert checked > before


def test_a_look_that_never_comes_is_not_waited_for_forever(page: Page, ada: User, work: Worker) -> None:
    page.sign_in(ada)
    asked = page.get("/catalogue/images").form(button="Ask the cloud again").submit()
    work.clock.forward(90)
    assert page.get(asked.url).one("//*[@id='results']").get("hx-trigger") is None


def test_a_cloud_that_is_down_leaves_the_catalogue_and_says_so(
    page: Page, ada: User, lab: Tenant, work: Worker
) -> None:
    page.sign_in(ada)
    with transaction():
        lab.auth_url = "http://127.0.0.1:9/identity/v3"
        lab.catalog_due_at = now()
    work.once()
    answer = page.get("/catalogue/images")
    assert "The cloud could not be asked" in answer.text
    assert names(answer)


def test_support_sees_the_catalogue_and_can_not_have_it_refreshed(page: Page, sam: User, lab: Tenant) -> None:
    page.sign_in(sam)
    answer = page.get("/catalogue/images")
    assert names(answer)
    assert "Ask the cloud again" not in answer.text
    token = page.get("/keys/").form("/keys/")["csrf_token"]
    assert page.post("/catalogue/refresh", {"csrf_token": token}).status == 403


def test_somebody_without_a_tenant_is_told_what_to_do(page: Page) -> None:
    page.sign_in(add_person("new@example.org", Role.MEMBER))
    for place in ("images", "sizes", "networks"):
        assert "You are in no tenant yet" in page.get(f"/catalogue/{place}").text
    assert page.get("/catalogue/").words("//article//h2")


def test_a_tenant_never_looked_at_fills_by_itself(page: Page, ada: User, lab: Tenant) -> None:
    with transaction():
        lab.catalog_checked_at = None
    db.session.rollback()
    page.sign_in(ada)
    assert page.get("/catalogue/images").one("//*[@id='results']").get("hx-trigger") == "every 1000ms"
