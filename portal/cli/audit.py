"""`flask audit`: verifies the audit's chain."""

import click
from flask.cli import with_appcontext

from portal.domain.store.chain import Walk


@click.group("audit")
def audit() -> None:
    """The audit: who did what, when, from where."""


@audit.command()
@click.option("--expect", metavar="NUMBER:HASH", help="An entry noted earlier that must still be there.")
@with_appcontext
def verify(expect: str | None) -> None:
    """Finds what was changed, removed, added or moved; ends with status 1 where something was."""
    number, _, hashed = (expect or "0:").partition(":")
    if not number.isdigit() or bool(hashed) != bool(expect):
        raise click.UsageError("--expect takes the number and the hash of an entry, as verify prints them.")
    walk = Walk(expected_number=int(number), expected_hash=hashed).to_end()
    for problem in walk.found:
        click.echo(str(problem))
    if walk.untold:
        click.echo(f"And {walk.untold} more.")
    if walk.found:
        raise click.ClickException(f"Of {walk.entries} entries some are not as they were written.")
    click.echo(f"All {walk.entries} entries are as they were written. The last is {walk.tip}")
