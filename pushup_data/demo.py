"""`make demo`: two rounds of the loop in a scratch workspace, on avatars, with simulated annotators."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import polars as pl
import yaml

from pushup_data import ledger, params, scaffold, tables, verdict
from pushup_data.errors import PushupDataError
from pushup_data.workspace import CHECKOUT, Workspace

FOLDER = CHECKOUT / "demo"
SETS, SEED, REPS = 30, 7, (3, 5)
ERROR_RATES = (0.05, 0.12)  # of the two annotators
BUDGET = 90  # reps of a round


def fill(into: Workspace, avatars: Path) -> list[str]:
    """Put rendered sets and their manifest into data/raw; return the videos' names."""
    into.raw.mkdir(parents=True, exist_ok=True)
    names = [path.name for path in sorted(avatars.glob("*.mp4"))]
    for name in [*names, "manifest.csv"]:
        target = into.raw / name
        if not target.exists():
            shutil.copyfile(avatars / name, target)
    return names


def configure(into: Workspace, **sections: dict[str, object]) -> None:
    """Change single settings of params.yaml, e.g. `labelstudio={"overlap": 3}`."""
    settings = yaml.safe_load(into.params.read_text(encoding="utf-8"))
    for section, changes in sections.items():
        settings[section].update(changes)
    into.params.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    params.load(into.params)


def repro(within: Workspace, *arguments: str, capture: bool = False) -> str:
    """Run `dvc repro` in the workspace; return what it said with `capture`. Raises where it fails."""
    return dvc(within, "repro", *arguments, capture=capture)


def dvc(within: Workspace, *arguments: str, capture: bool = False) -> str:
    """Run dvc in the workspace; return what it said with `capture`. Raises where it fails."""
    environment = dict(os.environ)
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    result = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=within.root,
        env=environment,
        stdout=subprocess.PIPE if capture else None,
        stderr=subprocess.STDOUT if capture else None,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        said = (result.stdout or "").strip().splitlines()[-12:]
        raise PushupDataError(f"`dvc {arguments[0]}` failed in {within.root}: {' | '.join(said)}")
    return result.stdout or ""


def summary(within: Workspace, truth: Path) -> str:
    """Return what the two rounds came to, measured against the avatars' truth."""
    from pushup_data.labelstudio import simulate
    from pushup_data.model import predictor

    reps = tables.read(tables.REPS, within.reps)
    videos = tables.read(tables.VIDEOS, within.videos)
    true = simulate.truth_of_reps(tables.read(tables.TRUTH, truth), reps, videos)
    labels = tables.read(tables.LABELS, within.labels)
    predictions = tables.read(tables.PREDICTIONS, within.predictions)
    split = dict(tables.read(tables.ASSIGNMENTS, within.assignments).select("subject", "split").iter_rows())
    trained = {r for r, s in reps.select("rep_id", "subject").iter_rows() if split.get(s) == "train"}
    said = {(r, e): v for r, e, v in labels.select("rep_id", "error", "value").iter_rows() if v != "unknown"}
    right = [true[r][e] == v for (r, e), v in said.items() if true.get(r, {}).get(e, "unknown") != "unknown"]
    spent = ledger.standing(ledger.read(within.annotations))
    queue = tables.read(tables.QUEUE, within.queue)
    decided = verdict.read(within.metrics / "verdict.json") or {}
    new = predictions.filter(~pl.col("rep_id").is_in(trained))
    candidate = predictor.load(within.candidate)
    lines = [
        f"found     {_counted(tables.read(tables.TRUTH, truth), reps, videos)}",
        f"labels    {len(spent)} annotations of {labels['rep_id'].n_unique()} reps by "
        f"{len({e.annotator for e in spent})} simulated annotators; "
        f"{sum(right) / max(len(right), 1):.0%} of the {len(right)} labels are true",
        f"rules     {_score(new, 'rule_probability', {}, true)} on people held out",
        f"model     {_score(new, 'model_probability', candidate.thresholds if candidate else {}, true)} "
        f"on the same people",
        f"verdict   {decided['predictor']} speaks: {decided['why']}",
        f"queue     {len(queue)} reps wait for the next round: "
        + ", ".join(f"{n} {why}" for why, n in queue["reason"].value_counts(sort=True).iter_rows()),
    ]
    return "\n".join(lines)


