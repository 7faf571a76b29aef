"""Sending: the one try of a claimed delivery, as a letter or as a signed message."""

import json
from datetime import UTC
from functools import partial
from typing import Any
from uuid import UUID

from portal import translation
from portal.domain.people import accounts, deliveries, hooks, outlets, wording
from portal.domain.people.models import Channel, Delivery, Kind, Webhook
from portal.domain.store import vault
from portal.domain.store.db import db, now
from portal.domain.store.vault import Unsealable
from portal.post import Undelivered
from portal.post.mail import Letter
from portal.post.webhooks import Message
from portal.translation import N_, gettext

# What messages look like; receivers may rely on what stands in them as long as it is the same.
VERSION = 1


def step(delivery_id: UUID) -> None:
    """Tries it, if it is due and nobody else does."""
    delivery = deliveries.claim(delivery_id)
    if delivery is None:
        return
    try:
        outcome = _mail(delivery) if delivery.channel is Channel.MAIL else _webhook(delivery)
    except Unsealable:
        deliveries.failed(delivery, N_("What it needs is sealed by a lost key."), final=True, others=_none())
    except Undelivered as error:
        others = _same_way(delivery) if error.silent or delivery.webhook_id else _none()
        deliveries.failed(delivery, error.words, final=error.final, others=others)
    else:
        deliveries.done(delivery, outcome)


def _none() -> Any:
    return Delivery.id.is_(None)


def _same_way(delivery: Delivery) -> Any:
    """Whoever else would meet the same: to a webhook that fails, by a mail server that is away."""
    return (
        Delivery.webhook_id == delivery.webhook_id if delivery.webhook_id else Delivery.webhook_id.is_(None)
    )


def _mail(delivery: Delivery) -> str:
    office = outlets.office()
    if office is None:
        raise Undelivered(N_("The portal has no mail server."), silent=True)
    person = accounts.find(delivery.address or "")
    # Whoever has no account yet is written to as the one who invites them speaks.
    with translation.speaking(person.language if person else delivery.facts.get("language")):
        letter = _letter(delivery)
    db.session.rollback()  # nothing is held while somebody else's server thinks
    office.send(letter)
    return "sent"


def _letter(delivery: Delivery) -> Letter:
    letter = partial(
        Letter,
        str(delivery.id),
        delivery.address or "",
        delivery.created_at,
        language=translation.spoken(),
    )
    if delivery.sealed:
        url = vault.unseal(delivery.sealed, place=deliveries.place(delivery.id)).decode()
        return letter(**wording.of_link(delivery.kind, delivery.facts), url=url)
    kind = Kind(delivery.kind)
    return letter(
        title=wording.title(kind, delivery.facts),
        text=wording.text(kind, delivery.facts),
        click=gettext("Open it in the portal"),
        url=outlets.link(kind, delivery.subject_id),
        why=gettext(
            "You are told of this by mail as you chose: %(where)s", where=outlets.address("/account/#telling")
        ),
    )


def _webhook(delivery: Delivery) -> str:
    url, secret = hooks.opened(db.session.get_one(Webhook, delivery.webhook_id))
    message = Message(f"msg_{delivery.id}", int(now().timestamp()), json.dumps(_payload(delivery)).encode())
    db.session.rollback()
    return str(outlets.gate().deliver(url, secret, message))


def _payload(delivery: Delivery) -> dict[str, Any]:
    known = next((kind for kind in Kind if kind == delivery.kind), None)
    words = {
        "title": wording.title(known, delivery.facts) if known else "A test of this webhook",
        "text": wording.text(known, delivery.facts) if known else "",
        "url": outlets.link(delivery.kind, delivery.subject_id) or None,
    }
    return {
        "version": VERSION,
        "type": delivery.kind,
        "timestamp": delivery.created_at.astimezone(UTC).isoformat(timespec="seconds"),
        "data": {**words, "subject_id": str(delivery.subject_id or "") or None, "facts": delivery.facts},
    }
