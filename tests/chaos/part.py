"""A part of the portal as it is, but with less patience, so that a storm is over sooner.

`python -m tests.chaos.part SHARE portal.worker vms`: every wait that is long by design lasts SHARE of it.
"""

import importlib
import sys
from types import ModuleType

from portal.domain.tenants import circuits, clouds
from portal.domain.vms import claims, deletions, provisioning, reconcile, verdicts

WAITS: dict[ModuleType, tuple[str, ...]] = {
    claims: ("LEASE", "LONGEST_BACKOFF"),
    provisioning: ("SHOW_TIME",),
    reconcile: ("SHOW_TIME", "EVERY", "AFTER_TROUBLE", "_LEASE"),
    verdicts: ("DELETE_SHOW_TIME",),
    circuits: ("FIRST_PAUSE", "LONGEST_PAUSE", "TRIAL"),
    clouds: ("PLACE_SECONDS",),
}


def hurry(share: float) -> None:
    """Shortens the waits of this process."""
    for module, names in WAITS.items():
        for name in names:
            setattr(module, name, getattr(module, name) * share)
    deletions.PAUSES = tuple(pause * share for pause in deletions.PAUSES)  # type: ignore[assignment]  # as many


if __name__ == "__main__":
    hurry(float(sys.argv[1]))
    importlib.import_module(sys.argv[2]).main(*sys.argv[3:])