def _counted(truth: pl.DataFrame, reps: pl.DataFrame, videos: pl.DataFrame) -> str:
    """Say how many reps were found, and how often their number is right."""
    names = dict(videos.select("original_name", "video_id").iter_rows())
    found = dict(reps.group_by("video_id").len().iter_rows())
    fine = [row for row in truth.select("file", "flaw", "reps").rows(named=True) if not row["flaw"]]
    exact = sum(found.get(names.get(row["file"]), 0) == len(row["reps"]) for row in fine)
    flawed = len(truth) - len(fine)
    return (
        f"{len(reps)} reps in {len(videos)} videos of {videos['subject'].n_unique()} bodies; as many as in "
        f"truth in {exact} of {len(fine)} videos, beside {flawed} that are badly filmed on purpose"
    )


def _score(
    predictions: pl.DataFrame,
    column: str,
    thresholds: Mapping[str, float],
    true: Mapping[str, Mapping[str, str]],
) -> str:
    """Say F1 over all errors, where truth and prediction are known; a threshold is 0.5 unless named."""
    hits = alarms = missed = 0
    for rep_id, error, probability in predictions.select("rep_id", "error", column).iter_rows():
        value = true.get(rep_id, {}).get(error, "unknown")
        if value == "unknown" or probability is None:
            continue
        said = probability >= thresholds.get(error, 0.5)
        hits += value == "present" and said
        alarms += value == "absent" and said
        missed += value == "present" and not said
    if not hits + missed or predictions[column].null_count() == len(predictions):
        return "says nothing yet"
    f1 = 2 * hits / (2 * hits + alarms + missed)
    return f"F1 {f1:.2f} against the truth ({hits} errors found, {missed} missed, {alarms} false alarms)"


@click.group()
def main() -> None:
    """Two rounds of the loop, end to end."""


@main.command()
@click.option("--sets", default=SETS, show_default=True, help="Videos to render.")
def start(sets: int) -> None:
    """Render avatars, run both rounds and leave Label Studio and FiftyOne running."""
    try:
        run(sets)
    except PushupDataError as e:
        click.echo(f"error: {e}", err=True)
        sys.exit(1)


def run(sets: int = SETS, error_rates: Sequence[float] = ERROR_RATES) -> None:
    """Do what `make demo` does. What an interrupted run has done is kept."""
    from pushup_data import fiftyone_app
    from pushup_data.avatar.sets import Recipe, render
    from pushup_data.labelstudio import server, simulate

    for line in scaffold.init(FOLDER):
        click.echo(line)
    os.chdir(FOLDER)
    here = Workspace.here()
    configure(here, labelstudio={"overlap_share": 1.0, "title": "push-up demo"}, select={"budget": BUDGET})
    avatars = FOLDER / "avatars"
    click.echo(f"\n== {sets} sets of push-ups with known errors ==")
    render([Recipe(seed=SEED, number=i, reps=REPS) for i in range(sets)], avatars)
    fill(here, avatars)
    click.echo("\n== round 1: no label yet ==")
    repro(here)
    click.echo("\n== two simulated annotators answer the queue ==")
    click.echo(simulate.run(here, params.load(here.params), avatars / "truth.parquet", error_rates))
    click.echo("\n== round 2: labels, model, the next queue ==")
    repro(here)
    click.echo("\n== FiftyOne ==")
    fiftyone_app.run(here, port=5151, detach=True)
    click.echo(f"\n== what came of it ==\n{summary(here, avatars / 'truth.parquet')}")
    click.echo(f"\n{server.status(here)}")
    click.echo(f"FiftyOne: {fiftyone_app.address(here)}")
    click.echo(f"The workspace is {FOLDER}; `make demo-stop` stops both servers.")


@main.command()
def stop() -> None:
    """Stop Label Studio, FiftyOne and MongoDB of the demo."""
    from pushup_data import fiftyone_app
    from pushup_data.labelstudio import server

    if not FOLDER.exists():
        click.echo("there is no demo")
        return
    here = Workspace(FOLDER)
    click.echo(server.stop(here))
    click.echo(fiftyone_app.stop(here))


if __name__ == "__main__":
    main()
