"""User data that a person brings is checked as cloud-init would read it, and gets the SSH keys added."""

import base64
import email
import json
from email.message import Message

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.catalog import cloudinit
from portal.domain.catalog.cloudinit import Mistake

KEYS = ["ssh-ed25519 AAAAC3 ada@example.org", 'ssh-rsa AAAAB3 "ünï" \\ ada']
MIME = """\
Content-Type: multipart/mixed; boundary="===1=="
MIME-Version: 1.0

--===1==
Content-Type: text/cloud-config; charset="us-ascii"

#cloud-config
packages: [htop]

--===1==
Content-Type: text/x-shellscript

#!/bin/sh
echo hello

--===1==--
"""
GOOD = {
    "cloud-config": "#cloud-config\npackages: [nginx]\nruncmd:\n  - [echo, hi]\n",
    "cloud-config with a comment": "#cloud-config for ünïcode\nwrite_files: [{path: /x, content: ✓}]\n",
    "cloud-config with aliases": "#cloud-config\na: &a {k: 2024-01-01}\nb: {<<: *a}\n",
    "script": "#!/bin/bash\necho hello\n",
    "include": "#include\nhttps://example.org/user-data\n",
    "include once": "#include-once\nhttps://example.org/user-data\n",
    "boothook": "#cloud-boothook\n#!/bin/sh\necho hello\n",
    "part handler": "#part-handler\ndef list_types():\n    return []\n",
    "jinja": "## template: jinja\n#cloud-config\n{% if v1 %}\nhostname: {{ v1.x }}\n{% endif %}\n",
    "mime": MIME,
    "mime from a mailbox": "From nobody Sat Nov 13 23:40:34 2010\n" + MIME,
}


def parts(text: str) -> list[Message]:
    return [part for part in email.message_from_string(text).walk() if not part.is_multipart()]


def content(part: Message) -> str:
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_what_cloud_init_reads_is_taken(text: str) -> None:
    cloudinit.check(text)
    cloudinit.check(text.encode(), KEYS)
    assert cloudinit.compose(text, []) == text


@pytest.mark.parametrize("text", ["", " \r\n ", b"", "\ufeff"])
def test_no_user_data_is_fine(text: str | bytes) -> None:
    cloudinit.check(text, KEYS)
    assert cloudinit.compose(text, []) == ""
    alone = cloudinit.compose(text, KEYS)
    assert alone.startswith("#cloud-config\n")
    assert yaml.safe_load(alone) == {"ssh_authorized_keys": KEYS}


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("cloud-config", ["text/cloud-config"]),
        ("cloud-config with a comment", ["text/cloud-config"]),
        ("script", ["text/x-shellscript"]),
        ("include", ["text/x-include-url"]),
        ("include once", ["text/x-include-once-url"]),
        ("boothook", ["text/cloud-boothook"]),
        ("part handler", ["text/part-handler"]),
        ("jinja", ["text/jinja2"]),
        ("mime", ["text/cloud-config", "text/x-shellscript"]),
        ("mime from a mailbox", ["text/cloud-config", "text/x-shellscript"]),
    ],
)
def test_keys_become_a_last_part_that_takes_nothing_away(text: str, kinds: list[str]) -> None:
    whole = cloudinit.compose(GOOD[text], KEYS)
    *own, ours = parts(whole)
    assert "mime-version:" in whole[:200].lower()
    assert [part.get_content_type() for part in own] == kinds
    if len(own) == 1:
        assert content(own[0]) == GOOD[text]
    assert ours.get_content_type() == "text/cloud-config"
    assert ours["Merge-Type"] == "list(append)+dict(no_replace,recurse_list)+str()"
    assert yaml.safe_load(content(ours)) == {"ssh_authorized_keys": KEYS}
    cloudinit.check(whole)


@given(st.text("abc:#-\nß✓ ", max_size=60), st.lists(st.sampled_from(KEYS), max_size=3))
def test_the_same_is_composed_to_the_same_and_nothing_is_lost(script: str, keys: list[str]) -> None:
    own = f"#!/bin/sh\n{script}"
    whole = cloudinit.compose(own, keys)
    assert whole == cloudinit.compose(own, keys)
    assert content(parts(whole)[0]) == own if keys else whole == own


@pytest.mark.parametrize(
    "own", ["#!/bin/sh\nexport KEY=Mark-1\n", "#!/bin/sh\n# für mich\nexport KEY=Mark-1\n"]
)
def test_what_was_written_is_known_again_also_where_it_travels_in_base64(own: str) -> None:
    assert cloudinit.texts(own) == [own]
    assert own in cloudinit.texts(cloudinit.compose(own, KEYS))


def test_line_ends_and_marks_of_editors_are_straightened() -> None:
    assert cloudinit.compose("\ufeff\r\n\r\n#!/bin/sh\r\necho\rhi\r\n", []) == "#!/bin/sh\necho\nhi\n"


