"""Three small storms over real processes; `make chaos N=500` is the large one."""

import json
import subprocess
import sys

import pytest

from portal.config import ROOT
from tests.chaos.__main__ import ZEROS
from tests.support import running


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_storm_loses_and_doubles_nothing(seed: int) -> None:
    command = [sys.executable, "-m", "tests.chaos", "24", "--seed", str(seed), "--share", "0.1"]
    storm = subprocess.run(
        command, cwd=ROOT, env=running.environment(), capture_output=True, text=True, timeout=400, check=False
    )
    print(storm.stdout)
    assert storm.returncode == 0, storm.stdout + storm.stderr
    figures = json.loads(storm.stdout.splitlines()[-1])
    assert {name: figures[name] for name in ZEROS} == dict.fromkeys(ZEROS, 0)
    assert figures["accepted"] > 0
    assert figures["kills"] > 0
