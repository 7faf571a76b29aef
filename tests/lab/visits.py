"""Visits: a member opens pages of the running portal all the while; what they took is told in the end."""

import contextlib
import itertools
import json
import statistics
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.bench import report
from tests.bench.pages import Visitor, sign_in
from tests.support.running import Running

PAUSE = 0.1


@dataclass
class Visits:
    """Milliseconds of each visit, by what was going on meanwhile."""

    portal: Running
    paths: Sequence[str]
    took: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cookie = sign_in(self.portal.port)

    @contextlib.contextmanager
    def during(self, what: str) -> Iterator[None]:
        """A member goes from one of the pages to the next without end, while the block runs."""
        visitor = Visitor(self.portal.port, self.cookie)
        took = self.took.setdefault(what, [])
        ended = threading.Event()

        def visit() -> None:
            for path in itertools.cycle(self.paths):
                took.append(visitor.get(path))
                if ended.wait(PAUSE):
                    return

        thread = threading.Thread(target=visit)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            visitor.connection.close()

    def tell(self) -> None:
        """The figures, and once more for machines."""
        figures = {
            what: {
                "visits": len(took),
                "median_ms": round(statistics.median(took), 1),
                "p95_ms": round(report.percentile(took, 0.95), 1),
                "max_ms": round(max(took), 1),
            }
            for what, took in self.took.items()
        }
        rows = [(what, *figure.values()) for what, figure in figures.items()]
        report.table("A member's pages meanwhile", ("", "visits", "median ms", "p95 ms", "max ms"), rows)
        print(json.dumps({"outages": figures}))
