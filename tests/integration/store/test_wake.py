"""Wakes: ids on the queue, once while they wait, and nothing lost when Redis is."""

import json
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
import redis
from flask import Flask
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from portal import log, worker
from portal.domain.store import volatile, wake

KINDS = [
    (wake.vm, wake.VMS, "step"),
    (wake.tenant, wake.VMS, "poll"),
    (wake.power, wake.VMS, "power"),
    (wake.console, wake.CHORES, "console"),
    (wake.catalog, wake.CHORES, "refresh"),
    (wake.reconcile, wake.CHORES, "reconcile"),
    (wake.doctor, wake.CHORES, "doctor"),
    (wake.handover, wake.CHORES, "handover"),
    (wake.resume, wake.VMS, "resume"),
]
Wake = Callable[[UUID], None]


def jobs(queue: str) -> list[Job]:
    return Queue(queue, connection=volatile.client(), serializer=JSONSerializer).jobs


def test_the_backlog_is_what_waits_about_vms(app: Flask) -> None:
    wake.vm(uuid4())
    wake.console(uuid4())
    assert wake.backlog() == 1


@pytest.mark.parametrize(("put", "queue", "job"), KINDS)
def test_a_wake_is_a_job_with_an_id_and_the_request_it_came_from(
    put: Wake, queue: str, job: str, app: Flask
) -> None:
    subject = uuid4()
    with log.context(request_id="r-1"):
        put(subject)
    [queued] = jobs(queue)
    assert (queued.func_name, queued.args) == (f"portal.worker.{job}", [str(subject), "r-1"])
    assert callable(getattr(worker, job))
    assert json.loads(json.dumps(queued.args)) == queued.args


def test_what_waits_already_is_not_put_there_again(app: Flask) -> None:
    subject = uuid4()
    wake.vm(subject)
    wake.vm(subject)
    wake.tenant(subject)
    assert wake.waiting() == {wake.VMS: 2, wake.CHORES: 0}


def test_what_is_asked_while_a_worker_is_at_it_is_a_job_of_its_own(app: Flask) -> None:
    subject = uuid4()
    wake.vm(subject)
    wake.taken("step", str(subject))
    wake.vm(subject)
    assert wake.waiting()[wake.VMS] == 2


def test_the_marker_of_a_lost_job_ends_by_itself(app: Flask) -> None:
    wake.vm(uuid4())
    [marker] = volatile.client().scan_iter("portal:queued:*")
    assert 0 < volatile.client().ttl(marker) <= wake.MARKED_SECONDS


def test_a_redis_that_goes_between_the_marker_and_the_job_fails_nobody(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def go(*_: object, **__: object) -> None:
        raise redis.exceptions.ConnectionError

    with monkeypatch.context() as away:
        away.setattr(Queue, "enqueue_call", go)
        wake.vm(uuid4())
    assert wake.backlog() == 0


def test_without_redis_a_wake_is_lost_and_nobody_fails(app: Flask) -> None:
    kept = volatile.client()
    volatile.connect("unix:///nowhere/at/all")
    try:
        wake.vm(uuid4())
        wake.taken("step", str(uuid4()))
        assert wake.backlog() == 0
        for ask in (wake.waiting, wake.failed):
            with pytest.raises(ConnectionError):
                ask()
    finally:
        volatile._client[:] = [kept]
    assert wake.waiting() == wake.failed() == {wake.VMS: 0, wake.CHORES: 0}
