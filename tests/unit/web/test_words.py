"""Words of templates, and addresses that are followed."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from portal import translation
from portal.config import ROOT
from portal.web import filters, paths


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "just now"),
        (0.4, "just now"),
        (6.9, "6 s ago"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (172799, "47 h ago"),
        (172800, "2 days ago"),
        (31_536_000, "12 months ago"),
        (94_608_000, "3 years ago"),
    ],
)
def test_how_long_ago(seconds: float, words: str) -> None:
    assert filters.ago_words(seconds) == words


def test_a_moment_is_told_in_utc_for_the_script_to_make_local() -> None:
    when = datetime(2026, 3, 1, 13, 5, 7, tzinfo=UTC)
    told = str(filters.moment(when))
    assert told.startswith('<time datetime="2026-03-01T13:05:07+00:00" title="2026-03-01 13:05:07 UTC"')
    assert told.endswith(" data-local>2026-03-01 13:05 UTC</time>")
    assert 'datetime="' in filters.ago(datetime.now(UTC) - timedelta(minutes=3))
    assert filters.ago(None) == "never"
    assert filters.moment(None, "–") == "–"


def test_the_moments_of_a_sentence_are_told_so_too() -> None:
    when = datetime(2026, 12, 12, 14, 7, tzinfo=UTC)
    told = filters.timed("Until 2026-12-12 14:07 UTC & <then>.")
    assert told == f"Until {filters.moment(when)} &amp; &lt;then&gt;."
    assert filters.timed("Described anew.") == "Described anew."


@pytest.mark.parametrize(
    ("amount", "words"), [(0, "0"), (512, "512 MiB"), (1024, "1 GiB"), (1536, "1.5 GiB"), (524288, "512 GiB")]
)
def test_mebibytes(amount: int, words: str) -> None:
    assert filters.mib(amount) == words


@pytest.mark.parametrize(
    ("amount", "words"),
    [(1, "1 byte"), (2048, "2 KiB"), (1536, "1.5 KiB"), (22_020_096, "21 MiB"), (2_361_393_152, "2.2 GiB")],
)
def test_bytes(amount: int, words: str) -> None:
    assert filters.size(amount) == words


def test_counts() -> None:
    assert [filters.plural(count, "VM", "VMs") for count in (0, 1, 2)] == ["0 VMs", "1 VM", "2 VMs"]
    assert filters.plural(3, "entry", "entries") == "3 entries"
    assert filters.plural(2000, "VM", "VMs") == "2,000 VMs"
    assert filters.number(1234567) == "1,234,567"


def test_a_moment_of_a_log_is_exact_and_in_utc() -> None:
    when = datetime(2026, 3, 1, 13, 5, 7, tzinfo=timezone(timedelta(hours=1)))
    assert ">2026-03-01 12:05:07<" in filters.exact(when)
    assert ">12:05:07<" in filters.exact(when, "%H:%M:%S")
    assert ">in 2 days<" in filters.until(datetime.now(UTC) + timedelta(days=2, minutes=1))


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "1 s"), (34, "34 s"), (130, "2 min 10 s"), (4200, "1 h 10 min")]
)
def test_how_long(seconds: float, words: str) -> None:
    assert filters.seconds_words(seconds) == words


def test_templates_leave_times_and_amounts_to_the_filters() -> None:
    stray = re.compile(
        r"strftime|isoformat\(\) \}\}(?!\")|%\.\d|\| round \| int|\(s\)|(?:Gi?B|Mi?B|KiB)\b(?! \w)"
    )
    folder = ROOT / "portal/web/templates"
    found = [
        f"{path.relative_to(folder)}: {match[0]}"
        for path in folder.rglob("*.html")
        for match in [
            stray.search(re.sub(r"\{#.*?#\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL))
        ]
        if match
    ]
    assert found == []


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "x",
        "//evil.example",
        "https://evil.example/",
        "/\\evil",
        "\\/evil",
        "/a\nb",
        "javascript:alert(1)",
        "///e",
    ],
)
def test_addresses_of_others_are_not_followed(wanted: str) -> None:
    assert paths.ours(wanted, "/home") == "/home"


@pytest.mark.parametrize("wanted", ["/", "/vms/?q=a&page=2", "/catalogue/images#results"])
def test_addresses_of_ours_are(wanted: str) -> None:
    assert paths.ours(wanted, "/home") == wanted


def test_the_path_of_an_address() -> None:
    assert paths.path_of("https://portal.example/vms/?q=a#top") == "/vms/?q=a"
    assert paths.path_of("") == ""


def test_numbers_are_written_as_in_the_language_of_the_page() -> None:
    assert (filters.number(12_345), filters.gib(1.5), filters.mib(1_200_000)) == (
        "12,345",
        "1.5 GiB",
        "1,171.9 GiB",
    )
    with translation.speaking("de"):
        said = (filters.number(12_345), filters.gib(1.5), filters.mib(1_200_000))
        assert said == ("12.345", "1,5 GiB", "1.171,9 GiB")
    assert filters.number(12_345) == "12,345"
