"""Heat: the life of a stack, from its making to what is left when it is gone; and its server's in between."""

import re
from typing import Any

from tests.contract.asking import Asker, Person
from tests.contract.questions import servers

NONE = {
    "heat_template_version": "2018-08-31",
    "resources": {"one": {"type": "OS::Heat::None"}, "two": {"type": "OS::Heat::None", "depends_on": "one"}},
}


def put(asker: Asker) -> None:
    """Ask about a stack with a server, then about stacks that fail."""
    body = asker.stack("life")
    made = asker.ask("create", "POST", "orchestration /stacks", json=body)
    path = f"/stacks/{body['stack_name']}/{made.json()['stack']['id']}"
    try:
        asker.ask("show while creating", "GET", f"orchestration {path}")
        asker.ask("create with a taken name", "POST", "orchestration /stacks", json=body)
        asker.settled(path)
        _shows(asker, body["stack_name"], path)
        _events(asker, path)
        _resources(asker, path)
        _foreign(asker, body["stack_name"], path)
        _lists(asker, path)
        _actions(asker, path)
        server = _output(asker, path, "server_id")
        servers.put(asker, server)
        servers.put_holds(asker, server)
    finally:
        asker.settled(path)
        _end(asker, body, path)
    _failures(asker)
    _behind_heats_back(asker)
    _deleted_while_creating(asker)


def _output(asker: Asker, path: str, key: str) -> str:
    answer = asker.send("GET", f"orchestration {path}/outputs/{key}")
    return str(answer.json()["output"]["output_value"])


def _shows(asker: Asker, name: str, path: str) -> None:
    key = path.rpartition("/")[2]
    asker.ask("show by name", "GET", f"orchestration /stacks/{name}")
    asker.ask("show by id", "GET", f"orchestration /stacks/{key}")
    asker.ask("show by name and id", "GET", f"orchestration {path}")
    asker.ask("show without outputs", "GET", f"orchestration {path}?resolve_outputs=False")
    asker.ask("show an unknown name", "GET", "orchestration /stacks/no-such-stack")
    asker.ask("show an unknown id", "GET", f"orchestration /stacks/{_NOBODY}")
    asker.ask("show an unknown name and id", "GET", f"orchestration /stacks/nope/{_NOBODY}")
    asker.ask("show by a wrong name and the id", "GET", f"orchestration /stacks/nope/{key}")
    asker.ask("outputs", "GET", f"orchestration {path}/outputs")
    asker.ask("an output", "GET", f"orchestration {path}/outputs/private_ip")
    asker.ask("an unknown output", "GET", f"orchestration {path}/outputs/nope")
    asker.ask("template", "GET", f"orchestration {path}/template")
    asker.ask("environment", "GET", f"orchestration {path}/environment")
    asker.ask("resources by name alone", "GET", f"orchestration /stacks/{name}/resources")
    asker.ask("events by name alone", "GET", f"orchestration /stacks/{name}/events?limit=2")


_NOBODY = "2a6f3a3e-5d0c-4a51-8f0a-6f1f5a2b7c11"


def _events(asker: Asker, path: str) -> None:
    every = asker.ask("events", "GET", f"orchestration {path}/events").json()["events"]
    marker = every[2]["id"]
    for question, query in {
        "two events": "limit=2",
        "events after one": f"limit=2&marker={marker}",
        "events after an unknown one": f"marker={_NOBODY}",
        "no events": "limit=0",
        "events limited in words": "limit=abc",
        "events filtered": "resource_status=COMPLETE&resource_action=CREATE",
        "events of all levels": "nested_depth=2&limit=1",
    }.items():
        asker.ask(question, "GET", f"orchestration {path}/events?{query}")
    oldest = asker.send("GET", f"orchestration {path}/events?sort_dir=asc").json()["events"]
    asker.answers["events oldest first"] = [event["id"] for event in oldest] == [
        e["id"] for e in reversed(every)
    ]
    after = asker.send("GET", f"orchestration {path}/events?sort_dir=asc&marker={oldest[-2]['id']}").json()[
        "events"
    ]
    asker.answers["the newest event by marker"] = [event["id"] for event in after] == [oldest[-1]["id"]]
    story = [(e["resource_name"].replace(asker.run, "run"), e["resource_status"]) for e in oldest]
    asker.answers["which events"] = sorted(map(list, story))
    asker.ask("events of the server", "GET", f"orchestration {path}/resources/server/events")


def _resources(asker: Asker, path: str) -> None:
    asker.ask("resources", "GET", f"orchestration {path}/resources")
    for name in ("sg", "port", "fip"):
        asker.ask(f"resource {name}", "GET", f"orchestration {path}/resources/{name}")
    asker.ask("resource server", "GET", f"orchestration {path}/resources/server", free="hostId")
    asker.ask("an unknown resource", "GET", f"orchestration {path}/resources/nope")


