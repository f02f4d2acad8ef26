"""`pushup-data model …`."""

import click

from pushup_data.commands.group import Group
from pushup_data.workspace import Workspace

_NAMES = click.Choice(["candidate", "champion", "released"])


@click.group(cls=Group)
def model() -> None:
    """Say what models there are, and decide which one speaks.

    \b
    Example:
      pushup-data model list
    """


@model.command("list")
def list_models() -> None:
    """Say, a line each, what candidate, champion and released model are, and who speaks.

    \b
    Example:
      pushup-data model list
    """
    from pushup_data import registry

    click.echo(registry.listed(Workspace.here()))


@model.command()
@click.argument("name", type=_NAMES)
def show(name: str) -> None:
    """Print the card of the model NAME: what it learnt from whom, how well it does, its limits.

    \b
    Example:
      pushup-data model show candidate
    """
    from pushup_data import registry

    click.echo(registry.shown(Workspace.here(), name))


@model.command()
@click.option("--force", is_flag=True, help="Against the verdict; the card will say so.")
def promote(*, force: bool) -> None:
    """Make the candidate the champion, where the last evaluation proves it better.

    \b
    Example:
      pushup-data model promote
    """
    from pushup_data import registry

    click.echo(registry.promote(Workspace.here(), force=force))
