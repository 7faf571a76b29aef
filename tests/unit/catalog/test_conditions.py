"""Conditions are decided as Heat decides them, by values of their types."""

import pytest

from portal.domain.catalog import hot
from portal.domain.catalog.conditions import resources_made

TEMPLATE = """\
heat_template_version: 2018-08-31
parameters:
  name: {{type: string, default: calm-otter}}
  count: {{type: number, default: 1}}
  digits: {{type: string, default: "1"}}
  floating_ip: {{type: boolean, default: false}}
  labels: {{type: json, default: {{tier: web, ports: [80, 443]}}}}
  zones: {{type: comma_delimited_list, default: "a,b"}}
conditions:
  wanted: {{get_param: floating_ip}}
  unwanted: {{not: wanted}}
  always: true
  never: false
  around: {{not: {{not: around}}}}
  it: {condition}
resources:
  server: {{type: OS::Nova::Server, properties: {{name: a}}}}
  extra: {{type: OS::Heat::None, condition: it}}
outputs:
  server_id: {{value: {{get_resource: server}}}}
  private_ip: {{value: {{get_attr: [server, first_address]}}}}
  public_ip: {{value: ""}}
"""


def holds(condition: str, **parameters: object) -> bool:
    made = resources_made(hot.read(TEMPLATE.format(condition=condition)), parameters)
    assert made[0] == "server"
    return made[1:] == ["extra"]


@pytest.mark.parametrize(
    "condition",
    [
        "{equals: [{get_param: count}, 1]}",
        "{equals: [{get_param: count}, 1.0]}",
        '{equals: [{get_param: digits}, "1"]}',
        "{equals: [{get_param: floating_ip}, false]}",
        "{equals: [{get_param: [labels, tier]}, web]}",
        "{equals: [{get_param: [labels, ports, 1]}, 443]}",
        '{equals: [{get_param: [labels, ports, "1"]}, 443]}',
        "{equals: [{get_param: zones}, [a, b]]}",
        "{equals: [[{get_param: name}], [calm-otter]]}",
        "{equals: [{name: {get_param: name}, also: 1}, {name: calm-otter, also: 1}]}",
        "{equals: [{}, {}]}",
        "{contains: [b, {get_param: zones}]}",
        "{not: {contains: [c, {get_param: zones}]}}",
    ],
)
def test_values_that_are_equal_to_heat(condition: str) -> None:
    assert holds(condition)


@pytest.mark.parametrize(
    "condition",
    [
        '{equals: [{get_param: count}, "1"]}',
        "{equals: [{get_param: digits}, 1]}",
        '{equals: [{get_param: floating_ip}, "False"]}',
        '{equals: [{get_param: zones}, "a,b"]}',
        "{equals: [{get_param: name}, Calm-Otter]}",
        "{equals: [{get_param: name}, null]}",
    ],
)
def test_values_that_only_look_alike(condition: str) -> None:
    assert not holds(condition)


@pytest.mark.parametrize("path", ["[labels, nothing]", "[labels, ports, 7]", "[zones, x]", "[count, 0]"])
def test_a_path_that_leads_nowhere_is_an_empty_text(path: str) -> None:
    assert holds(f'{{equals: [{{get_param: {path}}}, ""]}}')


def test_a_given_value_stands_before_the_default() -> None:
    assert not holds("{get_param: floating_ip}")
    assert holds("{get_param: floating_ip}", floating_ip=True)
    assert holds("{equals: [{get_param: count}, 7]}", count=7)


@pytest.mark.parametrize(
    ("condition", "without", "with_one"),
    [
        ("wanted", False, True),
        ("unwanted", True, False),
        ("{not: unwanted}", False, True),
        ("{and: [always, wanted]}", False, True),
        ("{or: [never, wanted]}", False, True),
        ("{or: [never, {and: [always, {not: wanted}]}]}", True, False),
        ("true", True, True),
        ("false", False, False),
    ],
)
def test_conditions_are_made_of_conditions(condition: str, without: bool, with_one: bool) -> None:
    assert holds(condition) is without
    assert holds(condition, floating_ip=True) is with_one


@pytest.mark.parametrize(
    "condition",
    [
        "{yaql: {expression: $.data, data: 1}}",
        "{equals: [1]}",
        "{and: 5}",
        "{contains: [1, 2]}",
        '{get_param: "OS::stack_name"}',
        "&me {not: *me}",
        "around",
    ],
)
def test_what_can_not_be_decided_counts_as_made(condition: str) -> None:
    assert holds(condition)
