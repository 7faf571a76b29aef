"""Secrets stay sealed: marked ones go through every flow, failures too, and are found nowhere afterwards."""

import logging
import re
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import pytest
from flask import Flask
from rq import SimpleWorker
from rq.serializers import JSONSerializer
from sqlalchemy import select

from portal import worker
from portal.domain.people import sessions
from portal.domain.people.models import Role, User
from portal.domain.store import volatile, wake
from portal.domain.store.db import db
from portal.domain.tenants import credentials
from portal.domain.tenants.models import Credential, Tenant
from portal.domain.vms.models import Finding, FindingKind, Vm
from portal.openstack.cloud import ApplicationCredential
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.integration.conftest import Sandbox
from tests.support import hunt, post
from tests.support.hunt import Lines, Witness
from tests.support.page import Answer, Page
from tests.support.post import Mailbox, Receiver
from tests.support.wizard import PUBLIC_KEY, begin, wizard
from tests.support.world import BOTH, PASSWORD, Worker, add_person, fresh, only, outside

DATABASES = BOTH
SCRAPER = "scraper/+%mark-5"
Places = list[tuple[str, bytes]]


def mark(name: str) -> str:
    """A secret that shows wherever it stands, with letters that each encoding writes in its own way."""
    return f"Mark/{name}+%&'\"ß-{sum(name.encode()):04d}"


MARKS = {
    name: mark(name)
    for name in (
        *("typed-password", "typed-as-address", "new-password", "invited-password", "reset-password"),
        *(
            "wrong-app-secret",
            "app-secret",
            "user-password",
            "wrong-user-password",
            "user-data",
            "large-data",
            "webhook-path",
        ),
    )
} | {"master key": "m" * 32, "session key": "t" * 32, "mail password": post.PASSWORD}


@pytest.fixture
def kept() -> Places:
    return []


