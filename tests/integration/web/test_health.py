"""Health as machines ask for it."""

import pytest
from sqlalchemy.exc import OperationalError

from portal.domain.store import volatile
from portal.domain.store.db import db
from tests.support.page import Page


def beat() -> None:
    for who in ("worker:vms-host-1", "worker:chores-host-2", "clock"):
        volatile.beat(who)


def test_the_process_answers(page: Page) -> None:
    answer = page.get("/healthz")
    assert (answer.status, answer.json) == (200, {"status": "alive"})


def test_ready_when_everything_is_there(page: Page) -> None:
    beat()
    answer = page.get("/readyz")
    assert answer.status == 200
    assert answer.json["status"] == "ready"
    assert all(answer.json[part]["well"] for part in ("database", "redis", "worker", "clock"))


def test_not_ready_without_clock_and_workers(page: Page) -> None:
    answer = page.get("/readyz")
    assert answer.status == 503
    assert answer.json["worker"]["detail"] == "none for vms and chores"
    assert answer.json["clock"] == {"well": False, "detail": "not seen"}


def test_one_queue_without_a_worker_is_named(page: Page) -> None:
    beat()
    volatile.client().delete("portal:beat:worker:chores-host-2")
    assert page.get("/readyz").json["worker"] == {"well": False, "detail": "none for chores"}


def test_redis_away_is_told(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volatile, "_client", [])
    volatile.connect("redis://127.0.0.1:9")
    answer = page.get("/readyz")
    assert answer.status == 503
    assert answer.json["redis"]["well"] is False
    assert answer.json["database"]["well"] is True


def test_the_database_away_is_told(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_args: object) -> None:
        raise OperationalError("SELECT 1", {}, ConnectionRefusedError())

    monkeypatch.setattr(db.session, "execute", away)
    answer = page.get("/readyz")
    assert answer.status == 503
    assert answer.json["database"] == {"well": False, "detail": "OperationalError"}
