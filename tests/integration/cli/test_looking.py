"""Commands that only look: the shelf and the lifecycle."""

from pathlib import Path

from flask.testing import FlaskCliRunner

from portal.config import ROOT
from portal.domain.vms import lifecycle


def test_the_shelf_of_the_house_is_in_order(flask: FlaskCliRunner) -> None:
    result = flask.invoke(args=["check-catalog"])
    assert result.exit_code == 0
    assert "✓ ubuntu-basic: " in result.output
    assert "✗" not in result.output
    assert result.output.count("✓") == len(list((ROOT / "hot_templates").glob("*.yaml")))


def test_a_template_with_a_mistake_is_named_and_the_others_stand(
    flask: FlaskCliRunner, tmp_path: Path
) -> None:
    good = (ROOT / "hot_templates" / "ubuntu-basic.yaml").read_text()
    (tmp_path / "good.yaml").write_text(good)
    (tmp_path / "put-away.yaml").write_text(good)
    (tmp_path / "bad.yaml").write_text(good.replace("2018-08-31", "2099-01-01"))
    (tmp_path / "catalog.toml").write_text("[templates.put-away]\nhidden = true\n")
    result = flask.invoke(args=["check-catalog", str(tmp_path)])
    assert result.exit_code == 1
    assert "✓ good: " in result.output
    assert "✓ put-away (hidden): " in result.output
    assert "✗ bad.yaml\n    There is no heat_template_version “2099-01-01”" in result.output


def test_a_folder_that_is_not_there_is_a_mistake_of_the_command(flask: FlaskCliRunner) -> None:
    assert flask.invoke(args=["check-catalog", "/no/such/folder"]).exit_code == 2


def test_the_diagram_is_the_lifecycles(flask: FlaskCliRunner) -> None:
    assert flask.invoke(args=["lifecycle", "diagram"]).output == f"{lifecycle.diagram()}\n"
