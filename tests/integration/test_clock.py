"""The clock: queues what is due, once for all clocks there are, and goes on whatever happens."""

from typing import NoReturn

import pytest
from flask import Flask

from portal import clock as clocks
from portal.clock import Clock
from portal.domain.people.models import User
from portal.domain.store import volatile, wake
from portal.domain.tenants.models import Tenant
from tests.support.world import launch

LEASE = "portal:lease:clock"


@pytest.fixture
def due(ada: User, lab: Tenant) -> None:
    """A launch whose wake was lost with all that Redis held."""
    launch(ada, lab)
    volatile.client().flushdb()


@pytest.mark.usefixtures("due")
def test_a_tick_queues_what_is_due_and_shows_that_the_clock_lives(app: Flask) -> None:
    assert Clock(app).tick() >= 1
    assert wake.waiting()[wake.VMS] == 1
    assert volatile.beats("clock")


@pytest.mark.usefixtures("due")
def test_of_two_clocks_one_ticks_and_the_other_takes_over_when_it_is_gone(app: Flask) -> None:
    first, second = Clock(app), Clock(app)
    assert first.tick() >= 1
    assert second.tick() == 0
    assert 0 < volatile.client().pttl(LEASE) <= 1000 * clocks.LEASE_SECONDS
    volatile.client().delete(LEASE)  # as Redis does at its end
    assert second.tick() >= 1
    assert first.tick() == 0


def test_a_clock_that_dies_is_replaced_within_15_seconds() -> None:
    """Its lease ends, and no other clock that waits, or was failing, sleeps longer than the rest of that."""
    assert clocks.LEASE_SECONDS + clocks.LONGEST_PAUSE < 15


def test_without_redis_it_waits_and_goes_on(app: Flask, redis_url: str) -> None:
    clock = Clock(app)
    volatile.connect("unix:///nowhere/valkey.sock")
    try:
        assert clock.tick() == 0
    finally:
        volatile.connect(redis_url)
    clock.tick()
    assert volatile.beats("clock")


def test_a_failing_tick_makes_the_next_ones_later_and_never_the_last(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> NoReturn:
        raise OSError("the database is away")

    clock = Clock(app)
    with monkeypatch.context() as broken:
        broken.setattr("portal.domain.vms.polling.tick", fail)
        pauses = []
        for _ in range(9):
            assert clock.tick() == 0
            pauses.append(clock.pause)
    assert pauses[:3] == [1.0, 2.0, 4.0]
    assert pauses[-1] == clocks.LONGEST_PAUSE
    clock.tick()
    assert clock.pause == 0.5


def test_it_stops_when_it_is_asked_to(app: Flask) -> None:
    clock = Clock(app)
    clock.stopped.set()
    clock.run()
    assert not volatile.beats("clock")
