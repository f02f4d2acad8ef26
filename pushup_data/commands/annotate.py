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


@annotate.command("simulate")
@click.option(
    "--truth",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="truth.parquet of the avatars that are in data/raw.",
)
@click.option(
    "--error-rate",
    "error_rates",
    type=click.FloatRange(0, 0.5),
    multiple=True,
    default=(0.05, 0.12),
    show_default=True,
    help="Share of wrong answers; one annotator for each time it is given.",
)
def annotate_simulate(truth: Path, error_rates: tuple[float, ...]) -> None:
    """Answer the waiting tasks by the avatars' TRUTH, with mistakes, through Label Studio's API.

    \b
    Example:
      pushup-data annotate simulate --truth avatars/truth.parquet --error-rate 0.05 --error-rate 0.2
    """
    from pushup_data.labelstudio import simulate

    workspace = Workspace.here()
    click.echo(simulate.run(workspace, params.load(workspace.params), truth, error_rates))
