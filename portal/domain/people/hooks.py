"""Webhooks: where a person, or a tenant through its owners, wants messages sent. One each."""

import json
from collections.abc import Sequence
from uuid import UUID, uuid4

from sqlalchemy import delete, select

from portal.domain.people import access, deliveries, outlets
from portal.domain.people.access import Permission
from portal.domain.people.models import Channel, Delivery, User, Webhook
from portal.domain.store import audit, vault
from portal.domain.store.db import db, transaction
from portal.domain.store.errors import NotFound, Refused
from portal.post import webhooks
from portal.translation import gettext

__all__ = ["TEST", "Webhook", "mine", "of_tenant", "opened", "put", "recent", "remove", "renew", "test"]

TEST = "portal.test"


def mine(person: User) -> Webhook | None:
    """The person's own webhook."""
    return db.session.scalar(select(Webhook).where(Webhook.user_id == person.id))


def of_tenant(tenant_id: UUID, *, for_: User) -> Webhook | None:
    """The tenant's webhook. Raises Forbidden."""
    access.require(for_, Permission.WEBHOOK_MANAGE, tenant_id)
    return db.session.scalar(select(Webhook).where(Webhook.tenant_id == tenant_id))


def put(url: str, *, by: User, tenant_id: UUID | None = None) -> tuple[Webhook, str]:
    """Has messages sent to this address; answers the new secret. Raises Forbidden, or Refused at `url`."""
    host = _checked(url)
    found = of_tenant(tenant_id, for_=by) if tenant_id else mine(by)
    owner = {"tenant_id": tenant_id} if tenant_id else {"user_id": by.id}
    secret = webhooks.new_secret()
    with transaction():
        hook = db.session.get_one(Webhook, found.id) if found else Webhook(id=uuid4(), **owner)
        hook.host, hook.sealed = host, _sealed(hook.id, url.strip(), secret)
        db.session.add(hook)
        audit.record("webhook.set", by=by, tenant_id=tenant_id, detail={"host": host})
    return hook, secret


def get(hook_id: UUID, *, for_: User) -> Webhook:
    """The webhook, if it is theirs to look after. Raises NotFound."""
    hook = db.session.get(Webhook, hook_id)
    if hook is None or not (
        access.allows(for_, Permission.WEBHOOK_MANAGE, hook.tenant_id)
        if hook.tenant_id
        else hook.user_id == for_.id
    ):
        raise NotFound(gettext("There is no such webhook."))
    return hook


def renew(hook_id: UUID, *, by: User) -> str:
    """Another secret, which holds at once. Raises NotFound."""
    hook, secret = get(hook_id, for_=by), webhooks.new_secret()
    with transaction():
        hook.sealed = _sealed(hook.id, opened(hook)[0], secret)
        audit.record("webhook.secret_renewed", by=by, tenant_id=hook.tenant_id, detail={"host": hook.host})
    return secret


def remove(hook_id: UUID, *, by: User) -> None:
    """Nothing is sent there any more. Raises NotFound."""
    hook = get(hook_id, for_=by)
    with transaction():
        db.session.execute(delete(Delivery).where(Delivery.webhook_id == hook.id))
        db.session.execute(delete(Webhook).where(Webhook.id == hook.id))
        audit.record("webhook.removed", by=by, tenant_id=hook.tenant_id, detail={"host": hook.host})


def test(hook_id: UUID, *, by: User) -> None:
    """Sends a message that says so. Raises NotFound."""
    hook = get(hook_id, for_=by)
    row = {"channel": Channel.WEBHOOK, "webhook_id": hook.id, "kind": TEST, "key": f"{TEST} {uuid4()}"}
    with transaction():
        deliveries.post([row | {"facts": {"who": by.name}}])


def recent(hook: Webhook | None) -> Sequence[Delivery]:
    """What was sent there lately, newest first."""
    return deliveries.recent(hook.id) if hook else []


def opened(hook: Webhook) -> tuple[str, str]:
    """(address, secret), for the sender only. Raises vault.Unsealable."""
    fields = json.loads(vault.unseal(hook.sealed, place=_place(hook.id)))
    return fields["url"], fields["secret"]


def _checked(url: str) -> str:
    try:
        return outlets.gate().host(url.strip())
    except webhooks.BadAddress as error:
        raise Refused(str(error), field="url") from None


def _sealed(hook_id: UUID, url: str, secret: str) -> bytes:
    return vault.seal(json.dumps({"url": url, "secret": secret}).encode(), place=_place(hook_id))


def _place(hook_id: UUID) -> str:
    return f"webhooks.sealed/{hook_id}"
