"""Nova: a server's power, console and history; flavors, limits and quotas."""

from tests.contract.asking import Asker

NEW = {"OpenStack-API-Version": "compute 2.100"}
# The version that the portal asks for.
USED = {"OpenStack-API-Version": "compute 2.61"}
_NOBODY = "2a6f3a3e-5d0c-4a51-8f0a-6f1f5a2b7c11"


def put(asker: Asker, server: str) -> None:
    """Ask about a running server, which will be running again at the end."""
    path = f"compute /servers/{server}"
    _shows(asker, path)
    _power(asker, path)
    _consoles(asker, path)
    asker.ask("server history", "GET", f"{path}/os-instance-actions")
    asker.ask("server history, new", "GET", f"{path}/os-instance-actions", headers=NEW)
    asker.ask("server history, 2.61", "GET", f"{path}/os-instance-actions", headers=USED)
    asker.ask("somebody else's server history", "GET", f"{path}/os-instance-actions", by=asker.ben)
    unknown = f"compute /servers/{_NOBODY}/os-instance-actions"
    asker.ask("history of an unknown server", "GET", unknown, headers=USED)
    _cloud(asker)
    _rebuilds(asker, path)


def put_holds(asker: Asker, server: str) -> None:
    """Ask about the port of a server, which lets go of it at the end."""
    mine = f"network /v2.0/ports?device_id={server}"
    port = asker.send("GET", mine).json()["ports"][0]["id"]
    held = f"os-interface/{port}"
    asker.ask("delete a port that a server holds", "DELETE", f"network /v2.0/ports/{port}")
    asker.ask("detach from an unknown server", "DELETE", f"compute /servers/{_NOBODY}/{held}")
    asker.ask("somebody else detaches a port", "DELETE", f"compute /servers/{server}/{held}", by=asker.ben)
    asker.ask("a reader detaches a port", "DELETE", f"compute /servers/{server}/{held}", by=asker.reader)
    asker.ask("detach a port", "DELETE", f"compute /servers/{server}/{held}")
    asker.until("the server to let go", lambda: not asker.send("GET", mine).json()["ports"])
    free = {"port": {"device_id": "", "device_owner": ""}}
    asker.ask("write a port free", "PUT", f"network /v2.0/ports/{port}", json=free)
    asker.ask("write an unknown port free", "PUT", f"network /v2.0/ports/{_NOBODY}", json=free)


def _shows(asker: Asker, path: str) -> None:
    asker.ask("server", "GET", path)
    asker.ask("server, new", "GET", path, headers=NEW)
    asker.ask("unknown server", "GET", f"compute /servers/{_NOBODY}")
    asker.ask("somebody else's server", "GET", path, by=asker.ben)
    asker.ask("stop somebody else's server", "POST", f"{path}/action", by=asker.ben, json={"os-stop": None})
    asker.ask("servers by name", "GET", f"compute /servers/detail?name={asker.name('life')}")
    asker.ask(
        "servers by name, one page", "GET", f"compute /servers/detail?name={asker.name('life')}&limit=1"
    )
    asker.ask("servers by name, brief", "GET", f"compute /servers?name={asker.name('life')}")
    asker.ask("no servers", "GET", "compute /servers/detail?name=no-such-server-here")
    asker.ask("servers after an unknown one", "GET", f"compute /servers/detail?marker={_NOBODY}")
    asker.ask("servers limited in words", "GET", "compute /servers/detail?limit=abc")


def _reaches(asker: Asker, path: str, status: str) -> None:
    def holds() -> bool:
        server = asker.send("GET", path).json()["server"]
        return bool(server["status"] == status and server["OS-EXT-STS:task_state"] is None)

    asker.until(f"the server to be {status}", holds)


def _power(asker: Asker, path: str) -> None:
    act = f"{path}/action"
    _reaches(asker, path, "ACTIVE")
    asker.ask("start while running", "POST", act, json={"os-start": None})
    asker.ask("a reader stops", "POST", act, by=asker.reader, json={"os-stop": None})
    asker.ask("a reader asks for the console", "POST", act, by=asker.reader, json={"os-getConsoleOutput": {}})
    asker.ask("stop", "POST", act, json={"os-stop": None})
    _reaches(asker, path, "SHUTOFF")
    asker.ask("stopped server", "GET", path)
    asker.ask("stop while stopped", "POST", act, json={"os-stop": None})
    asker.ask("reboot while stopped", "POST", act, json={"reboot": {"type": "SOFT"}})
    asker.ask("start", "POST", act, json={"os-start": None})
    _reaches(asker, path, "ACTIVE")
    for kind in ("SOFT", "HARD"):
        asker.ask(f"reboot {kind}", "POST", act, json={"reboot": {"type": kind}})
        _reaches(asker, path, "ACTIVE")
    asker.ask("unknown action", "POST", act, json={"nope": None})
    asker.ask("two actions", "POST", act, json={"os-start": None, "os-stop": None})
    asker.ask("reboot of no kind", "POST", act, json={"reboot": {}})
    asker.ask(
        "action on an unknown server", "POST", f"compute /servers/{_NOBODY}/action", json={"os-stop": None}
    )


