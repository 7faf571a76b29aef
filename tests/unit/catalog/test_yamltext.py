"""YAML is read as Heat reads it, and what can't be read is named with its line."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.catalog import yamltext
from portal.domain.catalog.yamltext import Mistake

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab: -#'\"\n✓", max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_dumped_is_read_back(value: object) -> None:
    assert yamltext.load(yaml.safe_dump(value, allow_unicode=True)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing but a comment\n", None),
        ("version: 2018-08-31", {"version": "2018-08-31"}),
        ("at: 2018-08-31T10:00:00Z", {"at": "2018-08-31T10:00:00Z"}),
        ("base: &base {a: 1}\nmore: {<<: *base, b: 2}", {"base": {"a": 1}, "more": {"a": 1, "b": 2}}),
        ("a: {x: 1}\nb: {x: 2}", {"a": {"x": 1}, "b": {"x": 2}}),
        ("1: one\n'1': text", {1: "one", "1": "text"}),
    ],
)
def test_texts_are_read_as_heat_reads_them(text: str, value: object) -> None:
    assert yamltext.load(text) == value


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            "a:\n  default: 1\n  type: x\n  default: 2\n",
            ["Line 4: the key “default” is given twice (first on line 2)."],
        ),
        (
            "a: 1\nb: {c: 1, c: 2}\na: 3\na: 4",
            [
                "Line 3: the key “a” is given twice (first on line 1).",
                "Line 4: the key “a” is given twice (first on line 1).",
                "Line 2: the key “c” is given twice (first on line 2).",
            ],
        ),
        ("a: b: c", ["Line 1, column 5: this is not YAML (mapping values are not allowed in this context)."]),
        ("a: [1", ["Line 2, column 1: this is not YAML (did not find expected ',' or ']')."]),
        (
            "a: \x00",
            ["This is not YAML (unacceptable character #x0000: control characters are not allowed)."],
        ),
        (
            "a: !secret x",
            ["Line 1, column 4: this is not YAML (could not determine a constructor for the tag '!secret')."],
        ),
        ("{[a]: 1}", ["Line 1, column 2: this is not YAML (found unhashable key)."]),
        ("a: !!bool x", ["This is not YAML: a value isn't what its tag says ('x')."]),
        ("a: \ud800", ["This is not text: it has half of a character."]),
        ("[" * 101 + "]" * 101, ["It is nested more than 100 levels deep."]),
    ],
)
def test_a_mistake_is_a_sentence_with_its_line(text: str, sentences: list[str]) -> None:
    with pytest.raises(Mistake) as caught:
        yamltext.load(text)
    assert list(caught.value.sentences) == sentences
    assert str(caught.value) == " ".join(sentences)


def test_endless_nesting_ends_neither_the_process_nor_the_patience() -> None:
    with pytest.raises(Mistake, match="nested"):
        yamltext.compose("[" * 49_000 + "]" * 49_000)


def test_nodes_come_once_also_when_aliases_repeat_and_loop() -> None:
    root = yamltext.compose("- &a {k: v}\n- *a\n- &loop [*loop, *a]\n")
    assert root is not None
    seen = list(yamltext.nodes(root))
    assert len(seen) == len({id(node) for node in seen}) == 5
    assert [type(node).__name__ for node in seen] == [
        *("SequenceNode", "MappingNode", "ScalarNode", "ScalarNode", "SequenceNode"),
    ]
