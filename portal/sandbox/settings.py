"""Settings: how the miniature cloud behaves, chosen when it is made."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Quotas:
    """What a project may have when nothing else is set; RAM in MiB."""

    instances: int = 200
    cores: int = 1000
    ram: int = 2_000_000
    ports: int = 1000
    floating_ips: int = 500
    security_groups: int = 500


@dataclass(frozen=True)
class Settings:
    """Seconds are virtual except `create_latency`, which is how long Heat really thinks between looking
    whether a name is free and taking it: the window in which two stacks may get one name.

    `stack_spread` lets stacks take now less, now more than `stack_seconds`: the sigma of a log-normal around
    that median. `deferred_auth` is Heat's setting of that name: under "trusts", application credentials
    can't make stacks.
    """

    state: Path | None = None
    stack_seconds: float = 4.0
    stack_spread: float = 0.0
    delete_seconds: float | None = None
    power_seconds: float = 1.0
    token_seconds: float = 3600.0
    create_latency: float = 0.0
    deferred_auth: str = "password"
    quotas: Quotas = Quotas()
    clock: Callable[[], float] = time.time

    @property
    def deleting_seconds(self) -> float:
        """How long the deletion of a stack takes."""
        return self.stack_seconds / 2 if self.delete_seconds is None else self.delete_seconds
