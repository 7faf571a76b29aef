"""Figures: python -m tests.bench [PART…] prints tables for people, and one JSON object as its last line.

Parts: starts, pages, weights, lighthouse (by npx), flight (with queue), scale, eta, launches (needs the lab).
Figures are told, never judged.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench import eta, flight, launches, lighthouse, pages, scale, starts, weights

PARTS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "starts": starts.measure,
    "pages": pages.measure,
    "weights": weights.measure,
    "lighthouse": lighthouse.measure,
    "flight": flight.measure,
    "scale": scale.measure,
    "eta": eta.measure,
    "launches": launches.measure,
}


def main(wanted: list[str]) -> None:
    """Measures the wanted parts, or all of them."""
    figures: dict[str, Any] = {}
    for name in wanted or PARTS:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            found = PARTS[name](Path(folder))
            # One run tells of both.
            figures |= found if name == "flight" else {name: found}
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1:])
