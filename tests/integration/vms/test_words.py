"""What is kept is English, whoever asked for it; what is said is in the reader's language."""

from collections.abc import Callable, Iterator
from gettext import NullTranslations
from io import BytesIO
from zipfile import ZipFile

import pytest
from sqlalchemy import select

from portal import translation
from portal.domain.people.models import User
from portal.domain.store.db import Base, db
from portal.domain.store.errors import Refused
from portal.domain.tenants.models import Tenant
from portal.domain.vms import (
    bundle,
    changes,
    describing,
    explain,
    history,
    power,
    removals,
    requests,
    support,
    vms,
    wishes,
)
from portal.domain.vms.lifecycle import Event
from portal.domain.vms.models import State
from tests.support.world import Worker, fresh, launch

Record = Callable[..., None]
NO_HOST = "No valid host was found."


class Loud(NullTranslations):
    """A language in which every text stands in brackets."""

    def gettext(self, message: str) -> str:
        return f"‹{message}›"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"‹{msgid1 if n == 1 else msgid2}›"


@pytest.fixture
def loud(app: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(translation.LANGUAGES, "eo", "Loud")
    monkeypatch.setattr(translation, "_find", [lambda _: Loud()])
    with translation.speaking("eo"):
        yield


def kept() -> list[str]:
    """The rows that hold words of another language than English."""
    rows = (row for table in Base.metadata.sorted_tables for row in db.session.execute(select(table)))
    return [str(row) for row in rows if "‹" in str(row)]


@pytest.mark.usefixtures("loud")
def test_what_a_person_asks_for_is_kept_in_english(
    ada: User, lab: Tenant, work: Worker, record: Record
) -> None:
    vm = launch(ada, lab)
    with translation.speaking(None):
        work()
    vm = fresh(vm)
    requests.ask(lab, {"vcpus": 10_000}, "Many.", by=ada)
    support.ask(vm, "It is slow.", by=ada)
    power.ask(vm, power.Action.STOP, by=ada)
    with translation.speaking(None):
        work()
    changes.ask(fresh(vm), wishes.resize(fresh(vm), wishes.sizes(vm)[0].thing.os_id), by=ada)
    with translation.speaking(None):
        work()
    describing.describe(fresh(vm), describing.Told("loud-otter", "Words.", "a, b"), by=ada)
    removals.plan(fresh(vm), by=ada)
    failed = launch(ada, lab, name="second-otter")
    record(failed, state=State.ERROR, failure=NO_HOST)
    vms.ask(fresh(failed), Event.RETRY, by=ada)
    vms.ask(fresh(failed), Event.DELETE, by=ada)
    assert kept() == []
    assert history.timeline(failed)[0].detail == "‹Deletion was asked for.›"
    with pytest.raises(Refused, match=r"^‹loud-otter"):
        vms.ask(fresh(vm), Event.RETRY, by=ada)


@pytest.mark.usefixtures("loud")
def test_a_failure_is_explained_to_its_reader(ada: User, sam: User, lab: Tenant, record: Record) -> None:
    vm = launch(ada, lab)
    record(vm, state=State.ERROR, failure=NO_HOST)
    explained = explain.failure(NO_HOST)
    said = (explained.cause, explained.turn, explained.next)
    assert all(words.startswith("‹") for words in said)
    assert explained.raw == NO_HOST
    assert explain.kept_cause(NO_HOST) == explained.cause.strip("‹›")
    with ZipFile(BytesIO(bundle.make(fresh(vm), by=sam))) as files:
        assert [name for name in files.namelist() if "‹" in files.read(name).decode()] == []
