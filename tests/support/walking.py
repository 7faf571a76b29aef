"""Walking through a running portal: something for each page to show, and every address of its url map."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from sqlalchemy import select
from werkzeug.routing import AnyConverter, Rule

from portal import config
from portal.app import create_app
from portal.domain.catalog import keys
from portal.domain.catalog.models import Flavor
from portal.domain.people import accounts, invitations
from portal.domain.people.models import Role, TenantRole, User
from portal.domain.store.db import db, now, transaction
from portal.domain.tenants import clouds
from portal.domain.tenants.models import Tenant
from portal.domain.vms import power, reconcile, requests
from portal.domain.vms.models import Finding, LaunchDraft, State, Vm
from tests.integration.web.access_rows import ARGUMENTS, ROWS, Case, token
from tests.support.running import Running
from tests.support.world import PASSWORD, draft, launch, wait_for

# A size with a kind of GPU that no host of the sandbox has.
NO_HOST = "g1.vgpu"
# Pages of several VMs.
TICKED = {"vms.plan", "vms.results"}
# A member who has nothing yet.
NEWCOMER = "member"
NOTHING = "heat_template_version: 2018-08-31\nresources:\n  nothing: {type: OS::Heat::None}\n"
CLOUD_INIT = "#cloud-config\npackages: [git, htop]\n"
# Longer than a VM of the sandbox takes on a busy machine.
PATIENCE = 120


@dataclass(frozen=True)
class House:
    """A running portal with something in every room, and somebody of each kind who knows it."""

    app: Flask
    people: Mapping[str, User]
    tenant: Tenant
    # What is opened where a route names such a thing; anything else is made by access_rows.py.
    known: Mapping[str, list[Any]]

    def addresses(self, actor: str) -> Iterator[str]:
        """What this kind of person may open, each thing of the house once; a newcomer has no things."""
        person = self.people.get(actor, self.people["owner"])
        with self.app.test_request_context():
            for rule in sorted(self.app.url_map.iter_rules(), key=lambda rule: rule.rule):
                row = ROWS.get(rule.endpoint)
                if "GET" not in (rule.methods or ()) or row is None or actor not in row.own.split():
                    continue
                if rule.arguments and actor == NEWCOMER:
                    continue
                query: dict[str, Any] = {"token": token(row.token, person)} if row.token else {}
                query |= {"vm": self.known["vm_id"]} if rule.endpoint in TICKED else {}
                for values in self._values(rule, person):
                    built = rule.build({**values, **query})
                    assert built
                    yield built[1]

    def _values(self, rule: Rule, person: User) -> Iterator[dict[str, Any]]:
        case = Case(person, self.tenant, {})
        choices: dict[str, list[Any]] = {}
        for name in sorted(rule.arguments):
            converter = rule._converters[name]
            if isinstance(converter, AnyConverter):
                choices[name] = sorted(converter.items)
            else:
                choices[name] = self.known.get(name) or [ARGUMENTS[name](case)]
            case.given[name] = choices[name][0]
        for values in product(*choices.values()):
            yield dict(zip(choices, values, strict=True))


def furnish(portal: Running) -> House:
    """Launches, a failure, a request, a finding: what pages tell of. Leaves an app context open."""
    app = create_app(config.load(portal.home.environment() | {"LOG_LEVEL": "WARNING"}))
    app.app_context().push()
    ada, root, sam = (_person(f"{name}@example.org") for name in ("ada", "root", "sam"))
    lab, school = (
        db.session.scalars(select(Tenant).where(Tenant.name == name)).one()
        for name in ("Research Lab", "Teaching")
    )
    accounts.join(ada, lab.id, TenantRole.OWNER)
    nia = accounts.create("nia@example.org", "Nia New", PASSWORD, Role.MEMBER)
    accounts.join(nia, school.id)
    vms = _launches(ada, lab)
    requests.ask(lab, {"vms": 90}, "A course with thirty people begins in March.", by=ada)
    invitations.invite("kim@example.org", by=root, tenant_id=lab.id)
    clouds.of(lab.id).heat.create("vm-lost", NOTHING, {}, tags=("portal", f"vm-{uuid4()}"), timeout_mins=5)
    with transaction():
        lab.reconcile_due_at = now()
    reconcile.sweep(lab.id)
    known: dict[str, list[Any]] = {
        "vm_id": [vm.id for vm in vms],
        "draft_id": [_begun(ada, lab).id],
        "tenant_id": [lab.id],
        "finding_id": [*db.session.scalars(select(Finding.id).where(Finding.resolved_at.is_(None)).limit(1))],
    }
    db.session.rollback()
    return House(app, {"owner": ada, NEWCOMER: nia, "support": sam, "admin": root}, lab, known)


def _person(email: str) -> User:
    found = accounts.find(email)
    assert found
    return found


def _launches(ada: User, lab: Tenant) -> list[Vm]:
    """One VM that runs and has written to its console, and one that failed."""
    key = (
        ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    )
    keys.add(ada, f"laptop-{uuid4().hex[:4]}", key.decode())
    gpu = db.session.scalars(select(Flavor).where(Flavor.tenant_id == lab.id, Flavor.name == NO_HOST)).one()
    good = launch(ada, lab, "web-server", name="museum-site", floating_ip="true", greeting="Hello")
    bad = launch(ada, lab, "gpu-ubuntu", name="training-run", flavor=gpu.os_id)
    wait_for(lambda: _state(good) is State.ACTIVE and _state(bad) is State.ERROR, PATIENCE)
    power.ask_console(good, by=ada)
    return [good, bad]


def _state(vm: Vm) -> State:
    db.session.rollback()
    return db.session.scalars(select(Vm.state).where(Vm.id == vm.id)).one()


def _begun(ada: User, lab: Tenant) -> LaunchDraft:
    return draft(ada, lab, "own-cloud-init", name="archive-node", user_data=CLOUD_INIT)
