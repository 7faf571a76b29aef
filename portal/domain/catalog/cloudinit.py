"""User data that a person brings: whether cloud-init can read it, and how SSH keys are added to it.

Source: cloudinit/user_data.py and cloudinit/handlers (how the kind of a part is told from its first line).
"""

import email
import hashlib
import json
import math
import re
from collections.abc import Sequence
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import yaml

from portal.domain.catalog import yamltext
from portal.translation import gettext, number

# Nova takes 65535 characters of base64, in which 3 bytes become 4.
LARGEST = 65_535 // 4 * 3

# The kind of a part, by how its first line begins.
_KINDS = (
    (re.compile(r"#cloud-config(?=\s|$)"), "cloud-config"),
    (re.compile(r"#!"), "x-shellscript"),
    (re.compile(r"#include-once(?=\s|$)"), "x-include-once-url"),
    (re.compile(r"#include(?=\s|$)"), "x-include-url"),
    (re.compile(r"#cloud-boothook(?=\s|$)"), "cloud-boothook"),
    (re.compile(r"#part-handler(?=\s|$)"), "part-handler"),
    (re.compile(r"## template: *jinja(?=\s|$)"), "jinja2"),
    (re.compile(r"(?i)(from .*\n)?(mime-version|content-type):"), "mime"),
)
# Our part comes last and is merged onto what came before: it adds to a list of keys and takes nothing away.
_MERGE = "list(append)+dict(no_replace,recurse_list)+str()"
_STRUCTURE = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "set", "omap", "pairs", "merge")
)
_BLANK = " \t\n"
_BINARY = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


class Mistake(ValueError):
    """User data that cloud-init or Nova wouldn't take; the message is for the person who wrote it.

    `line` is the one that it is about; 0: none, or all of them.
    """

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


def check(own: str | bytes, keys: Sequence[str] = ()) -> None:
    """Raises Mistake when this is nothing that cloud-init reads, or too large, the keys included."""
    text = _text(own)
    if not text.strip():
        return
    kind = _kind(text.lstrip(_BLANK))
    if kind == "cloud-config":
        _check_cloud_config(text)
    elif kind == "mime":
        _check_mime(text)
    surplus = len(compose(text, keys).encode()) - LARGEST
    if surplus > 0:
        raise Mistake(
            gettext(
                "It is %(surplus)s KiB too large: a server takes 48 KiB, the SSH keys included.",
                surplus=number(math.ceil(surplus / 102.4) / 10),
            )
        )


def mistaken_line(own: str) -> int:
    """The line of the text that `check` complains of; 0 where it doesn't, or of no line."""
    try:
        check(own)
    except Mistake as mistake:
        return mistake.line
    return 0


def compose(own: str | bytes, keys: Sequence[str]) -> str:
    """The user data of a server: the person's, the keys, or both as a MIME message; the same for the same."""
    text = _text(own).lstrip(_BLANK)
    access = "#cloud-config\nssh_authorized_keys: " + json.dumps(list(keys), ensure_ascii=False) + "\n"
    if not keys or not text:
        return access if keys else text
    kind = _kind(text)
    whole = MIMEMultipart(boundary=f"part-{hashlib.sha256((text + access).encode()).hexdigest()[:32]}")
    whole.attach(email.message_from_string(text) if kind == "mime" else _part(text, kind, "user-data"))
    ours = _part(access, "cloud-config", "ssh-keys")
    ours["Merge-Type"] = _MERGE
    whole.attach(ours)
    return whole.as_string()


def texts(user_data: str) -> list[str]:
    """It as a whole and, of a MIME message, each part as it was written; base64 is undone."""
    if not _KINDS[-1][0].match(user_data):
        return [user_data]
    parts = (part.get_payload(decode=True) for part in email.message_from_string(user_data).walk())
    return [user_data, *(part.decode(errors="replace") for part in parts if isinstance(part, bytes))]


def _text(own: str | bytes) -> str:
    """The text with the line ends of the guest, and without the mark that some editors put before it."""
    try:
        text = own.decode() if isinstance(own, bytes) else own
        text.encode()
    except UnicodeError as error:
        raise Mistake(
            gettext("This is not a text in UTF-8. Binary files, such as gzip, can't be given here.")
        ) from error
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if found := _BINARY.search(text):
        line = text.count("\n", 0, found.start()) + 1
        words = gettext("Line %(line)s has a control character: is this a binary file?", line=line)
        raise Mistake(words, line)
    return text


def _kind(text: str) -> str:
    for begins, kind in _KINDS:
        if begins.match(text):
            return kind
    raise Mistake(
        gettext(
            "The first line must tell cloud-init what this is: #cloud-config, #! and a shell, #include, "
            "#cloud-boothook, #part-handler, ## template: jinja, or the header of a MIME message."
        )
    )


def _check_cloud_config(text: str) -> None:
    """As cloud-init would load it, but without making values, which a few lines of aliases can blow up."""
    try:
        root = yamltext.compose(text)
    except yamltext.Mistake as mistake:
        raise Mistake(str(mistake), mistake.line) from mistake
    if not isinstance(root, yaml.MappingNode):
        raise Mistake(gettext("A #cloud-config must hold settings by name, such as “packages: [nginx]”."))
    loader = yaml.CSafeLoader("")
    for node in yamltext.nodes(root):
        line = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode) and not all(
            isinstance(key, yaml.ScalarNode) for key, _ in node.value
        ):
            words = gettext("Line %(line)s: the name of a setting must be a plain text.", line=line)
            raise Mistake(words, line)
        if node.tag in _STRUCTURE:
            continue
        try:
            loader.construct_object(node)
        except (yaml.YAMLError, ValueError, LookupError) as error:
            words = gettext(
                "Line %(line)s: cloud-init can't read this value (%(tag)s).", line=line, tag=node.tag
            )
            raise Mistake(words, line) from error


def _check_mime(text: str) -> None:
    # cloud-init looks for the version in the first 4096 bytes only, and takes the rest for a text of no kind.
    if "mime-version:" not in text.lstrip(_BLANK)[:4096].lower():
        raise Mistake(gettext("A MIME message needs a line “MIME-Version: 1.0” in its header."))
    parts = list(email.message_from_string(text.lstrip(_BLANK)).walk())
    if defects := [defect for part in parts for defect in part.defects]:
        raise Mistake(gettext("The MIME message is broken (%(problem)s).", problem=type(defects[0]).__name__))
    for part in parts:
        if part.get_content_type() == "text/cloud-config":
            content = part.get_payload(decode=True)
            _check_within(text, _text(content if isinstance(content, bytes) else ""))


def _check_within(message: str, text: str) -> None:
    """A part's lines are counted as in the whole message; those of a part that is encoded are its own."""
    at = message.find(text)
    try:
        _check_cloud_config("\n" * message.count("\n", 0, max(at, 0)) + text)
    except Mistake as mistake:
        raise Mistake(str(mistake), mistake.line if at >= 0 else 0) from mistake


def _part(text: str, kind: str, name: str) -> Message:
    part = MIMEText(text, kind, "us-ascii" if text.isascii() else "utf-8")
    part.add_header("Content-Disposition", "attachment", filename=name)
    return part
