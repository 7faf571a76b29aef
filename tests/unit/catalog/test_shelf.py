"""The shelf follows its folder: new files are offered, mistakes are named, and the others don't notice."""

import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from click.testing import CliRunner

from portal.cli.check_catalog import check_catalog
from portal.domain.catalog import shelf
from portal.domain.catalog.shelf import NoSuchTemplate
from tests.unit.catalog.documents import parameter, template

SHIPPED = Path(__file__).parents[3] / "hot_templates"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    shelf.open_at(tmp_path)
    yield tmp_path
    shelf.open_at(SHIPPED)


def names() -> list[str]:
    return [one.name for one in shelf.templates()]


def sentences() -> dict[str, list[str]]:
    return {problem.file: list(problem.sentences) for problem in shelf.problems()}


def test_a_new_file_is_offered_without_code_or_listing(folder: Path) -> None:
    assert names() == []
    (folder / "jupyter-lab_2.yaml").write_text(parameter("{type: number, default: 1}"))
    offering = shelf.get("jupyter-lab_2")
    assert names() == ["jupyter-lab_2"]
    assert (offering.title, offering.summary, offering.icon) == ("Jupyter lab 2", "A server.", "server")
    assert (offering.min_vcpus, offering.min_ram_mib, offering.min_disk_gib, offering.gpu) == (0, 0, 0, False)
    assert (offering.image_filter, offering.login, offering.hidden, offering.own_user_data) == (
        None,
        "",
        False,
        False,
    )
    assert offering.resource_words == {"server": "Creating server…"}
    assert shelf.problems() == []


def test_a_listing_gives_order_words_and_what_fits(folder: Path) -> None:
    for name in ("b", "a", "z", "c"):
        (folder / f"{name}.yaml").write_text(
            parameter("{type: string, constraints: [{allowed_values: [x, q]}]}")
        )
    (folder / "c.yaml").rename(folder / "c.yml")
    (folder / "catalog.toml").write_text(
        """
        [templates.z]
        title = "Zed"
        summary = "Last letter."
        icon = "globe-2"
        image = "ubuntu"
        login = "ubuntu"
        serves = "https"
        gpu = true
        min_vcpus = 2
        min_ram_mib = 512
        min_disk_gib = 5
        words.server = "Starting it…"
        [templates.b]
        hidden = true
        [templates.c]
        [words]
        "OS::Nova::Server" = "Starting the server…"
        [labels.it]
        x = "The letter X"
        """
    )
    assert shelf.problems() == []
    assert names() == ["z", "c", "a"]
    assert [one.name for one in shelf.templates(hidden=True)] == ["z", "b", "c", "a"]
    zed, plain = shelf.get("z"), shelf.get("a")
    assert (zed.title, zed.summary, zed.icon, zed.gpu) == ("Zed", "Last letter.", "globe-2", True)
    assert (zed.min_vcpus, zed.min_ram_mib, zed.min_disk_gib) == (2, 512, 5)
    assert (zed.image_filter, zed.login, zed.serves) == ("ubuntu", "ubuntu", "https")
    assert (zed.resource_words["server"], plain.resource_words["server"]) == (
        "Starting it…",
        "Starting the server…",
    )
    it = zed.template.parameters[0]
    assert zed.choices(it) == [("x", "The letter X"), ("q", "q")]
    assert (zed.say(it, "x"), zed.say(it, "other")) == ("The letter X", "other")


def test_a_hidden_template_is_found_only_when_asked_so(folder: Path) -> None:
    (folder / "a.yaml").write_text(template())
    (folder / "catalog.toml").write_text("[templates.a]\nhidden = true\n")
    assert shelf.get("a", hidden=True).hidden
    for name in ("a", "b"):
        with pytest.raises(NoSuchTemplate, match=f"There is no template “{name}” on the shelf."):
            shelf.get(name)


def test_the_shelf_follows_every_change(folder: Path) -> None:
    file = folder / "a.yaml"
    file.write_text(template())
    first = shelf.get("a")
    assert shelf.get("a") is first
    file.write_text(template().replace("A server.", "A house."))
    assert shelf.get("a").summary == "A house."
    # The same size and time, put there by a rename, as editors and deployments do.
    at = file.stat()
    (folder / "new").write_text(template().replace("A server.", "A ship.."))
    os.utime(folder / "new", ns=(at.st_atime_ns, at.st_mtime_ns))
    (folder / "new").rename(file)
    assert shelf.get("a").summary == "A ship.."
    file.unlink()
    assert names() == []


