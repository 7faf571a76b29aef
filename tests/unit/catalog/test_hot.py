"""A template is read whole, what Heat would refuse in it is named, and answers become values."""

import hashlib

import pytest

from portal.domain.catalog import hot
from portal.domain.catalog.hot import Mistake, Role
from portal.domain.catalog.parameters import TYPES
from tests.unit.catalog.documents import parameter, template

FULL = """\
heat_template_version: rocky
description: >-
  A server,
  described.
parameter_groups:
  - {label: Sizes, description: How big., parameters: [count, image]}
  - {parameters: [image_two]}
parameters:
  count: {type: number, default: 2}
  image: {type: string}
  image_two: {type: string, constraints: [{custom_constraint: glance.image}]}
  net: {type: string, constraints: [{custom_constraint: neutron.network}]}
  net_two: {type: string, constraints: [{custom_constraint: neutron.network}]}
  nets: {type: comma_delimited_list, default: "", constraints: [{custom_constraint: neutron.network}]}
  size: {type: string, constraints: [{custom_constraint: nova.flavor}]}
  volume: {type: string, default: "", constraints: [{custom_constraint: cinder.volume}]}
  key_name: {type: string, default: mine}
  wanted: {type: boolean, default: true}
  labels: {type: json, default: {}}
conditions:
  many: {not: {equals: [{get_param: count}, 1]}}
  odd: {or: [many, {and: [{not: many}, {get_param: wanted}]}]}
  always: true
resources:
  port:
    type: OS::Neutron::Port
    properties: {network: {get_param: net}}
  server:
    type: OS::Nova::Server
    depends_on: port
    condition: odd
    properties:
      name: {list_join: ["-", [{get_param: "OS::stack_name"}, {get_param: [labels, name]}]]}
      tags: [{get_param: [{get_param: image}]}]
      networks: {if: [many, [{port: {get_resource: port}}], []]}
      metadata: {if: [{equals: [{get_param: wanted}, true]}, {}, {}]}
  other:
    type: OS::Heat::None
    depends_on: [port, server]
    condition: {not: odd}
outputs:
  server_id: {value: {get_resource: server}, condition: odd}
  private_ip: {value: {get_attr: [port, fixed_ips, 0, ip_address]}}
  public_ip: {value: "", description: None here.}
  more: {value: {get_attr: [server, show]}}
"""


def mistakes(text: str) -> list[str]:
    with pytest.raises(Mistake) as caught:
        hot.read(text)
    assert str(caught.value) == " ".join(caught.value.sentences)
    return list(caught.value.sentences)


def test_a_template_is_read_whole() -> None:
    found = hot.read(FULL)
    assert found.description == "A server, described."
    assert found.resources == {
        "port": "OS::Neutron::Port",
        "server": "OS::Nova::Server",
        "other": "OS::Heat::None",
    }
    assert found.outputs == ("server_id", "private_ip", "public_ip", "more")
    assert found.text == FULL
    assert found.digest == hashlib.sha256(FULL.encode()).hexdigest()


def test_roles_come_from_names_first_and_then_from_constraints() -> None:
    assert {one.name: one.role for one in hot.read(FULL).parameters} == {
        "count": Role.ANSWER,
        "image": Role.IMAGE,
        "image_two": Role.ANSWER,
        "net": Role.NETWORK,
        "net_two": Role.ANSWER,
        "nets": Role.ANSWER,
        "size": Role.FLAVOR,
        "volume": Role.ANSWER,
        "key_name": Role.KEYPAIR,
        "wanted": Role.ANSWER,
        "labels": Role.ANSWER,
    }


@pytest.mark.parametrize(
    ("name", "definition", "role"),
    [
        ("name", "{type: string}", Role.NAME),
        ("flavor", "{type: string}", Role.FLAVOR),
        ("network", "{type: string}", Role.NETWORK),
        ("subnet", '{type: string, default: ""}', Role.SUBNET),
        ("external_network", "{type: string}", Role.EXTERNAL_NETWORK),
        ("floating_ip", "{type: boolean}", Role.FLOATING_IP),
        ("ssh_keys", "{type: json}", Role.SSH_KEYS),
        ("user_data", "{type: string}", Role.USER_DATA),
        ("metadata", "{type: json}", Role.METADATA),
        ("a", "{type: string, default: x, constraints: [{custom_constraint: nova.keypair}]}", Role.KEYPAIR),
        ("a", "{type: string, default: x, constraints: [{custom_constraint: neutron.subnet}]}", Role.SUBNET),
        # What the portal can't fill in is asked.
        ("a", "{type: string, constraints: [{custom_constraint: nova.keypair}]}", Role.ANSWER),
        ("a", "{type: string, constraints: [{custom_constraint: neutron.subnet}]}", Role.SUBNET),
        ("key_name", "{type: string}", Role.ANSWER),
    ],
)
def test_every_role_is_known(name: str, definition: str, role: Role) -> None:
    found = hot.read(parameter(definition, name))
    assert [one.role for one in found.parameters] == [role]
    if role is not Role.ANSWER:
        assert found.filled_by(role) == found.parameter(name)


