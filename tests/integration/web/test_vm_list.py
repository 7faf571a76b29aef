"""The list of VMs: sought, filtered, sorted, its columns chosen, and found again as it was left."""

import csv
import io
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import event, select, update

from portal.domain.people import accounts
from portal.domain.people.models import Role, User
from portal.domain.store.db import db, transaction
from portal.domain.store.models import AuditEntry
from portal.domain.tenants import standing
from portal.domain.tenants.models import Tenant
from portal.domain.vms import inventory
from portal.domain.vms.models import State, Vm
from tests.support.page import Answer, Page
from tests.support.world import Worker, add_person, fresh, launch

NAMES = "//a[@class='row-link']"


@pytest.fixture
def some(vm: Vm, ada: User, lab: Tenant, school: Tenant) -> dict[str, Vm]:
    """Three more: of another person, from another template with tags, and in another tenant."""
    bob = accounts.create("bob@example.org", "Bob", "correct-horse-1", Role.MEMBER)
    accounts.join(bob, lab.id)
    accounts.join(bob, school.id)
    bob = fresh(bob)
    web = launch(ada, lab, "web-server", name="web-1", **{"vm:tags": "prod, blue"})
    return {
        "vm": vm,
        "bobs": launch(bob, lab, name="bobs"),
        "web": web,
        "far": launch(bob, school, name="far"),
    }


def names(answer: Answer) -> list[str]:
    return answer.words(NAMES)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=blu", ["web-1"]),
        ("q=BOB", ["bobs"]),
        ("q=bob%40example.org", ["bobs"]),
        ("q=ubuntu", ["bobs", "web-1", "quiet-otter"]),
        ("owner=me", ["web-1", "quiet-otter"]),
        ("owner=me&state=requested", ["web-1"]),
        ("template=web-server", ["web-1"]),
        ("tag=Prod", ["web-1"]),
        ("tag=prod&template=ubuntu-basic", []),
        ("image=nothing", []),
        ("sort=nonsense&state=nonsense&owner=nonsense", ["bobs", "web-1", "quiet-otter"]),
    ],
)
def test_filters_stand_in_the_address(
    browser: Page, some: dict[str, Vm], query: str, found: list[str]
) -> None:
    assert names(browser.get(f"/vms/?{query}")) == found
    assert names(browser.get(f"/vms/?{query}", htmx=True)) == found


def test_what_is_filtered_leads_to_all_of_them(browser: Page, some: dict[str, Vm]) -> None:
    assert "Show all" not in browser.get("/vms/?sort=name").links
    narrowed = browser.get("/vms/?q=blu")
    assert narrowed.title.startswith("VMs")
    assert names(browser.get(narrowed.links["Show all"])) == ["bobs", "web-1", "quiet-otter"]
    # Taken away, the filters aren't kept either.
    assert names(browser.get("/vms/")) == ["bobs", "web-1", "quiet-otter"]


def test_of_many_rows_that_change_at_once_some_come_with_the_next_answer(
    browser: Page, ada: User, lab: Tenant, work: Worker
) -> None:
    for number in range(14):
        launch(ada, lab, name=f"many-{number}")
    row, new = "//tbody/tr[@id]", "//tbody/tr[@data-part]"
    before = {each.get("id"): each.get("data-part") for each in browser.get("/vms/").all(row)}
    held = " ".join(f"{id}={part}" for id, part in before.items())
    work.once()
    first = browser.get("/vms/", htmx=True, headers={"X-Held": held})
    sent = {each.get("id"): each.get("data-part") for each in first.all(new)}
    assert (len(first.all(row)), len(sent), "ETag" in first.headers) == (14, 8, False)
    # What stayed is still held as it was; the rest comes now, and with it the name of the whole.
    has = " ".join(f"{id}={part}" for id, part in (before | sent).items())
    second = browser.get("/vms/", htmx=True, headers={"X-Held": has})
    assert {each.get("id") for each in second.all(new)} == before.keys() - sent.keys()
    assert "ETag" in second.headers


