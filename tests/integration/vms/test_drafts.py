"""Drafts at their edges: names, templates that leave no choice or go away, and what stays when launched."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select, update

from portal.config import ROOT
from portal.domain.catalog import shelf
from portal.domain.people.models import User
from portal.domain.store.db import db
from portal.domain.store.errors import Forbidden, NotFound, Refused
from portal.domain.tenants.models import Tenant
from portal.domain.vms import drafts, history, launching, names, progress, quotas
from portal.domain.vms.lifecycle import State
from portal.domain.vms.models import LaunchDraft, Vm
from tests.support.world import BOTH, Worker, draft, fresh, launch, only

DATABASES = BOTH
CHOOSES_ALL = """\
heat_template_version: 2018-08-31
parameters:
  name: {type: string}
resources:
  server:
    type: OS::Nova::Server
    properties:
      name: {get_param: name}
      image: ubuntu-24.04
      flavor: m1.small
      networks: [{network: net-a}]
outputs:
  server_id: {value: {get_resource: server}}
  private_ip: {value: {get_attr: [server, first_address]}}
  public_ip: {value: ""}
"""


@pytest.fixture
def own_shelf(tmp_path: Path) -> Iterator[Path]:
    """A shelf with one template, which leaves nothing to choose."""
    (tmp_path / "ready-made.yaml").write_text(CHOOSES_ALL)
    shelf.open_at(tmp_path)
    yield tmp_path
    shelf.open_at(ROOT / "hot_templates")


def test_a_template_that_leaves_nothing_to_choose_is_launched(
    own_shelf: Path, ada: User, lab: Tenant, work: Worker
) -> None:
    made = draft(ada, lab, "ready-made", name="calm-otter")
    review = drafts.check(made)
    assert (review.problems, review.image, review.flavor, review.network) == ({}, None, None, None)
    assert review.cost == quotas.Amount(vms=1)
    vm = drafts.submit(made.id, by=ada)
    work()
    assert fresh(vm).state is State.ACTIVE
    assert vm.spec["image"] is vm.spec["flavor"] is vm.spec["network"] is None


def test_a_template_that_went_away_leaves_its_vms_their_story(
    own_shelf: Path, ada: User, lab: Tenant, work: Worker
) -> None:
    vm, unfinished = launch(ada, lab, "ready-made"), draft(ada, lab, "ready-made")
    work()
    (own_shelf / "ready-made.yaml").unlink()
    assert (told := progress.of(fresh(vm))).done == told.known
    assert {"server: done"} <= {entry.words for entry in history.timeline(vm)}
    for refused in (lambda: drafts.submit(unfinished.id, by=ada), lambda: draft(ada, lab, "ready-made")):
        with pytest.raises(shelf.NoSuchTemplate):
            refused()


def test_a_launched_draft_is_not_discarded_and_an_open_one_is(ada: User, lab: Tenant) -> None:
    kept, dropped = draft(ada, lab), draft(ada, lab)
    kept_id, dropped_id = kept.id, dropped.id
    drafts.submit(kept_id, by=ada)
    drafts.discard(kept, by=ada)
    drafts.discard(dropped, by=ada)
    drafts.discard(dropped, by=ada)
    assert db.session.scalars(select(LaunchDraft.id)).all() == [kept_id]
    assert dropped_id != kept_id


def test_a_stranger_discards_nothing_and_support_launches_nothing(
    ada: User, eve: User, sam: User, lab: Tenant
) -> None:
    made = draft(ada, lab, name="calm-otter")
    with pytest.raises(NotFound):
        drafts.discard(made, by=eve)
    with pytest.raises(Forbidden):
        drafts.start("ubuntu-basic", by=sam, tenant=lab)
    assert drafts.open_of(ada) == [made]


@pytest.fixture
def before_it_counts(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Has somebody else act after a launch was found good and before it takes its place."""
    vms_of = launching.vms_of

    def have(act: Callable[[], object]) -> None:
        def interrupted(*args: Any) -> list[Vm]:
            monkeypatch.setattr(launching, "vms_of", vms_of)
            with app.app_context():
                act()
            return vms_of(*args)

        monkeypatch.setattr(launching, "vms_of", interrupted)

    return have


Interrupt = Callable[[Callable[[], object]], None]


@pytest.mark.parametrize("places", [1, 5])
def test_a_twin_of_a_click_that_is_quicker_is_the_answer(
    places: int, ada: User, lab: Tenant, before_it_counts: Interrupt
) -> None:
    with db.engine.begin() as connection:
        connection.execute(update(Tenant).values(quota_vms=places))
    draft_id, ada_id = draft(ada, lab).id, ada.id
    twins = list[UUID]()
    before_it_counts(lambda: twins.append(drafts.submit(draft_id, by=db.session.get_one(User, ada_id)).id))
    assert [drafts.submit(draft_id, by=ada).id] == twins == [only(Vm).id]


def test_who_takes_the_last_place_first_has_it(ada: User, lab: Tenant, before_it_counts: Interrupt) -> None:
    with db.engine.begin() as connection:
        connection.execute(update(Tenant).values(quota_vms=1))
    mine, other, ada_id = draft(ada, lab).id, draft(ada, lab).id, ada.id
    before_it_counts(lambda: drafts.submit(other, by=db.session.get_one(User, ada_id)))
    with pytest.raises(Refused, match="VMs: 1 wanted, 0 of 1 left") as refused:
        drafts.submit(mine, by=ada)
    assert refused.value.field == "quota"
    assert only(Vm).client_request_id == other


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "Give the VM a name."),
        ("  ", "Give the VM a name."),
        ("9lives", "begin with a letter"),
        ("ends-", "end with a letter or a digit"),
        ("x" * 54, "1 to 53 letters"),
        ("calm-otter", "has a VM named calm-otter already"),
    ],
)
def test_a_name_that_will_not_do_is_told_why(name: str, words: str, ada: User, lab: Tenant) -> None:
    launch(ada, lab, name="calm-otter")
    assert words in drafts.check(draft(ada, lab, name=name)).problems["name"]


def test_a_name_is_free_in_another_tenant(ada: User, eve: User, lab: Tenant, school: Tenant) -> None:
    launch(ada, lab, name="calm-otter")
    assert drafts.check(draft(eve, school, name="calm-otter")).problems == {}


def test_when_all_names_are_taken_a_number_is_added(
    ada: User, lab: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "_FIRST", ["calm"])
    monkeypatch.setattr(names, "_SECOND", ["otter"])
    assert launch(ada, lab).name == "calm-otter"
    first, _, number = launch(ada, lab).name.rpartition("-")
    assert (first, number.isdigit()) == ("calm-otter", True)
