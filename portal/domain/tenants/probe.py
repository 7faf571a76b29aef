"""The probe: the smallest stack there is, made and deleted to see whether a credential can drive Heat.

It bears tags of its own, so nobody takes it for a VM's, and is deleted by the checkup that made it or, where
that ended badly, by the tenant's next one.
"""

import logging
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from portal.domain.store.db import db, now
from portal.domain.tenants import ways
from portal.domain.tenants.checks import Check, Examination, Tone, is_application_credential
from portal.domain.tenants.models import Checkup
from portal.openstack.cloud import Cloud
from portal.openstack.errors import NotAllowed, NotFound, OpenStackError, OverQuota, Unavailable
from portal.openstack.heat import Stack
from portal.translation import N_

logger = logging.getLogger(__name__)

NAME = N_("probe")
TAG = "portal-probe"
TEMPLATE = """\
heat_template_version: 2018-08-31
description: The portal's doctor sees whether its credential can drive Heat. It deletes this stack at once.
resources:
  nothing: {type: OS::Heat::None}
"""
# How long Heat may take to make nothing; and to show a stack whose create had no answer.
PATIENCE, SHOW_TIME = timedelta(seconds=120), timedelta(seconds=75)


def send(examination: Examination, checkup_id: UUID) -> tuple[str | None, Check | None]:
    """Asks Heat for the stack: its id, or what the refusal means."""
    try:
        stack_id = examination.cloud.heat.create(
            mark(checkup_id), TEMPLATE, {}, tags=(TAG, mark(checkup_id)), timeout_mins=5
        )
    except OpenStackError as error:
        return None, _refusal(examination, error)
    return stack_id, None


def look(examination: Examination, checkup: Checkup) -> Check | None:
    """What became of it; None: Heat is still at it, or doesn't show it yet."""
    waited = now() - (checkup.probe_sent_at or now())
    try:
        stack = find(examination.cloud, checkup)
    except OpenStackError as error:
        words = N_("Heat took the stack, and then didn't say what became of it. %(problem)s")
        silent = examination.check(NAME, Tone.WARN, words, ways.ENGINE, problem=error.message)
        return silent if waited > PATIENCE else None
    if stack and stack.is_complete:
        return examination.good(NAME, N_("Heat made a stack of nothing with it."))
    if stack and stack.has_failed:
        words = N_("Heat could not make nothing. %(problem)s")
        return examination.check(NAME, Tone.BAD, words, ways.ENGINE, problem=stack.reason)
    if stack is None and waited > SHOW_TIME:
        return examination.check(
            NAME, Tone.WARN, N_("Heat never showed the stack it was asked for."), ways.ENGINE
        )
    if waited > PATIENCE:
        words = N_("Heat took the stack, and didn't finish it within %(seconds)s s.")
        return examination.check(NAME, Tone.WARN, words, ways.ENGINE, seconds=PATIENCE.seconds)
    return None


def remove(cloud: Cloud, checkup: Checkup) -> bool:
    """Whether its stack is gone; asks for that where it isn't."""
    stack = find(cloud, checkup)
    if stack is None:
        # A create that had no answer may still show.
        lost = checkup.probe_stack_id is None and now() - (checkup.probe_sent_at or now()) < SHOW_TIME
        return not (lost and checkup.checks[-1]["request_id"] is None)
    if not stack.is_deleting:
        _delete(cloud, stack)
    return False


def sweep(cloud: Cloud, checkup: Checkup) -> None:
    """Deletes what earlier checkups of this portal left behind; another portal's probes aren't ours."""
    left = {stack.name: stack for stack in cloud.heat.by_tag(TAG) if not stack.is_deleted}
    if not left:
        return
    ended = select(Checkup.id).where(Checkup.finished_at.is_not(None), Checkup.id != checkup.id)
    for checkup_id in db.session.scalars(ended.where(Checkup.probe_sent_at.is_not(None))):
        if (stack := left.get(mark(checkup_id))) and mark(checkup_id) in stack.tags:
            _delete(cloud, stack)


def find(cloud: Cloud, checkup: Checkup) -> Stack | None:
    """The checkup's stack, as long as it is there."""
    found = [stack for stack in cloud.heat.by_tag(mark(checkup.id)) if not stack.is_deleted]
    return found[0] if found else None


def mark(checkup_id: UUID) -> str:
    """The name of its stack, which is also its tag."""
    return f"probe-{checkup_id}"


def _refusal(examination: Examination, error: OpenStackError) -> Check:
    if (
        isinstance(error, Unavailable)
        and error.kind == "RemoteError"
        and is_application_credential(examination.credential)
    ):
        # Heat's list answers, so its database is there: what is left is the trust that Keystone refuses.
        words = N_(
            "Heat answers 500 RemoteError at once: it makes a trust for every stack, and Keystone refuses "
            "trusts to application credentials."
        )
        return examination.check(NAME, Tone.BAD, words, ways.TRUSTS)
    if isinstance(error, NotAllowed):
        words, out = N_("Heat lets it make no stack. %(problem)s"), ways.NO_ROLE + ways.NOT_ALLOWED
        return examination.check(NAME, Tone.BAD, words, out, problem=error.message)
    if isinstance(error, OverQuota):
        words = N_("Heat has no room for one more stack. %(problem)s")
        return examination.check(NAME, Tone.WARN, words, ways.STACK_LIMIT, problem=error.message)
    words = N_("Heat made no stack with it. %(problem)s")
    return examination.check(NAME, Tone.BAD, words, ways.ENGINE, problem=error.message)


def _delete(cloud: Cloud, stack: Stack) -> None:
    try:
        cloud.heat.delete(stack.id, stack.name)
    except NotFound:
        logger.info("the probe's stack is gone already")
