"""Redis holds what may be lost: sealed, for a while; without it all goes on as if nothing were kept."""

import contextlib
import threading
import time
from collections.abc import Iterator

import pytest
from flask import Flask

from portal.domain.store import volatile


@pytest.fixture
def away(app: Flask) -> Iterator[None]:
    """Redis is gone."""
    kept = volatile.client()
    volatile.connect("unix:///nowhere/at/all")
    yield
    volatile._client[:] = [kept]


def test_what_is_kept_is_sealed_and_comes_back(app: Flask) -> None:
    volatile.keep("note", "MARKED-SECRET", seconds=60)
    stored = volatile.client().get("portal:note")
    assert isinstance(stored, bytes)
    assert b"MARKED" not in stored
    assert volatile.recall("note") == "MARKED-SECRET"


def test_what_is_kept_ends_by_itself(app: Flask) -> None:
    volatile.keep("short", "text", seconds=0.01)
    time.sleep(0.03)  # Redis ends it by its own time
    assert volatile.recall("short") is None


def test_what_is_forgotten_is_gone(app: Flask) -> None:
    volatile.keep("note", "text", seconds=60)
    volatile.forget("note")
    assert volatile.recall("note") is None


def test_a_value_moved_to_another_name_is_no_value(app: Flask) -> None:
    volatile.keep("mine", "text", seconds=60)
    volatile.client().copy("portal:mine", "portal:yours")
    volatile.client().set("portal:torn", b"not sealed at all")
    assert volatile.recall("yours") is None
    assert volatile.recall("torn") is None


def test_one_at_a_time_means_one_at_a_time(app: Flask) -> None:
    inside, most = list[int](), list[int]()

    def work() -> None:
        with volatile.one_at_a_time("door"):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]


def test_a_lock_whose_holder_is_stuck_holds_nobody_up_for_long(app: Flask) -> None:
    with volatile.one_at_a_time("door"), volatile.one_at_a_time("door", patience=0.05):
        pass
    with volatile.one_at_a_time("door", patience=0.05):
        pass


def test_a_lock_that_ended_meanwhile_is_let_go_quietly(app: Flask) -> None:
    with volatile.one_at_a_time("door", lease=0.02):
        time.sleep(0.04)  # Redis ends it by its own time
    with volatile.one_at_a_time("door"):
        pass


def test_one_leads_until_its_lease_ends(app: Flask) -> None:
    assert volatile.lead("clock", who="first", lease=30)
    assert not volatile.lead("clock", who="second", lease=30)
    assert volatile.lead("clock", who="first", lease=0.02)
    time.sleep(0.04)  # Redis ends it by its own time
    assert volatile.lead("clock", who="second", lease=30)
    assert not volatile.lead("clock", who="first", lease=30)


def test_beats_say_who_lives_and_since_when(app: Flask) -> None:
    assert volatile.beats("") == {}
    for who in ("worker:vms-1", "worker:vms-2", "clock"):
        volatile.beat(who)
    assert volatile.beats("worker:").keys() == {"worker:vms-1", "worker:vms-2"}
    assert 0 <= volatile.beats("clock")["clock"] < 5


@pytest.mark.usefixtures("away")
def test_without_redis_nothing_is_kept_and_nothing_fails() -> None:
    volatile.keep("note", "text", seconds=60)
    assert volatile.recall("note") is None
    volatile.forget("note")
    volatile.beat("clock")
    assert not volatile.lead("clock", who="me", lease=5)
    done = []
    with volatile.one_at_a_time("door"):
        done.append("went on")
    assert done


@pytest.mark.usefixtures("away")
def test_without_redis_nobody_claims_to_know_who_lives() -> None:
    with pytest.raises(ConnectionError):
        volatile.beats("worker:")


def test_what_goes_wrong_inside_a_lock_is_not_swallowed(app: Flask) -> None:
    with pytest.raises(KeyError), volatile.one_at_a_time("door"):
        raise KeyError
    with volatile.one_at_a_time("door", patience=0.05):
        pass


def place(*, limit: int = 2, lease: float = 30) -> contextlib.AbstractContextManager[bool]:
    return volatile.slot("cloud", limit=limit, lease=lease)


def test_places_are_few_and_come_back(app: Flask) -> None:
    with place() as first, place() as second, place() as third:
        assert (first, second, third) == (True, True, False)
    with place(limit=1) as again:
        assert again


def test_a_place_that_ended_is_not_taken_from_whoever_has_it_now(app: Flask) -> None:
    with place(limit=1, lease=0.02):
        time.sleep(0.04)  # Redis ends it by its own time
        keeper = contextlib.ExitStack()
        assert keeper.enter_context(place(limit=1))
    with place(limit=1) as mine:
        assert not mine
    keeper.close()


def test_the_places_of_the_dead_are_free_at_once_and_those_of_others_stay(app: Flask) -> None:
    dead, alive = contextlib.ExitStack(), contextlib.ExitStack()
    for name, holder in (("worker-1", dead), ("worker-10", alive)):
        volatile.hold_as(name)
        assert holder.enter_context(place())
    volatile.vacate("worker-1")
    with (
        place() as free,
        place() as third,
    ):
        assert (free, third) == (True, False)
    alive.close()
    dead.close()


@pytest.mark.usefixtures("away")
def test_without_redis_everybody_gets_a_place() -> None:
    with (
        place(limit=1) as first,
        place(limit=1) as second,
    ):
        assert first
        assert second
    volatile.vacate("worker-1")
