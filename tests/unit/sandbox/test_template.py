"""The template engine: what functions give, what depends on what, and how values are read."""

from typing import Any

import pytest

from portal.sandbox.functions import resolve
from portal.sandbox.parameters import Invalid, Parameter, shown
from portal.sandbox.template import Plain, dependencies, load, read

VALUES = {
    "name": "vm",
    "count": 2,
    "on": True,
    "off": False,
    "list": ["a", "b"],
    "map": {"k": {"deep": [1, 2]}},
}
HEAD = {"heat_template_version": "2018-08-31"}


def stage(**sections: Any) -> Plain:
    return Plain(read({**HEAD, **sections}), dict(VALUES), {"OS::stack_name": "stack"})


@pytest.mark.parametrize(
    ("node", "value"),
    [
        ({"get_param": "name"}, "vm"),
        ({"get_param": "OS::stack_name"}, "stack"),
        ({"get_param": ["map", "k", "deep", 1]}, 2),
        ({"get_param": ["map", "nope"]}, ""),
        ({"list_join": ["-", ["a", {"get_param": "name"}], ["c", None, {"x": 1}]]}, 'a-vm-c--{"x": 1}'),
        ({"str_split": [",", "a,b,c"]}, ["a", "b", "c"]),
        ({"str_split": [",", "a,b,c", 1]}, "b"),
        ({"list_concat": [["a"], None, {"get_param": "list"}]}, ["a", "a", "b"]),
        ({"map_merge": [{"a": 1}, None, {"a": 2, "b": 3}]}, {"a": 2, "b": 3}),
        ({"equals": [{"get_param": "count"}, 2]}, True),
        ({"not": {"equals": ["a", "b"]}}, True),
        ({"and": [{"equals": [1, 1]}, {"equals": [1, 2]}]}, False),
        ({"or": [{"equals": [1, 1]}, {"equals": [1, 2]}]}, True),
        ({"contains": ["a", {"get_param": "list"}]}, True),
        ({"if": ["yes", "then", {"get_param": "missing"}]}, "then"),
        ({"if": ["no", {"get_param": "missing"}, "else"]}, "else"),
        (
            {"repeat": {"template": {"port": "%p%"}, "for_each": {"%p%": [22, 80]}}},
            [{"port": 22}, {"port": 80}],
        ),
        (
            {"repeat": {"template": "%a%%b%", "for_each": {"%a%": ["x", "y"], "%b%": ["1", "2"]}}},
            ["x1", "x2", "y1", "y2"],
        ),
        ({"plain": ["a", {"b": None}]}, {"plain": ["a", {"b": None}]}),
    ],
)
def test_functions(node: Any, value: Any) -> None:
    conditions = {"yes": {"get_param": "on"}, "no": {"not": "yes"}}
    assert resolve(node, stage(conditions=conditions)) == value


