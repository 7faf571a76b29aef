"""Checks: what the doctor asks of a cloud under a credential, answered in plain words with the way out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from portal.domain.store.db import now
from portal.domain.tenants import rules, ways
from portal.domain.tenants.models import Credential, CredentialKind
from portal.openstack.cloud import Call, Cloud, Identity
from portal.openstack.errors import BadCredential, BadRequest, NotAllowed, OpenStackError, Unavailable
from portal.openstack.keystone import CredentialFacts
from portal.translation import N_

SERVICES = {
    "orchestration": "Heat",
    "compute": "Nova",
    "network": "Neutron",
    "image": "Glance",
    "identity": "Keystone",
}
NEEDED_ROLE = "member"
# Each does no harm; Heat wants the second on some clouds.
USUAL_ROLES = frozenset({NEEDED_ROLE, "heat_stack_owner", "reader", "_member_"})
# Clocks this far apart make tokens end at odd times; this far, and they are refused.
SKEW, LARGE_SKEW = timedelta(seconds=30), timedelta(minutes=5)


class Tone(StrEnum):
    """How a check went: green, amber, red."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True)
class Check:
    """One check: what was asked, what came back in plain words, and the exact ways out.

    `words` name the `facts` that they are filled with, so that a reader gets them in their language.
    """

    name: str
    tone: Tone
    words: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    asked: str = ""
    request_id: str | None = None
    ways: tuple[str, ...] = ()

    @property
    def plain(self) -> dict[str, Any]:
        """As it is kept, with what came back in English."""
        return asdict(self) | {"ways": list(self.ways), "answered": self.words % self.facts}


@dataclass
class Examination:
    """One cloud under one credential, and the calls made so far. `expected` is the project it must open."""

    cloud: Cloud
    credential: Credential
    region: str | None
    expected: str | None
    owner: str | None
    calls: list[Call]
    identity: Identity | None = None
    facts: CredentialFacts | None = None
    seen: dict[str, Check] = field(default_factory=dict)

    def check(self, name: str, tone: Tone, words: str, ways: tuple[str, ...] = (), **facts: Any) -> Check:
        """A check about the call made last."""
        call = self.calls[-1] if self.calls else None
        asked = f"{call.service}: {call.method} {call.path}" if call else ""
        found = Check(name, tone, words, facts, asked, call.request_id if call else None, ways)
        self.seen[name] = found
        return found

    def good(self, name: str, words: str, **facts: Any) -> Check:
        return self.check(name, Tone.GOOD, words, **facts)


def quick(examination: Examination) -> Iterator[Check]:
    """All checks but the probe, in the order a reader wants them. Without a token there is but one."""
    yield _token(examination)
    if (identity := examination.identity) is None:
        return
    yield _clock(examination, identity)
    yield _project(examination, identity)
    if examination.owner and examination.owner != identity.user_id:
        yield examination.check(N_("owner"), Tone.WARN, ways.OTHER_OWNER, ways.OWNER)
    yield from _application_credential(examination, identity)
    yield _roles(examination, identity)
    yield _catalogue(examination, identity)
    for service, question in _questions(examination.cloud).items():
        yield _service(examination, service, question)


def worst(checks: list[dict[str, Any]]) -> str:
    """The worst tone among kept checks."""
    tones = {check["tone"] for check in checks}
    return next((tone.value for tone in (Tone.BAD, Tone.WARN) if tone in tones), Tone.GOOD.value)


def _token(examination: Examination) -> Check:
    try:
        examination.identity = examination.cloud.identity()
    except BadCredential as error:
        gone = error.status == 404
        ended = examination.credential.expires_at is not None and examination.credential.expires_at <= now()
        words = ways.DELETED if gone else ways.EXPIRED if ended else ways.WRONG_SECRET
        return examination.check(N_("token"), Tone.BAD, words, ways.REPLACE, problem=error.message)
    except OpenStackError as error:
        words = N_("Keystone gave no token. %(problem)s")
        return examination.check(N_("token"), Tone.BAD, words, ways.SILENT, problem=error.message)
    words = N_("Keystone gave a token to %(user)s.")
    return examination.good(N_("token"), words, user=examination.identity.user_name)


def _clock(examination: Examination, identity: Identity) -> Check:
    skew = abs(identity.issued_at - now())
    if skew < SKEW:
        return examination.good(N_("clock"), N_("The clocks of the cloud and of the portal agree."))
    words = N_("The clocks of the cloud and of the portal are %(seconds)s s apart.")
    tone = Tone.BAD if skew >= LARGE_SKEW else Tone.WARN
    return examination.check(N_("clock"), tone, words, ways.CLOCK, seconds=round(skew.total_seconds()))


def _project(examination: Examination, identity: Identity) -> Check:
    facts = {"project": identity.project_name, "id": identity.project_id}
    if examination.expected in (None, identity.project_id):
        return examination.good(N_("project"), N_("It opens %(project)s (%(id)s)."), **facts)
    words = N_("It opens %(project)s (%(id)s); the tenant is %(expected)s.")
    facts["expected"] = examination.expected
    return examination.check(N_("project"), Tone.BAD, words, ways.OTHER_PROJECT, **facts)


