"""What a person types is read as Heat reads it, and refused in plain words where Heat would refuse it."""

import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.catalog import parameters
from portal.domain.catalog.constraints import Refused
from portal.domain.catalog.parameters import Parameter

Definition = dict[str, Any]


def made(definition: Definition) -> Parameter:
    parameter, mistakes = parameters.from_definition("it", definition)
    assert mistakes == []
    assert parameter is not None
    return parameter


def of(type_: str, *constraints: Definition) -> Parameter:
    return made({"type": type_, "constraints": list(constraints)})


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("string", " as it is ", " as it is "),
        ("string", 5, "5"),
        ("number", "4", 4),
        ("number", " 4 ", 4),
        ("number", "4.0", 4),
        ("number", "1e1", 10),
        ("number", "-0.5", -0.5),
        ("number", 7, 7),
        ("number", 2.5, 2.5),
        ("boolean", "T", True),
        ("boolean", "yes", True),
        ("boolean", " On ", True),
        ("boolean", "1", True),
        ("boolean", True, True),
        ("boolean", "F", False),
        ("boolean", "no", False),
        ("boolean", 0, False),
        ("comma_delimited_list", "a, b ,", ["a", " b ", ""]),
        ("comma_delimited_list", "", []),
        ("comma_delimited_list", ["a", 1], ["a", "1"]),
        ("json", ' {"a": [1, "ü", null]} ', {"a": [1, "ü", None]}),
        ("json", "[]", []),
        ("json", {"a": 1}, {"a": 1}),
    ],
)
def test_values_are_read_as_heat_reads_them(type_: str, text: object, value: object) -> None:
    found = of(type_).read(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("type_", "text", "words"),
    [
        ("string", ["a"], "Enter a text."),
        ("string", "a\x00b", "Remove the NUL character: it can't be kept."),
        ("string", "\ud800", "Remove the broken character: it can't be kept."),
        ("number", "four", "Enter a number."),
        ("number", "", "Enter a number."),
        ("number", "nan", "Enter a number."),
        ("number", "1e999", "Enter a number."),
        ("number", [4], "Enter a number."),
        ("boolean", "perhaps", "Choose yes or no."),
        ("boolean", "1.0", "Choose yes or no."),
        ("comma_delimited_list", 5, "Enter values separated by commas."),
        ("comma_delimited_list", "a,\x00", "Remove the NUL character: it can't be kept."),
        (
            "json",
            "{a: 1}",
            "This is not JSON (line 1, column 2: Expecting property name enclosed in double quotes).",
        ),
        ("json", "[NaN]", "This is not JSON (NaN is no number)."),
        ("json", "5", "Enter a mapping or a list, in JSON."),
        ("json", '"text"', "Enter a mapping or a list, in JSON."),
        ("json", '{"\\u0000": 1}', "Remove the NUL character: it can't be kept."),
        ("json", '{"a": ["\\ud800"]}', "Remove the broken character: it can't be kept."),
        ("json", {1, 2}, "This is not JSON (Object of type set is not JSON serializable)."),
    ],
)
def test_what_nothing_could_use_is_refused_in_plain_words(type_: str, text: object, words: str) -> None:
    with pytest.raises(Refused) as caught:
        of(type_).read(text)
    assert str(caught.value) == words


def test_json_without_end_is_refused() -> None:
    with pytest.raises(Refused, match="This is not JSON"):
        of("json").read("[" * 100_000)


