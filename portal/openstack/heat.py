"""Heat: stacks, their events, resources and outputs. Source: Orchestration API v1."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import requests

from portal.openstack.errors import NotFound, Unavailable, without_user_data
from portal.openstack.line import Api, Json, Line, instant, moment, part
from portal.openstack.previews import Preview

# Stacks asked for by id in one request: the longest URL that every web server takes.
IDS_AT_ONCE = 100
PAGE = 200

# A parameter longer than this is a document of the person (user data), which an error must not repeat.
LONGEST_NAME = 80


@dataclass(frozen=True)
class Stack:
    """A stack. `status` is Heat's ("CREATE_COMPLETE"); a list leaves `outputs` and `parameters` empty."""

    id: str
    name: str
    status: str
    reason: str = ""
    tags: tuple[str, ...] = ()
    created_at: datetime | None = None
    updated_at: datetime | None = None
    outputs: Mapping[str, object] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_api(cls, body: Json) -> Stack:
        return cls(
            id=body["id"],
            name=body["stack_name"],
            status=body["stack_status"] or "",
            reason=without_user_data(body.get("stack_status_reason") or ""),
            tags=tuple(body.get("tags") or ()),
            created_at=moment(body.get("creation_time")),
            updated_at=moment(body.get("updated_time")),
            outputs={out["output_key"]: out.get("output_value") for out in body.get("outputs") or ()},
            parameters=body.get("parameters") or {},
        )

    @property
    def action(self) -> str:
        """What was last asked of it: CREATE, DELETE, CHECK, UPDATE, SUSPEND, RESUME, ROLLBACK."""
        return self.status.partition("_")[0]

    @property
    def phase(self) -> str:
        """How far that is: IN_PROGRESS, COMPLETE, FAILED."""
        return self.status.partition("_")[2]

    @property
    def is_deleted(self) -> bool:
        return self.status == "DELETE_COMPLETE"

    @property
    def is_deleting(self) -> bool:
        return self.status == "DELETE_IN_PROGRESS"

    @property
    def is_working(self) -> bool:
        return self.phase == "IN_PROGRESS"

    @property
    def has_failed(self) -> bool:
        """A rollback that is through counts as well: what was asked for is not there."""
        return self.phase == "FAILED" or self.status == "ROLLBACK_COMPLETE"

    @property
    def is_complete(self) -> bool:
        """What was last asked of it is done, and it is still there."""
        return self.phase == "COMPLETE" and not self.is_deleted and not self.has_failed


@dataclass(frozen=True)
class StackEvent:
    """One step of Heat on one resource. Times have whole seconds: their order is that of the list.

    `resource_type` is "" where Heat doesn't tell it: the resources know.
    """

    id: str
    at: datetime
    resource: str
    resource_type: str
    status: str
    reason: str
    physical_id: str

    @classmethod
    def from_api(cls, body: Json) -> StackEvent:
        return cls(
            id=body["id"],
            at=instant(body["event_time"]),
            resource=body["resource_name"],
            resource_type=body.get("resource_type") or "",
            status=body.get("resource_status") or "",
            reason=without_user_data(body.get("resource_status_reason") or ""),
            physical_id=body.get("physical_resource_id") or "",
        )


@dataclass(frozen=True)
class StackResource:
    """One resource of a stack. `physical_id` is the id of the thing itself, "" until it exists."""

    name: str
    type: str
    status: str
    reason: str
    physical_id: str
    updated_at: datetime | None

    @classmethod
    def from_api(cls, body: Json) -> StackResource:
        return cls(
            name=body["resource_name"],
            type=body["resource_type"],
            status=body.get("resource_status") or "",
            reason=without_user_data(body.get("resource_status_reason") or ""),
            physical_id=body.get("physical_resource_id") or "",
            updated_at=moment(body.get("updated_time")),
        )


