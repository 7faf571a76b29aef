"""`flask lifecycle diagram`: the picture in the README, from the code."""

import click

from portal.domain.vms import lifecycle


@click.group("lifecycle")
def lifecycle_group() -> None:
    """The life of a VM."""


@lifecycle_group.command()
def diagram() -> None:
    """Prints the state diagram in Mermaid."""
    click.echo(lifecycle.diagram())
