"""Clouds: from a tenant to its OpenStack client, with the token shared through Redis by all processes."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from uuid import UUID

from portal import log
from portal.domain.store import volatile
from portal.domain.store.db import db
from portal.domain.store.errors import DomainError, NotFound
from portal.domain.tenants import circuits, counts, credentials, refusals
from portal.domain.tenants.credentials import Secret
from portal.domain.tenants.models import Tenant
from portal.openstack import knocking
from portal.openstack.cloud import Access, ApplicationCredential, Call, Cloud, MemoryTokens, TokenStore
from portal.openstack.errors import BadCredential
from portal.translation import gettext

logger = logging.getLogger("portal.openstack")

_timeouts = {"connect_timeout": 3.05, "read_timeout": 20.0}
_observers: list[Callable[[Call], None]] = []
# A client keeps its connections and its parsed catalogue; a new credential makes a new one.
_clouds: dict[UUID, tuple[object, Cloud]] = {}


class SealedTokens:
    """keystoneauth's token and catalogue state in Redis, sealed, with one refresher at a time."""

    def load(self, key: str) -> str | None:
        return volatile.recall(f"token:{key}")

    def save(self, key: str, state: str, ttl: float) -> None:
        volatile.keep(f"token:{key}", state, seconds=ttl)

    def forget(self, key: str) -> None:
        volatile.forget(f"token:{key}")

    def refreshing(self, key: str) -> contextlib.AbstractContextManager[None]:
        return volatile.one_at_a_time(f"token:{key}")


class WatchedTokens(SealedTokens):
    """Those of a tenant's credential in use: whether Keystone takes or refuses it is written down."""

    def __init__(self, tenant_id: UUID, credential_id: UUID) -> None:
        self._whose = tenant_id, credential_id

    def save(self, key: str, state: str, ttl: float) -> None:
        super().save(key, state, ttl)
        refusals.accepted(*self._whose)

    @contextlib.contextmanager
    def refreshing(self, key: str) -> Iterator[None]:
        try:
            with super().refreshing(key):
                yield
        except BadCredential:
            refusals.refused(*self._whose)
            raise


# So many workers at most ask one cloud at a time: it can do little at once, and others need workers too.
PLACES = {"step": 3, "poll": 1}
PLACE_SECONDS = 100.0
# A page waits for this answer: the only one it ever asks a cloud for.
KNOCK_SECONDS = 5.0


class Busy(DomainError):
    """As many workers as may ask this cloud already do."""


@contextlib.contextmanager
def turn(tenant_id: UUID, kind: str) -> Iterator[None]:
    """Holds one of the cloud's places for this kind of work. Raises Busy."""
    with volatile.slot(f"cloud:{tenant_id}:{kind}", limit=PLACES[kind], lease=PLACE_SECONDS) as mine:
        if not mine:
            raise Busy(gettext("Others are asking this cloud; it is asked again in a moment."))
        yield


def configure(*, connect_timeout: float, read_timeout: float) -> None:
    """Sets the timeouts of every later call, in seconds; drops the clients made so far."""
    _timeouts.update(connect_timeout=connect_timeout, read_timeout=read_timeout)
    _clouds.clear()


def watch(observer: Callable[[Call], None]) -> Callable[[], None]:
    """Has every OpenStack call of this process told to `observer`; answers how to stop that."""
    _observers.append(observer)
    return lambda: _observers.remove(observer)


def of(tenant_id: UUID) -> Cloud:
    """The tenant's cloud under its current credential. Raises NotFound, NoCredential, circuits.Silent."""
    tenant = db.session.get(Tenant, tenant_id)
    if tenant is None:
        raise NotFound(gettext("There is no such tenant."))
    circuits.guard(tenant)
    credential = credentials.current(tenant_id)
    place = (tenant.auth_url, tenant.region, tenant.interface, tenant.ca_bundle)
    version = (credential.id, place, str(tenant.endpoint_overrides))
    known = _clouds.get(tenant_id)
    if known and known[0] == version:
        return known[1]
    tokens = WatchedTokens(tenant_id, credential.id)
    cloud = try_out(tenant, credentials.reveal(credential), tokens=tokens)
    _clouds[tenant_id] = (version, cloud)
    return cloud


def impatient(tenant_id: UUID, *, read_timeout: float) -> Cloud:
    """The same for somebody who waits for the answer; to be closed by the caller. Leaves circuits alone.

    Raises NoCredential, Unsealable.
    """
    tenant, credential = db.session.get_one(Tenant, tenant_id), credentials.current(tenant_id)
    tokens = WatchedTokens(tenant_id, credential.id)
    return try_out(tenant, credentials.reveal(credential), tokens=tokens, read_timeout=read_timeout)


def try_out(
    tenant: Tenant, secret: Secret, *, tokens: TokenStore | None = None, read_timeout: float | None = None
) -> Cloud:
    """The tenant's cloud under this credential, which need not be kept; its token isn't either.

    `read_timeout`, in seconds, where it shall be shorter than usual.
    """
    access = Access(
        auth_url=tenant.auth_url,
        secret=secret,
        region=tenant.region,
        interface=tenant.interface,
        ca_bundle=tenant.ca_bundle,
        overrides=tenant.endpoint_overrides or {},
        connect_timeout=_timeouts["connect_timeout"],
        read_timeout=min(read_timeout or 600.0, _timeouts["read_timeout"]),
    )
    return Cloud(access, tokens=tokens or MemoryTokens(), observe=_observe, request_id=_request_id)


def knock(auth_url: str, ca_bundle: str | None) -> None:
    """Whether a Keystone answers at the address, with patience for one page. Raises OpenStackError."""
    nobody = ApplicationCredential(id="nobody", secret="nothing")  # noqa: S106 - there is none yet
    place = Access(
        auth_url,
        nobody,
        ca_bundle=ca_bundle,
        connect_timeout=min(_timeouts["connect_timeout"], KNOCK_SECONDS),
        read_timeout=min(_timeouts["read_timeout"], KNOCK_SECONDS),
    )
    knocking.knock(place, _observe, _request_id)


def _request_id() -> str | None:
    return log.current("request_id")


def _observe(call: Call) -> None:
    logger.info(
        "%s %s %s %s",
        call.service,
        call.method,
        call.path,
        call.status or "no answer",
        extra={"seconds": round(call.seconds, 3), "openstack_request_id": call.request_id},
    )
    counts.called(call)
    for observer in _observers:
        observer(call)
