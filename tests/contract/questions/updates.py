"""Heat: what an update of a stack's parameters would do, and does."""

import re
from typing import Any

from tests.contract.asking import Asker

_PREVIEWED = {
    "another flavor": {"flavor": "m1.medium"},
    "the same flavor": {"flavor": "m1.small"},
    "no floating IP": {"public": False},
    "another name": {"name": "renamed"},
    "another image": {"image": "dummy-raw"},
    "other keys": {"keys": ["ssh-ed25519 AAAA"]},
    "a parameter it doesn't have": {"nope": "1"},
    "nothing": {},
}


def put(asker: Asker) -> None:
    """Preview and update a stack with a server and a floating IP."""
    body = asker.stack("update")
    made = asker.send("POST", "orchestration /stacks", json=body)
    path = f"/stacks/{body['stack_name']}/{made.json()['stack']['id']}"
    try:
        asker.settled(path)
        _previews(asker, path)
        _updates(asker, path)
    finally:
        asker.settled(path)
        asker.gone(path)
    given = {"parameters": {"flavor": "m1.small"}}
    asker.ask("update a deleted stack", "PATCH", f"orchestration {path}", json=given)
    asker.ask("preview a deleted stack", "PATCH", f"orchestration {path}/preview", json=given)


def _previews(asker: Asker, path: str) -> None:
    for words, given in _PREVIEWED.items():
        answer = asker.send("PATCH", f"orchestration {path}/preview", json={"parameters": given})
        changes = answer.json()["resource_changes"]
        asker.answers[f"preview: {words}"] = {
            fate: sorted(entry["resource_name"] for entry in entries) for fate, entries in changes.items()
        }
    asker.ask("preview", "PATCH", f"orchestration {path}/preview", json={"parameters": {}}, free="attributes")
    bad = {"parameters": {"flavor": "nope"}}
    asker.ask("preview a bad flavor", "PATCH", f"orchestration {path}/preview", json=bad)
    asker.ask("update to a bad flavor", "PATCH", f"orchestration {path}", json=bad)
    asker.ask("a reader previews", "PATCH", f"orchestration {path}/preview", by=asker.reader, json=bad)
    asker.ask("a reader updates", "PATCH", f"orchestration {path}", by=asker.reader, json=bad)


def _updates(asker: Asker, path: str) -> None:
    asker.ask("update", "PATCH", f"orchestration {path}", json={"parameters": {"flavor": "m1.medium"}})
    asker.ask("show while updating", "GET", f"orchestration {path}?resolve_outputs=False")
    asker.settled(path)
    asker.ask("show after the update", "GET", f"orchestration {path}?resolve_outputs=False")
    asker.answers["update: which events, another flavor"] = _told(asker, path)
    for words, given in {
        "the same flavor": {"flavor": "m1.medium"},
        "another name": {"name": asker.name("renamed")},
        "no floating IP": {"public": False},
        "a floating IP again": {"public": True},
        "a flavor beyond the quota": {"flavor": "x1.toolarge"},
        "the flavor before": {"flavor": "m1.medium"},
        "another image": {"image": "dummy-raw"},
    }.items():
        asker.send("PATCH", f"orchestration {path}", json={"parameters": given})
        state = asker.settled(path)
        asker.answers[f"update: {words}"] = [state["stack_status"], _plain(asker, state)]
        asker.answers[f"update: which events, {words}"] = _told(asker, path)
    server = asker.send("GET", f"orchestration {path}/resources/server").json()["resource"]
    asker.answers["update: the server after all"] = server["resource_status"]


def _told(asker: Asker, path: str) -> list[list[str]]:
    """What was told of since the update began, oldest first."""
    events = asker.send("GET", f"orchestration {path}/events?limit=20").json()["events"]
    story: list[list[str]] = []
    for event in events:
        story.insert(0, [event["resource_name"].replace(asker.run, "run"), event["resource_status"]])
        if story[0][1] == "UPDATE_IN_PROGRESS" and story[0][0].startswith("run-"):
            break
    return story


def _plain(asker: Asker, state: dict[str, Any]) -> str:
    head, used, tail = asker.plain(str(state["stack_status_reason"])).partition("Requested")
    return head + used + re.sub(r"\d+", "#", tail)
