"""`flask reseal`: moves every sealed value to the newest master key while the portal runs."""

import click
from flask.cli import with_appcontext

from portal.domain.store import keyring, vault

NAMED = 20


@click.command()
@with_appcontext
def reseal() -> None:
    """Moves every sealed value to the newest master key; may be interrupted and run again.

    First give all processes the new key beside the old one (PORTAL_MASTER_KEYS=1:…,2:…) and restart them;
    afterwards the old one may go.
    """
    newest = vault.opened().keys.newest
    stuck: list[str] = []
    for table, moved, left in keyring.reseal():
        click.echo(f"{table}: {moved} moved to master key {newest}")
        stuck += left
    if stuck:
        for words in stuck[:NAMED]:
            click.echo(f"  {words}", err=True)
        raise click.ClickException(f"{len(stuck)} values don't open; keep the old master keys.")
    for version, count in keyring.behind():
        raise click.ClickException(
            f"{count} values were sealed with master key {version} meanwhile, by a process that has no newer "
            "one. Restart it, and run this again."
        )
    click.echo(f"Master key {newest} is enough from now on; the others may go.")