@pytest.fixture
def at(app: Flask, kept: Places, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A browser of somebody, or of nobody yet, whose answers are kept."""
    monkeypatch.setitem(app.config, "PORTAL", replace(app.config["PORTAL"], metrics_token=SCRAPER))
    # As in life: the page of an error instead of the error.
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)

    def browser(user: User | None = None) -> Page:
        witness = Witness(app, kept)
        return witness.sign_in(user) if user else witness

    return browser


def run_jobs(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits on the queues, as RQ runs it, with what it keeps of failed jobs."""
    monkeypatch.setattr(worker, "app", lambda: app)
    wake.console(uuid4())  # of no VM: it fails
    for name in (wake.VMS, wake.CHORES):
        rq = SimpleWorker([name], connection=volatile.client(), serializer=JSONSerializer)
        rq.work(burst=True, logging_level="DEBUG")
    db.session.rollback()
    assert hunt.traces({"an error": "NoResultFound"}, hunt.redis())


def people_come_and_go(at: Any, root: User, lab: Tenant, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Sign-ins, wrong, broken, right; new passwords; an invitation and a reset link, answered by token."""
    stranger = at()
    form = stranger.get("/sign-in").form()
    form.submit(email="ada@example.org", password=MARKS["typed-password"])
    form.submit(email=MARKS["typed-as-address"], password="x")
    form.submit(email="", password=MARKS["typed-password"])
    with monkeypatch.context() as broken:
        broken.setattr(sessions, "begin", lambda *_: 1 / 0)
        assert form.submit(email="ada@example.org", password=PASSWORD).status == 500
    stranger.post("/sign-in", {"email": "ada@example.org", "password": MARKS["typed-password"]})
    mine = form.submit(email="ada@example.org", password=PASSWORD).page
    change = mine.get("/account/").form("/password")
    change.submit(password=MARKS["typed-password"], new_password=MARKS["new-password"])
    assert "422" not in str(change.submit(password=PASSWORD, new_password=MARKS["new-password"]).status)
    admin = at(root)
    made = admin.get("/admin/people/").form("/invitations").submit(email="new@example.org")
    made.form("/links/invitation/send").submit("Send it by mail")
    invitation = link(made)
    joined = at().get(invitation).form("/invitation").submit(name="New", password=MARKS["invited-password"])
    assert joined.url == "/"
    kim = add_person("kim@example.org", Role.MEMBER, lab)
    made = admin.get(f"/admin/people/{kim.id}").form("/reset-link").submit()
    reset = link(made)
    assert at().get(reset).form("/reset").submit(password=MARKS["reset-password"]).status == 200
    return {f"token of {path}": path.partition("token=")[2] for path in (invitation, reset)}


def told_elsewhere(at: Any, ada: User, receiver: Receiver, work: Worker) -> dict[str, str]:
    """Mail and webhooks that arrive, fail and are given up; the webhook's secret, which is shown once."""
    mine = at(ada)
    address = f"{receiver.url}/{quote(MARKS['webhook-path'])}"
    made = mine.get("/account/").form("/account/webhook").submit(url=address)
    found = re.search(r"whsec_[\w+/=]+", made.response.get_data(as_text=True))
    assert found
    for status in (200, 500):
        receiver.status = status
        mine.get("/account/").form("/test").submit("Send a test")
        look_after(work)
    return {"webhook secret": found[0]}


def support_is_asked(
    at: Any, ada: User, sam: User, vm: Vm, receiver: Receiver, box: Mailbox, work: Worker
) -> Places:
    """With a secret among the words; the letters and the messages that come of it, opened."""
    sams = at(sam).get("/account/").form("/account/webhook").submit(url=receiver.url)
    assert "whsec_" in sams.response.get_data(as_text=True)
    before, receiver.status = len(receiver.got), 200
    plea = at(ada).get(f"/vms/{vm.id}/help").form("/help")
    plea.submit(said=f"I ran echo {MARKS['user-data']}, and it failed.")
    look_after(work)
    parts = [part for letter in box.letters for part in letter.walk() if not part.is_multipart()]
    assert sum(part.get_content_type() == "application/zip" for part in parts) == 2
    bodies = [body for _, body in receiver.got[before:]]
    assert any(b'"bundle": {"name": "case-' in body for body in bodies)
    letters = [hunt.opened(bytes(part.get_payload(decode=True))) for part in parts]
    return [("letter", content) for content in letters] + [("message", body) for body in bodies]


def link(answer: Answer) -> str:
    """The link on the page, which is shown there once."""
    found = re.search(r"https?://[^\s<\"]+token=[\w%-]+", answer.response.get_data(as_text=True))
    assert found
    parts = urlsplit(found[0])
    return f"{parts.path}?{parts.query}"


def a_credential_is_rotated(
    at: Any, root: User, lab: Tenant, sandbox: Sandbox, cloud: Control, work: Worker
) -> None:
    """Pasted wrong and right, examined, switched to; a service user's too; one refused behind the portal."""
    admin = at(root)
    place = f"/admin/credentials/{lab.id}"
    keystone = outside("tenant-a", sandbox.auth_url).keystone
    made = keystone.create_application_credential("marked", secret=MARKS["app-secret"])
    form = admin.get(f"{place}/new").form("application_credential")
    form.submit(**{"a-key": "", "a-secret": MARKS["wrong-app-secret"], "a-label": "x"})
    form.submit(**{"a-key": made.id, "a-secret": MARKS["wrong-app-secret"], "a-label": "wrong"})
    look_after(work)
    discard(admin, place)
    admin.get(f"{place}/new").form("application_credential").submit(
        **{"a-key": made.id, "a-secret": MARKS["app-secret"], "a-label": "right"}
    )
    look_after(work)
    admin.get(place).form(button="Switch to it").submit("Switch to it")
    cloud.expire_tokens()
    work.clock.forward(180)
    look_after(work)
    for name, password in (("plain-a", "wrong-user-password"), ("marked-a", "user-password")):
        form = admin.get(f"{place}/new").form("service_user")
        form.submit(**{"u-username": name, "u-password": MARKS[password], "u-project": "tenant-a"})
        look_after(work)
        discard(admin, place)


def discard(admin: Page, place: str) -> None:
    answer = admin.get(place)
    answer.form("/discard").submit()


def look_after(work: Worker) -> None:
    """Clock and workers, for a while."""
    for _ in range(6):
        work.once()
        work.clock.forward(5)


def a_user(cloud: Control) -> None:
    """A service user of the cloud with the marked password."""
    rows = [row for row in cloud._world.rows("user") if row["name"] == "plain-a"]
    cloud.put("user", rows[0] | {"id": "marked-user", "name": "marked-a", "password": MARKS["user-password"]})


def vms_live_and_fail(at: Any, ada: User, cloud: Control, work: Worker) -> list[Vm]:
    """Launches with user data: too large, refused, failed, retried, active, stopped, deleted, stuck."""
    mine = at(ada)
    mine.get("/keys/").form("/keys/").submit(name="laptop", public_key=PUBLIC_KEY)
    data = f"#cloud-config\nruncmd:\n  - echo {MARKS['user-data']}\n"
    form = to_user_data(mine)
    form.submit("Next", user_data=f"#cloud-config\n# {MARKS['large-data']}\n" + "x" * 60000)
    form.submit("Next", user_data=f"not: [yaml {MARKS['large-data']}")
    cloud.faults.add(Fault("status", "POST", "orchestration", status=400))
    review = form.submit("Next", user_data=data)
    review.form("/submit").submit("Launch")
    look_after(work)
    cloud.faults.clear()
    cloud.faults.add(Fault("drop_after", "POST", "orchestration"))
    for size in ("m1.tiny", "m1.small"):
        cloud.change("flavor", size, extra_specs={"resources:VGPU": "1"})
    to_user_data(mine).submit("Next", user_data=data).form("/submit").submit("Launch")
    work()
    for size in ("m1.tiny", "m1.small"):
        cloud.change("flavor", size, extra_specs={})
    to_user_data(mine).submit("Next", user_data=data).form("/submit").submit("Launch")
    work()
    made = list(db.session.scalars(select(Vm).order_by(Vm.requested_at)).unique())
    for vm in made:
        answer = mine.get(f"/vms/{vm.id}")
        for words in ("/stop", "/retry", "/console"):
            if answer.all(
                f"//form[substring(@action, string-length(@action) - {len(words) - 1}) = '{words}']"
            ):
                answer.form(words).submit()
    look_after(work)
    # As Nova says it.
    cloud.spoil_delete(
        f"vm-{made[-1].id}", f"Invalid input for field/attribute user_data. Value: {data}", times=9
    )
    for vm in made:
        page = mine.get(f"/vms/{vm.id}/delete")
        if page.all("//main//form"):
            page.form("/delete").submit("Delete now")
    for _ in range(40):
        look_after(work)
    assert only(Finding).kind is FindingKind.STUCK_DELETE
    return made


def to_user_data(mine: Page) -> Any:
    """The step that asks for user data."""
    return wizard(wizard(begin(mine, "Your own cloud-init")).submit("Next"))


def everybody_looks(at: Any, app: Flask, ada: User, sam: User, root: User, made: list[Vm]) -> None:
    """Every page without an argument, and every page of each VM, as each role; bundles, exports, metrics."""
    with app.test_request_context():
        rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or set())]
    plain = [rule.rule for rule in rules if not rule.arguments]
    of_vms = [rule.rule for rule in rules if rule.arguments == {"vm_id"}]
    for user in (ada, sam, root):
        browser = at(user)
        for path in plain:
            browser.get(path)
        for rule in of_vms:
            for vm in made:
                browser.get(rule.replace("<uuid:vm_id>", str(vm.id)))
        browser.get("/vms/?q=Mark")
    admin = at(root)
    admin.get(f"/admin/findings/{only(Finding).id}")
    for form in ("csv", "jsonl"):
        admin.get("/admin/audit/").form(f"/export.{form}").submit()
    assert at().get("/metrics", headers={"Authorization": f"Bearer {SCRAPER}"}).status == 200