def test_of_many_tags_a_row_shows_some(browser: Page, ada: User, lab: Tenant) -> None:
    many = [f"tag-{n}" for n in range(10)]
    launch(ada, lab, name="tagged", **{"vm:tags": ", ".join(many)})
    rows = browser.get("/vms/")
    shown = rows.words("//tr[contains(., 'tagged')]//span[@class='tag']")
    assert shown == ["tag-0", "tag-1", f"+8: {', '.join(many[2:])}"]


@pytest.mark.parametrize("query", ["q=blu", "q=bo", "q=far", "tag=prod", "q=ubuntu"])
def test_all_tenants_are_filtered_too(page: Page, sam: User, some: dict[str, Vm], query: str) -> None:
    found = {"q=blu": 1, "q=bo": 2, "q=far": 1, "tag=prod": 1, "q=ubuntu": 4}[query]
    assert len(names(page.sign_in(sam).get(f"/vms/?{query}"))) == found


def test_the_form_offers_what_there_is_and_keeps_what_was_chosen(browser: Page, some: dict[str, Vm]) -> None:
    image = some["vm"].image_name
    answer = browser.get(f"/vms/?image={image}&tag=prod&sort=name")
    form = answer.form("/vms/")
    assert set(form.options("tag")) == {"", "blue", "prod"}
    assert (form["image"], form["tag"], form["sort"]) == (image, "prod", "name")
    assert "web-server" in form.options("template")
    # Without script the empty fields stand in the address, and seek nothing.
    assert names(form.submit(image="", tag="")) == ["bobs", "quiet-otter", "web-1"]


def test_the_count_of_stopped_vms_leads_to_them(browser: Page, some: dict[str, Vm]) -> None:
    with transaction():
        db.session.execute(
            update(Vm).where(Vm.id == some["vm"].id).values(power="SHUTOFF", state=State.ACTIVE)
        )
        # Switched off before it was lost: it isn't stopped, it has failed.
        db.session.execute(
            update(Vm).where(Vm.id == some["web"].id).values(power="SHUTOFF", state=State.ERROR)
        )
        db.session.execute(
            update(Vm).where(Vm.id == some["bobs"].id).values(power="ACTIVE", state=State.ACTIVE)
        )
    stopped = browser.get("/").follow("1 stopped")
    assert names(stopped) == ["quiet-otter"]
    assert stopped.form("/vms/")["state"] == "stopped"
    assert names(browser.get("/vms/?state=active")) == ["bobs", "quiet-otter"]


def test_heads_sort_and_a_second_click_turns_the_order_round(browser: Page, some: dict[str, Vm]) -> None:
    by_name = browser.get("/vms/?owner=me").follow("Name")
    assert names(by_name) == ["quiet-otter", "web-1"]
    assert "owner=me" in by_name.url
    assert by_name.one("//th[@aria-sort='ascending']").text_content() == "Name"
    turned = by_name.follow("Name")
    assert names(turned) == ["web-1", "quiet-otter"]
    assert turned.one("//th[@aria-sort='descending']").text_content() == "Name"
    assert names(browser.get("/vms/?sort=owner"))[-1] == "bobs"
    assert names(browser.get("/vms/?sort=state"))[-1] == "quiet-otter"
    assert names(browser.get("/vms/?sort=-launched")) == names(browser.get("/vms/?q="))
    for sort in ("template", "-template", "image", "size"):
        assert len(names(browser.get(f"/vms/?sort={sort}"))) == 3


def test_all_tenants_are_sorted_by_what_an_index_has(page: Page, sam: User, some: dict[str, Vm]) -> None:
    answer = page.sign_in(sam).get("/vms/?sort=size")
    assert {"Name", "Launched"} <= set(answer.words("//th/a"))
    assert "Size" not in answer.words("//th/a")
    assert names(page.get("/vms/?sort=name")) == ["bobs", "far", "quiet-otter", "web-1"]
    assert "Size" in page.get(f"/vms/?tenant={some['vm'].tenant_id}").words("//th/a")