def test_what_is_not_there_is_none() -> None:
    found = hot.read(template())
    assert found.filled_by(Role.USER_DATA) is None
    assert found.parameter("nothing") is None


def test_the_form_has_the_groups_of_the_template_and_a_last_one_for_the_rest() -> None:
    form = [
        (group.label, group.description, [one.name for one in asked])
        for group, asked in hot.read(FULL).form()
    ]
    assert form == [
        ("Sizes", "How big.", ["count"]),
        ("", "", ["image_two"]),
        ("", "", ["net_two", "nets", "volume", "wanted", "labels"]),
    ]


def test_answers_become_values_and_defaults_stand_in() -> None:
    found = hot.read(FULL)
    checked = found.validate(
        {"count": " 3 ", "image_two": "x", "net_two": "y", "image": "not asked", "wanted": "no"}
    )
    assert checked.errors == {}
    assert checked.values == {
        **{
            "count": 3,
            "image_two": "x",
            "net_two": "y",
            "nets": [],
            "volume": "",
            "wanted": False,
            "labels": {},
        },
    }


def test_each_field_has_its_message() -> None:
    text = template(
        "  a: {type: string}\n"
        "  b: {type: number}\n"
        "  c: {type: string, constraints: [{allowed_values: [x, z]}]}\n"
        "  d: {type: json, default: {}}\n"
    )
    found = hot.read(text)
    assert found.validate({"b": "x", "d": "{"}).errors == {
        "a": "Fill this in.",
        "b": "Enter a number.",
        "c": "Choose one.",
        "d": "This is not JSON (line 1, column 2: Expecting property name enclosed in double quotes).",
    }
    partly = found.validate({"a": " ", "b": "4"}, partial=True)
    assert (partly.values, partly.errors) == ({"b": 4}, {"a": "Fill this in."})


@pytest.mark.parametrize(
    "version",
    ["2013-05-23", "2018-08-31", "2021-04-16", "newton", "wallaby"],
)
def test_every_version_of_heat_is_known(version: str) -> None:
    assert hot.read(template().replace("2018-08-31", version))


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", ["It must be a mapping, with heat_template_version, parameters, resources and outputs."]),
        ("- a", ["It must be a mapping, with heat_template_version, parameters, resources and outputs."]),
        ("a: 1\na: 2", ["Line 2: the key “a” is given twice (first on line 1)."]),
        ("#" * 524_289, ["It is larger than 512 KiB, which is the most that Heat takes."]),
        ("resources: {}", ["It has no heat_template_version."]),
        (
            "heat_template_version: 2018-08-32",
            ["There is no heat_template_version “2018-08-32”; 2018-08-31 is one that most clouds know."],
        ),
        (
            "heat_template_version: 2018-08-31\nparameter: {}\n",
            ["There is no section “parameter” in a template."],
        ),
        (
            "heat_template_version: 2018-08-31\nparameter_groups: {a: 1}\nparameters: [a]\nresources: 5\n"
            "outputs: {a: 5, b: {valu: 1}}\nconditions: {1: true}",
            [
                "Section “parameter_groups” must be a list.",
                "Section “parameters” must be a mapping of names.",
                "The name “1” in “conditions” must be a text; put quotes around it.",
                "Section “resources” must be a mapping of names.",
                "Output “a” must be a mapping with a value.",
                "Output “b” has no value.",
                "Output “b” has an unknown key “valu”.",
            ],
        ),
        (
            "heat_template_version: 2018-08-31\nresources: {a: {properties: {}}, b: {type: X, property: {}}}",
            ["Resource “a” has no type.", "Resource “b” has an unknown key “property”."],
        ),
        (
            "heat_template_version: 2018-08-31",
            [
                "It has no resources.",
                "Output “server_id” is missing; every template has it.",
                "Output “private_ip” is missing; every template has it.",
                "Output “public_ip” is missing; every template has it.",
            ],
        ),
        (
            template().replace("OS::Nova::Server", "server.yaml"),
            ["Resource “server” is made from the file “server.yaml”, but a template is sent alone."],
        ),
        (template().replace("OS::Nova::Server", "[a]"), ["Resource “server” has a type that is no text."]),
        (
            parameter("{type: text}"),
            [f"Parameter “it”: its type must be one of {', '.join(TYPES)}."],
        ),
        (
            parameter("{type: number, default: x, constraints: [{range: {}}]}"),
            [
                "Parameter “it”: range needs a min, a max, or both.",
                "Parameter “it”: its default doesn't fit it. Enter a number.",
            ],
        ),
        (
            template("  image: {type: number}\n  floating_ip: {type: string}\n  ssh_keys: {type: string}\n"),
            [
                "Parameter “image” is filled in by the portal and must have the type string.",
                "Parameter “floating_ip” is filled in by the portal and must have the type boolean.",
                "Parameter “ssh_keys” is filled in by the portal and must have the type json.",
            ],
        ),
        (
            template().replace("2018-08-31", "2016-04-08") + "conditions: {a: true}",
            ["Conditions need heat_template_version 2016-10-14 or later."],
        ),
        (
            parameter("{type: number, constraints: [{modulo: {step: 2, offset: 0}}]}").replace(
                "2018-08-31", "newton"
            ),
            ["A modulo constraint needs heat_template_version 2017-02-24 or later."],
        ),
        (
            template()
            + "parameter_groups: [text, {label: x}, {parameters: 5}, {parameters: [name, name, gone]}]",
            [
                "Each of parameter_groups must be a mapping with a list of parameters.",
                "Each of parameter_groups must be a mapping with a list of parameters.",
                "Each of parameter_groups must be a mapping with a list of parameters.",
                "The parameter “name” is in two parameter groups.",
                "A parameter group names the parameter “gone”, which isn't declared.",
            ],
        ),
    ],
)
def test_what_heat_would_refuse_is_named(text: str, sentences: list[str]) -> None:
    assert mistakes(text) == sentences


