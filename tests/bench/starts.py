"""How long from the command to a page that answers: from a bare clone, and again."""

import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from portal.cli.home import ROOT
from tests.bench import report
from tests.support import running


def measure(folder: Path) -> dict[str, Any]:
    """Seconds of the first `make run` in a fresh clone, with all its setting up, and of the second."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    first, second = _start(clone), _start(clone)
    report.table(
        "make run, from the command to a page that answers",
        ("", "seconds"),
        [("first, from a bare clone", first), ("second", second)],
    )
    return {"first_s": first, "second_s": second}


def _start(clone: Path) -> float:
    began = time.monotonic()
    run = subprocess.Popen(
        ["make", "run", f"PORT={running.free_port()}"],
        cwd=clone,
        env=running.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    seconds = 0.0
    said = []
    assert run.stdout
    for line in run.stdout:
        said.append(line)
        if re.match(r"The portal is at ", line):
            seconds = round(time.monotonic() - began, 1)
            run.send_signal(signal.SIGTERM)
    run.wait()
    if not seconds:
        raise RuntimeError("make run didn't come up:\n" + "".join(said))
    return seconds
