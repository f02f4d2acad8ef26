"""`pushup-data annotate …`."""

from pathlib import Path

import click

from pushup_data import params
from pushup_data.commands.group import Group
from pushup_data.workspace import Workspace


@click.group(cls=Group)
def annotate() -> None:
    """Annotate by machine, marked as simulated for ever.

    \b
    Example:
      pushup-data annotate replay --ratings ratings.csv
    """


@annotate.command("replay")
@click.option(
    "--ratings",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="CSV: original_name (or clip_id), optional rep, rater, usable, one column per error (1, 0, ?).",
)
def annotate_replay(ratings: Path) -> None:
    """Answer the waiting tasks with known RATINGS, one annotator per rater, through Label Studio's API.

    \b
    Example:
      pushup-data annotate replay --ratings ratings.csv
    """
    from pushup_data.labelstudio import replay

    workspace = Workspace.here()
    click.echo(replay.run(workspace, params.load(workspace.params), ratings))
