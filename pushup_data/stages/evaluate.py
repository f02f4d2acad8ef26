"""Measure candidate, champion and rules on subjects never trained on."""

from typing import Any

import click
import numpy as np
import polars as pl

from pushup_data import charts, evaluation, files, landmarks, splits, tables, taxonomy
from pushup_data.evaluation import Judged, Scores
from pushup_data.model import crops, data, predictor, storage
from pushup_data.model.predictor import Model
from pushup_data.params import Params
from pushup_data.taxonomy import Taxonomy
from pushup_data.workspace import Workspace

HELD_OUT = ("val", "test")  # train is never measured: it would flatter


def run(workspace: Workspace, params: Params) -> None:
    """Write metrics/evaluation.json, metrics/verdict.json and plots/evaluation."""
    known = taxonomy.load(workspace.taxonomy)
    loaded = {
        "candidate": predictor.load(workspace.candidate),
        "champion": predictor.load(workspace.champion),
    }
    models = {name: model for name, model in loaded.items() if model is not None}
    judged = {split: _judged(workspace, known, models, split) for split in HELD_OUT}
    missing = _missing(workspace, models)
    found: dict[str, Any] = {
        "predictors": {"rules": "measured", **dict.fromkeys(models, "measured"), **missing}
    }
    for split, reps in judged.items():
        found[split] = evaluation.report(reps, known.ids, params.evaluate.bootstrap, params.seed)
    verdict = evaluation.verdict(
        judged["val"],
        known.ids,
        incumbent="champion" if "champion" in models else "rules",
        no_candidate=missing.get("candidate"),
        bootstrap=params.evaluate.bootstrap,
        min_positives=params.evaluate.min_positives,
        seed=params.seed,
    )
    folder = workspace.plots / "evaluation"
    for split in HELD_OUT:
        files.write_text(folder / f"{split}.csv", charts.bars(found[split]))
        charts.draw(found[split], split, folder / f"{split}.png")
    files.write_json(workspace.metrics / "evaluation.json", found)
    files.write_json(workspace.metrics / "verdict.json", verdict)
    sizes = " and ".join(f"{len(judged[split].subjects)} {split}" for split in HELD_OUT)
    click.echo(f"evaluate: {', '.join(('rules', *models))} measured on {sizes} reps with labels")
    click.echo(f"evaluate: the predictor is {verdict['predictor']}: {verdict['why']}")


def _missing(workspace: Workspace, models: dict[str, Model]) -> dict[str, str]:
    """Say why there is no candidate or no champion."""
    found = {}
    if "candidate" not in models:
        card = storage.read_card(workspace.candidate)
        found["candidate"] = card.reason if card else "models/candidate holds no model"
    if "champion" not in models:
        found["champion"] = "models/champion holds no model"
    return found


def _judged(workspace: Workspace, known: Taxonomy, models: dict[str, Model], split: str) -> Judged:
    """Collect the labelled reps of one split and what every predictor says of them."""
    labels = tables.read(tables.LABELS, workspace.labels)
    reps = tables.read(tables.REPS, workspace.reps)
    videos = tables.read(tables.VIDEOS, workspace.videos)
    rules = tables.read(tables.RULES, workspace.rules)
    placed = splits.of_reps(
        reps,
        tables.read(tables.ASSIGNMENTS, workspace.assignments),
        tables.read(tables.LEFT_OUT, workspace.left_out, default_empty=True),
    )
    usable = set(labels.filter("usable")["rep_id"])
    here = [r for r in reps["rep_id"] if placed.get(r) == split and r in usable]
    reps = reps.filter(pl.col("rep_id").is_in(here))
    always = np.full(len(known.ids), evaluation.RULES_THRESHOLD)
    scores = {"rules": Scores(data.opinions(rules, here, known.ids), always)}
    for name, model in models.items():
        x = data.sequences(
            reps,
            videos,
            rules,
            lambda v: landmarks.read(workspace.pose(v)),
            errors=model.errors,
            steps=model.steps,
            label=split,
        )
        pixels = crops.crops(
            model.streams,
            reps,
            videos,
            lambda v: landmarks.read(workspace.pose(v)),
            workspace.video,
            label=f"{split} pixels",
        )
        probability, _ = model.judge(x, reps, known, pixels)
        threshold = np.array([model.thresholds.get(error, np.nan) for error in known.ids])
        scores[name] = Scores(probability.astype(np.float64), threshold)
    truth = data.targets(labels, here, known.ids).astype(np.float64)
    return Judged(reps["subject"].to_list(), truth, scores)