def _application_credential(examination: Examination, identity: Identity) -> Iterator[Check]:
    """What only an application credential has: an end, restrictions, access rules."""
    if identity.application_credential_id is None:
        return
    if identity.restricted:
        yield examination.good(
            N_("restriction"), N_("It is restricted: it can't make or delete other credentials.")
        )
    else:
        yield examination.check(N_("restriction"), Tone.WARN, ways.UNRESTRICTED_IS, ways.UNRESTRICTED)
    try:
        examination.facts = examination.cloud.keystone.application_credential(
            identity.application_credential_id
        )
    except OpenStackError as error:
        words = N_("Keystone doesn't show its end and its access rules. %(problem)s")
        yield examination.check(N_("expiry"), Tone.WARN, words, ways.HIDDEN, problem=error.message)
        return
    yield _expiry(examination, examination.facts)
    missing = rules.missing(examination.facts.access_rules)
    if missing:
        words, lacking = N_("Its access rules forbid what Heat needs: %(lacking)s."), "; ".join(missing)
        yield examination.check(N_("access rules"), Tone.BAD, words, ways.access_rules(), lacking=lacking)
    elif examination.facts.access_rules:
        yield examination.good(N_("access rules"), N_("Its access rules allow what Heat needs."))
    else:
        yield examination.good(N_("access rules"), N_("It has no access rules."))


def _expiry(examination: Examination, facts: CredentialFacts) -> Check:
    if facts.expires_at is None:
        return examination.good(N_("expiry"), N_("It has no end."))
    left = facts.expires_at - now()
    ends = f"{facts.expires_at:%Y-%m-%d %H:%M}"
    if left > timedelta(days=30):
        return examination.good(N_("expiry"), _IN_DAYS, ends=ends, left=left.days)
    if left.days >= 2:
        return examination.check(N_("expiry"), Tone.WARN, _IN_DAYS, ways.EXPIRY, ends=ends, left=left.days)
    tone, hours = Tone.BAD if left <= timedelta(days=1) else Tone.WARN, round(left.total_seconds() / 3600)
    return examination.check(N_("expiry"), tone, _IN_HOURS, ways.EXPIRY, ends=ends, left=hours)


_IN_DAYS = N_("It ends on %(ends)s UTC, in %(left)s days.")
_IN_HOURS = N_("It ends on %(ends)s UTC, in %(left)s hours.")


def _roles(examination: Examination, identity: Identity) -> Check:
    held = ", ".join(identity.roles) or "none"
    if not {NEEDED_ROLE, "_member_", "admin", "manager"} & set(identity.roles):
        words = N_("It lacks the role member; it has %(held)s.")
        return examination.check(N_("roles"), Tone.BAD, words, ways.NO_ROLE, held=held)
    more = sorted(set(identity.roles) - USUAL_ROLES)
    if more:
        words, enough = N_("It has more roles than it needs: %(more)s. Enough is %(enough)s."), NEEDED_ROLE
        return examination.check(
            N_("roles"), Tone.WARN, words, ways.MANY_ROLES, more=", ".join(more), enough=enough
        )
    return examination.good(N_("roles"), N_("It has %(held)s: what it needs, and no more."), held=held)


def _catalogue(examination: Examination, identity: Identity) -> Check:
    lacking = []
    for service, name in SERVICES.items():
        try:
            examination.cloud.endpoint(service)
        except BadRequest:
            lacking.append(f"{name} ({service})")
    if lacking:
        words = N_("The service catalogue lacks %(lacking)s; the regions it knows: %(regions)s.")
        facts = {"lacking": ", ".join(lacking), "regions": ", ".join(identity.regions) or "none"}
        return examination.check(N_("catalogue"), Tone.BAD, words, ways.CATALOGUE, **facts)
    if examination.region:
        words = N_("It names an address of every service in region %(region)s.")
        return examination.good(N_("catalogue"), words, region=examination.region)
    return examination.good(N_("catalogue"), N_("It names an address of every service."))


def _questions(cloud: Cloud) -> Mapping[str, Callable[[], object]]:
    return {
        "orchestration": cloud.heat.ask_little,
        "compute": cloud.nova.limits,
        "network": cloud.neutron.quotas,
        "image": cloud.glance.ask_little,
    }


def _service(examination: Examination, service: str, question: Callable[[], object]) -> Check:
    name = SERVICES[service]
    try:
        question()
    except OpenStackError as error:
        words, out = _refused(error)
        return examination.check(name, Tone.BAD, words, out, service=name, problem=error.message)
    return examination.good(name, N_("%(service)s answers."), service=name)


def _refused(error: OpenStackError) -> tuple[str, tuple[str, ...]]:
    if isinstance(error, NotAllowed):
        return N_("%(service)s refuses it. %(problem)s"), ways.NOT_ALLOWED
    if isinstance(error, Unavailable):
        return N_("%(service)s doesn't answer. %(problem)s"), ways.SILENT
    return N_("%(service)s says no. %(problem)s"), ways.CATALOGUE


def is_application_credential(credential: Credential) -> bool:
    """Whether the trust refusal can meet it."""
    return credential.kind is CredentialKind.APPLICATION_CREDENTIAL