HEADER = (
    "The first line must tell cloud-init what this is: #cloud-config, #! and a shell, #include, "
    "#cloud-boothook, #part-handler, ## template: jinja, or the header of a MIME message."
)
NO_SETTINGS = "A #cloud-config must hold settings by name, such as “packages: [nginx]”."


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("packages: [nginx]", HEADER),
        ("#cloud-configuration\na: 1", HEADER),
        ("# cloud-config\na: 1", HEADER),
        ("\x1f\x8b gzip", "Line 1 has a control character: is this a binary file?"),
        ("#!/bin/sh\n\necho \x00", "Line 3 has a control character: is this a binary file?"),
        (b"\xff\xfe", "This is not a text in UTF-8. Binary files, such as gzip, can't be given here."),
        (
            "#!/bin/sh\n\ud800",
            "This is not a text in UTF-8. Binary files, such as gzip, can't be given here.",
        ),
        ("#cloud-config\n", NO_SETTINGS),
        ("#cloud-config\n- a\n", NO_SETTINGS),
        ("#cloud-config\npackages\n", NO_SETTINGS),
        (
            "\n\n#cloud-config\na: b: c\n",
            "Line 4, column 5: this is not YAML (mapping values are not allowed in this context).",
        ),
        ("#cloud-config\na: " + "[" * 200, "It is nested more than 100 levels deep."),
        ("#cloud-config\na: !secret x\n", "Line 2: cloud-init can't read this value (!secret)."),
        (
            "#cloud-config\nb: 1\na: 2024-13-45\n",
            "Line 3: cloud-init can't read this value (tag:yaml.org,2002:timestamp).",
        ),
        ("#cloud-config\na: !!int x\n", "Line 2: cloud-init can't read this value (tag:yaml.org,2002:int)."),
        ("#cloud-config\na: {[b]: 1}\n", "Line 2: the name of a setting must be a plain text."),
        (
            "#!/bin/sh\n" + "x" * 49_140,
            "It is 0.1 KiB too large: a server takes 48 KiB, the SSH keys included.",
        ),
        (
            "Content-Type: text/plain\n\n#!/bin/sh\n",
            "A MIME message needs a line “MIME-Version: 1.0” in its header.",
        ),
        (MIME.replace("--===1==", "--===2=="), "The MIME message is broken (StartBoundaryNotFoundDefect)."),
        (MIME.replace("packages: [htop]", "htop"), NO_SETTINGS),
        (
            "MIME-Version: 1.0\nContent-Type: text/cloud-config\nContent-Transfer-Encoding: base64\n\n/w==\n",
            "This is not a text in UTF-8. Binary files, such as gzip, can't be given here.",
        ),
        ("MIME-Version: 1.0\nContent-Type: text/cloud-config\n\n", NO_SETTINGS),
    ],
)
def test_what_cloud_init_would_not_read_is_refused_in_plain_words(text: str | bytes, words: str) -> None:
    with pytest.raises(Mistake) as caught:
        cloudinit.check(text)
    assert str(caught.value) == words


ENCODED = "MIME-Version: 1.0\nContent-Type: text/cloud-config\nContent-Transfer-Encoding: base64\n\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("#cloud-config\na: 1\n\tb: 2", 3),
        ("#cloud-config\na: 1\n? [b]\n: 2", 2),
        ("#cloud-config\na: !!int b", 2),
        ("#!/bin/sh\necho \x00", 2),
        ("\n" + MIME.replace("[htop]", "[htop"), 10),
        (ENCODED + base64.b64encode(b"a: [").decode(), 0),
        ("#cloud-config\n- a list", 0),
        ("just words", 0),
        ("#cloud-config\na: 1", 0),
    ],
)
def test_the_line_of_a_mistake_is_known(text: str, line: int) -> None:
    assert cloudinit.mistaken_line(text) == line


def test_the_largest_that_nova_takes_is_taken_and_no_byte_more() -> None:
    largest = "#!/bin/sh\n" + "x" * (cloudinit.LARGEST - 10)
    cloudinit.check(largest)
    assert len(base64.b64encode(cloudinit.compose(largest, []).encode())) <= 65_535
    with pytest.raises(Mistake, match="too large"):
        cloudinit.check(largest, KEYS)


def test_bytes_count_not_characters() -> None:
    with pytest.raises(Mistake, match="too large"):
        cloudinit.check("#!/bin/sh\n" + "ß" * 30_000)


def test_aliases_that_multiply_are_checked_in_no_time() -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 90))
    merges = "\n".join(f"m{n}: &m{n} {{<<: [*m{n - 1}, *m{n - 1}]}}" for n in range(1, 90))
    cloudinit.check(f"#cloud-config\nl0: &l0 [a]\n{levels}\nm0: &m0 {{a: 1}}\n{merges}\n")


def test_keys_are_written_so_that_yaml_gives_them_back() -> None:
    text = cloudinit.compose("", ["a: b #c", "'\"\\", "😀"])
    assert yaml.safe_load(text)["ssh_authorized_keys"] == ["a: b #c", "'\"\\", "😀"]
    assert json.loads(text.partition("ssh_authorized_keys: ")[2]) == ["a: b #c", "'\"\\", "😀"]
