"""`pushup-data model …`."""

import click

from pushup_data.commands.group import Group
from pushup_data.workspace import Workspace


@click.group(cls=Group)
def model() -> None:
    """Look at the models, and make the candidate the workspace's champion.

    \b
    Example:
      pushup-data model list
    """


@model.command("list")
def model_list() -> None:
    """Say which models there are, how good they are, and which one speaks.

    \b
    Example:
      pushup-data model list
    """
    from pushup_data import registry

    for line in registry.listing(Workspace.here()):
        click.echo(line)


@model.command("show")
@click.argument("name", type=click.Choice(["candidate", "champion", "released"]))
def model_show(name: str) -> None:
    """Print the card of a model: its data, people, metrics and limits.

    \b
    Example:
      pushup-data model show champion
    """
    from pushup_data import registry

    click.echo(registry.show(Workspace.here(), name), nl=False)


@model.command("promote")
@click.option("--force", is_flag=True, help="Overrule the verdict; the champion's card says so for ever.")
def model_promote(force: bool) -> None:
    """Make the candidate the champion, if it is better by the verdict of the last `dvc repro`.

    The champion is kept in git and predicts until a candidate beats it. Commit models/champion afterwards.

    \b
    Example:
      pushup-data model promote
    """
    from pushup_data import registry

    click.echo(registry.promote(Workspace.here(), forced=force))
