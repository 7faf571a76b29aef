"""YAML as Heat reads it: CSafeLoader, timestamps kept as strings; and what is wrong with it, in sentences."""

from collections.abc import Iterator
from typing import Any

import yaml

from portal.translation import gettext

# More than any template or cloud-config has. The C composer recurses: at some ten thousand the process ends.
DEEPEST = 100


class Mistake(ValueError):
    """A text that can't be read as YAML. `sentences` say what is wrong, one by one, with the line.

    `line` is that of the first; 0 where none is known.
    """

    def __init__(self, *sentences: str, line: int = 0) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = sentences
        self.line = line


def _text(loader: yaml.CSafeLoader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


class _Loader(yaml.CSafeLoader):
    """Like Heat's loader (heat/common/template_format.py): dates and times stay text."""


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _text)


def load(text: str) -> Any:
    """The value of a text. Raises Mistake: no YAML, a key given twice, a value unlike its tag."""
    root = compose(text)
    if root is None:
        return None
    if twice := list(_keys_given_twice(root)):
        raise Mistake(*twice)
    try:
        return _Loader("").construct_document(root)
    except yaml.YAMLError as error:
        raise Mistake(_sentence(error)) from error
    except (ValueError, LookupError) as error:
        raise Mistake(
            gettext("This is not YAML: a value isn't what its tag says (%(problem)s).", problem=error)
        ) from error


def compose(text: str) -> yaml.Node | None:
    """The nodes of a text, not yet values, so that repeated aliases cost nothing. None: an empty text."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise Mistake(gettext("It is nested more than %(most)s levels deep.", most=DEEPEST))
        return yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise Mistake(_sentence(error), line=mark.line + 1 if mark else 0) from error
    except UnicodeEncodeError as error:
        raise Mistake(gettext("This is not text: it has half of a character.")) from error


def nodes(root: yaml.Node) -> Iterator[yaml.Node]:
    """Every node once, in the order of the text, also when aliases lead to it many times."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            waiting.extend(reversed(_parts(node)))


def _parts(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _keys_given_twice(root: yaml.Node) -> Iterator[str]:
    for node in nodes(root):
        seen: dict[tuple[str, str], int] = {}
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if not isinstance(key, yaml.ScalarNode):
                continue
            line = key.start_mark.line + 1
            if (key.tag, key.value) in seen:
                first = seen[key.tag, key.value]
                yield gettext(
                    "Line %(line)s: the key “%(key)s” is given twice (first on line %(first)s).",
                    line=line,
                    key=key.value,
                    first=first,
                )
            seen.setdefault((key.tag, key.value), line)


def _sentence(error: yaml.YAMLError) -> str:
    """What PyYAML found, as one sentence with its line where it knows one."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
    if mark is None:
        return gettext("This is not YAML (%(problem)s).", problem=problem)
    return gettext(
        "Line %(line)s, column %(column)s: this is not YAML (%(problem)s).",
        line=mark.line + 1,
        column=mark.column + 1,
        problem=problem,
    )
