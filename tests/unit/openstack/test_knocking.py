"""Knocking at an address before there is a credential."""

import pytest

from portal.openstack.access import Access, ApplicationCredential, Call
from portal.openstack.errors import BadRequest, Unavailable
from portal.openstack.knocking import knock
from tests.unit.openstack.wire import DROP, Answer, FakeCloud, Reply

V3 = Reply({"version": {"id": "v3.14", "status": "stable"}})


def knocked(fake: FakeCloud, answer: Answer, path: str = "/identity/v3") -> list[Call]:
    fake.answers("GET", "/identity/v3", answer)
    calls: list[Call] = []
    nobody = ApplicationCredential("nobody", "nothing")
    place = Access(f"{fake.url}{path}", nobody, connect_timeout=0.3, read_timeout=0.3)
    knock(place, calls.append, lambda: None)
    return calls


@pytest.mark.parametrize("path", ["/identity", "/identity/", "/identity/v3", "/identity/v3/"])
def test_a_keystone_answers_with_and_without_its_version(fake: FakeCloud, path: str) -> None:
    [call] = knocked(fake, V3, path)
    assert (call.path, call.status) == ("/identity/v3", 200)
    assert [asked.token for asked in fake.asked] == [""]


@pytest.mark.parametrize("body", ["<html></html>", {"versions": []}, [], {"version": None}])
def test_what_is_no_keystone_is_told(fake: FakeCloud, body: object) -> None:
    with pytest.raises(BadRequest, match="not a Keystone"):
        knocked(fake, Reply(body))


def test_an_old_keystone_is_told(fake: FakeCloud) -> None:
    with pytest.raises(BadRequest, match=r"speaks v2\.0"):
        knocked(fake, Reply({"version": {"id": "v2.0"}}))


def test_silence_is_told(fake: FakeCloud) -> None:
    with pytest.raises(Unavailable):
        knocked(fake, DROP)
