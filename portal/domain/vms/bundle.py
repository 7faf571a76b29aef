"""The bundle: a zip from which a stranger can find out what happened to a VM, without any secret in it."""

import io
import json
import platform
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from typing import Any

from portal import __version__
from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store import audit
from portal.domain.store.db import db, now, transaction
from portal.domain.tenants import circuits, credentials
from portal.domain.tenants.models import Tenant
from portal.domain.vms import asked, casefile, explain, findings
from portal.domain.vms.asked import Asked
from portal.domain.vms.casefile import Line
from portal.domain.vms.models import Vm
from portal.translation import speaking

# No file of it is longer, so that it can be made in memory and sent by mail.
MOST_CHARACTERS = 1_000_000
_LIBRARIES = ("Flask", "SQLAlchemy", "rq", "redis", "keystoneauth1", "requests", "cryptography")
_VM = (
    *("id", "name", "state", "state_since", "offering", "spec", "vcpus", "ram_mib", "gpus", "floating_ips"),
    *("stack_id", "stack_status", "failed_stack_id", "create_sent_at", "delete_sent_at", "delete_tries"),
    *("server_id", "private_ip", "public_ip", "power", "power_asked", "power_trouble", "look_at"),
    *("look_failures", "checked_at", "trouble", "failure", "requested_at", "active_at", "deleted_at"),
)
_TENANT = (
    *("id", "name", "auth_url", "region", "interface", "endpoint_overrides", "project_id"),
    *("quota_vms", "quota_vcpus", "quota_ram_mib", "quota_gpus", "quota_floating_ips"),
    *("catalog_checked_at", "catalog_trouble", "silent_since", "silent_tries", "ask_again_at"),
    "refused_since",
)
_CREDENTIAL = ("id", "kind", "standing", "label", "facts", "expires_at", "created_at", "current_since")
_CHECKUP = ("cause", "started_at", "finished_at", "tone", "checks")
_README = """\
What the portal knows of the VM {name} ({id}), written {at} UTC for {by}.

It is {state} since {since} UTC.
{failure}
The files:
  timeline.txt       moves, acts, Heat events and Nova's actions, oldest first; begin here
  timeline.json      the same with all that is known of each, and the request ids
  heat-events.json   Heat's events as they were stored; Heat itself purges them
  resources.json     the OpenStack ids of all it is made of
  vm.json            the portal's record
  template.yaml      the template as it was sent to Heat
  parameters.json    its parameters as sent; hidden ones and user data are left out, keys are shortened
  tenant.json        where its cloud is, whether it answers, and which credential opens it (no secret)
  doctor.json        what the doctor said of that credential last
  findings.json      what is open: differences between the cloud and the record
  versions.json      the portal's version and that of the table of failures

Times are in UTC. A request id finds the call in the logs: the portal's own in its log, and in OpenStack's as
the global request id; those in OpenStack's words in the log of that service.
"""


def make(vm: Vm, *, by: User) -> bytes:
    """The zip. Writes down that it was taken. Raises Forbidden."""
    access.require(by, Permission.SUPPORT_VIEW)
    with transaction():
        audit.record("vm.bundled", by=by, tenant_id=vm.tenant_id, vm_id=vm.id)
    made, _ = parts(vm, by=by)
    return made


def parts(vm: Vm, *, by: User) -> tuple[bytes, dict[str, Any]]:
    """The zip, and its files by name as JSON holds them; for `by`, who may have it."""
    # Whoever gets it, and whoever asks them, reads English as OpenStack writes it.
    with speaking(None):
        sent, scrub = asked.of(vm)
        found = _files(vm, by, sent)
    files = {
        name: scrub(content) if isinstance(content, str) else scrub.deep(_simple(content))
        for name, content in found.items()
    }
    return _zipped(files), files


def name_of(vm: Vm) -> str:
    """What the file is called: letters, digits and hyphens only."""
    return f"case-{vm.id.hex[:8]}-{now():%Y%m%d-%H%M%S}.zip"


