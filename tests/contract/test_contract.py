"""One truth for both clouds: what a real OpenStack answered, the sandbox answers too, and so it must stay.

`CLOUD=lab` asks the real one as well. `python -m tests.contract.record` writes its answers down anew.
"""

import functools
import json
import os

import pytest

from portal.sandbox.app import create_sandbox
from portal.sandbox.server import serve
from portal.sandbox.settings import Settings
from tests.contract.asking import LAB, Address
from tests.contract.record import EXPECTED, ask_all
from tests.contract.shapes import Shape

KNOWN: dict[str, Shape] = json.loads(EXPECTED.read_text())
CLOUDS = ["sandbox", *(["lab"] if os.environ.get("CLOUD") == "lab" else [])]


@functools.cache
def answers(cloud: str) -> dict[str, Shape]:
    """All answers of a cloud, asked for once."""
    if cloud == "lab":
        return ask_all(LAB)
    sandbox = create_sandbox(Settings(stack_seconds=0.8, delete_seconds=0.6, power_seconds=0.2))
    server = serve(sandbox)
    try:
        return ask_all(Address("sandbox", server.auth_url))
    finally:
        server.close()
        sandbox.close()


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("question", sorted(KNOWN))
def test_the_answer_is_as_known(cloud: str, question: str) -> None:
    assert answers(cloud)[question] == KNOWN[question]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_every_question_has_a_known_answer(cloud: str) -> None:
    assert sorted(answers(cloud)) == sorted(KNOWN)
