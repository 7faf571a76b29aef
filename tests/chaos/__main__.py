"""Chaos: parallel people, a cloud that fails by a plan, and every part killed with -9 at random.

`python -m tests.chaos 500 --seed 1 [--share 0.1]`; ends with 1 when a zero is not zero.
"""

import argparse
import importlib
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from portal.cli.home import ROOT
from portal.cli.processes import python
from tests.chaos import plan
from tests.chaos.town import Town

ZEROS = ("lost", "doubled", "orphans_unflagged", "quota_drift", "illegal_moves")


def main() -> int:
    """One storm."""
    options = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    options.add_argument("number", type=int, help="how many launches")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument(
        "--share", type=float, default=1.0, help="how much of its long waits the portal takes (default: all)"
    )
    given = options.parse_args()
    os.chdir(ROOT)
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    figures = storm(folder, given.number, given.seed, given.share)
    if any(figures[name] for name in ZEROS):
        print(f"Logs: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    for name, figure in figures.items():
        print(f"  {name:<18} {figure}")
    print(json.dumps(figures))
    return int(any(figures[name] for name in ZEROS))


def storm(folder: Path, number: int, seed: int, share: float) -> dict[str, Any]:
    """Begins, storms, lets it be quiet, counts."""
    importlib.import_module("portal.worker")  # once, for all that is forked from here on
    began = time.monotonic()
    seconds = 8 + 0.3 * number
    blows = plan.make(seed, seconds)
    town = Town(folder, share, seed)
    try:
        town.begin(number)
        print(f"Seed {seed}: {number} launches in {seconds:.0f} s under {len(blows)} blows", flush=True)
        print(*blows, sep="\n", flush=True)
        people = ("tests.chaos.people", town.web_url, str(number), str(seed), str(seconds))
        crowd, told = town.start("people", python(*people))
        start = time.monotonic()
        while blows or crowd.is_alive():
            while blows and blows[0].at <= time.monotonic() - start:
                town.strike(blows.pop(0))
            town.look_after()
        if crowd.exitcode:
            raise RuntimeError((folder / "log" / "people.log").read_text()[-3000:])
        hits = sum(fault["hits"] for fault in town.cloud("GET", "faults")["faults"])
        town.cloud("DELETE", "faults")
        said = town.run("judge", python("tests.chaos.judge", "end", town.sandbox_url, str(told))).splitlines()
        print(*said[:-1], sep="\n", flush=True)
    finally:
        town.end()
    figures = json.loads(said[-1])
    figures["orphans_unflagged"] = figures.pop("orphans")
    return {
        "seed": seed,
        "kills": town.kills,
        "faults": hits,
        **figures,
        "seconds": round(time.monotonic() - began, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
