"""Words of templates: how long ago, how much, how many, and a moment in the reader's own time."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask
from markupsafe import Markup, escape

from portal import translation
from portal.domain.store.db import now
from portal.domain.vms import kept
from portal.translation import N_, SOURCE, gettext, spoken, translated, translated_count

_GIVEN = ("vcpus", "ram_mib", "disk_gib", "gpus")
JUST_NOW = N_("just now")
STEPS = (
    (60, 1, N_("%(num)s s ago")),
    (3600, 60, N_("%(num)s min ago")),
    (172800, 3600, N_("%(num)s h ago")),
    (5184000, 86400, N_("%(num)s days ago")),
    (63072000, 2628000, N_("%(num)s months ago")),
)
YEARS = N_("%(num)s years ago")
NEVER = N_("never")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d) UTC")


def install(app: Flask) -> None:
    """Gives templates the filters of this file."""
    app.jinja_env.filters.update(
        ago=ago,
        moment=moment,
        timed=timed,
        oclock=oclock,
        exact=exact,
        until=until,
        elapsed=elapsed,
        seconds=seconds_words,
        mib=mib,
        gib=gib,
        size=size,
        plural=plural,
        number=number,
        capacity=capacity,
        amid=amid,
        translated=translated,
        kept=kept.said,
    )
    app.jinja_env.globals["plural"] = plural
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True


def ago(when: datetime | None, never: str = NEVER) -> str | Markup:
    """A <time> that says “6 s ago”; the page's script keeps it true."""
    if when is None:
        return translated(never)
    return _time(when, ago_words((now() - when).total_seconds()), "ago")


def ago_words(seconds: float) -> str:
    """“just now”, “6 s ago”, “4 min ago”, “7 h ago”, “3 days ago”, “5 months ago”, “2 years ago”."""
    if seconds < 1:
        return translated(JUST_NOW)
    for below, unit, words in STEPS:
        if seconds < below:
            return gettext(words, num=int(seconds // unit))
    return gettext(YEARS, num=int(seconds // 31536000))


def moment(when: datetime | None, never: str = NEVER) -> str | Markup:
    """A <time> in UTC, which the page's script rewrites in the reader's own zone."""
    if when is None:
        return translated(never)
    return _time(when, f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC", "local")


def timed(text: str) -> Markup:
    """A sentence whose moments, “2026-12-12 14:07 UTC”, are each a `moment`."""
    words = _MOMENT.split(text)  # every other one is a moment
    return Markup("").join(
        moment(datetime.fromisoformat(f"{each}+00:00")) if number % 2 else escape(each)
        for number, each in enumerate(words)
    )


def oclock(when: datetime) -> Markup | str:
    """A <time> that says “14:02”; the whole moment where that was not within the last hours."""
    if now() - when > timedelta(hours=20):
        return moment(when)
    return _time(when, f"{when.astimezone(UTC):%H:%M} UTC", "clock")


def exact(when: datetime, pattern: str = "%Y-%m-%d %H:%M:%S") -> Markup:
    """A <time> to the second and in UTC, as logs have it; the reader's own time is in its title."""
    return _time(when, when.astimezone(UTC).strftime(pattern), "exact")


def until(when: datetime) -> Markup:
    """A <time> that says for how long something lasts still: “in 1 min 52 s”."""
    return _time(when, until_words((when - now()).total_seconds()), "until")


def until_words(seconds: float) -> str:
    """“in 52 s”, “in 1 min 52 s”, “in 3 h 20 min”, “in 6 days”, “now”."""
    left = int(seconds)
    if left <= 0:
        return gettext("now")
    if left >= 172800:
        return gettext("in %(num)s days", num=left // 86400)
    if left >= 3600:
        return gettext("in %(hours)s h %(minutes)s min", hours=left // 3600, minutes=left % 3600 // 60)
    if left >= 60:
        return gettext("in %(minutes)s min %(seconds)s s", minutes=left // 60, seconds=left % 60)
    return gettext("in %(num)s s", num=left)


def elapsed(since: datetime) -> Markup:
    """A <time> that says for how long something goes on: “20 s”; the page's script counts on."""
    return _time(since, seconds_words((now() - since).total_seconds()), "elapsed")


def seconds_words(seconds: float) -> str:
    """“34 s”, “2 min 5 s”, “1 h 10 min”; what a clock of whole seconds calls 0 is “1 s”."""
    whole = max(1, round(seconds))
    if whole < 100:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _time(when: datetime, words: str, kind: str) -> Markup:
    stamp = when.astimezone(UTC).isoformat(sep=" ", timespec="seconds").removesuffix("+00:00")
    html = f'<time datetime="{stamp.replace(" ", "T")}+00:00" title="{stamp} UTC" data-{kind}>{words}</time>'
    return Markup(html)  # noqa: S704 - digits and words of this file, so there is nothing to escape


def mib(amount: int) -> str:
    """MiB as people say it: “512 MiB”, “8 GiB”, “1.5 GiB”, “0”."""
    if amount == 0:
        return "0"
    return f"{amount} MiB" if amount < 1024 else gib(amount / 1024)


def gib(amount: float) -> str:
    """“20 GiB”, “1.5 GiB”."""
    return f"{_short(amount)} GiB"


def _short(amount: float) -> str:
    return translation.number(round(amount, 1), "#,##0.#")


def size(amount: int) -> str:
    """Bytes as people say it: “7 bytes”, “1.5 KiB”, “612 MiB”, “2.2 GiB”."""
    if amount < 1024:
        return plural(amount, "byte", "bytes")
    return mib(round(amount / 1024**2)) if amount >= 1024**2 else f"{_short(amount / 1024)} KiB"


def capacity(size: Any) -> str:
    """What a flavor gives: “2 vCPU, 4 GiB memory, 40 GiB disk, 1 GPU”."""
    given = {name: size[name] if isinstance(size, Mapping) else getattr(size, name) for name in _GIVEN}
    parts = [f"{given['vcpus']} vCPU", gettext("%(amount)s memory", amount=mib(given["ram_mib"]))]
    parts += [gettext("%(amount)s disk", amount=gib(given["disk_gib"]))] if given["disk_gib"] else []
    parts += [plural(given["gpus"], "GPU", "GPUs")] if given["gpus"] else []
    return ", ".join(parts)


def plural(count: int, one: str, many: str) -> str:
    """“1 VM”, “3 VMs”, “2,000 VMs”."""
    return f"{number(count)} {translated_count(one, many, count)}"


def number(count: int) -> str:
    """“7”, “12,345”."""
    # Small ones are the same everywhere, and there are many on a page.
    return str(count) if -1000 < count < 1000 else translation.number(count)


def amid(words: str) -> str:
    """A heading's words amid a sentence: small in English; other languages leave their nouns large."""
    return words.lower() if spoken() == SOURCE else words
