"""Updates of stacks: what other parameters change of what is there, as Heat sees it ahead and as it acts."""

from dataclasses import dataclass, field
from typing import Any

from portal.sandbox.living import Living, pseudo, turn
from portal.sandbox.resource_types import KINDS
from portal.sandbox.state import Row, World
from portal.sandbox.template import Plain, Template, dependencies

# Of each type the properties that Heat changes in place; with any other it makes the resource anew.
IN_PLACE: dict[str, frozenset[str]] = {
    "OS::Nova::Server": frozenset({"name", "flavor", "image", "metadata", "networks", "security_groups"}),
    "OS::Neutron::Port": frozenset({"name", "security_groups", "tags", "fixed_ips", "value_specs"}),
    "OS::Neutron::SecurityGroup": frozenset({"name", "description", "rules"}),
    "OS::Neutron::FloatingIP": frozenset({"port_id", "value_specs"}),
}


@dataclass
class Plan:
    """The resources by what becomes of them; `properties` are those that the changed ones will have."""

    needs: dict[str, list[str]]
    unchanged: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)


def compare(world: World, stack: Row, template: Template, values: Row, *, ahead: bool) -> Plan:
    """What the values change. `ahead`: as a preview tells, which knows other resources only by their names,
    so that whatever refers to one counts as changed. Raises Invalid.
    """
    needs = dependencies(Plain(template, values, pseudo(stack)))
    plan = Plan(needs)
    after = {**stack, "values": values, "template": template.raw}
    stage: Plain = Plain(template, values, pseudo(stack)) if ahead else Living(world, after)
    for name in needs:
        held = stack["resources"].get(name)
        if held is None:
            plan.added.append(name)
        else:
            getattr(plan, _fate(held, made_with(world, stack, name), stage.properties(name))).append(name)
    plan.deleted = [name for name in stack["resources"] if name not in needs]
    return plan


def made_with(world: World, stack: Row, name: str) -> Row:
    """The properties that a resource has now."""
    made: Row | None = stack["resources"][name].get("made")
    return Living(world, stack).properties(name) if made is None else made


def _fate(held: Row, before: Row, after: Row) -> str:
    differing = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    if differing - IN_PLACE.get(held["type"], frozenset()):
        return "replaced"
    return "updated" if differing or held["phase"] == "FAILED" else "unchanged"


def begin(world: World, stack: Row, template: Template, given: Row, values: Row) -> None:
    """Begin the update: what the values change, in the order of need. Raises Invalid."""
    now = world.now()
    plan = compare(world, stack, template, values, ahead=False)
    stack.update(given=given, values=values, template=template.raw, updated=now)
    turn(world, stack, "UPDATE", "IN_PROGRESS", "Stack UPDATE started")
    for name in (*plan.added, *plan.replaced):
        stack["resources"][name] = _new(stack, template, name, plan, now)
    at, tasks, pace = now, [], world.settings.stack_seconds / 4
    for do, done, names in (
        ("start", "finish", [*plan.added, *plan.replaced]),
        ("change", "changed", plan.updated),
        ("remove", "removed", plan.deleted),
    ):
        for name in sorted(names, key=list(plan.needs).index) if do != "remove" else names:
            weight = KINDS[stack["resources"][name]["type"]].weight
            tasks.append({"at": at, "do": do, "name": name, "seconds": pace * weight})
            at += pace * weight
            tasks.append({"at": at, "do": done, "name": name})
    stack["tasks"] = [*tasks, {"at": at, "do": "complete", "name": ""}]


def _new(stack: Row, template: Template, name: str, plan: Plan, now: float) -> Row:
    """The record of a resource that isn't there yet; one that it replaces goes when it is."""
    before: dict[str, Any] = stack["resources"].get(name, {})
    return {
        "type": template.resources[name]["type"], "physical": None, "action": "INIT", "phase": "COMPLETE",
        "reason": "", "updated": now, "name": before.get("name") or f"{stack['name']}-{name}",
        "needs": plan.needs[name], "replaces": before.get("physical"),
    }  # fmt: skip