@pytest.mark.parametrize(
    ("type_", "constraint", "good", "bad", "words"),
    [
        (
            "number",
            {"range": {"min": 1, "max": 5}},
            ["1", " 5 ", "2.5"],
            ["0", "5.1"],
            "Enter a number from 1 to 5.",
        ),
        ("number", {"range": {"min": "1"}}, ["1", "1e9"], ["0.9"], "Enter a number of at least 1."),
        ("number", {"range": {"max": 2.5, "min": None}}, ["2.5"], ["2.6"], "Enter a number of at most 2.5."),
        ("string", {"length": {"min": 2, "max": 3}}, ["ab", "üöä"], ["a", "abcd"], "Use 2 to 3 characters."),
        ("string", {"length": {"min": 1}}, ["a"], [""], "Use at least 1 character."),
        (
            "string",
            {"custom_constraint": "net_cidr"},
            ["10.0.0.1/8", "2001:db8::/64"],
            ["10.0.0.1", "10.0.0.0/33", "here/8"],
            "Write a network such as 10.0.0.0/24.",
        ),
        ("string", {"length": {"max": 1}}, ["", "a"], ["ab"], "Use at most 1 character."),
        ("comma_delimited_list", {"length": {"max": 2}}, ["a,b"], ["a,b,c"], "Use at most 2 entries."),
        ("json", {"length": {"min": 1}}, ['{"a": 1}'], ["[]"], "Use at least 1 entry."),
        ("json", {"length": {"min": 1, "max": 2}}, ["[1, 2]"], ["[1, 2, 3]"], "Use 1 to 2 entries."),
        ("number", {"modulo": {"step": 4, "offset": 0}}, ["8", "-4"], ["6"], "Enter a multiple of 4."),
        ("number", {"modulo": {"step": 4.0, "offset": 1}}, ["5"], ["4"], "Enter a multiple of 4, plus 1."),
        ("number", {"modulo": {"step": -2, "offset": -1}}, ["3"], ["4"], "Enter a multiple of -2, plus -1."),
        ("string", {"allowed_values": ["a", 5]}, ["a", "5"], ["A", ""], "Choose one of a, 5."),
        ("number", {"allowed_values": ["4", 8.0]}, [" 4.0", "8"], ["5"], "Choose one of 4, 8."),
        ("boolean", {"allowed_values": ["yes"]}, ["true"], ["off"], "Choose one of True."),
        (
            "comma_delimited_list",
            {"allowed_values": ["a", "b"]},
            ["a", "b,a", ""],
            ["a, b"],
            "Choose from a, b.",
        ),
        (
            "string",
            {"allowed_pattern": "[a-z]+"},
            ["abc"],
            ["abc1", "abc\n", ""],
            "Write it in the form [a-z]+",
        ),
        ("string", {"allowed_pattern": "a|ab"}, ["a"], ["ab"], "Write it in the form a|ab"),
        ("string", {"allowed_pattern": "^web$"}, ["web"], ["webs", "web\n"], "Write it in the form ^web$"),
    ],
)
def test_constraints_judge_as_heat_does(
    type_: str, constraint: Definition, good: list[str], bad: list[str], words: str
) -> None:
    plain, worded = of(type_, constraint), of(type_, constraint | {"description": " As it should be. "})
    for text in good:
        plain.read(text)
        worded.read(text)
    for text in bad:
        with pytest.raises(Refused) as caught:
            plain.read(text)
        assert str(caught.value) == words
        with pytest.raises(Refused, match=r"^As it should be\.$"):
            worded.read(text)


def test_the_first_broken_constraint_speaks() -> None:
    both = of(
        "string",
        {"length": {"min": 3}, "description": "first"},
        {"allowed_pattern": "[a-z]*", "description": "second"},
    )
    for text, words in (("A", "first"), ("ABC", "second")):
        with pytest.raises(Refused, match=f"^{words}$"):
            both.read(text)


def test_a_custom_constraint_is_for_heat_to_judge() -> None:
    image = of("string", {"custom_constraint": "glance.image"})
    assert image.read("anything") == "anything"
    constraint = image.constraint("custom_constraint")
    assert constraint is not None
    assert (constraint.detail, constraint.rule) == ("glance.image", "This must name a glance.image.")
    assert image.constraint("range") is None