def test_a_mistake_is_named_and_breaks_no_other(folder: Path) -> None:
    (folder / "good.yaml").write_text(template())
    (folder / "bad.yaml").write_text("a: 1\na: 2\n")
    (folder / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    (folder / "two words.yaml").write_text(template())
    (folder / "good.yml").write_text(template())
    (folder / "notes.txt").write_text("not looked at")
    (folder / "folder.yaml").mkdir()
    (folder / "gone.yaml").symlink_to(folder / "nowhere")
    assert names() == ["good"]
    assert sentences() == {
        "bad.yaml": ["Line 2: the key “a” is given twice (first on line 1)."],
        "binary.yaml": ["This is not a text in UTF-8."],
        "two words.yaml": ["A template's file name is made of letters, digits, - and _."],
        "good.yml": ["There is another file for the template “good”."],
    }


def test_a_file_that_goes_away_while_it_is_read_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.yaml").write_text(template())
    (folder / "b.yaml").write_text(template())
    original = Path.read_text

    def read_text(path: Path, encoding: str) -> str:
        if path.name == "a.yaml":
            path.unlink()
        return original(path, encoding)

    monkeypatch.setattr(Path, "read_text", read_text)
    assert names() == ["b"]
    assert sentences() == {}  # seen again already: the file is gone for good


def test_a_file_that_goes_away_while_it_is_looked_at_is_left_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.yaml").write_text(template())
    (folder / "b.yaml").write_text(template())
    original = os.scandir

    def scandir(path: Path) -> nullcontext[list[os.DirEntry[str]]]:
        with original(path) as files:
            seen = list(files)
        (folder / "a.yaml").unlink(missing_ok=True)
        return nullcontext(seen)

    monkeypatch.setattr(os, "scandir", scandir)
    assert names() == ["b"]


def test_a_folder_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    shelf.open_at(tmp_path / "nowhere")
    assert shelf.templates() == []
    assert sentences() == {
        str(tmp_path / "nowhere"): ["The folder can't be read: No such file or directory."]
    }
    shelf.open_at(SHIPPED)


def test_a_shelf_never_opened_is_empty_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "_shelf", None)
    assert shelf.templates() == []
    assert sentences() == {"": ["No folder of templates was opened."]}


@pytest.mark.parametrize(
    ("listing", "wrong"),
    [
        ("templates = ", ["This is not TOML (Invalid value (at end of document))."]),
        ("[template.a]", ["There is no table “template”; there are templates, words and labels."]),
        ("templates = 5", ["“templates” must be a table."]),
        ("[templates]\na = 5", ["[templates.a] must be a table."]),
        ("[templates.b]", ["[templates.b] has no file of its own."]),
        ("[templates.a]\ntitel = 'x'", ["[templates.a] has an unknown key “titel”."]),
        ("[templates.a]\ntitle = ' '", ["[templates.a] title must be a text."]),
        (
            "[templates.a]\nicon = 'Globe!'",
            ["[templates.a] icon must be the name of a lucide icon, such as “server”."],
        ),
        (
            "[templates.a]\nicon = 5",
            ["[templates.a] icon must be the name of a lucide icon, such as “server”."],
        ),
        ("[templates.a]\nmin_vcpus = -1", ["[templates.a] min_vcpus must be a whole number, 0 or more."]),
        ("[templates.a]\nmin_vcpus = true", ["[templates.a] min_vcpus must be a whole number, 0 or more."]),
        (
            "[templates.a]\nmin_ram_mib = '5'",
            ["[templates.a] min_ram_mib must be a whole number, 0 or more."],
        ),
        ("[templates.a]\nhidden = 'no'", ["[templates.a] hidden must be true or false."]),
        ("[templates.a]\nwords = 'x'", ["“[templates.a] words” must be a table."]),
        ("[templates.a]\nwords.server = 5", ["[templates.a] words server must be a text."]),
        (
            "[templates.a]\nwords.gone = 'x'",
            ["[templates.a] has words for “gone”, which is no resource of it."],
        ),
        ("[words]\nx = 5", ["[words] x must be a text."]),
        ("labels = 5", ["“labels” must be a table."]),
        ("[labels]\nit = 5", ["“labels.it” must be a table."]),
        ("[labels.it]\nx = 5", ["[labels.it] x must be a text."]),
    ],
)
def test_a_mistake_in_the_listing_costs_only_its_words(folder: Path, listing: str, wrong: list[str]) -> None:
    (folder / "a.yaml").write_text(template())
    (folder / "catalog.toml").write_text(listing)
    assert names() == ["a"]
    assert shelf.get("a").title == "A"
    assert sentences() == {"catalog.toml": wrong}


def test_an_entry_for_a_template_with_mistakes_is_no_second_mistake(folder: Path) -> None:
    (folder / "a.yaml").write_text("no: template")
    (folder / "catalog.toml").write_text("[templates.a]\ntitle = 'A'\n")
    assert list(sentences()) == ["a.yaml"]


def test_check_catalog_lists_the_shelf_and_passes() -> None:
    result = CliRunner().invoke(check_catalog, [str(SHIPPED)])
    assert result.exit_code == 0
    assert "✓ web-server: Web server, 11 parameters, 3 of them asked\n" in result.output


def test_check_catalog_names_mistakes_and_fails(folder: Path) -> None:
    (folder / "bad.yaml").write_text("heat_template_version: 1\nresource: 5")
    (folder / "quiet.yaml").write_text(template())
    (folder / "catalog.toml").write_text("[templates.quiet]\nhidden = true\n")
    result = CliRunner().invoke(check_catalog, [])
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "✓ quiet (hidden): Quiet, 1 parameters, 0 of them asked",
        "✗ bad.yaml",
        "    There is no heat_template_version “1”; 2018-08-31 is one that most clouds know.",
        "    There is no section “resource” in a template.",
    ]