def _files(vm: Vm, by: User, sent: Asked) -> dict[str, Any]:
    told, lines = casefile.events(vm), casefile.timeline(vm)
    return {
        "README.txt": _read_me(vm, by),
        "timeline.txt": "".join(map(_as_text, lines)),
        "timeline.json": [line.plain for line in lines],
        "heat-events.json": [casefile.heat_line(event).plain for event in told],
        "resources.json": [asdict(thing) for thing in casefile.things(vm, told)],
        "vm.json": _columns(vm, _VM) | _explained(vm),
        "template.yaml": sent.template,
        "parameters.json": {"parameters": sent.parameters, "lost": sent.lost},
        "tenant.json": _tenant(vm.tenant),
        "doctor.json": _doctor(vm),
        "findings.json": [
            _columns(one, ("id", "kind", "subject", "proof", "first_seen")) for one in findings.of_vm(vm)
        ],
        "versions.json": _versions(),
    }


def _zipped(files: Mapping[str, Any]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, _bounded(content if isinstance(content, str) else _json(content)))
    return held.getvalue()


def _bounded(text: str) -> str:
    left_out = len(text) - MOST_CHARACTERS
    return (
        text if left_out <= 0 else f"{text[:MOST_CHARACTERS]}\n({left_out} characters more were left out)\n"
    )


def _json(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _simple(content: Any) -> Any:
    """Only what JSON has: ids, words of lists and moments become texts."""
    return json.loads(json.dumps(content, default=_plain))


def _plain(value: Any) -> str:
    show: Callable[[], str] | None = getattr(value, "isoformat", None)
    return show() if show else str(value)


def _columns(row: Any, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _explained(vm: Vm) -> dict[str, Any]:
    owner = {"owner": vm.owner.email}
    return owner | ({"explanation": asdict(explain.failure(vm.failure))} if vm.failure else {})


def _tenant(tenant: Tenant) -> dict[str, Any]:
    credential, _ = credentials.word(tenant.id)
    return _columns(tenant, _TENANT) | {
        "circuit": "open: the cloud is left alone" if circuits.is_open(tenant) else "closed",
        "credential": _columns(credential, _CREDENTIAL) if credential else None,
    }


def _doctor(vm: Vm) -> dict[str, Any] | None:
    _, checkup = credentials.word(vm.tenant_id)
    return _columns(checkup, _CHECKUP) if checkup else None


def _versions() -> dict[str, Any]:
    ours = {"portal": __version__, "causes": explain.VERSION, "database": db.engine.dialect.name}
    return (
        ours | {"python": platform.python_version()} | {each: metadata.version(each) for each in _LIBRARIES}
    )


def _read_me(vm: Vm, by: User) -> str:
    failure = ""
    if vm.failure:
        why = explain.failure(vm.failure)
        then = " ".join(filter(None, (why.next, why.help)))
        failure = f"\n{why.cause}\nTurn of: {why.turn}. {then}\nOpenStack said: {vm.failure}\n"
    elif vm.trouble:
        failure = f"\nIt is held up: {vm.trouble}\n"
    return _README.format(
        name=vm.name,
        id=vm.id,
        at=f"{now():%Y-%m-%d %H:%M:%S}",
        by=by.email,
        state=vm.state.value,
        since=f"{vm.state_since:%Y-%m-%d %H:%M:%S}",
        failure=failure,
    )


def _as_text(line: Line) -> str:
    said = f": {line.detail}" if line.detail else ""
    ids = f" [{', '.join(line.request_ids)}]" if line.request_ids else ""
    mark = "!" if line.failed else " "
    said = " ".join(said.split("\n"))
    return f"{line.at:%Y-%m-%d %H:%M:%S} {mark} {line.kind.value:<5} {line.who} {line.title}{said}{ids}\n"