@pytest.mark.parametrize(
    ("definition", "mistake"),
    [
        ("text", "it must be a mapping with a type"),
        ({}, "its type must be one of string, number, comma_delimited_list, json, boolean"),
        ({"type": "String"}, "its type must be one of string, number, comma_delimited_list, json, boolean"),
        ({"type": "string", "defualt": "x"}, "there is no key “defualt” in a parameter"),
        ({"type": "string", "label": ["x"]}, "its label must be a text"),
        ({"type": "string", "description": {}}, "its description must be a text"),
        ({"type": "string", "constraints": {}}, "its constraints must be a list"),
        ({"type": "number", "default": "x"}, "its default doesn't fit it. Enter a number."),
        ({"type": "string", "default": {}}, "its default doesn't fit it. Enter a text."),
        (
            {"type": "number", "default": 9, "constraints": [{"range": {"max": 5}}]},
            "its default doesn't fit it. Enter a number of at most 5.",
        ),
        (
            {"type": "string", "default": 80, "constraints": [{"length": {"max": 5}}]},
            "its default doesn't fit it. Put quotes around it.",
        ),
        (
            {"type": "string", "default": 80, "constraints": [{"allowed_pattern": "[0-9]*"}]},
            "its default doesn't fit it. Put quotes around it.",
        ),
        (
            {"type": "json", "default": '{"a": 1}', "constraints": [{"length": {"max": 3}}]},
            "its default doesn't fit it. Use at most 3 entries.",
        ),
        (
            {"type": "comma_delimited_list", "default": "", "constraints": [{"length": {"max": 0}}]},
            "its default doesn't fit it. Use at most 0 entries.",
        ),
    ],
)
def test_a_mistake_in_a_definition_is_named(definition: object, mistake: str) -> None:
    assert parameters.from_definition("it", definition)[1] == [mistake]


@pytest.mark.parametrize(
    ("type_", "constraint", "mistake"),
    [
        ("string", "length", "a constraint must be a mapping such as {length: {max: 10}}"),
        ("string", {"lenght": {"max": 1}}, "there is no constraint “lenght”"),
        ("string", {}, "each entry of constraints must hold exactly one constraint"),
        ("string", {"description": "x"}, "each entry of constraints must hold exactly one constraint"),
        (
            "string",
            {"length": {"max": 1}, "allowed_pattern": "a"},
            "each entry of constraints must hold exactly one constraint",
        ),
        ("string", {"range": {"max": 1}}, "range doesn't go with the type string"),
        ("number", {"length": {"max": 1}}, "length doesn't go with the type number"),
        ("json", {"allowed_values": []}, "allowed_values doesn't go with the type json"),
        ("number", {"range": 5}, "range must be a mapping of min and max"),
        ("number", {"range": {"most": 5}}, "range must be a mapping of min and max"),
        ("number", {"range": {}}, "range needs a min, a max, or both"),
        ("number", {"range": {"min": "x"}}, "range must be given in numbers"),
        ("number", {"range": {"min": [1]}}, "range must be given in numbers"),
        ("number", {"range": {"min": 2, "max": 1}}, "range has a min above its max, so that nothing fits"),
        ("string", {"length": {"max": "4.0"}}, "length must be given in whole numbers"),
        ("number", {"modulo": {"step": 2}}, "modulo needs a step and an offset"),
        ("number", {"modulo": {"step": 2.5, "offset": 0}}, "modulo must be given in whole numbers"),
        (
            "number",
            {"modulo": {"step": 0, "offset": 0}},
            "modulo needs a step that isn't 0, and an offset of the same sign, nearer to 0",
        ),
        (
            "number",
            {"modulo": {"step": 2, "offset": -1}},
            "modulo needs a step that isn't 0, and an offset of the same sign, nearer to 0",
        ),
        ("string", {"allowed_values": "abc"}, "allowed_values must be a list"),
        ("string", {"allowed_values": []}, "allowed_values must be a list"),
        ("number", {"allowed_values": ["x"]}, "allowed_values must each be of the type number"),
        (
            "comma_delimited_list",
            {"allowed_values": [80]},
            "allowed_values of a list must be texts; put quotes around them",
        ),
        ("string", {"allowed_pattern": 5}, "allowed_pattern must be a text"),
        (
            "string",
            {"allowed_pattern": "["},
            "allowed_pattern is no regular expression (unterminated character set at position 0)",
        ),
        ("string", {"custom_constraint": ""}, "custom_constraint must be a name such as glance.image"),
    ],
)
def test_a_mistake_in_a_constraint_is_named(type_: str, constraint: object, mistake: str) -> None:
    assert parameters.from_definition("it", {"type": type_, "constraints": [constraint]})[1] == [mistake]