@pytest.fixture
def given(cloud: Control, lab: Tenant, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Every token that the cloud gives to anybody, and the secret of the tenant's first credential."""
    secret = credentials.reveal(credentials.current(lab.id))
    assert isinstance(secret, ApplicationCredential)
    noted, put = {"first secret": secret.secret}, cloud._world.put

    def note(kind: str, row: dict[str, Any]) -> Any:
        if kind == "token":
            noted[f"token {len(noted)}"] = row["id"]
        return put(kind, row)

    monkeypatch.setattr(cloud._world, "put", note)
    return noted


def test_no_secret_is_found_anywhere(
    request: pytest.FixtureRequest, app: Flask, at: Any, kept: Places, logged: Lines,
    cloud: Control, work: Worker, given: dict[str, str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    ada, sam, root, lab, sandbox = map(request.getfixturevalue, ("ada", "sam", "root", "lab", "sandbox"))
    a_user(cloud)
    receiver: Receiver = request.getfixturevalue("receiver")
    box: Mailbox = request.getfixturevalue("box")
    links = people_come_and_go(at, root, lab, monkeypatch)
    links |= told_elsewhere(at, fresh(ada), receiver, work)
    a_credential_is_rotated(at, root, lab, sandbox, cloud, work)
    made = vms_live_and_fail(at, fresh(ada), cloud, work)
    assert len(made) == 3
    posted = support_is_asked(at, fresh(ada), fresh(sam), made[0], receiver, box, work)
    cloud.delete_credential("marked")
    cloud.expire_tokens()
    look_after(work)
    run_jobs(app, monkeypatch)
    everybody_looks(at, app, fresh(ada), fresh(sam), fresh(root), made)
    assert len(given) > 5
    assert {str(letter["To"]).partition("@")[0] for letter in box.letters} == {"new", "ada", "root", "sam"}
    assert len(receiver.got) > 3
    marks = MARKS | given
    # Whoever writes user data sees it again in the form, and nowhere else.
    data = {name: marks.pop(name) for name in ("user-data", "large-data")}
    shown = [(place, content) for place, content in kept if " /launch/" not in place]
    rest = [("log", logged.text.getvalue().encode()), *hunt.database(), *hunt.redis()]
    assert db.session.scalars(select(Credential)).first()
    assert hunt.traces(marks, iter([*kept, *posted, *rest])) == []
    # A link, or a webhook's secret, is shown to who made it and to who uses it, and nowhere else.
    assert hunt.traces(links, iter(rest)) == []
    assert hunt.traces(data, iter([*shown, *posted, *rest])) == []


@pytest.mark.parametrize("secret", [mark("x"), "m" * 32])
def test_the_hunt_finds_what_is_there(secret: str, app: Flask, ada: User, logged: Lines) -> None:
    """Each place it searches, and each dress."""
    for dress in set(hunt.dresses(secret)):
        assert hunt.traces({"it": secret}, iter([("here", b"before " + dress + b" after")])) == ["it in here"]
    logging.getLogger("portal").debug("%s", secret)
    with db.engine.begin() as connection:
        connection.execute(User.__table__.update().values(name=secret))  # type: ignore[attr-defined]
    volatile.client().hset("a hash", "field", secret)
    volatile.client().lpush("a list", secret)
    volatile.client().sadd("a set", secret)
    volatile.client().zadd("a sorted set", {secret: 1})
    volatile.client().set(secret, "value")
    volatile.client().xadd("a stream", {"field": secret})
    found = hunt.traces(
        {"it": secret},
        iter([("log", logged.text.getvalue().encode()), *hunt.database(), *hunt.redis()]),
    )
    assert {"it in log", "it in users.name"} <= set(found)
    assert sum("redis" in place for place in found) == 6
