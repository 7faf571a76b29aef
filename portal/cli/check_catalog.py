"""`flask check-catalog`: what is on the shelf, and what is wrong with the files of templates."""

from pathlib import Path

import click

from portal.domain.catalog import shelf


@click.command("check-catalog")
@click.argument("directory", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
def check_catalog(directory: Path | None) -> None:
    """Read every template, of the configured folder or of DIRECTORY; fail if one has a mistake."""
    if directory:
        shelf.open_at(directory)
    for offering in shelf.templates(hidden=True):
        count = len(offering.template.parameters)
        asked = len(offering.template.asked)
        off = " (hidden)" if offering.hidden else ""
        click.echo(f"✓ {offering.name}{off}: {offering.title}, {count} parameters, {asked} of them asked")
    problems = shelf.problems()
    for problem in problems:
        click.echo(f"✗ {problem.file}")
        for sentence in problem.sentences:
            click.echo(f"    {sentence}")
    if problems:
        raise SystemExit(1)
