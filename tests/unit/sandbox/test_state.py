"""The state on disk: what was answered is there after a restart, and virtual time with it."""

from pathlib import Path

import pytest

from portal.sandbox.app import create_sandbox
from portal.sandbox.settings import Settings
from portal.sandbox.state import World
from tests.unit.sandbox.conftest import NOON, Ada


def _settings(folder: Path, now: float = NOON) -> Settings:
    return Settings(state=folder, stack_seconds=10, clock=lambda: now)


def test_a_cloud_comes_back_as_it_was(tmp_path: Path) -> None:
    first = create_sandbox(_settings(tmp_path))
    ada = Ada(first)
    ada.launch()
    first.control.advance(10)
    outputs, events = ada.outputs(), ada.events()
    first.close()
    second = create_sandbox(_settings(tmp_path))
    back = Ada(second, token=ada.token, user_id=ada.user_id, project_id=ada.project_id)
    assert (back.status(), back.outputs(), back.events()) == ("CREATE_COMPLETE", outputs, events)
    second.close()


def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    first = create_sandbox(_settings(tmp_path))
    Ada(first).launch()
    # no close: as after a kill
    second = create_sandbox(_settings(tmp_path, NOON + 60))
    assert Ada(second).status() == "CREATE_COMPLETE"
    second.close()
    first.close()


def test_a_stack_goes_on_where_the_restart_found_it(tmp_path: Path) -> None:
    first = create_sandbox(_settings(tmp_path))
    Ada(first).launch()
    first.control.advance(5)
    first.close()
    second = create_sandbox(_settings(tmp_path))
    ada = Ada(second)
    assert ada.status() == "CREATE_IN_PROGRESS"
    second.control.advance(5)
    assert ada.status() == "CREATE_COMPLETE"
    second.close()


def test_a_reset_empties_the_disk_too(tmp_path: Path) -> None:
    first = create_sandbox(_settings(tmp_path))
    Ada(first).launch()
    first.control.configure(stack_seconds=99)
    first.control.reset()
    first.close()
    second = create_sandbox(_settings(tmp_path))
    assert second.control.stacks("tenant-a", deleted=True) == []
    assert second.control.state()["counts"].get("stack", 0) == 0
    Ada(second).launch()
    second.control.advance(10)
    assert Ada(second).status() == "CREATE_COMPLETE"
    second.close()


def test_ids_of_the_seed_are_the_same_in_every_cloud(tmp_path: Path) -> None:
    rows = []
    for name in ("one", "two"):
        sandbox = create_sandbox(_settings(tmp_path / name))
        rows.append([(i["id"], i["name"]) for i in sandbox.world.rows("image")])
        sandbox.close()
    assert rows[0] == rows[1]


def test_without_a_folder_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    world = World(Settings())
    world.put("flavor", {"id": "x"})
    world.save()
    world.close()
    assert list(tmp_path.iterdir()) == []


def test_the_control_names_what_it_does_not_know(tmp_path: Path) -> None:
    sandbox = create_sandbox(_settings(tmp_path))
    for call in (
        lambda: sandbox.control.stacks("nope"),
        lambda: sandbox.control.delete_server("nope"),
        lambda: sandbox.control.stick("nope"),
    ):
        with pytest.raises(KeyError):
            call()
    with pytest.raises(TypeError):
        sandbox.control.configure(nope=1)
    sandbox.close()