def _rebuilds(asker: Asker, path: str) -> None:
    """Also of a server that is stopped; it is running again at the end."""
    act = f"{path}/action"
    image = asker.send("GET", path).json()["server"]["image"]["id"]
    other = asker.send("GET", "image /v2/images?name=dummy-raw").json()["images"][0]["id"]
    again = {"rebuild": {"imageRef": image}}
    unknown = f"compute /servers/{_NOBODY}/action"
    asker.ask("rebuild from no image", "POST", act, json={"rebuild": {}}, headers=USED)
    asker.ask(
        "rebuild from an unknown image", "POST", act, json={"rebuild": {"imageRef": _NOBODY}}, headers=USED
    )
    asker.ask("rebuild an unknown server", "POST", unknown, json=again, headers=USED)
    asker.ask("a reader rebuilds", "POST", act, by=asker.reader, json=again, headers=USED)
    for words, given, before in (
        ("the same image", image, "ACTIVE"),
        ("another image", other, "ACTIVE"),
        ("the same image, stopped", image, "SHUTOFF"),
    ):
        if before == "SHUTOFF":
            asker.send("POST", act, json={"os-stop": None})
            _reaches(asker, path, before)
        answer = asker.send("POST", act, json={"rebuild": {"imageRef": given}}, headers=USED)
        shown = asker.send("GET", path).json()["server"]["image"]["id"]
        _reaches(asker, path, before)
        done = asker.send("GET", f"{path}/os-instance-actions", headers=USED).json()["instanceActions"][0]
        asker.answers[f"rebuild: {words}"] = [
            answer.status_code,
            answer.json()["server"]["id"] == path.rpartition("/")[2],
            shown == given,
            done["action"],
            done["message"],
        ]
    asker.send("POST", act, json={"os-start": None})
    _reaches(asker, path, "ACTIVE")


def _consoles(asker: Asker, path: str) -> None:
    act = f"{path}/action"
    asker.ask("console output", "POST", act, json={"os-getConsoleOutput": {"length": 20}})
    asker.ask("console output, all", "POST", act, json={"os-getConsoleOutput": {}})
    for kind in ("novnc", "spice-html5", "serial", "nope"):
        body = {
            "remote_console": {
                "protocol": {"novnc": "vnc", "spice-html5": "spice"}.get(kind, "serial"),
                "type": kind,
            }
        }
        asker.ask(f"remote console {kind}", "POST", f"{path}/remote-consoles", json=body, headers=NEW)
    body = {"remote_console": {"protocol": "vnc", "type": "novnc"}}
    asker.ask("remote console, old", "POST", f"{path}/remote-consoles", json=body)


def _cloud(asker: Asker) -> None:
    project = asker.ada.project_id
    flavors = "compute /flavors/detail"
    asker.ask("flavors", "GET", flavors, free="extra_specs")
    asker.ask("flavors, new", "GET", flavors, headers=NEW, free="extra_specs")
    asker.ask(
        "flavors, 2.61", "GET", flavors, headers={"OpenStack-API-Version": "compute 2.61"}, free="extra_specs"
    )
    asker.ask("flavors, one page", "GET", f"{flavors}?limit=1")
    asker.ask("flavors, brief", "GET", "compute /flavors")
    asker.ask("unknown flavor", "GET", f"compute /flavors/{_NOBODY}")
    asker.ask("too high a version", "GET", flavors, headers={"OpenStack-API-Version": "compute 2.999"})
    asker.ask("limits", "GET", "compute /limits")
    asker.ask("limits, new", "GET", "compute /limits", headers=NEW)
    asker.ask("compute quota", "GET", f"compute /os-quota-sets/{project}")
    asker.ask("compute quota in detail", "GET", f"compute /os-quota-sets/{project}/detail")
    asker.ask("compute quota in detail, new", "GET", f"compute /os-quota-sets/{project}/detail", headers=NEW)
    asker.ask("somebody else's compute quota", "GET", f"compute /os-quota-sets/{asker.ben.project_id}")
    asker.ask("zones", "GET", "compute /os-availability-zone")
    specs = asker.send("GET", flavors, headers=NEW).json()["flavors"]
    known = {flavor["name"]: flavor["extra_specs"] for flavor in specs}
    asker.answers["gpu flavors"] = {name: known[name] for name in ("g1.h200", "g1.pci", "g1.vgpu")}
    asker.answers["nova's request id header"] = _echo(asker)


def _echo(asker: Asker) -> bool:
    """Whether a request id that we send comes back: it doesn't, the answer has the service's own."""
    ours = "req-5f9c2a52-1b1e-4f5e-9a43-0d8f3f0f2c11"
    answer = asker.send("GET", "compute /limits", headers={"X-OpenStack-Request-ID": ours})
    return answer.headers["x-openstack-request-id"] == ours
