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
    """One check: what was asked, what came back in plain words, and the exact ways out."""

    name: str
    tone: Tone
    answered: str
    asked: str = ""
    request_id: str | None = None
    ways: tuple[str, ...] = ()

    @property
    def plain(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self) | {"ways": list(self.ways)}


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

    def check(self, name: str, tone: Tone, answered: str, ways: tuple[str, ...] = ()) -> Check:
        """A check about the call made last."""
        call = self.calls[-1] if self.calls else None
        asked = f"{call.service}: {call.method} {call.path}" if call else ""
        found = Check(name, tone, answered, asked, call.request_id if call else None, ways)
        self.seen[name] = found
        return found

    def good(self, name: str, answered: str) -> Check:
        return self.check(name, Tone.GOOD, answered)


def quick(examination: Examination) -> Iterator[Check]:
    """All checks but the probe, in the order a reader wants them. Without a token there is but one."""
    yield _token(examination)
    if (identity := examination.identity) is None:
        return
    yield _clock(examination, identity)
    yield _project(examination, identity)
    if examination.owner and examination.owner != identity.user_id:
        yield examination.check("owner", Tone.WARN, ways.OTHER_OWNER, ways.OWNER)
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
        return examination.check("token", Tone.BAD, f"{words} {error.message}", ways.REPLACE)
    except OpenStackError as error:
        return examination.check("token", Tone.BAD, f"Keystone gave no token. {error.message}", ways.SILENT)
    return examination.good("token", f"Keystone gave a token to {examination.identity.user_name}.")


def _clock(examination: Examination, identity: Identity) -> Check:
    skew = abs(identity.issued_at - now())
    if skew < SKEW:
        return examination.good("clock", "The clocks of the cloud and of the portal agree.")
    words = f"The clocks of the cloud and of the portal are {skew.total_seconds():.0f} s apart."
    return examination.check("clock", Tone.BAD if skew >= LARGE_SKEW else Tone.WARN, words, ways.CLOCK)


def _project(examination: Examination, identity: Identity) -> Check:
    if examination.expected in (None, identity.project_id):
        return examination.good("project", f"It opens {identity.project_name} ({identity.project_id}).")
    words = f"It opens {identity.project_name} ({identity.project_id}); the tenant is {examination.expected}."
    return examination.check("project", Tone.BAD, words, ways.OTHER_PROJECT)


def _application_credential(examination: Examination, identity: Identity) -> Iterator[Check]:
    """What only an application credential has: an end, restrictions, access rules."""
    if identity.application_credential_id is None:
        return
    if identity.restricted:
        yield examination.good("restriction", "It is restricted: it can't make or delete other credentials.")
    else:
        yield examination.check("restriction", Tone.WARN, ways.UNRESTRICTED_IS, ways.UNRESTRICTED)
    try:
        examination.facts = examination.cloud.keystone.application_credential(
            identity.application_credential_id
        )
    except OpenStackError as error:
        words = f"Keystone doesn't show its end and its access rules. {error.message}"
        yield examination.check("expiry", Tone.WARN, words, ways.HIDDEN)
        return
    yield _expiry(examination, examination.facts)
    missing = rules.missing(examination.facts.access_rules)
    if missing:
        words = f"Its access rules forbid what Heat needs: {'; '.join(missing)}."
        yield examination.check("access rules", Tone.BAD, words, ways.access_rules())
    else:
        limited = "Its access rules allow what Heat needs." if examination.facts.access_rules else ""
        yield examination.good("access rules", limited or "It has no access rules.")


def _expiry(examination: Examination, facts: CredentialFacts) -> Check:
    if facts.expires_at is None:
        return examination.good("expiry", "It has no end.")
    left = facts.expires_at - now()
    words = f"It ends on {facts.expires_at:%Y-%m-%d %H:%M} UTC, in {_days(left)}."
    if left > timedelta(days=30):
        return examination.good("expiry", words)
    return examination.check(
        "expiry", Tone.BAD if left <= timedelta(days=1) else Tone.WARN, words, ways.EXPIRY
    )


def _days(left: timedelta) -> str:
    return f"{left.days} days" if left.days >= 2 else f"{left.total_seconds() / 3600:.0f} hours"


def _roles(examination: Examination, identity: Identity) -> Check:
    held = ", ".join(identity.roles) or "none"
    if not {NEEDED_ROLE, "_member_", "admin", "manager"} & set(identity.roles):
        return examination.check("roles", Tone.BAD, f"It lacks the role member; it has {held}.", ways.NO_ROLE)
    more = sorted(set(identity.roles) - USUAL_ROLES)
    if more:
        words = f"It has more roles than it needs: {', '.join(more)}. Enough is {NEEDED_ROLE}."
        return examination.check("roles", Tone.WARN, words, ways.MANY_ROLES)
    return examination.good("roles", f"It has {held}: what it needs, and no more.")


def _catalogue(examination: Examination, identity: Identity) -> Check:
    lacking = []
    for service, name in SERVICES.items():
        try:
            examination.cloud.endpoint(service)
        except BadRequest:
            lacking.append(f"{name} ({service})")
    if not lacking:
        where = f" in region {examination.region}" if examination.region else ""
        return examination.good("catalogue", f"It names an address of every service{where}.")
    regions = ", ".join(identity.regions) or "none"
    words = f"The service catalogue lacks {', '.join(lacking)}; the regions it knows: {regions}."
    return examination.check("catalogue", Tone.BAD, words, ways.CATALOGUE)


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
    except NotAllowed as error:
        return examination.check(name, Tone.BAD, f"{name} refuses it. {error.message}", ways.NOT_ALLOWED)
    except Unavailable as error:
        return examination.check(name, Tone.BAD, f"{name} doesn't answer. {error.message}", ways.SILENT)
    except OpenStackError as error:
        return examination.check(name, Tone.BAD, f"{name} says no. {error.message}", ways.CATALOGUE)
    return examination.good(name, f"{name} answers.")


def is_application_credential(credential: Credential) -> bool:
    """Whether the trust refusal can meet it."""
    return credential.kind is CredentialKind.APPLICATION_CREDENTIAL
