"""Sending: the one try of a claimed delivery, as a letter or as a signed message."""

import json
from collections.abc import Callable
from datetime import UTC
from functools import partial
from typing import Any
from uuid import UUID

from portal import translation
from portal.domain.people import accounts, deliveries, enclosures, hooks, outlets, wording
from portal.domain.people.enclosures import Enclosure
from portal.domain.people.models import Channel, Delivery, Kind, User, Webhook
from portal.domain.store import vault
from portal.domain.store.db import db, now
from portal.domain.store.vault import Unsealable
from portal.post import Undelivered
from portal.post.mail import Attachment, Letter
from portal.post.webhooks import Message
from portal.translation import N_, gettext

# What messages look like; receivers may rely on what stands in them as long as it is the same.
VERSION = 1


def step(delivery_id: UUID, enclose: Callable[[Delivery], Enclosure | None] = lambda _: None) -> None:
    """Tries it, if it is due and nobody else does; `enclose` makes what goes along, if anything does."""
    delivery = deliveries.claim(delivery_id)
    if delivery is None:
        return
    try:
        outcome = _send(delivery, enclose(delivery))
    except Unsealable:
        deliveries.failed(delivery, N_("What it needs is sealed by a lost key."), final=True, others=_none())
    except Undelivered as error:
        others = _same_way(delivery) if error.silent or delivery.webhook_id else _none()
        deliveries.failed(delivery, error.words, final=error.final, others=others)
    else:
        deliveries.done(delivery, outcome)


def recipient(delivery: Delivery) -> User | None:
    """Whose it is; None: a tenant's, or somebody's who has no account yet."""
    if delivery.webhook_id is None:
        return accounts.find(delivery.address or "")
    hook = db.session.get_one(Webhook, delivery.webhook_id)
    return db.session.get(User, hook.user_id) if hook.user_id else None


def _send(delivery: Delivery, enclosed: Enclosure | None) -> str:
    """By its channel; where what goes along is why it isn't taken, at once again without that."""
    send = _mail if delivery.channel is Channel.MAIL else _webhook
    try:
        return send(delivery, enclosed)
    except Undelivered as error:
        if not (error.content and enclosed and enclosed.files):
            raise
        return send(delivery, enclosed.without(enclosures.REFUSED))


def _none() -> Any:
    return Delivery.id.is_(None)


def _same_way(delivery: Delivery) -> Any:
    """Whoever else would meet the same: to a webhook that fails, by a mail server that is away."""
    return (
        Delivery.webhook_id == delivery.webhook_id if delivery.webhook_id else Delivery.webhook_id.is_(None)
    )


def _mail(delivery: Delivery, enclosed: Enclosure | None) -> str:
    office = outlets.office()
    if office is None:
        raise Undelivered(N_("The portal has no mail server."), silent=True)
    person = recipient(delivery)
    # Whoever has no account yet is written to as the one who invites them speaks.
    with translation.speaking(person.language if person else delivery.facts.get("language")):
        letter = _letter(delivery, enclosed)
    db.session.rollback()  # nothing is held while somebody else's server thinks
    office.send(letter)
    return "sent"


def _letter(delivery: Delivery, enclosed: Enclosure | None) -> Letter:
    letter = partial(
        Letter,
        str(delivery.id),
        delivery.address or "",
        delivery.created_at,
        language=translation.spoken(),
    )
    if delivery.sealed:
        url = vault.unseal(delivery.sealed, place=deliveries.place(delivery.id)).decode()
        said = wording.of_link(delivery.kind, delivery.facts)
        return letter(said["title"], said["text"], said["click"], url, said["why"])
    kind = Kind(delivery.kind)
    return letter(
        title=wording.title(kind, delivery.facts),
        text=wording.text(kind, delivery.facts),
        reply_to=delivery.facts.get("email", ""),
        note=enclosed.words if enclosed else "",
        attached=Attachment(enclosed.name, enclosed.zip) if enclosed and enclosed.files else None,
        click=gettext("Open it in the portal"),
        url=outlets.link(kind, delivery.subject_id),
        why=gettext(
            "You are told of this by mail as you chose: %(where)s", where=outlets.address("/account/#telling")
        ),
    )


def _webhook(delivery: Delivery, enclosed: Enclosure | None) -> str:
    url, secret = hooks.opened(db.session.get_one(Webhook, delivery.webhook_id))
    body = json.dumps(_payload(delivery, enclosed)).encode()
    message = Message(f"msg_{delivery.id}", int(now().timestamp()), body)
    db.session.rollback()
    return str(outlets.gate().deliver(url, secret, message))


def _payload(delivery: Delivery, enclosed: Enclosure | None) -> dict[str, Any]:
    known = next((kind for kind in Kind if kind == delivery.kind), None)
    words = {
        "title": wording.title(known, delivery.facts) if known else "A test of this webhook",
        "text": wording.text(known, delivery.facts) if known else "",
        "url": outlets.link(delivery.kind, delivery.subject_id) or None,
    }
    facts = {"subject_id": str(delivery.subject_id or "") or None, "facts": delivery.facts}
    along = {"bundle": enclosed.plain} if enclosed else {}
    return {
        "version": VERSION,
        "type": delivery.kind,
        "timestamp": delivery.created_at.astimezone(UTC).isoformat(timespec="seconds"),
        "data": words | facts | along,
    }
