"""What RQ runs: each job is an app context and one call of the domain. `python -m portal.worker [queue]`"""

import importlib
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable
from functools import cache
from typing import Any
from uuid import UUID

import redis
import rq
from flask import Flask
from rq.exceptions import AbandonedJobError
from rq.job import Job
from rq.serializers import JSONSerializer
from sqlalchemy.exc import SQLAlchemyError

from portal import log
from portal.app import create_app, warm_up
from portal.cli.processes import die_with_parent
from portal.domain.catalog import catalog
from portal.domain.store import keyring, verification, volatile, wake
from portal.domain.store.db import db
from portal.domain.tenants import doctor as doctoring
from portal.domain.vms import changing, delivering, ladder, leases, polling, provisioning, removals, screens
from portal.domain.vms import handover as handovers
from portal.domain.vms import power as powers
from portal.domain.vms import reconcile as reconciling

logger = logging.getLogger(__name__)

DEQUEUE_SECONDS = 5
MONITORING_SECONDS = 5
CLEANING_SECONDS = 10
BEAT_SECONDS = 30.0


class Worker(rq.Worker):
    """One queue, one job at a time in a forked child; a dead worker is soon noticed by the others."""

    def __init__(self, queue: str, connection: "redis.Redis") -> None:
        # Random, since a container restarted under the same name and process id must not meet itself.
        name = f"{queue}-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        super().__init__(
            # Two queues in one worker: a job popped when it dies is lost for good.
            [queue],
            name=name,
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=DEQUEUE_SECONDS + 15,  # RQ waits 15 s less than this for a job
            job_monitoring_interval=MONITORING_SECONDS,
            maintenance_interval=CLEANING_SECONDS,
            log_job_description=False,
            work_horse_killed_handler=_left_behind,
            exception_handlers=[_abandoned],
        )
        volatile.hold_as(name)

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        """Seconds after which a job whose worker was killed counts as abandoned. RQ's own are 60 more."""
        return MONITORING_SECONDS + 10

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Tells RQ, and the portal's own readiness page."""
        super().heartbeat(timeout, pipeline)
        volatile.beat(f"worker:{self.name}", ttl=BEAT_SECONDS)

    def main_work_horse(self, job: Job, queue: rq.Queue) -> None:
        """In the forked child: it ends with the worker, and leaves the worker's connections alone."""
        die_with_parent(signal.SIGKILL, self.pid or 0)
        with app().app_context():
            db.engine.dispose(close=False)
        super().main_work_horse(job, queue)


def _left_behind(job: Job, *_: object) -> None:
    """The process of this job was killed: what it held is free before the leases end."""
    what = str(job.func_name).rpartition(".")[2]
    release = {
        "step": provisioning.release,
        "poll": polling.release,
        "poll_in_turn": polling.release,
        "settle": ladder.release,
        "change": changing.release,
    }.get(what)
    try:
        with app().app_context():
            volatile.vacate(str(job.worker_name))
            if release:
                for subject in job.args[0] if what == "poll_in_turn" else [job.args[0]]:
                    release(UUID(subject))
    except SQLAlchemyError as error:
        logger.warning("the leases will end by themselves: %s", type(error).__name__)


def _abandoned(job: Job, kind: type[BaseException], *_: object) -> bool:
    """RQ tells of each job that failed; True: others may be told too."""
    if issubclass(kind, AbandonedJobError):
        _left_behind(job)
    return True


@cache
def app() -> Flask:
    """The portal, made once in the worker; its forked children share it."""
    return create_app()


def step(vm_id: str, request_id: str | None = None) -> None:
    """Takes the next step of a VM."""
    _do("step", provisioning.step, vm_id, request_id)


def poll(tenant_id: str, request_id: str | None = None) -> None:
    """Asks a tenant's cloud about its VMs."""
    _do("poll", polling.poll, tenant_id, request_id)


def poll_in_turn(tenant_ids: list[str], request_id: str | None = None) -> None:
    """Asks the clouds of some tenants whose VMs rest. Where one fails, the clock finds the others again."""
    for tenant_id in tenant_ids:
        _do("poll", polling.poll, tenant_id, request_id)


def power(vm_id: str, request_id: str | None = None) -> None:
    """Starts, stops or reboots a VM as it was asked."""
    _do("power", powers.step, vm_id, request_id)


def console(vm_id: str, request_id: str | None = None) -> None:
    """Fetches a VM's console output."""
    _do("console", powers.fetch_console, vm_id, request_id)


def refresh(tenant_id: str, request_id: str | None = None) -> None:
    """Looks what a tenant's cloud offers."""
    _do("refresh", catalog.refresh, tenant_id, request_id)


def reconcile(tenant_id: str, request_id: str | None = None) -> None:
    """Compares a tenant's stacks with its VMs."""
    _do("reconcile", reconciling.sweep, tenant_id, request_id)


def doctor(credential_id: str, request_id: str | None = None) -> None:
    """Examines a credential, or goes on with that."""
    _do("doctor", doctoring.examine, credential_id, request_id)


def handover(credential_id: str, request_id: str | None = None) -> None:
    """Revokes a credential whose work has ended."""
    _do("handover", handovers.step, credential_id, request_id)


def verify(check_id: str, request_id: str | None = None) -> None:
    """Goes on verifying the audit."""
    _do("verify", verification.go_on, check_id, request_id)


def deliver(delivery_id: str, request_id: str | None = None) -> None:
    """Tries to deliver a letter or a message to a webhook."""
    _do("deliver", delivering.step, delivery_id, request_id)


def resume(tenant_id: str, request_id: str | None = None) -> None:
    """Goes on with what waited for a credential."""
    _do("resume", handovers.resume, tenant_id, request_id)


def settle(finding_id: str, request_id: str | None = None) -> None:
    """Goes on with what an admin asked about a finding."""
    _do("settle", ladder.step, finding_id, request_id)


def change(change_id: str, request_id: str | None = None) -> None:
    """Goes on with a change of a VM."""
    _do("change", changing.step, change_id, request_id)


def screen(vm_id: str, request_id: str | None = None) -> None:
    """Fetches the address of a VM's graphical console."""
    _do("screen", screens.fetch, vm_id, request_id)


def removal(vm_id: str, request_id: str | None = None) -> None:
    """Begins a deletion that was planned."""
    _do("removal", removals.step, vm_id, request_id)


def lease(vm_id: str, request_id: str | None = None) -> None:
    """Tells of a lease that ends, or ends it."""
    _do("lease", leases.step, vm_id, request_id)


def _do(job: str, call: Callable[[UUID], object], subject: str, request_id: str | None) -> None:
    with app().app_context(), log.context(request_id=request_id):
        wake.taken(job, subject)
        call(UUID(subject))


def main(queue: str) -> None:
    """Works until it is asked to stop; then ends the job at hand first."""
    with app().app_context():
        keyring.tell()
        worker = Worker(queue, volatile.client())
        db.session.remove()  # an open transaction would keep PostgreSQL from tidying up
        warm_up()
        logger.info("worker %s is up", worker.name)
        worker.work()


if __name__ == "__main__":
    # RQ finds the jobs by this module's name: the app has to be made in that one, not in a second copy.
    importlib.import_module("portal.worker").main(sys.argv[1] if len(sys.argv) > 1 else wake.VMS)
