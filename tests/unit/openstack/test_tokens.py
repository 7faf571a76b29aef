"""Tokens: fetched once for all processes, renewed in time, and never trusted longer than they deserve."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
import time_machine

from portal.openstack.cloud import Access, ApplicationCredential, Cloud, MemoryTokens, Password
from portal.openstack.errors import BadCredential, OpenStackError, Unavailable
from tests.unit.openstack.conftest import SECRET, Connect
from tests.unit.openstack.wire import PROJECT, UNAUTHORIZED, USER, FakeCloud, Reply, page, token_body

SIGN_IN = "/identity/v3/auth/tokens"
DELETED = {
    "error": {"code": 404, "message": "Could not find Application Credential: cred-1.", "title": "Not Found"}
}


def in_an_hour(minutes: float) -> datetime:
    return datetime.now(UTC) + timedelta(minutes=minutes)


def test_an_application_credential_signs_in_without_a_scope(fake: FakeCloud, cloud: Cloud) -> None:
    who = cloud.identity()
    assert fake.requests("/auth/tokens")[0].body == {
        "auth": {
            "identity": {
                "methods": ["application_credential"],
                "application_credential": {"id": "cred-1", "secret": SECRET},
            }
        }
    }
    assert (who.user_id, who.project_id, who.project_name) == (USER, PROJECT, "tenant-a")
    assert (who.application_credential_id, who.restricted, who.roles) == (
        "cred-1",
        True,
        ("reader", "member"),
    )
    assert timedelta(minutes=59) < who.expires_at - datetime.now(UTC) <= timedelta(hours=1)


def test_a_password_signs_in_to_its_project(fake: FakeCloud, connect: Connect) -> None:
    fake.credential = None
    who = connect(secret=Password("user-a", "lab", "tenant-a")).identity()
    auth = fake.requests("/auth/tokens")[0].body["auth"]
    assert auth["identity"]["password"]["user"] == {
        "name": "user-a",
        "domain": {"name": "Default"},
        "password": "lab",
    }
    assert auth["scope"] == {"project": {"name": "tenant-a", "domain": {"name": "Default"}}}
    assert (who.application_credential_id, who.restricted) == (None, None)


@pytest.mark.parametrize(
    "secret", [ApplicationCredential("id", "hush"), Password("user-a", "hush", "tenant-a")]
)
def test_a_credential_never_shows_its_secret(secret: ApplicationCredential | Password) -> None:
    access = Access("http://keystone/v3", secret)
    assert "hush" not in repr(access)
    assert access.secret.secret == "hush"


def test_processes_share_one_token(fake: FakeCloud, connect: Connect) -> None:
    tokens = MemoryTokens()
    assert connect(tokens=tokens).project_id == connect(tokens=tokens).project_id
    assert fake.sign_ins == 1


def test_of_many_threads_one_signs_in(fake: FakeCloud, connect: Connect) -> None:
    tokens = MemoryTokens()
    clouds = [connect(tokens=tokens) for _ in range(4)]
    start = Barrier(4)
    threads = [Thread(target=lambda cloud=cloud: (start.wait(), cloud.identity())) for cloud in clouds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fake.sign_ins == 1


def test_a_token_fetched_with_another_secret_proves_nothing(fake: FakeCloud, connect: Connect) -> None:
    tokens = MemoryTokens()
    connect(tokens=tokens).identity()
    fake.answers("POST", SIGN_IN, Reply(UNAUTHORIZED, 401))
    with pytest.raises(BadCredential):
        connect(tokens=tokens, secret=ApplicationCredential("cred-1", "wrong")).identity()


@pytest.mark.parametrize("damage", ["nonsense", "[]", '{"proof": 1}', "{}"])
def test_a_saved_state_of_another_version_is_passed_over(
    fake: FakeCloud, connect: Connect, damage: str
) -> None:
    tokens = MemoryTokens()
    access = Access(f"{fake.url}/identity/v3", ApplicationCredential("cred-1", SECRET))
    tokens.save(access.token_key, damage, 60)
    assert connect(tokens=tokens).project_id == PROJECT


def test_a_saved_token_that_cannot_be_read_is_passed_over(fake: FakeCloud, connect: Connect) -> None:
    tokens = MemoryTokens()
    connect(tokens=tokens).identity()
    key = Access(f"{fake.url}/identity/v3", ApplicationCredential("cred-1", SECRET)).token_key
    state = json.loads(tokens.load(key) or "")
    state["auth"] = json.dumps({"auth_token": "x", "body": {"token": {}}})
    tokens.save(key, json.dumps(state), 60)
    cloud = connect(tokens=tokens)
    assert (cloud.project_id, fake.sign_ins) == (PROJECT, 2)


def test_a_saved_state_leaves_with_its_token(fake: FakeCloud, connect: Connect) -> None:
    tokens = MemoryTokens()
    fake.token_life = timedelta(seconds=-1)
    connect(tokens=tokens).identity()
    fake.token_life = timedelta(hours=1)
    connect(tokens=tokens).identity()
    assert fake.sign_ins == 2


def test_a_token_is_replaced_shortly_before_its_end(fake: FakeCloud, cloud: Cloud) -> None:
    cloud.identity()
    with time_machine.travel(in_an_hour(57), tick=False):
        cloud.identity()
        assert fake.sign_ins == 1
    with time_machine.travel(in_an_hour(59), tick=False):
        cloud.identity()
        assert fake.sign_ins == 2


def test_a_create_renews_a_token_with_little_life_left(fake: FakeCloud, cloud: Cloud) -> None:
    cloud.renew()
    cloud.renew()
    assert fake.sign_ins == 1
    with time_machine.travel(in_an_hour(50), tick=False):
        cloud.identity()
        assert fake.sign_ins == 1
        cloud.renew(min_life=900)
        assert fake.sign_ins == 2


def test_a_create_asks_keystone_whether_the_token_is_still_good(fake: FakeCloud, cloud: Cloud) -> None:
    cloud.renew()
    [asked] = fake.requests("/auth/tokens", "GET")
    assert (asked.headers["x-subject-token"], asked.headers["x-auth-token"]) == ("token-1", "token-1")


@pytest.mark.parametrize(
    "reply", [Reply(DELETED, 404), Reply(UNAUTHORIZED, 401), Reply({"error": {"message": "no"}}, 403)]
)
def test_a_create_signs_in_anew_where_the_token_is_not_good(
    reply: Reply, fake: FakeCloud, cloud: Cloud
) -> None:
    fake.answers("GET", "/identity/v3/auth/tokens", reply)
    cloud.renew()
    assert fake.sign_ins == 2
    fake.answers("POST", "/identity/v3/auth/tokens", Reply(DELETED, 404))
    with pytest.raises(BadCredential):
        cloud.renew()


def test_a_cloud_of_short_tokens_is_not_asked_each_time(fake: FakeCloud, cloud: Cloud) -> None:
    fake.token_life = timedelta(minutes=1)
    for _ in range(3):
        cloud.renew()
    assert fake.sign_ins == 1


def test_forgetting_makes_the_credential_prove_itself_again(fake: FakeCloud, connect: Connect) -> None:
    tokens = MemoryTokens()
    cloud = connect(tokens=tokens)
    cloud.identity()
    cloud.forget()
    cloud.identity()
    assert fake.sign_ins == 2


@pytest.mark.parametrize(
    ("reply", "expected", "words"),
    [
        (Reply(UNAUTHORIZED, 401), BadCredential, "requires authentication"),
        (Reply(DELETED, 404), BadCredential, "Could not find Application Credential"),
        (
            Reply({"error": {"message": "Account is disabled", "title": "Forbidden"}}, 403),
            BadCredential,
            "disabled",
        ),
        (Reply({"error": {"message": "Not an id", "title": "Bad Request"}}, 400), BadCredential, "Not an id"),
        (page(404, "Nothing here"), Unavailable, "no Keystone at this address"),
        (page(503, "Down"), Unavailable, "Down"),
        (Reply({"hello": "world"}, 200), Unavailable, "not a token"),
        (page(200, "Welcome to nginx"), Unavailable, "not a token"),
        (Reply({"token": {}}, 201, {"X-Subject-Token": "x"}), Unavailable, "not a token"),
        (
            Reply({"token": {"expires_at": None, "issued_at": None}}, 201, {"X-Subject-Token": "x"}),
            Unavailable,
            "not",
        ),
        (Reply(token_body("", timedelta(hours=1)), 201), Unavailable, "not a token"),
    ],
)
def test_what_keystone_says_to_a_sign_in(
    fake: FakeCloud, cloud: Cloud, reply: Reply, expected: type[OpenStackError], words: str
) -> None:
    fake.answers("POST", SIGN_IN, reply)
    with pytest.raises(expected, match=words) as caught:
        cloud.heat.find("vm")
    assert type(caught.value) is expected
    assert caught.value.service == "identity"
    assert SECRET not in str(caught.value)


def test_signing_in_is_repeated_when_keystone_breaks_the_line(fake: FakeCloud, cloud: Cloud) -> None:
    fake.answers("POST", SIGN_IN, Reply(fault="drop"), page(503, "Down"), fake.sign_in)
    assert cloud.project_id == PROJECT
    assert fake.sign_ins == 3


def test_the_memory_forgets_when_time_is_up() -> None:
    tokens = MemoryTokens()
    tokens.save("a", "state", 60)
    tokens.save("b", "state", -1)
    assert (tokens.load("a"), tokens.load("b"), tokens.load("c")) == ("state", None, None)
    tokens.forget("a")
    tokens.forget("c")
    assert tokens.load("a") is None


def test_the_key_of_a_token_tells_credentials_apart_and_holds_no_secret() -> None:
    secrets: list[ApplicationCredential | Password] = [
        ApplicationCredential("a", "x"),
        ApplicationCredential("b", "x"),
        Password("a", "x", "p"),
        Password("a", "x", "q"),
        Password("a", "x", "q", user_domain="other"),
    ]
    keys = {Access("http://k/v3", secret).token_key for secret in secrets}
    assert len(keys) == 5
    assert Access("http://k/v3/", Password("a", "y", "p")).token_key in keys
    assert Access("http://l/v3", Password("a", "x", "p")).token_key not in keys
