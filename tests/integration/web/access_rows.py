"""Who may use which route: one row for each endpoint, and how a route's arguments are made.

A row says who gets in: with an object of their own tenant (or what is their own), and with one of another
tenant. Whoever isn't named is kept out: 404 for an object they must not know of, 403 for want of a role, and
the sign-in page for a stranger and for a closed account. Staff belong to a tenant too, as a member.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, insert, inspect, select

from portal.domain.catalog.models import SshKey
from portal.domain.people import hooks, links
from portal.domain.people.models import Invitation, Kind, Membership, Notice, ResetLink, Role, Session, User
from portal.domain.store import vault
from portal.domain.store.db import db, now, transaction
from portal.domain.tenants.models import Credential, NetworkProfile, QuotaRequest, Tenant
from portal.domain.vms.models import Finding, FindingKind, LaunchDraft, Vm
from portal.domain.vms.provisioning import sealed_place

ALL = "member other owner support admin"
WORK = "member other owner admin"
OWNERS = "owner admin"
STAFF = "support admin"
ADMIN = "admin"
NOBODY = ""


@dataclass(frozen=True)
class Row:
    """Who gets in. `foreign` None: the route names nothing that belongs to anybody."""

    own: str
    foreign: str | None = None
    data: Mapping[str, str] = field(default_factory=dict)
    # Which kind of link's token is sent along.
    token: str = ""


OPEN = Row("anonymous deactivated " + ALL)
OFFERING = {"offering": "ubuntu-basic"}
MORE = {"vms": "90", "vcpus": "900", "ram_mib": "900", "gpus": "9", "floating_ips": "90", "reason": "x"}

ROWS: dict[str, Row] = {
    "account.change_password": Row(ALL),
    "account.choose_telling": Row(ALL),
    "account.end_others": Row(ALL),
    "account.end_session": Row(ALL, foreign=NOBODY),
    "account.rename": Row(ALL),
    "account.set_webhook": Row(ALL),
    "account.show": Row(ALL),
    "audit.chain": Row(STAFF),
    "audit.export": Row(ADMIN),
    "audit.index": Row(STAFF),
    "audit.verify": Row(ADMIN),
    "auth.open_session": OPEN,
    "auth.sign_in": OPEN,
    "auth.sign_out": OPEN,
    "catalog.images": Row(ALL),
    "catalog.networks": Row(ALL),
    "catalog.refresh": Row(WORK),
    "catalog.sizes": Row(ALL),
    "catalog.templates": Row(ALL),
    "changes.about": Row(WORK, foreign=NOBODY),
    "changes.address": Row(WORK, foreign=NOBODY),
    "changes.ask_address": Row(WORK, foreign=NOBODY),
    "changes.ask_firewall": Row(WORK, foreign=NOBODY),
    "changes.ask_rebuild": Row(WORK, foreign=NOBODY),
    "changes.ask_resize": Row(WORK, foreign=NOBODY),
    "changes.cost": Row(WORK, foreign=NOBODY),
    "changes.describe": Row(WORK, foreign=NOBODY),
    "changes.extend": Row(WORK, foreign=NOBODY, data={"days": "1"}),
    "changes.lease": Row(WORK, foreign=NOBODY),
    "changes.firewall": Row(WORK, foreign=NOBODY),
    "changes.rebuild": Row(WORK, foreign=NOBODY),
    "changes.resize": Row(WORK, foreign=NOBODY),
    "credentials.examine": Row(ADMIN, foreign=ADMIN),
    "credentials.index": Row(STAFF),
    "credentials.make": Row(ADMIN, foreign=ADMIN),
    "credentials.move": Row(ADMIN, foreign=ADMIN),
    "credentials.new": Row(ADMIN, foreign=ADMIN),
    "credentials.show": Row(STAFF, foreign=STAFF),
    "credentials.stage_application_credential": Row(ADMIN, foreign=ADMIN),
    "credentials.stage_service_user": Row(ADMIN, foreign=ADMIN),
    "credentials.switch": Row(ADMIN, foreign=ADMIN),
    "drift.index": Row(STAFF),
    "drift.live": Row(STAFF, foreign=STAFF),
    "drift.preview": Row(ADMIN, foreign=ADMIN),
    "drift.settle": Row(ADMIN, foreign=ADMIN),
    "drift.show": Row(STAFF, foreign=STAFF),
    "events.index": Row(STAFF, foreign=STAFF),
    "health.alive": OPEN,
    "health.ready": OPEN,
    "home.choose_language": OPEN,
    "home.choose_theme": OPEN,
    "home.show": Row(ALL),
    "home.silence": Row(ALL, foreign=STAFF),
    "home.switch_tenant": Row(ALL, foreign=STAFF),
    "keys.add": Row(ALL),
    "keys.index": Row(ALL),
    "keys.make": Row(ALL),
    "keys.remove": Row(ALL, foreign=NOBODY),
    "launch.change": Row(WORK, foreign=NOBODY, data=OFFERING),
    "launch.discard": Row(WORK, foreign=NOBODY),
    "launch.index": Row(WORK),
    "launch.review": Row(WORK, foreign=NOBODY),
    "launch.save": Row(WORK, foreign=NOBODY),
    "launch.show": Row(WORK, foreign=NOBODY),
    "launch.start": Row(WORK, data=OFFERING),
    "launch.step": Row(WORK, foreign=NOBODY),
    "launch.submit": Row(WORK, foreign=NOBODY),
    "launch.template": Row(WORK, foreign=NOBODY),
    "links.accept": Row(OPEN.own, token="invitation"),
    "links.invitation": Row(OPEN.own, token="invitation"),
    "links.join": Row(ALL, token="invitation"),
    # Only who made the link has it mailed; these were made by others.
    "links.send": Row(NOBODY, token="invitation"),
    "links.reset": Row(OPEN.own, token="reset"),
    "links.set_password": Row(OPEN.own, token="reset"),
    "members.change_role": Row(OWNERS, foreign=ADMIN),
    "members.change_limits": Row(OWNERS, foreign=ADMIN),
    "members.index": Row("owner support admin"),
    "members.invite": Row(OWNERS, foreign=ADMIN),
    "members.limits": Row(OWNERS, foreign=ADMIN),
    "members.remove": Row(OWNERS, foreign=ADMIN),
    "members.show": Row("owner support admin", foreign=STAFF),
    "members.withdraw": Row(OWNERS, foreign=ADMIN),
    "metrics.scrape": OPEN,
    "notices.bell": Row(ALL),
    "notices.go": Row(ALL, foreign=ALL),
    "notices.index": Row(ALL),
    "notices.mark": Row(ALL, foreign=NOBODY),
    "notices.mark_all": Row(ALL),
    "people.add_membership": Row(ADMIN, foreign=ADMIN),
    "people.change_membership": Row(ADMIN, foreign=ADMIN),
    "people.change_role": Row(ADMIN, foreign=ADMIN),
    "people.end_session": Row(ADMIN, foreign=ADMIN),
    "people.index": Row(STAFF),
    "people.invite": Row(ADMIN),
    "people.make_reset_link": Row(ADMIN, foreign=ADMIN),
    "people.open_or_close": Row(ADMIN, foreign=ADMIN),
    "people.remove_membership": Row(ADMIN, foreign=ADMIN),
    "people.show": Row(STAFF, foreign=STAFF),
    "people.table": Row(STAFF),
    "people.withdraw": Row(ADMIN, foreign=ADMIN),
    "support.ask": Row(STAFF, foreign=STAFF),
    "support.search": Row(STAFF),
    "support.show": Row(STAFF, foreign=STAFF),
    "support.take": Row(STAFF, foreign=STAFF),
    "system.show": Row(STAFF),
    "quotas.change": Row(ADMIN, foreign=ADMIN),
    "quotas.grant": Row(ADMIN, foreign=ADMIN),
    "quotas.index": Row(STAFF),
    "quotas.limit_leases": Row(ADMIN, foreign=ADMIN),
    "quotas.refuse": Row(ADMIN, foreign=ADMIN),
    "quotas.show": Row(STAFF, foreign=STAFF),
    "quotas.show_request": Row(STAFF, foreign=STAFF),
    "tenants.archive": Row(ADMIN, foreign=ADMIN),
    "tenants.ask_archive": Row(ADMIN, foreign=ADMIN),
    "tenants.change": Row(ADMIN, foreign=ADMIN),
    "tenants.change_network": Row(ADMIN, foreign=ADMIN),
    "tenants.connect": Row(ADMIN),
    "tenants.edit": Row(ADMIN, foreign=ADMIN),
    "tenants.index": Row(STAFF),
    "tenants.new": Row(ADMIN),
    "tenants.restore": Row(ADMIN, foreign=ADMIN),
    "tenants.resume": Row(ADMIN, foreign=ADMIN),
    "tenants.show": Row(STAFF, foreign=STAFF),
    "tenants.show_networks": Row(STAFF, foreign=STAFF),
    "tenants.suspend": Row(ADMIN, foreign=ADMIN),
    "usage.ask": Row(WORK, foreign=NOBODY, data=MORE),
    "usage.index": Row(ALL),
    "usage.show": Row(ALL, foreign=STAFF),
    "usage.withdraw": Row(WORK, foreign=NOBODY),
    "vms.carry_out": Row(WORK),
    "vms.choose_columns": Row(ALL),
    "vms.confirm_delete": Row(WORK, foreign=ADMIN),
    "vms.console": Row(WORK, foreign=NOBODY),
    "vms.delete": Row(WORK, foreign=ADMIN),
    "vms.export": Row(ALL),
    "vms.fetch_console": Row(WORK, foreign=NOBODY),
    "vms.ask_support": Row(WORK, foreign=NOBODY, data={"said": "help"}),
    "vms.help_with": Row(WORK, foreign=NOBODY),
    "vms.index": Row(ALL),
    "vms.fix": Row(WORK, foreign=NOBODY),
    "vms.happened": Row(ALL, foreign=STAFF),
    "vms.keep": Row(WORK, foreign=ADMIN),
    "vms.live": Row(ALL, foreign=STAFF),
    "vms.plan": Row(WORK),
    "vms.results": Row(WORK),
    "vms.retry": Row(WORK, foreign=NOBODY),
    "vms.show": Row(ALL, foreign=STAFF),
    "vms.ask_screen": Row(WORK, foreign=NOBODY),
    "vms.screen": Row(WORK, foreign=NOBODY),
    "vms.switch": Row(WORK, foreign=NOBODY),
    "webhooks.remove": Row(ALL, foreign=NOBODY),
    "webhooks.renew": Row(ALL, foreign=NOBODY),
    "webhooks.save": Row(OWNERS, foreign=ADMIN),
    "webhooks.show": Row(OWNERS, foreign=ADMIN),
    "webhooks.test": Row(ALL, foreign=NOBODY),
}


@dataclass(frozen=True)
class Case:
    """For whom an argument is made: whose it is (`person`), where (`tenant`), and what was made before it."""

    person: User
    tenant: Tenant
    given: dict[str, object]


def _keep(*rows: Any) -> UUID:
    with transaction():
        db.session.add_all(rows)
    made: UUID = rows[0].id
    return made


def _vm(case: Case) -> UUID:
    pattern = db.session.scalars(select(Vm).where(Vm.tenant_id == case.tenant.id).limit(1)).unique().one()
    facts = {column.key: getattr(pattern, column.key) for column in inspect(Vm).columns}
    copy = uuid4()
    with transaction():
        sealed = vault.seal(b"{}", place=sealed_place(copy))
        own = {"id": copy, "client_request_id": copy, "sealed": sealed}
        db.session.execute(insert(Vm).values(facts | own))
    return copy


def _person(case: Case) -> UUID:
    person = User(id=uuid4(), email=f"{uuid4()}@example.org", name="Kim", password_hash="!", role=Role.MEMBER)
    return _keep(person, Membership(user=person, tenant_id=case.tenant.id))


def _draft(case: Case) -> UUID:
    pattern = db.session.scalars(select(LaunchDraft).limit(1)).one()
    facts = {"offering": pattern.offering, "answers": pattern.answers}
    return _keep(LaunchDraft(user_id=case.person.id, tenant_id=case.tenant.id, **facts))


def _finding(case: Case) -> UUID:
    facts = {"kind": FindingKind.ORPHAN_STACK, "subject": uuid4().hex, "proof": {}}
    return _keep(Finding(tenant_id=case.tenant.id, **facts))


def _credential(case: Case) -> UUID:
    return db.session.scalars(
        select(Credential.id).where(Credential.tenant_id == case.tenant.id).limit(1)
    ).one()


def _request(case: Case) -> UUID:
    with transaction():
        db.session.execute(delete(QuotaRequest).where(QuotaRequest.tenant_id == case.tenant.id))
    facts = {"asked": {"vms": 900}, "reason": "x"}
    return _keep(QuotaRequest(tenant_id=case.tenant.id, by_id=case.person.id, **facts))


def _invitation(case: Case) -> UUID:
    token = links.hashed(uuid4().hex)
    facts = {"token_hash": token, "email": "new@example.org", "expires_at": now().replace(year=2100)}
    return _keep(Invitation(tenant_id=case.tenant.id, **facts))


def _notice(case: Case) -> UUID:
    facts = {"kind": Kind.VM_READY, "key": uuid4().hex, "subject_id": uuid4(), "facts": {"name": "x"}}
    return _keep(Notice(user_id=case.person.id, **facts))


def token(kind: str, person: User) -> str:
    """The token of a link that this person may use."""
    made = links.new_token()
    facts = {"token_hash": links.hashed(made), "expires_at": now().replace(year=2100)}
    row = (
        Invitation(email=person.email, **facts)
        if kind == "invitation"
        else ResetLink(user_id=person.id, **facts)
    )
    _keep(row)
    return made


# How each argument of a route is made.
ARGUMENTS: dict[str, Callable[[Case], object]] = {
    "credential_id": _credential,
    "draft_id": _draft,
    "finding_id": _finding,
    "invitation_id": _invitation,
    "key_id": lambda case: _keep(
        SshKey(
            user_id=case.person.id,
            name=uuid4().hex,
            kind="ssh-ed25519",
            fingerprint=uuid4().hex,
            public_key="x",
        )
    ),
    "network_id": lambda case: db.session.scalars(
        select(NetworkProfile.id).where(NetworkProfile.tenant_id == case.tenant.id).limit(1)
    ).one(),
    "notice_id": _notice,
    "person_id": _person,
    "request_id": _request,
    "session_id": lambda case: _keep(
        Session(user_id=case.given.get("person_id", case.person.id), device="x")
    ),
    "subject_id": lambda case: uuid4(),
    "tenant_id": lambda case: case.tenant.id,
    "vm_id": _vm,
    "webhook_id": lambda case: hooks.put("https://hooks.example.org/x", by=case.person)[0].id,
}
