"""A quota as Nova and Neutron count it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Quota:
    """`limit` is -1 where there is none."""

    limit: int
    used: int
    reserved: int = 0

    @property
    def free(self) -> int | None:
        """How much is left; None means without limit."""
        return None if self.limit < 0 else max(0, self.limit - self.used - self.reserved)
