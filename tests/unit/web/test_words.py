"""Words of templates, and addresses that are followed."""

from datetime import UTC, datetime, timedelta

import pytest

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


@pytest.mark.parametrize(
    ("amount", "words"), [(0, "0"), (512, "512 MiB"), (1024, "1 GiB"), (1536, "1.5 GiB"), (524288, "512 GiB")]
)
def test_mebibytes(amount: int, words: str) -> None:
    assert filters.mib(amount) == words


@pytest.mark.parametrize(
    ("amount", "words"), [(2048, "2 KiB"), (22_020_096, "21 MiB"), (2_361_393_152, "2.2 GiB")]
)
def test_bytes(amount: int, words: str) -> None:
    assert filters.size(amount) == words


def test_counts() -> None:
    assert [filters.plural(count, "VM") for count in (0, 1, 2)] == ["0 VMs", "1 VM", "2 VMs"]
    assert filters.plural(3, "entry", "entries") == "3 entries"


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
