"""Limits: one limited thing of a tenant beside what is used, and in words by how much it is exceeded."""

from dataclasses import dataclass

from portal.translation import N_, gettext, number, translated


@dataclass(frozen=True)
class Ceiling:
    """Another limit of one thing, None for none, and what counts against it.

    The cloud's own, with what the whole project used when it was read; or a member's, with what theirs hold.
    """

    limit: int | None
    used: int

    @property
    def left(self) -> int | None:
        return None if self.limit is None else max(0, self.limit - self.used)


@dataclass(frozen=True)
class Line:
    """One limited thing of a tenant: used, limit, what a launch or change would add; other limits of it."""

    name: str
    words: str
    used: int
    limit: int
    asked: int = 0
    ceiling: Ceiling | None = None
    own: Ceiling | None = None

    @property
    def left(self) -> int:
        return max(0, self.limit - self.used)

    @property
    def room(self) -> int:
        """What both the tenant's quota and the member's own limit leave."""
        own = self.own.left if self.own else None
        return self.left if own is None else min(self.left, own)

    @property
    def fits(self) -> bool:
        return self.fits_quota and self.fits_own

    @property
    def fits_quota(self) -> bool:
        return self.asked <= 0 or self.used + self.asked <= self.limit

    @property
    def fits_own(self) -> bool:
        return self._fits(self.own)

    @property
    def fits_cloud(self) -> bool:
        """Whether there was room in the cloud when it was last asked."""
        return self._fits(self.ceiling)

    @property
    def binds(self) -> str:
        """What leaves the least: the tenant's “quota”, the member's “own” limit, or the “cloud”."""
        others = {"own": self.own, "cloud": self.ceiling}
        left = {name: one.left for name, one in others.items() if one and one.left is not None}
        return min(["quota", *left], key=lambda name: left.get(name, self.left))

    def _fits(self, ceiling: Ceiling | None) -> bool:
        left = ceiling.left if ceiling else None
        return self.asked <= 0 or left is None or self.asked <= left


WORDS = {
    "vms": N_("VMs"),
    "vcpus": N_("vCPU"),
    "ram_mib": N_("memory"),
    "gpus": N_("GPUs"),
    "floating_ips": N_("floating IPs"),
}


def exceeded(name: str, used: int, limit: int) -> str:
    """What is more than allowed, such as “VMs: 3 used, 2 allowed”."""
    return gettext(
        "%(what)s: %(used)s used, %(limit)s allowed",
        what=translated(WORDS[name]),
        used=_said(name, used),
        limit=_said(name, limit),
    )


def explain(short: list[Line]) -> str:
    """Which limits a launch would exceed, in words."""
    quota = "; ".join(_of_quota(line) for line in short if not line.fits_quota)
    own = "; ".join(_of_own(line, line.own) for line in short if line.own and not line.fits_own)
    said = []
    if quota:
        said.append(gettext("This is more than your tenant's quota has left (%(what)s).", what=quota))
    if own:
        words = gettext(
            "This is more than you yourself may have here (%(what)s); "
            "an owner of the tenant or an administrator can allow more.",
            what=own,
        )
        said.append(words)
    return " ".join(said)


def shortage(short: list[Line]) -> str:
    """By how much each limit is exceeded, such as “vCPU: 8 wanted, 3 of 20 left”."""
    quota = [_of_quota(line) for line in short if not line.fits_quota]
    own = [
        gettext("your own %(what)s", what=_of_own(line, line.own))
        for line in short
        if line.own and not line.fits_own
    ]
    return "; ".join([*quota, *own])


def _of_quota(line: Line) -> str:
    return _short_of(line, line.left, line.limit)


def _of_own(line: Line, own: Ceiling) -> str:
    return _short_of(line, own.left or 0, own.limit or 0)


def _short_of(line: Line, left: int, limit: int) -> str:
    wanted, room, allowed = (_said(line.name, amount) for amount in (line.asked, left, limit))
    return gettext(
        "%(what)s: %(wanted)s wanted, %(left)s of %(limit)s left",
        what=translated(line.words),
        wanted=wanted,
        left=room,
        limit=allowed,
    )


def _said(name: str, amount: int) -> str:
    return f"{number(amount / 1024, '#,##0.#')} GiB" if name == "ram_mib" else number(amount)
