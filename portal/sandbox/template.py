"""A HOT template as Heat parses it: sections, what depends on what, and the values its functions give."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from portal.sandbox.functions import holds, resolve
from portal.sandbox.parameters import Invalid, Parameter, invalid
from portal.sandbox.state import Row

_FORMAT = "Template not in valid format:"
LARGEST = 524_288
_NAMES = ("newton", "ocata", "pike", "queens", "rocky", "wallaby")
VERSIONS = (
    "2013-05-23", "2014-10-16", "2015-04-30", "2015-10-15", "2016-04-08", "2016-10-14", "2017-02-24",
    "2017-09-01", "2018-03-02", "2018-08-31", "2021-04-16", *_NAMES,
)  # fmt: skip
_SECTIONS = {
    "heat_template_version", "description", "parameter_groups", "parameters", "resources", "outputs",
    "conditions",
}  # fmt: skip
_RESOURCE = {
    "type", "properties", "metadata", "depends_on", "deletion_policy", "update_policy", "description",
    "condition", "external_id",
}  # fmt: skip


class _Loader(yaml.CSafeLoader):
    """Dates stay text, as in Heat."""


_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda _loader, node: str(node.value))


@dataclass
class Template:
    """`raw` is the template as data; the rest are its sections."""

    raw: Row
    description: str
    parameters: dict[str, Parameter]
    conditions: Row
    resources: dict[str, Row]
    outputs: dict[str, Row]


def load(source: Any) -> Row:
    """The template as data, from YAML, JSON or data. Raises Invalid."""
    if isinstance(source, dict):
        return source
    if len(str(source).encode()) > LARGEST:
        size = len(str(source).encode())
        words = f"Template size ({size} bytes) exceeds maximum allowed size ({LARGEST} bytes)."
        raise Invalid("RequestLimitExceeded", f"Request limit exceeded: {words}")
    try:
        data = yaml.load(source, Loader=_Loader)  # noqa: S506  a subclass of the safe loader
    except yaml.YAMLError as error:
        raise Invalid(
            "HTTPBadRequest", f"{_FORMAT} Error parsing template [root stack] {_told(source)}"
        ) from error
    if not isinstance(data, dict):
        words = "The template is not a JSON object or YAML mapping."
        raise Invalid("HTTPBadRequest", f"{_FORMAT} {words}")
    if "heat_template_version" not in data:
        raise Invalid("HTTPBadRequest", f"{_FORMAT} Template format version not found.")
    return data


def _told(source: str) -> str:
    """What is wrong in the words of the loader that Heat uses, which is slower and says more."""
    try:
        yaml.safe_load(source)
    except yaml.YAMLError as error:
        return str(error)
    return ""


def read(raw: Row) -> Template:
    """The sections of a template. Raises Invalid."""
    _check_sections(raw)
    parameters = {
        name: Parameter.read(name, schema) for name, schema in (raw.get("parameters") or {}).items()
    }
    resources = raw.get("resources") or {}
    for definition in resources.values():
        _check_resource(definition)
    outputs = raw.get("outputs") or {}
    for name, output in outputs.items():
        _check_output(name, output)
    duplicates = set(parameters) & set(resources)
    if duplicates:
        raise invalid(f"Duplicate names {duplicates}")
    description = raw.get("description") or "No description"
    return Template(raw, description, parameters, raw.get("conditions") or {}, resources, outputs)


def _check_sections(raw: Row) -> None:
    version = raw.get("heat_template_version")
    if version is None:
        raise Invalid(
            "InvalidTemplateVersion", "The template version is invalid: Template version was not provided"
        )
    if version not in VERSIONS:
        known = ", ".join(VERSIONS)
        words = f'"heat_template_version: {version}". "heat_template_version" should be one of: {known}'
        raise Invalid("InvalidTemplateVersion", f"The template version is invalid: {words}")
    for section in raw:
        if section not in _SECTIONS:
            raise invalid(f"The template section is invalid: {section}")
    for section in ("parameters", "resources", "outputs", "conditions"):
        found = raw.get(section) or {}
        if not isinstance(found, dict):
            raise invalid(f"'{type(found).__name__}' object has no attribute 'items'")


def _check_output(name: str, output: Any) -> None:
    if not isinstance(output, dict) or "value" not in output:
        message = "Each output definition must contain a value key."
        raise invalid(f"Output validation error: : outputs.{name}: : {message}")


def _check_resource(definition: Any) -> None:
    if not isinstance(definition, dict):
        kind = type(definition).__name__
        message = f"\"resources\" must contain a map of resource maps. Found a [<class '{kind}'>] instead"
        raise invalid(message)
    if "type" not in definition:
        raise invalid("Each resource must contain a type key.")
    unknown = set(definition) - _RESOURCE
    if unknown:
        raise invalid(f'"{min(unknown)}" is not a valid keyword inside a resource definition')


@dataclass
class Plain:
    """The stage before anything exists: references are names, attributes unknown."""

    template: Template
    values: Row
    pseudo: Row = field(default_factory=dict)

    def parameter(self, name: str) -> Any:
        for known in (self.values, self.pseudo):
            if name in known:
                return known[name]
        raise Invalid("UserParameterMissing", f"The Parameter ({name}) was not provided.")

    def condition(self, name: str) -> bool:
        if name not in self.template.conditions:
            raise invalid(f'Invalid condition "{name}"')
        return holds(self.template.conditions[name], self)

    def reference(self, name: str) -> Any:
        self._known(name)
        return name

    def attribute(self, name: str, _path: list[Any]) -> Any:
        self._known(name)
        return None

    def _known(self, name: str) -> None:
        self.refer(name, "unknown")

    def refer(self, name: str, where: str) -> None:
        """Raises Invalid when there is no such resource, or when its condition doesn't hold."""
        if name not in self.template.resources or not self.enabled(name):
            message = f'The specified reference "{name}" (in {where}) is incorrect.'
            raise Invalid("InvalidTemplateReference", message)

    def enabled(self, name: str) -> bool:
        """Whether the condition of a resource holds."""
        condition = self.template.resources[name].get("condition")
        try:
            return condition is None or holds(condition, self)
        except Invalid as error:
            raise invalid(f"resources.{name}.condition: : {error.message}") from error

    def properties(self, name: str) -> Row:
        """The resolved properties of a resource."""
        found: Row = resolve(self.template.resources[name].get("properties") or {}, self)
        return found

    def outputs(self) -> Iterator[tuple[str, Row]]:
        """The outputs by name, sorted."""
        yield from sorted(self.template.outputs.items())


