"""The queue: puts ids on it after a commit. A wake may be lost; the clock finds what is due again."""

import logging
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import redis
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from portal import log
from portal.domain.store import volatile

logger = logging.getLogger(__name__)

VMS, CHORES = "vms", "chores"
JOB_SECONDS = 180
# A job lost with its worker keeps its subject off the queue for so long at most.
MARKED_SECONDS = 20


def vm(vm_id: UUID) -> None:
    """Somebody should take the next step of this VM."""
    _put(VMS, "step", vm_id)


def tenant(tenant_id: UUID) -> None:
    """Somebody should ask the tenant's cloud about its VMs."""
    _put(VMS, "poll", tenant_id)


def tenants(tenant_ids: Sequence[UUID]) -> None:
    """Somebody should ask these tenants' clouds one after the other: their VMs rest, there is no hurry."""
    if fresh := [str(each) for each in tenant_ids if _mark("poll", each)]:
        _enqueue(VMS, "poll_in_turn", fresh)


def power(vm_id: UUID) -> None:
    """Somebody should start, stop or reboot this VM as asked."""
    _put(VMS, "power", vm_id)


def change(change_id: UUID) -> None:
    """Somebody should go on with this change of a VM."""
    _put(VMS, "change", change_id)


def removal(vm_id: UUID) -> None:
    """Somebody should begin the deletion that was planned for this VM."""
    _put(VMS, "removal", vm_id)


def lease(vm_id: UUID) -> None:
    """Somebody should see what this VM's lease calls for."""
    _put(VMS, "lease", vm_id)


def console(vm_id: UUID) -> None:
    """Somebody should fetch this VM's console output."""
    _put(CHORES, "console", vm_id)


def screen(vm_id: UUID) -> None:
    """Somebody should fetch the address of this VM's graphical console."""
    _put(CHORES, "screen", vm_id)


def catalog(tenant_id: UUID) -> None:
    """Somebody should look what the tenant's cloud offers now."""
    _put(CHORES, "refresh", tenant_id)


def reconcile(tenant_id: UUID) -> None:
    """Somebody should compare the tenant's stacks with its VMs."""
    _put(CHORES, "reconcile", tenant_id)


def doctor(credential_id: UUID) -> None:
    """Somebody should examine this credential, or go on with it."""
    _put(CHORES, "doctor", credential_id)


def handover(credential_id: UUID) -> None:
    """Somebody should see whether this credential's last work has ended."""
    _put(CHORES, "handover", credential_id)


def resume(tenant_id: UUID) -> None:
    """Somebody should make due what waited for a credential of this tenant."""
    _put(VMS, "resume", tenant_id)


def finding(finding_id: UUID) -> None:
    """Somebody should go on with what was asked about this finding."""
    _put(VMS, "settle", finding_id)


def verify(check_id: UUID) -> None:
    """Somebody should go on with this verification of the audit."""
    _put(CHORES, "verify", check_id)


def delivery(delivery_id: UUID) -> None:
    """Somebody should try to deliver this letter or message."""
    _put(CHORES, "deliver", delivery_id)


def waiting() -> dict[str, int]:
    """How many jobs wait, by queue. Raises ConnectionError."""
    try:
        return {name: Queue(name, connection=volatile.client()).count for name in (VMS, CHORES)}
    except redis.exceptions.RedisError as error:
        raise ConnectionError("Redis does not answer.") from error


def backlog() -> int:
    """How many jobs about VMs wait; 0 while Redis is away."""
    try:
        return waiting()[VMS]
    except ConnectionError:
        return 0


def failed() -> dict[str, int]:
    """How many jobs failed lately, by queue. Raises ConnectionError."""
    try:
        return {
            name: Queue(name, connection=volatile.client()).failed_job_registry.count
            for name in (VMS, CHORES)
        }
    except redis.exceptions.RedisError as error:
        raise ConnectionError("Redis does not answer.") from error


def running_since(moment: datetime) -> int:
    """How many jobs that began before this moment still run. Raises ConnectionError."""
    try:
        return sum(_runs_since(Queue(name, connection=volatile.client()), moment) for name in (VMS, CHORES))
    except redis.exceptions.RedisError as error:
        raise ConnectionError("Redis does not answer.") from error


def taken(job: str, subject: str) -> None:
    """A worker begins with it: what is asked from now on is a job of its own."""
    try:
        volatile.client().delete(_marker(job, subject))
    except redis.exceptions.RedisError as error:
        logger.warning("Redis does not answer: %s", type(error).__name__)


def _put(queue: str, job: str, subject: UUID) -> None:
    """Never raises: what is asked is in the database already. Puts nothing there that waits there already."""
    if _mark(job, subject):
        _enqueue(queue, job, str(subject))


def _mark(job: str, subject: UUID) -> bool:
    """Whether it doesn't wait already; from now on it does."""
    try:
        return bool(volatile.client().set(_marker(job, str(subject)), 1, nx=True, ex=MARKED_SECONDS))
    except redis.exceptions.RedisError as error:
        logger.warning("not queued, the clock will: %s %s (%s)", job, subject, type(error).__name__)
        return False


def _enqueue(queue: str, job: str, subject: str | list[str]) -> None:
    try:
        Queue(queue, connection=volatile.client(), serializer=JSONSerializer).enqueue_call(
            f"portal.worker.{job}",
            args=(subject, log.current("request_id")),
            result_ttl=0,
            failure_ttl=86400,
            timeout=JOB_SECONDS,
        )
    except redis.exceptions.RedisError as error:
        logger.warning("not queued, the clock will: %s %s (%s)", job, subject, type(error).__name__)


def _runs_since(queue: Queue, moment: datetime) -> int:
    running = queue.started_job_registry.get_job_ids(cleanup=False)
    jobs = Job.fetch_many(running, volatile.client(), JSONSerializer)
    return sum(1 for job in jobs if job and job.started_at and job.started_at < moment)


def _marker(job: str, subject: str) -> str:
    return f"portal:queued:{job}:{subject}"