def _foreign(asker: Asker, name: str, path: str) -> None:
    ben = asker.ben
    asker.ask("somebody else's stack", "GET", f"orchestration {path}", by=ben)
    asker.ask("somebody else's stack by name", "GET", f"orchestration /stacks/{name}", by=ben)
    asker.ask("delete somebody else's stack", "DELETE", f"orchestration {path}", by=ben)
    asker.ask("a reader looks", "GET", f"orchestration {path}?resolve_outputs=False", by=asker.reader)
    asker.ask("a reader deletes", "DELETE", f"orchestration {path}", by=asker.reader)
    body = {"stack_name": asker.name("no"), "template": NONE}
    asker.ask("a reader creates", "POST", "orchestration /stacks", by=asker.reader, json=body)
    inside = Person(ben.token, ben.user_id, ben.project_id, asker.ada.roots)
    asker.ask("the wrong project in the path", "GET", "orchestration /stacks", by=inside)
    asker.ask("all projects' stacks", "GET", "orchestration /stacks?global_tenant=True")
    asker.ask("heat's services", "GET", "orchestration /services")


def _lists(asker: Asker, path: str) -> None:
    """Lists, with a second stack beside the first; names and ids are counted, not shown."""
    body = asker.stack("second", template=NONE, parameters={})
    made = asker.ask("create a small stack", "POST", "orchestration /stacks", json=body)
    second = f"/stacks/{body['stack_name']}/{made.json()['stack']['id']}"
    one, two = path.rpartition("/")[2], second.rpartition("/")[2]
    tags = f"tags={asker.run}"
    try:
        asker.settled(second)
        asker.ask("list by tag", "GET", f"orchestration /stacks?{tags}")
        asker.ask("first page", "GET", f"orchestration /stacks?{tags}&limit=1")
        asker.ask("second page", "GET", f"orchestration /stacks?{tags}&limit=1&marker={two}")
        asker.ask("page after the last", "GET", f"orchestration /stacks?{tags}&limit=1&marker={one}")
        asker.ask("negative limit", "GET", "orchestration /stacks?limit=-1")
        asker.ask("limit of nothing", "GET", "orchestration /stacks?limit=0")
        asker.ask("with a count", "GET", f"orchestration /stacks?{tags}&with_count=True")
        for question, query in {
            "tags, all": f"{tags},second",
            "tags, none has both": "tags=life,second",
            "tags_any": f"tags_any={asker.name('no')},{asker.run}",
            "tags-any is ignored": f"tags-any=nope&{tags}",
            "not_tags": f"{tags}&not_tags=second",
            "not_tags of both": f"{tags}&not_tags={asker.run},second",
            "not_tags_any": f"{tags}&not_tags_any=second,nope",
            "two ids": f"id={one}&id={two}",
            "ids joined by commas": f"id={one},{two}",
            "an unknown id": f"id={_NOBODY}",
            "an empty id": f"id=&{tags}",
            "ids and status": f"id={one}&id={two}&status=CREATE_COMPLETE",
            "ids and status in short": f"id={one}&id={two}&status=COMPLETE",
            "ids and bogus status": f"id={one}&id={two}&status=BOGUS",
            "ids and action": f"id={one}&id={two}&action=CREATE",
            "ids and username": f"id={one}&id={two}&username=user-a",
            "ids and another's username": f"id={one}&id={two}&username=user-b",
            "tags and ids": f"{tags}&id={one}",
            "tags and name": f"{tags}&name={asker.name('life')}",
            "name": f"name={asker.name('life')}",
            "stack_name": f"stack_name={asker.name('life')}",
            "tags and status": f"{tags}&status=CREATE_COMPLETE",
            "tags and action": f"{tags}&action=CREATE",
            "tags and username": f"{tags}&username=user-a",
            "bogus parameter": f"{tags}&bogus=1",
            "bogus marker": f"{tags}&marker=bogus",
            "bogus sort key": f"{tags}&sort_keys=bogus",
            "oldest first": f"{tags}&sort_keys=created_at&sort_dir=asc",
            "by name": f"{tags}&sort_keys=name&sort_dir=asc",
        }.items():
            found = asker.send("GET", f"orchestration /stacks?{query}").json()
            names = [stack["stack_name"].replace(asker.run, "run") for stack in found.get("stacks", [])]
            asker.answers[f"list: {question}"] = names if "stacks" in found else found["error"]
    finally:
        asker.gone(second)
    shown = asker.send("GET", f"orchestration /stacks?{tags}&show_deleted=True").json()["stacks"]
    asker.answers["list: with the deleted"] = sorted(
        [stack["stack_name"].replace(asker.run, "run"), stack["stack_status"]] for stack in shown
    )