def test_all_mistakes_of_a_parameter_are_told_at_once() -> None:
    _, mistakes = parameters.from_definition(
        "it", {"type": "number", "min": 1, "default": "x", "constraints": [{"range": {}}, {"length": {}}]}
    )
    assert len(mistakes) == 4


def test_a_definition_is_read_whole() -> None:
    port = made(
        {
            "type": "number",
            "label": "Port",
            "description": "Where it\n  listens.",
            "default": "80",
            "hidden": True,
            "immutable": True,
            "tags": ["a"],
            "constraints": [{"range": {"min": 1, "max": 65535}}],
        }
    )
    assert (port.label, port.description, port.default, port.has_default, port.hidden) == (
        *("Port", "Where it listens.", 80, True, True),
    )
    plain = made({"type": "string", "default": None, "constraints": None})
    assert (plain.label, plain.description, plain.default, plain.has_default, plain.hidden) == (
        "It",
        "",
        None,
        False,
        False,
    )
    assert made({"type": "string", "default": True}).default == "True"
    assert made({"type": "comma_delimited_list", "default": "a,b"}).default == ["a", "b"]
    assert made({"type": "json", "default": '{"a": 1}'}).default == {"a": 1}


@pytest.mark.parametrize(
    ("definition", "choices"),
    [
        ({"type": "string"}, ()),
        ({"type": "string", "constraints": [{"allowed_values": ["a", True]}]}, ("a", "True")),
        ({"type": "number", "constraints": [{"allowed_values": [4, "8.0", 2.5]}]}, ("4", "8", "2.5")),
        ({"type": "boolean", "constraints": [{"allowed_values": ["yes", "no"]}]}, ("true", "false")),
    ],
)
def test_choices_are_as_a_form_sends_them(definition: Definition, choices: tuple[str, ...]) -> None:
    parameter = made(definition)
    assert parameter.choices == choices
    for choice in choices:
        parameter.read(choice)


@pytest.mark.parametrize(
    ("type_", "default", "text", "blank"),
    [
        ("string", None, None, True),
        ("string", None, "", True),
        ("string", None, "  ", True),
        ("string", None, "a", False),
        ("string", "x", "", False),
        ("string", "x", None, True),
        ("comma_delimited_list", "a", "", False),
        ("comma_delimited_list", None, "", True),
        ("number", 4, " ", True),
        ("number", 4, 0, False),
        ("boolean", True, "", True),
        ("json", "{}", "", True),
    ],
)
def test_an_empty_text_is_an_answer_only_where_it_can_differ(
    type_: str, default: object, text: object, *, blank: bool
) -> None:
    assert made({"type": type_, "default": default}).is_blank(text) is blank


ROUND_TRIPS = {
    "string": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    "number": st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "comma_delimited_list": st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00,"), min_size=1)
    ),
    "json": st.dictionaries(st.text("ab"), st.lists(st.integers() | st.text("üx")), max_size=3)
    | st.lists(st.booleans(), max_size=3),
}


@pytest.mark.parametrize("type_", parameters.TYPES)
@given(data=st.data())
def test_what_a_form_shows_is_read_back_as_the_same(type_: str, data: st.DataObject) -> None:
    value = data.draw(ROUND_TRIPS[type_])
    parameter = of(type_)
    assert parameter.read(parameter.as_text(value)) == value


@given(st.text())
def test_any_text_is_a_number_to_us_when_it_is_one_to_python(text: str) -> None:
    try:
        expected = float(text)
    except ValueError:
        expected = math.nan
    try:
        assert math.isclose(of("number").read(text), expected)
    except Refused:
        assert not math.isfinite(expected)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for type_ in parameters.TYPES:
        with suppress(Refused):
            json.dumps(of(type_).read(text))
