"""The shape of an answer: what of it must be the same on every cloud, with ids, times and names taken out."""

import json
import re
from collections.abc import Mapping
from typing import Any

import requests

Shape = Any
HEADERS = (
    "content-type", "location", "www-authenticate", "vary", "x-subject-token", "x-openstack-request-id",
    "x-compute-request-id", "openstack-api-version", "x-openstack-nova-api-version",
)  # fmt: skip
# keys whose values are the contract themselves, not only their type
LITERAL = {
    "status", "stack_status", "stack_status_reason", "resource_status", "resource_status_reason",
    "resource_type", "OS-EXT-STS:vm_state", "OS-EXT-STS:task_state", "restricted", "unrestricted",
    "output_key", "output_error", "rel", "type", "title", "code", "direction", "ethertype",
    "OS-EXT-IPS:type", "Type", "NoEcho", "CustomConstraint", "interface", "methods", "min_version",
    "version", "action", "required_by", "power_state", "protocol", "description", "disable_rollback",
    "timeout_mins", "count", "device_owner", "resource_name",
}  # fmt: skip
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
# Heat names the members of a circle in the order of a set, which differs from run to run
_CIRCLE = re.compile(r"(?<=Circular Dependency Found: \{).*(?=\})")
_SCRUBS = (
    (re.compile(rf"{_TIME}\.\d{{6}}Z"), "<time.6Z>"),
    (re.compile(rf"{_TIME}\.\d{{6}}"), "<time.6>"),
    (re.compile(rf"{_TIME}Z"), "<timeZ>"),
    (re.compile(r"req-[0-9a-f-]{36}"), "<request>"),
    (re.compile(r"<run>-x\d+"), "<run>-x"),
    (re.compile(r"(-(?:sg|port|server|fip))-[a-z2-7]{12}\b"), r"\1-<suffix>"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"\b[0-9a-f]{32,128}\b"), "<hex>"),
    (re.compile(r"\b\d{1,3}(\.\d{1,3}){3}\b(?!:)"), "<ip>"),
)


class Scrubber:
    """Takes out what differs from run to run and cloud to cloud: `words` are its names and addresses."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words = sorted(words.items(), key=lambda pair: len(pair[0]), reverse=True)

    def text(self, text: str) -> str:
        for word, stand_in in self._words:
            text = text.replace(word, stand_in)
        for pattern, stand_in in _SCRUBS:
            text = pattern.sub(stand_in, text)
        return _CIRCLE.sub(lambda members: ", ".join(sorted(members[0].split(", "))), text)

    def answer(self, response: requests.Response, *, free: frozenset[str] = frozenset()) -> Shape:
        """The shape of a response; `free` keys may be there or not, and hold anything."""
        headers = {
            name: self._header(name, response.headers[name]) for name in HEADERS if name in response.headers
        }
        return {"status": response.status_code, "headers": headers, "body": self._body(response, free)}

    def _header(self, name: str, value: str) -> str:
        return (
            "<token>"
            if name == "x-subject-token"
            else self.text(value).replace("charset=UTF-8", "charset=utf-8")
        )

    def _body(self, response: requests.Response, free: frozenset[str]) -> Shape:
        if not response.content:
            return None
        try:
            data = json.loads(response.text)
        except ValueError:
            return self._page(response.text)
        if response.status_code >= 400:
            return self._literal(data)
        return self._shape(data, "", free)

    def _page(self, text: str) -> list[str]:
        """The words of an HTML page."""
        return [self.text(line) for line in re.sub(r"<[^>]+>", "\n", text).split("\n") if line.strip()]

    def _literal(self, data: Any) -> Shape:
        if isinstance(data, dict):
            return {key: self._literal(value) for key, value in sorted(data.items())}
        if isinstance(data, list):
            return [self._literal(value) for value in data]
        return self.text(data) if isinstance(data, str) else data

    def _shape(self, data: Any, key: str, free: frozenset[str]) -> Shape:
        if isinstance(data, dict):
            return {
                self.text(name): self._shape(value, name, free) for name, value in sorted(data.items())
                if name not in free
            }  # fmt: skip
        if isinstance(data, list):
            return self._merged([self._shape(value, key, free) for value in data])
        if key in LITERAL:
            return self._literal(data)
        return self._kind(data)

    def _kind(self, data: Any) -> str:
        if not isinstance(data, str):
            return f"<{type(data).__name__}>"
        scrubbed = self.text(data)
        return scrubbed if scrubbed == "" or scrubbed.startswith(("<", "/")) else "<text>"

    def _merged(self, shapes: list[Shape]) -> Shape:
        """One shape for all entries of a list: what each has, or all that occur."""
        distinct = {json.dumps(shape, sort_keys=True): shape for shape in shapes}
        if all(isinstance(shape, dict) for shape in shapes) and len(distinct) > 1:
            keys = sorted({key for shape in shapes for key in shape})
            return [{key: self._alternatives([s.get(key, "<absent>") for s in shapes]) for key in keys}]
        return [distinct[key] for key in sorted(distinct)]

    def _alternatives(self, shapes: list[Shape]) -> Shape:
        distinct = {json.dumps(shape, sort_keys=True): shape for shape in shapes}
        if len(distinct) == 1:
            return shapes[0]
        if all(isinstance(shape, dict) for shape in shapes):
            return self._merged(shapes)[0]
        return {"any of": [distinct[key] for key in sorted(distinct)]}
