"""Choices: how each person wants to be told of each kind; until they choose, sensible defaults."""

from collections.abc import Collection, Iterable
from uuid import UUID

from sqlalchemy import delete, select

from portal.domain.people import outlets
from portal.domain.people.models import Channel, Kind, NoticeChoice, User
from portal.domain.store import audit
from portal.domain.store.db import db, transaction

Channels = frozenset[Channel]

# Good news waits in the portal; what calls for somebody comes by mail, too. A webhook was set up to be told.
_QUIET: Channels = frozenset({Channel.PORTAL, Channel.WEBHOOK})
_LOUD: Channels = _QUIET | {Channel.MAIL}
DEFAULTS: dict[Kind, Channels] = dict.fromkeys(Kind, _LOUD) | {Kind.VM_READY: _QUIET}
# Of several at once one is told as of one; where some failed, the others are news as well.
FOLLOWS: dict[Kind, tuple[Kind, ...]] = {
    Kind.LAUNCH_READY: (Kind.VM_READY,),
    Kind.LAUNCH_FAILED: (Kind.VM_FAILED, Kind.VM_READY),
    Kind.LEASES_ENDING: (Kind.LEASE_ENDING,),
    Kind.LEASES_ENDED: (Kind.LEASE_ENDED,),
}


def of(person: User) -> dict[Kind, Channels]:
    """How the person is told of each kind."""
    return {kind: among([person.id], kind)[person.id] for kind in Kind}


def among(person_ids: Collection[UUID], kind: Kind) -> dict[UUID, Channels]:
    """How each of these people is told of this kind."""
    if kind in FOLLOWS:
        each = [among(person_ids, other) for other in FOLLOWS[kind]]
        return {person_id: frozenset().union(*(ways[person_id] for ways in each)) for person_id in person_ids}
    chosen = db.session.execute(
        select(NoticeChoice.user_id, NoticeChoice.channels).where(
            NoticeChoice.kind == kind, NoticeChoice.user_id.in_(person_ids)
        )
    )
    ways = dict.fromkeys(person_ids, DEFAULTS[kind])
    return ways | {row.user_id: frozenset(map(Channel, row.channels)) for row in chosen}


def offered() -> Channels:
    """The channels that can be chosen: mail only where the portal has a mail server."""
    return frozenset(Channel) if outlets.office() else _QUIET


def save(kinds: Iterable[Kind], wanted: Collection[tuple[Kind, Channel]], *, by: User) -> None:
    """Of these kinds the person is told so from now on. What isn't offered at present stays as it was."""
    before, can = of(by), offered()
    after = {
        kind: frozenset(
            channel
            for channel in Channel
            if ((kind, channel) in wanted if channel in can else channel in before[kind])
        )
        for kind in kinds
    }
    with transaction():
        db.session.execute(
            delete(NoticeChoice).where(NoticeChoice.user_id == by.id, NoticeChoice.kind.in_(after))
        )
        db.session.add_all(
            NoticeChoice(user_id=by.id, kind=kind, channels=sorted(channels))
            for kind, channels in after.items()
        )
        audit.record(
            "person.chose_notices", by=by, detail={kind: sorted(ways) for kind, ways in after.items()}
        )
