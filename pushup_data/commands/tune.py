"""`pushup-data tune`."""

import click

from pushup_data import params
from pushup_data.errors import BadInputError
from pushup_data.workspace import Workspace


@click.command()
@click.option(
    "--trials", type=click.IntRange(1, 1000), default=40, show_default=True, help="Settings to try in all."
)
@click.option(
    "--minutes",
    type=click.FloatRange(0.05, 24 * 60),
    default=30,
    show_default=True,
    help="When to stop in any case.",
)
def tune(trials: int, minutes: float) -> None:
    """Search for better train.lr, batch_size, epochs and model.width, on validation people only.

    Changes nothing: at the end it says what to type to use what it found. An interrupted search goes on where
    it was. The current settings are trained too, on several seeds, to tell a gain from luck.

    \b
    Example:
      pushup-data tune --trials 20 --minutes 10
    """
    from pushup_data import locks, taxonomy
    from pushup_data.model import tuning
    from pushup_data.model.labelled import Labelled

    workspace = Workspace.here()
    settings = params.load(workspace.params)
    labelled = Labelled(workspace, taxonomy.load(workspace.taxonomy))
    train, val = (labelled.dataset(side, settings.model) for side in ("train", "val"))
    reason = tuning.obstacle(train, val, settings.train)
    if reason:
        raise BadInputError(f"nothing can be tuned: {reason}; annotate more, run `dvc repro` and try again")
    with locks.held(workspace.locks / "tune.lock", wait_s=1, doing="tuning"):
        tuned = tuning.search(
            train,
            val,
            settings.model,
            settings.train,
            settings.seed,
            trials=trials,
            minutes=minutes,
            study_file=workspace.study,
            say=click.echo,
        )
    for line in tuning.report(tuned, len(set(val.subjects))):
        click.echo(line)
