"""Secrets are taken out of any text: whole, inside JSON, line by line, and by the names of fields."""

import json

from portal.domain.vms.asked import MASK, Scrubber

KEY = "ssh-ed25519 " + "A" * 60


def test_a_secret_of_one_line_is_masked_wherever_it_stands() -> None:
    scrub = Scrubber(['pass"word-1', "abc"])
    assert scrub('it was pass"word-1.') == f"it was {MASK}."
    assert scrub(json.dumps({"x": 'pass"word-1'})) == f'{{"x": "{MASK}"}}'
    assert scrub("abc") == "abc"  # too short to be taken out of every text


def test_of_several_lines_each_is_masked_and_words_that_look_like_secrets() -> None:
    scrub = Scrubber(["#cloud-config\nruncmd: [echo marked-7f3a-secret]\nx: y\n"])
    assert scrub("runcmd: [echo marked-7f3a-secret]") == MASK
    assert scrub("echo marked-7f3a-secret] x: y") == f"echo {MASK} x: y"


def test_deep_goes_through_all_that_json_can_hold() -> None:
    scrub = Scrubber(["hidden-value"])
    told = {"a": ["hidden-value", 1, None], "password": "anything", "user_data": "", "hidden-value": True}
    assert scrub.deep(told) == {"a": [MASK, 1, None], "password": MASK, "user_data": "", MASK: True}


def test_keys_are_shortened() -> None:
    assert Scrubber()(KEY) == f"ssh-ed25519 {'A' * 8}…{'A' * 6}"
