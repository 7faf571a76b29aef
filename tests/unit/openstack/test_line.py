"""Requests to a cloud: where they go, what a 401 means, what is repeated, and lists that come in pages."""

from __future__ import annotations

import pytest

from portal.openstack.cloud import Cloud, MemoryTokens
from portal.openstack.errors import BadCredential, BadRequest, NotAllowed, NotFound, Unavailable
from tests.unit.openstack.conftest import Connect
from tests.unit.openstack.wire import DROP, HANG, PROJECT, UNAUTHORIZED, Asked, FakeCloud, Reply, page

STACKS = f"/orchestration/v1/{PROJECT}/stacks"
NO_STACKS = Reply({"stacks": []})
DENIED = Reply(UNAUTHORIZED, 401)


@pytest.fixture
def quick(cloud: Cloud) -> Cloud:
    """Clients whose pauses take no time."""
    cloud._line.pause = lambda _seconds: None
    return cloud


# --- where


@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("identity", "/identity/v3"),
        ("orchestration", f"/orchestration/v1/{PROJECT}"),
        ("compute", "/compute/v2.1"),
        ("network", "/network/v2.0"),
        ("image", "/image/v2"),
    ],
)
def test_a_service_is_where_the_catalogue_says_with_its_version(
    fake: FakeCloud, cloud: Cloud, service: str, path: str
) -> None:
    assert cloud.endpoint(service) == fake.url + path


@pytest.mark.parametrize(
    ("service", "override", "expected"),
    [
        ("image", "http://glance:9292", "http://glance:9292/v2"),
        ("image", "http://glance:9292/v2/", "http://glance:9292/v2"),
        ("orchestration", "http://heat:8004", f"http://heat:8004/v1/{PROJECT}"),
        ("orchestration", "http://heat:8004/v1", f"http://heat:8004/v1/{PROJECT}"),
        ("orchestration", "http://heat:8004/v1/%(tenant_id)s", f"http://heat:8004/v1/{PROJECT}"),
        ("compute", "http://nova/v2/%(project_id)s", f"http://nova/v2/{PROJECT}"),
    ],
)
def test_an_override_counts_more_than_the_catalogue(
    connect: Connect, service: str, override: str, expected: str
) -> None:
    assert connect(overrides={service: override}).endpoint(service) == expected


def test_an_override_leaves_the_other_services_alone(fake: FakeCloud, connect: Connect) -> None:
    cloud = connect(overrides={"image": "http://glance:9292"})
    assert cloud.endpoint("compute") == f"{fake.url}/compute/v2.1"


@pytest.mark.parametrize("wanted", [{"region": "Elsewhere"}, {"interface": "internal"}])
def test_a_region_or_interface_without_the_service_is_named(connect: Connect, wanted: dict[str, str]) -> None:
    with pytest.raises(BadRequest, match=r"no (public|internal) endpoint for orchestration") as caught:
        connect(**wanted).heat.by_tag("portal")
    assert caught.value.kind == "EndpointNotFound"


def test_a_region_is_looked_up(connect: Connect) -> None:
    assert connect(region="RegionOne").endpoint("compute")


# --- 401


def test_a_refused_token_is_renewed_once(fake: FakeCloud, cloud: Cloud) -> None:
    fake.answers("GET", STACKS, DENIED, NO_STACKS)
    assert cloud.heat.by_tag("portal") == []
    assert [asked.token for asked in fake.requests(STACKS)] == ["token-1", "token-2"]


def test_a_refused_create_is_sent_again_since_it_was_not_looked_at(fake: FakeCloud, cloud: Cloud) -> None:
    fake.answers("POST", STACKS, DENIED, Reply({"stack": {"id": "s-1"}}, 201))
    assert cloud.heat.create("vm", "x", {}, tags=[], timeout_mins=5) == "s-1"


def test_the_token_another_process_has_renewed_is_taken(fake: FakeCloud, connect: Connect) -> None:
    tokens = MemoryTokens()
    one, other = connect(tokens=tokens), connect(tokens=tokens)
    one.identity()
    other.identity()

    def only_the_second(asked: Asked) -> Reply:
        return NO_STACKS if asked.token == "token-2" else DENIED

    fake.answers("GET", STACKS, only_the_second)
    one.heat.by_tag("portal")
    other.heat.by_tag("portal")
    assert fake.sign_ins == 2


def test_what_an_access_rule_forbids_is_not_allowed_and_does_not_loop(fake: FakeCloud, cloud: Cloud) -> None:
    fake.answers("GET", STACKS, DENIED)
    for _ in range(3):
        with pytest.raises(NotAllowed, match="access rule") as caught:
            cloud.heat.by_tag("portal")
        assert caught.value.status == 401
    assert fake.sign_ins == 2
    assert len(fake.requests(STACKS)) == 4


def test_a_forbidden_call_does_not_keep_others_from_renewing(fake: FakeCloud, cloud: Cloud) -> None:
    fake.answers("GET", STACKS, DENIED)
    fake.answers("GET", "/image/v2/images", page(401, "This server could not verify"), Reply({"images": []}))
    with pytest.raises(NotAllowed):
        cloud.heat.by_tag("portal")
    assert cloud.glance.images() == []


