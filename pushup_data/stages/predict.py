"""Predict every error of every rep with the better of model and rules."""

import json

import click

from pushup_data import landmarks, predictions, tables, taxonomy
from pushup_data.errors import MissingInputError
from pushup_data.model import data, predictor
from pushup_data.params import Params
from pushup_data.workspace import Workspace

_STEPS = 32  # of the series that statistics are taken of, where there is no model


def run(workspace: Workspace, params: Params) -> None:
    """Write predictions.parquet and embeddings.parquet."""
    known = taxonomy.load(workspace.taxonomy)
    reps = tables.read(tables.REPS, workspace.reps)
    videos = tables.read(tables.VIDEOS, workspace.videos)
    rules = tables.read(tables.RULES, workspace.rules)
    speaker = _speaker(workspace)
    # Where the rules speak, the candidate's opinion is still worth knowing.
    model = predictor.load(workspace.champion if speaker == "champion" else workspace.candidate)
    if model is None and speaker != "rules":
        raise MissingInputError(
            f"metrics/verdict.json names the {speaker}, which is not there; run `dvc repro`"
        )
    steps = model.steps if model else _STEPS
    x = data.sequences(reps, videos, lambda v: landmarks.read(workspace.pose(v)), steps)
    opinions = None
    if model:
        opinions, embeddings = model.judge(x, reps, known)
    else:
        embeddings = data.statistics(x)
    table = predictions.combine(
        reps,
        rules,
        known,
        model=opinions,
        thresholds=model.thresholds if model else {},
        speaker=speaker,
    )
    tables.write(tables.PREDICTIONS, table, workspace.predictions)
    embedded = predictions.embedded(reps["rep_id"].to_list(), embeddings)
    tables.write(tables.EMBEDDINGS, embedded, workspace.embeddings)
    beside = " (candidate beside them)" if model and speaker == "rules" else ""
    click.echo(
        f"predict: {len(reps)} reps by {speaker}{beside}: {table['probability'].count()} of {len(table)} "
        f"(rep, error) pairs can be told, {table['present'].sum()} are present"
    )


def _speaker(workspace: Workspace) -> str:
    path = workspace.metrics / "verdict.json"
    if not path.exists():
        raise MissingInputError(f"{path} is not there; run `dvc repro` to make it")
    return str(json.loads(path.read_text(encoding="utf-8"))["predictor"])