def _actions(asker: Asker, path: str) -> None:
    actions = f"orchestration {path}/actions"
    asker.ask("an unknown action", "POST", actions, json={"nope": None})
    asker.ask("cancel an update that isn't", "POST", actions, json={"cancel_update": None})
    for action in ("check", "suspend", "resume"):
        asker.ask(action, "POST", actions, json={action: None})
        asker.settled(path)
        asker.ask(f"show after {action}", "GET", f"orchestration {path}")


def _end(asker: Asker, body: dict[str, Any], path: str) -> None:
    name, key = body["stack_name"], path.rpartition("/")[2]
    asker.ask("delete", "DELETE", f"orchestration {path}")
    asker.until("the delete to begin", lambda: asker.state(path)["stack_status"] != "RESUME_COMPLETE")
    asker.ask("show while deleting", "GET", f"orchestration {path}")
    asker.ask("delete while deleting", "DELETE", f"orchestration {path}")
    asker.gone(path)
    asker.until(
        "the name to be free", lambda: asker.send("GET", f"orchestration /stacks/{name}").status_code == 404
    )
    asker.ask("show by name and id after delete", "GET", f"orchestration {path}")
    asker.ask("show by id after delete", "GET", f"orchestration /stacks/{key}")
    asker.ask("show by name after delete", "GET", f"orchestration /stacks/{name}")
    asker.ask("resources after delete", "GET", f"orchestration {path}/resources")
    asker.ask("events after delete", "GET", f"orchestration {path}/events?limit=1")
    asker.ask("delete after delete", "DELETE", f"orchestration {path}")
    asker.ask("delete by name after delete", "DELETE", f"orchestration /stacks/{name}")
    asker.ask("delete an unknown stack", "DELETE", f"orchestration /stacks/{_NOBODY}")
    small = asker.stack("life", template=NONE, parameters={}, tags=asker.name("again"))
    again = asker.ask("create with the name of a deleted one", "POST", "orchestration /stacks", json=small)
    second = f"/stacks/{name}/{again.json()['stack']['id']}"
    asker.settled(second)
    asker.ask("delete by name alone", "DELETE", f"orchestration /stacks/{name}")
    asker.gone(second)


def _failures(asker: Asker) -> None:
    """Two stacks that fail in Nova: over the quota, and on no host."""
    for word, flavor in (("quota", "x1.toolarge"), ("nohost", "g1.vgpu")):
        body = asker.stack(word)
        body["parameters"]["flavor"] = flavor
        made = asker.ask(f"create, {word}", "POST", "orchestration /stacks", json=body)
        path = f"/stacks/{body['stack_name']}/{made.json()['stack']['id']}"
        try:
            state = asker.settled(path)
            reason = asker.plain(state["stack_status_reason"])
            asker.answers[f"failed, {word}"] = [state["stack_status"], _without_numbers(reason)]
            failed = asker.send("GET", f"orchestration {path}/resources/server").json()["resource"]
            words = _without_numbers(asker.plain(failed["resource_status_reason"]))
            asker.answers[f"failed resource, {word}"] = [failed["resource_status"], words]
        finally:
            asker.gone(path)


def _without_numbers(text: str) -> str:
    """A quota's numbers differ from cloud to cloud."""
    head, used, tail = text.partition("but already used")
    return head + used + re.sub(r"\d+", "#", tail)


def _behind_heats_back(asker: Asker) -> None:
    body = asker.stack("gone")
    body["parameters"]["public"] = False
    made = asker.send("POST", "orchestration /stacks", json=body)
    path = f"/stacks/{body['stack_name']}/{made.json()['stack']['id']}"
    try:
        asker.settled(path)
        asker.ask("outputs without a floating IP", "GET", f"orchestration {path}")
        server = _output(asker, path, "server_id")
        asker.ask("delete a server", "DELETE", f"compute /servers/{server}")
        asker.until(
            "the server to go", lambda: asker.send("GET", f"compute /servers/{server}").status_code == 404
        )
        history = f"compute /servers/{server}/os-instance-actions"
        asker.ask("history of a deleted server", "GET", history, headers=servers.USED)
        asker.ask("history of a deleted server, old", "GET", history)
        asker.ask("stack whose server is gone", "GET", f"orchestration {path}")
        asker.send("POST", f"orchestration {path}/actions", json={"check": None})
        asker.settled(path)
        asker.ask("stack whose server is gone, checked", "GET", f"orchestration {path}")
    finally:
        asker.gone(path)


def _deleted_while_creating(asker: Asker) -> None:
    body = asker.stack("haste")
    made = asker.send("POST", "orchestration /stacks", json=body)
    path = f"/stacks/{body['stack_name']}/{made.json()['stack']['id']}"
    asker.ask("delete while creating", "DELETE", f"orchestration {path}")
    asker.gone(path)