def test_a_refused_token_of_a_deleted_credential_tells_so(fake: FakeCloud, cloud: Cloud) -> None:
    cloud.identity()
    gone = {
        "error": {"code": 404, "message": "Could not find Application Credential: x.", "title": "Not Found"}
    }
    fake.answers("POST", "/identity/v3/auth/tokens", Reply(gone, 404))
    fake.answers("GET", STACKS, DENIED)
    with pytest.raises(BadCredential):
        cloud.heat.by_tag("portal")


# --- again


@pytest.mark.parametrize("reply", [DROP, page(502, "Bad"), page(503, "Down"), page(504, "Slow")])
def test_a_question_is_asked_again_when_the_line_breaks(fake: FakeCloud, quick: Cloud, reply: Reply) -> None:
    fake.answers("GET", STACKS, reply, reply, NO_STACKS)
    assert quick.heat.by_tag("portal") == []


def test_a_question_is_asked_three_times_at_most(fake: FakeCloud, quick: Cloud) -> None:
    fake.answers("GET", STACKS, DROP)
    with pytest.raises(Unavailable, match="broke") as caught:
        quick.heat.by_tag("portal")
    assert not caught.value.maybe_done
    assert len(fake.requests(STACKS)) == 3


@pytest.mark.parametrize("reply", [HANG, Reply({}, 500), Reply({}, 429)])
def test_a_question_that_overloads_is_not_asked_again(fake: FakeCloud, quick: Cloud, reply: Reply) -> None:
    fake.answers("GET", STACKS, reply)
    with pytest.raises(Unavailable):
        quick.heat.by_tag("portal")
    assert len(fake.requests(STACKS)) == 1


@pytest.mark.parametrize("reply", [DROP, page(503, "Down")])
def test_a_change_is_never_asked_again(fake: FakeCloud, quick: Cloud, reply: Reply) -> None:
    fake.answers("DELETE", f"{STACKS}/vm/s-1", reply)
    with pytest.raises(Unavailable) as caught:
        quick.heat.delete("s-1", "vm")
    assert caught.value.maybe_done
    assert len(fake.requests(method="DELETE")) == 1


def test_pauses_are_short_and_differ(fake: FakeCloud, cloud: Cloud) -> None:
    pauses: list[float] = []
    cloud._line.pause = pauses.append
    fake.answers("GET", STACKS, DROP)
    with pytest.raises(Unavailable):
        cloud.heat.by_tag("portal")
    assert len(set(pauses)) == 2
    assert all(0.05 < pause < 0.7 for pause in pauses)


# --- answers that are none


@pytest.mark.parametrize(
    "reply", [page(200, "Welcome"), Reply({"other": []}), Reply(["stacks"]), Reply(None), Reply("moved", 302)]
)
def test_an_answer_that_is_none_is_unavailable(fake: FakeCloud, cloud: Cloud, reply: Reply) -> None:
    fake.answers("GET", STACKS, reply)
    with pytest.raises(Unavailable):
        cloud.heat.by_tag("portal")


def test_a_create_with_an_answer_that_is_none_may_have_been_done(fake: FakeCloud, cloud: Cloud) -> None:
    fake.answers("POST", STACKS, page(201, "Welcome"))
    with pytest.raises(Unavailable) as caught:
        cloud.heat.create("vm", "x", {}, tags=[], timeout_mins=5)
    assert caught.value.maybe_done


def test_an_html_error_is_survived(fake: FakeCloud, cloud: Cloud) -> None:
    fake.answers("GET", "/image/v2/images", page(404, "No image found with ID 7"))
    with pytest.raises(NotFound) as caught:
        cloud.glance.images()
    assert caught.value.message == "No image found with ID 7"


# --- pages


def networks(*ids: str, more: bool) -> Reply:
    rows = [{"id": i, "name": i, "subnets": [], "status": "ACTIVE"} for i in ids]
    links = (
        {"networks_links": [{"rel": "previous", "href": "x"}, {"rel": "next", "href": "x"}]} if more else {}
    )
    return Reply({"networks": rows, **links})


def test_pages_are_followed_by_the_last_id(fake: FakeCloud, cloud: Cloud) -> None:
    fake.answers("GET", "/network/v2.0/networks", networks("a", "b", more=True), networks("c", more=False))
    assert [net.id for net in cloud.neutron.networks()] == ["a", "b", "c"]
    assert fake.requests("/networks")[1].query["marker"] == ["b"]


def test_a_service_that_ignores_the_marker_does_not_make_us_loop(fake: FakeCloud, cloud: Cloud) -> None:
    fake.answers("GET", "/network/v2.0/networks", networks("a", "b", more=True))
    assert [net.id for net in cloud.neutron.networks()] == ["a", "b"]
    assert len(fake.requests("/networks")) == 2


def test_a_list_that_grows_meanwhile_names_nothing_twice(fake: FakeCloud, cloud: Cloud) -> None:
    first, second = networks("b", "a", more=True), networks("a", "0", more=True)
    fake.answers("GET", "/network/v2.0/networks", first, second, networks(more=True))
    assert [net.id for net in cloud.neutron.networks()] == ["b", "a", "0"]