class Heat:
    """Stacks of one project."""

    def __init__(self, line: Line) -> None:
        self._api = Api(line, "orchestration")

    def create(
        self,
        name: str,
        template: str,
        parameters: Mapping[str, object],
        *,
        tags: Sequence[str],
        timeout_mins: int,
    ) -> str:
        """Start a stack and answer its id. Heat keeps names apart only loosely: the caller looks first.

        Raises Conflict (StackExists), BadRequest with Heat's words, OverQuota; and Unavailable: the stack
        may exist all the same if `maybe_done`.
        """
        body = {
            "stack_name": name,
            "template": template,
            "parameters": dict(parameters),
            "tags": ",".join(tags),
            "timeout_mins": timeout_mins,
            "disable_rollback": True,
        }
        stack: Json = self._api.post("/stacks", body, key="stack", hide=_documents(parameters))
        return str(stack["id"])

    def show(self, ref: str, *, name: str | None = None, outputs: bool = False) -> Stack:
        """The stack by name or id; by id also one that is deleted. Raises NotFound.

        With the id, its name saves Heat's redirect. Outputs are resolved by asking Nova and Neutron.
        """
        params = {"resolve_outputs": str(outputs)}
        path = f"/stacks/{part(ref)}" if name is None else _path(name, ref)
        answer = self._api.ask("GET", path, params=params, moved=True)
        if answer.status_code >= 300:
            answer = self._api.ask("GET", _target(answer), params=params)
        return Stack.from_api(self._api.under("stack", answer))

    def find(self, name: str) -> Stack | None:
        """The stack that bears the name now, if any."""
        try:
            return self.show(name)
        except NotFound:
            return None

    def tagged(self, tag: str) -> Iterator[Stack]:
        """The stacks that bear the tag, newest first, page by page."""
        for row in self._api.pages("/stacks", "stacks", {"tags": tag, "limit": PAGE}):
            stack = Stack.from_api(row)
            if tag in stack.tags:  # Heat leaves out a filter it does not know
                yield stack

    def ask_little(self) -> None:
        """The smallest question of Heat's own: whether it answers this credential."""
        self._api.get("/stacks", "stacks", {"limit": 1})

    def by_tag(self, tag: str) -> list[Stack]:
        """All stacks that bear the tag, newest first."""
        return list(self.tagged(tag))

    def by_ids(self, ids: Sequence[str]) -> list[Stack]:
        """Those of the stacks that live; whoever misses one asks `show` what became of it."""
        found: list[Stack] = []
        for start in range(0, len(ids), IDS_AT_ONCE):
            wanted = list(ids[start : start + IDS_AT_ONCE])
            rows = self._api.pages("/stacks", "stacks", {"id": wanted})
            found += [Stack.from_api(row) for row in rows if row["id"] in wanted]
        return found

    def preview(self, stack_id: str, name: str, parameters: Mapping[str, object]) -> Preview:
        """What an update with these parameters would do. Raises NotFound, BadRequest with Heat's words."""
        asked = {"parameters": dict(parameters)}
        path = f"{_path(name, stack_id)}/preview"
        answer = self._api.ask("PATCH", path, body=asked, hide=_documents(parameters))
        return Preview.from_api(self._api.under("resource_changes", answer))

    def update(
        self, stack_id: str, name: str, parameters: Mapping[str, object], *, timeout_mins: int
    ) -> None:
        """Give the stack these parameters and leave the others; the same twice does no harm.

        Raises NotFound, BadRequest with Heat's words, OverQuota, Unavailable.
        """
        asked = {"parameters": dict(parameters), "timeout_mins": timeout_mins}
        self._api.ask("PATCH", _path(name, stack_id), body=asked, hide=_documents(parameters))

    def delete(self, stack_id: str, name: str | None = None) -> None:
        """Ask for the stack's end; asking again does no harm. Raises NotFound when it is gone already."""
        self._api.delete(self._path(stack_id, name))

    def check(self, stack_id: str, name: str | None = None) -> None:
        """Let Heat compare the stack with what is there: CHECK_COMPLETE or CHECK_FAILED follows."""
        self._api.post(f"{self._path(stack_id, name)}/actions", {"check": None})

    def outputs(self, stack_id: str, name: str | None = None) -> dict[str, object]:
        """The outputs by name, resolved now. Raises NotFound."""
        return dict(self.show(stack_id, name=name, outputs=True).outputs)

    def events(
        self, name: str, stack_id: str, *, after: str | None = None, limit: int = PAGE
    ) -> list[StackEvent]:
        """The events after the one with that id, oldest first, fetched so many at a time.

        Heat starts at the beginning when it doesn't know the id (any more): keep events by their id.
        """
        params: dict[str, object] = {"sort_dir": "asc", "limit": limit}
        if after:
            params["marker"] = after
        rows = self._api.pages(f"{_path(name, stack_id)}/events", "events", params)
        return [StackEvent.from_api(row) for row in rows]

    def resources(self, name: str, stack_id: str) -> list[StackResource]:
        """The resources of the stack's own template. Raises NotFound."""
        rows = self._api.get(f"{_path(name, stack_id)}/resources", "resources")
        return [StackResource.from_api(row) for row in rows]

    def validate(self, template: str, parameters: Mapping[str, object]) -> None:
        """Let Heat read the template and the parameters. Raises BadRequest with its words."""
        body = {"template": template, "parameters": dict(parameters)}
        self._api.post("/validate", body, hide=_documents(parameters))

    def _path(self, stack_id: str, name: str | None) -> str:
        """The path Heat wants for a change; it names itself when the name isn't known."""
        if name is not None:
            return _path(name, stack_id)
        return _target(self._api.ask("GET", f"/stacks/{part(stack_id)}", moved=True))


def _path(name: str, stack_id: str) -> str:
    return f"/stacks/{part(name)}/{part(stack_id)}"


def _target(answer: requests.Response) -> str:
    """Where Heat sends us, on our own way to it: the host it names may not be the one we can reach."""
    pieces = urlsplit(answer.headers.get("Location", "")).path.split("/")
    if answer.status_code < 300 or len(pieces) < 3 or pieces[-3] != "stacks":
        raise Unavailable("Heat does not say where the stack is.", service="orchestration")
    return _path(unquote(pieces[-2]), unquote(pieces[-1]))


def _documents(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """The long texts among the parameters, also as they look inside JSON."""
    texts = [value for value in parameters.values() if isinstance(value, str)]
    long = [text for text in texts if len(text) > LONGEST_NAME or "\n" in text.strip()]
    return (*long, *(json.dumps(text)[1:-1] for text in long))