def test_columns_are_chosen_and_remembered(browser: Page, vm: Vm) -> None:
    form = browser.get("/vms/?q=otter").form("/columns")
    assert form.fields["column"] == ["state", "address", "size", "tags", "owner", "launched"]
    chosen = form.submit(column=["image", "template", "made-up"])
    assert chosen.url == "/vms/?q=otter"
    assert chosen.words("//th") == ["Name", "Template", "Image"]
    assert browser.get("/vms/").words("//th") == ["Name", "Template", "Image"]
    assert browser.get("/vms/").form("/columns").submit(column=[]).words("//th") == ["Name"]
    assert form.submit(back="https://evil.example/").url.startswith("/vms/")


def test_coming_back_finds_the_filters_as_they_were(browser: Page, some: dict[str, Vm], eve: User) -> None:
    browser.get("/vms/?owner=me&sort=name&page=2")
    back = browser.get("/vms/")
    assert back.url == "/vms/?owner=me&sort=name"
    assert names(browser.get("/vms/?q=nothing")) == []
    everything = browser.get("/vms/").follow("Show all")
    assert len(names(everything)) == 3
    assert browser.get("/vms/").url == "/vms/"
    # As htmx takes the filters away, and what is too long to keep.
    browser.get("/vms/?q=otter")
    browser.get("/vms/", htmx=True)
    browser.get(f"/vms/?q={'x' * 2000}")
    assert browser.get("/vms/").url == "/vms/"


def test_what_somebody_sought_is_not_the_next_ones(browser: Page, vm: Vm, eve: User) -> None:
    browser.get("/vms/?q=secret-plan")
    assert browser.sign_in(eve).get("/vms/").url == "/vms/"


def test_what_the_filters_show_is_had_as_a_file(
    browser: Page, some: dict[str, Vm], record: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "EXPORTED_AT_ONCE", 1)
    record(some["web"], description="=1+1")
    answer = browser.get("/vms/?owner=me&sort=name").form("/export.csv").submit()
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="vms-2')
    lines = list(csv.DictReader(io.StringIO(answer.response.get_data(as_text=True))))
    assert [line["name"] for line in lines] == ["web-1", "quiet-otter"]
    assert (lines[0]["description"], lines[0]["tags"], lines[0]["owner"]) == ("'=1+1", "blue, prod", "Ada")
    told = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "vm.exported")).one()
    assert told.detail["sought"] == {"tenant_id": str(some["vm"].tenant_id), "mine": "True"}


def test_an_empty_list_says_what_to_do(page: Page, lab: Tenant, ada: User, root: User, sam: User) -> None:
    assert "Launch your first VM" in page.sign_in(ada).get("/vms/").links
    assert "No VM matches" in page.get("/vms/?q=x").text
    assert "Nobody has launched one" in page.sign_in(sam).get("/vms/").text
    newcomer = add_person("new@example.org", Role.MEMBER)
    assert "You are in no tenant yet" in page.sign_in(newcomer).get("/vms/").text
    standing.suspend(lab, "The bill isn't paid.", by=root)
    suspended = page.sign_in(fresh(ada)).get("/vms/")
    assert "Nothing can be launched in Research Lab at present" in suspended.text
    assert "The bill isn't paid." in suspended.text


def test_rows_end_asking_by_themselves(browser: Page, ada: User, lab: Tenant, work: Worker) -> None:
    launch(ada, lab)
    asks = browser.get("/vms/?owner=me").one("//*[@id='results']").get("hx-get")
    assert asks == "/vms/?owner=me"
    work()
    answer = browser.get(asks, htmx=True)
    assert answer.one("//*[@id='results']").get("hx-trigger") is None
    again = browser.get(asks, htmx=True, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, again.response.get_data()) == (304, b"")


def test_few_questions_are_asked_of_the_database(
    app: Flask, browser: Page, some: dict[str, Vm], capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [counted(browser, "/vms/?sort=owner&tag=prod"), counted(browser, "/")]
    with capsys.disabled():
        print(f"\nquestions: list {asked[0]}, home {asked[1]}")
    assert asked[0] <= 11
    assert asked[1] <= 14


def counted(browser: Page, url: str) -> int:
    """How many statements the page sends."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    browser.get(url)
    event.remove(db.engine, "before_cursor_execute", note)
    return len(seen)
