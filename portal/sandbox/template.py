"""A HOT template as Heat parses it: sections, what depends on what, and the values its functions give."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from portal.sandbox.functions import holds, resolve
from portal.sandbox.parameters import Invalid, Parameter, invalid
from portal.sandbox.state import Row

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
        message = f"Template not in valid format: Error parsing template [root stack] {error}"
        raise Invalid("HTTPBadRequest", message) from error
    if not isinstance(data, dict):
        words = "The template is not a JSON object or YAML mapping."
        raise Invalid("HTTPBadRequest", f"Template not in valid format: {words}")
    return data


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
            raise Invalid("InvalidTemplateSection", f"The template section is invalid: {section}")
    for section in ("parameters", "resources", "outputs", "conditions"):
        found = raw.get(section) or {}
        if not isinstance(found, dict):
            raise invalid(f"'{type(found).__name__}' object has no attribute 'items'")


def _check_output(name: str, output: Any) -> None:
    if not isinstance(output, dict) or "value" not in output:
        raise invalid(f"outputs.{name}: Each output definition must contain a value key.")


def _check_resource(definition: Any) -> None:
    if not isinstance(definition, dict):
        kind = type(definition).__name__
        message = f"\"resources\" must contain a map of resource maps. Found a [<class '{kind}'>] instead"
        raise invalid(message)
    if "type" not in definition:
        raise invalid("Each resource must contain a type key.")
    unknown = set(definition) - _RESOURCE
    if unknown:
        raise invalid(f"Invalid keyword(s) inside a resource definition: {', '.join(sorted(unknown))}")


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
        if name not in self.template.resources or not self.enabled(name):
            message = f'The specified reference "{name}" (in unknown) is incorrect.'
            raise Invalid("InvalidTemplateReference", message)

    def enabled(self, name: str) -> bool:
        """Whether the condition of a resource holds."""
        condition = self.template.resources[name].get("condition")
        return condition is None or holds(condition, self)

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
            circle = ", ".join(f"{name}" for name in needs if name not in ordered)
            raise Invalid("CircularDependencyException", f"Circular Dependency Found: {{{circle}}}")
        ordered.update({name: needs[name] for name in ready})
    return ordered


def _needs(stage: Plain, name: str) -> list[str]:
    definition = stage.template.resources[name]
    explicit = definition.get("depends_on") or []
    explicit = [explicit] if isinstance(explicit, str) else explicit
    for other in explicit:
        stage.reference(other)
    found = dict.fromkeys(explicit)
    found.update(dict.fromkeys(_mentions(definition.get("properties"), stage)))
    found.pop(name, None)
    return list(found)


def _mentions(node: Any, stage: Plain) -> Iterator[str]:
    """The resources that a node refers to, in the branches that count."""
    if isinstance(node, list):
        for entry in node:
            yield from _mentions(entry, stage)
    if not isinstance(node, dict):
        return
    if set(node) == {"if"} and isinstance(node["if"], list) and len(node["if"]) in (2, 3):
        condition, *branches = node["if"]
        taken = 0 if holds(condition, stage) else 1
        yield from _mentions(branches[taken : taken + 1], stage)
        return
    for key, value in node.items():
        if key == "get_resource" and isinstance(value, str):
            stage.reference(value)
            yield value
        elif key == "get_attr" and isinstance(value, list) and value:
            stage.reference(value[0])
            yield value[0]
        yield from _mentions(value, stage)
