"""Figures: python -m tests.bench [PART…] prints tables for people, and one JSON object as its last line.

Parts: starts, pages, launches (needs the lab). Figures are told, never judged.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench import launches, pages, scale, starts

PARTS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "starts": starts.measure,
    "pages": pages.measure,
    "scale": scale.measure,
    "launches": launches.measure,
}


def main(wanted: list[str]) -> None:
    """Measures the wanted parts, or all of them."""
    figures: dict[str, Any] = {}
    for name in wanted or PARTS:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            figures[name] = PARTS[name](Path(folder))
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1:])