@pytest.mark.parametrize(
    ("template", "params", "text"),
    [
        ("hello $name", {"$name": "vm"}, "hello vm"),
        ("$a $aa", {"$a": "1", "$aa": "2"}, "1 2"),
        ("$a", {"$a": "$b", "$b": "no"}, "$b"),
        ("keys: $k", {"$k": ["a b", 'say "x"']}, 'keys: ["a b", "say \\"x\\""]'),
        ("$m", {"$m": {"b": 1, "a": 2}}, '{"a": 2, "b": 1}'),
        ("[$n]", {"$n": None}, "[]"),
        ("$t", {"$t": True}, "True"),
    ],
)
def test_str_replace(template: str, params: dict[str, Any], text: str) -> None:
    assert resolve({"str_replace": {"template": template, "params": params}}, stage()) == text


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (
            {"str_replace_strict": {"template": "x", "params": {"$a": 1}}},
            "were not found in the template: \\$a",
        ),
        (
            {"str_replace_vstrict": {"template": "$a", "params": {"$a": ""}}},
            "undefined or empty value for param",
        ),
        ({"str_replace": "nope"}, "must be a map"),
        ({"equals": [1]}, "must be of the form"),
        ({"and": [True]}, "minimum number of condition arguments"),
        ({"list_join": [",", "text"]}, "must operate on a list"),
        ({"map_merge": [["a"]]}, "must be maps"),
        ({"get_attr": "nope"}, "must be a list"),
        ({"get_param": "nope"}, "was not provided"),
        ({"get_resource": "nope"}, 'The specified reference "nope"'),
        ({"if": ["nope", 1, 2]}, 'Invalid condition "nope"'),
    ],
)
def test_wrong_arguments_are_named(node: Any, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        resolve(node, stage())


def test_an_if_without_an_else_leaves_its_place_out() -> None:
    node = {"keep": 1, "drop": {"if": [False, 2]}, "list": [{"if": [False, "x"]}, "y"]}
    assert resolve(node, stage()) == {"keep": 1, "list": ["y"]}


def test_what_depends_on_what() -> None:
    resources = {
        "last": {"type": "OS::Heat::None", "depends_on": ["middle"]},
        "middle": {"type": "OS::Heat::None", "properties": {"x": [{"get_attr": ["first", "y"]}]}},
        "first": {"type": "OS::Heat::None"},
        "untouched": {"type": "OS::Heat::None", "properties": {"if": ["yes", 1, {"get_resource": "last"}]}},
        "off": {"type": "OS::Heat::None", "condition": {"not": "yes"}},
    }
    needs = dependencies(stage(resources=resources, conditions={"yes": True}))
    assert needs == {"first": [], "untouched": [], "middle": ["first"], "last": ["middle"]}


def test_a_resource_that_is_off_may_not_be_meant() -> None:
    resources = {
        "off": {"type": "OS::Heat::None", "condition": False},
        "on": {"type": "OS::Heat::None", "properties": {"x": {"get_resource": "off"}}},
    }
    with pytest.raises(Invalid, match=r'"off" \(in on.Properties.x\) is incorrect'):
        dependencies(stage(resources=resources))


def test_dates_stay_text_and_json_is_yaml() -> None:
    assert load("heat_template_version: 2018-08-31\nday: 2026-01-02")["day"] == "2026-01-02"
    assert load('{"heat_template_version": "2018-08-31"}') == HEAD


def value(kind: str, given: Any, **schema: Any) -> Any:
    return Parameter.read("x", {"type": kind, **schema}).value(given, lambda _name, _value: "")


@pytest.mark.parametrize(
    ("kind", "given", "read"),
    [
        ("number", " 4 ", 4),
        ("number", "4.0", 4.0),
        ("number", "1e1", 10.0),
        ("boolean", "T", True),
        ("boolean", "yes", True),
        ("boolean", "off", False),
        ("boolean", 0, False),
        ("comma_delimited_list", "a, b", ["a", " b"]),
        ("comma_delimited_list", "", []),
        ("comma_delimited_list", [1, "b"], ["1", "b"]),
        ("json", '{"a": [1]}', {"a": [1]}),
        ("json", ["k"], ["k"]),
        ("json", "", {}),
        ("string", 5, "5"),
        ("string", {"a": 1}, '{"a": 1}'),
    ],
)
def test_values_are_read_as_heat_reads_them(kind: str, given: Any, read: Any) -> None:
    found = value(kind, given)
    assert (found, type(found)) == (read, type(read))


@pytest.mark.parametrize(
    ("kind", "constraint", "good", "bad"),
    [
        ("number", {"range": {"min": 1, "max": 3}}, "3", "3.5"),
        ("string", {"length": {"min": 2}}, "ab", "a"),
        ("comma_delimited_list", {"length": {"max": 2}}, "a,b", "a,b,c"),
        ("number", {"modulo": {"step": 5, "offset": 1}}, 6, 5),
        ("string", {"allowed_values": ["1", "b"]}, 1, "c"),
        ("number", {"allowed_values": [1, 2]}, "2", 3),
        ("comma_delimited_list", {"allowed_values": ["a", "b"]}, "a,b", "a,z"),
        ("string", {"allowed_pattern": "[a-z]+"}, "abc", "abc1"),
    ],
)
def test_constraints(kind: str, constraint: dict[str, Any], good: Any, bad: Any) -> None:
    value(kind, good, constraints=[constraint])
    with pytest.raises(Invalid, match="Parameter 'x' is invalid"):
        value(kind, bad, constraints=[constraint])
    with pytest.raises(Invalid, match="Parameter 'x' is invalid: In my words"):
        value(kind, bad, constraints=[{**constraint, "description": "In my words"}])


def test_defaults_missing_and_hidden_values() -> None:
    assert value("number", None, default=3) == 3
    with pytest.raises(Invalid) as missing:
        value("string", None)
    assert (missing.value.kind, missing.value.message) == (
        "UserParameterMissing",
        "The Parameter (x) was not provided.",
    )
    parameter = Parameter.read("x", {"type": "string", "hidden": True})
    assert shown(parameter, "secret") == "******"
    assert shown(Parameter.read("x", {"type": "json"}), {"a": 1}) == '{"a": 1}'
    assert shown(Parameter.read("x", {"type": "comma_delimited_list"}), ["a", "b"]) == "a,b"
