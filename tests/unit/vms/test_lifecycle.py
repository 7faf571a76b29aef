"""The table of the life of a VM: whole, reachable, and with a pace for every state that lives."""

from datetime import timedelta

import pytest

from portal.domain.vms import lifecycle
from portal.domain.vms.lifecycle import ASKED_BY_PEOPLE, FIRST, LAST, MOVES, WORKING, Event, State


def test_every_state_is_reached_and_every_event_is_used() -> None:
    reached = {FIRST}
    while more := {new for (old, _), new in MOVES.items() if old in reached} - reached:
        reached |= more
    assert reached == set(State)
    assert {event for _, event in MOVES} == set(Event)


def test_every_state_but_the_last_leads_to_it() -> None:
    ends = {LAST}
    while more := {old for (old, _), new in MOVES.items() if new in ends} - ends:
        ends |= more
    assert ends == set(State)
    assert not [old for old, _ in MOVES if old is LAST]


def test_people_may_delete_in_every_state_before_deletion() -> None:
    deletable = {old for old, event in MOVES if event is Event.DELETE}
    assert deletable == set(State) - {State.DELETING, State.DELETED}
    assert {Event.DELETE, Event.RETRY} == ASKED_BY_PEOPLE


@pytest.mark.parametrize("state", [state for state in State if state is not LAST])
def test_a_living_vm_is_always_looked_at_again_and_less_often_as_it_ages(state: State) -> None:
    paces = [lifecycle.pace(state, timedelta(seconds=age)) for age in (0, 120, 900, 10**6)]
    assert None not in paces
    assert paces == sorted(paces)  # type: ignore[type-var]  # none of them is None


def test_a_deleted_vm_is_never_looked_at_again() -> None:
    assert lifecycle.pace(LAST, timedelta()) is None


def test_only_working_states_have_patience() -> None:
    assert set(lifecycle.PATIENCE) < WORKING


def test_the_diagram_shows_every_move() -> None:
    drawn = lifecycle.diagram()
    for (old, event), new in MOVES.items():
        assert f"{old.name} --> {new.name}: {event.value}" in drawn