@pytest.mark.parametrize(
    ("properties", "sentences"),
    [
        (
            "{a: {get_param: gone}}",
            ["Resource “server” refers to the parameter “gone”, which isn't declared."],
        ),
        (
            "{a: {get_param: [gone, 0]}}",
            ["Resource “server” refers to the parameter “gone”, which isn't declared."],
        ),
        (
            "{a: [{get_resource: gone}]}",
            ["Resource “server” refers to the resource “gone”, which isn't declared."],
        ),
        (
            "{a: {get_attr: [gone, x]}, b: {get_attr: [gone, y]}}",
            ["Resource “server” refers to the resource “gone”, which isn't declared."],
        ),
        (
            "{a: {if: [gone, {get_param: lost}, 1]}}",
            [
                "Resource “server” refers to the condition “gone”, which isn't declared.",
                "Resource “server” refers to the parameter “lost”, which isn't declared.",
            ],
        ),
        (
            "{a: {get_file: x.sh}}",
            ["Resource “server” uses get_file, but a template is sent alone: put its text here."],
        ),
    ],
)
def test_a_reference_that_leads_nowhere_is_named(properties: str, sentences: list[str]) -> None:
    assert mistakes(template().replace("{name: a}", properties)) == sentences


def test_references_of_conditions_outputs_and_dependencies_are_followed() -> None:
    text = FULL.replace("many: {not:", "many: {and: [lost, {get_param: gone}]}\n  rest: {not:")
    text = text.replace("depends_on: port", "depends_on: [gone, 5]").replace("{not: odd}", "away")
    text = text.replace("condition: odd}", "condition: {or: [away, odd]}}").replace(
        "[server, show]", "[gone, show]"
    )
    assert sorted(mistakes(text)) == [
        "Condition “many” refers to the condition “lost”, which isn't declared.",
        "Condition “many” refers to the parameter “gone”, which isn't declared.",
        "Output “more” refers to the resource “gone”, which isn't declared.",
        "Output “server_id” refers to the condition “away”, which isn't declared.",
        "Resource “other” refers to the condition “away”, which isn't declared.",
        "Resource “server” depends on the resource “5”, which isn't declared.",
        "Resource “server” depends on the resource “gone”, which isn't declared.",
    ]


@pytest.mark.parametrize(
    "properties",
    [
        "{a: {get_param: name, other: 1}}",  # two keys are no call
        "{a: {get_param: []}}",
        "{a: &it [*it]}",
        "{a: {get_param: {get_param: name}}}",
    ],
)
def test_what_only_looks_like_a_reference_is_left_to_heat(properties: str) -> None:
    assert hot.read(template().replace("{name: a}", properties))