def dependencies(stage: Plain) -> dict[str, list[str]]:
    """The enabled resources in the order of making, each with its needs. Raises Invalid for a circle."""
    needs = {name: _needs(stage, name) for name in stage.template.resources if stage.enabled(name)}
    ordered: dict[str, list[str]] = {}
    while len(ordered) < len(needs):
        ready = [name for name in needs if name not in ordered and set(needs[name]) <= set(ordered)]
        if not ready:
            called = {name: _called(stage, name) for name in needs if name not in ordered}
            circle = ", ".join(
                f"{word}: {{{', '.join(called[need] for need in needs[name] if need in called)}}}"
                for name, word in called.items()
            )
            raise Invalid("CircularDependencyException", f"Circular Dependency Found: {{{circle}}}")
        ordered.update({name: needs[name] for name in ready})
    return ordered


def _called(stage: Plain, name: str) -> str:
    """A resource as Heat's own code calls it."""
    kind = str(stage.template.resources[name]["type"]).rpartition("::")[2]
    return f'{"NoneResource" if kind == "None" else kind} "{name}"'


def _needs(stage: Plain, name: str) -> list[str]:
    definition = stage.template.resources[name]
    explicit = definition.get("depends_on") or []
    explicit = [explicit] if isinstance(explicit, str) else explicit
    for other in explicit:
        stage.refer(other, name)
    found = dict.fromkeys(explicit)
    found.update(dict.fromkeys(_mentions(definition.get("properties"), stage, f"{name}.Properties")))
    found.pop(name, None)
    return list(found)


def _mentions(node: Any, stage: Plain, where: str) -> Iterator[str]:
    """The resources that a node refers to, in the branches that count."""
    if isinstance(node, list):
        for index, entry in enumerate(node):
            yield from _mentions(entry, stage, f"{where}[{index}]")
    if not isinstance(node, dict):
        return
    if set(node) == {"if"} and isinstance(node["if"], list) and len(node["if"]) in (2, 3):
        condition, *branches = node["if"]
        taken = 0 if holds(condition, stage) else 1
        yield from _mentions(branches[taken : taken + 1], stage, where)
        return
    for key, value in node.items():
        name = value[0] if key == "get_attr" and isinstance(value, list) and value else value
        if key in ("get_resource", "get_attr") and isinstance(name, str):
            stage.refer(name, where)
            yield name
        yield from _mentions(value, stage, f"{where}.{key}")
