"""Measure candidate, champion, rules and baselines on subjects never trained on."""

from typing import Any

import click
import numpy as np
import polars as pl

from pushup_data import charts, evaluation, files, taxonomy, verdict
from pushup_data.metrics import RULES_THRESHOLD, Judged, Scores
from pushup_data.model import baselines, data, folds, predictor, storage
from pushup_data.model.baselines import Fitted
from pushup_data.model.labelled import Labelled
from pushup_data.model.predictor import Model
from pushup_data.params import Params
from pushup_data.taxonomy import Taxonomy
from pushup_data.workspace import Workspace

HELD_OUT = ("val", "test")  # train is never measured: it would flatter
CROSSED = "cross_validation"  # beside the splits, where too few people are in test
_CROSSED_NOTE = (
    "too few people are in test, so every fifth of all people is judged by models that learnt from "
    "others as the candidate would, from landmarks; each fold has thresholds of its own (after `tune`, the "
    "settings were chosen on some of these people)"
)
_NOTE = (
    "calibration and the epoch at which training stopped were chosen on val (after `tune` the settings, "
    "too), so there all figures flatter models and baselines, AP least; test shows them as they are"
)


def run(workspace: Workspace, params: Params) -> None:
    """Write metrics/evaluation.json, metrics/verdict.json and the pictures in plots/."""
    known = taxonomy.load(workspace.taxonomy)
    labelled = Labelled(workspace, known)
    loaded = {
        "candidate": predictor.load(workspace.candidate),
        "champion": predictor.load(workspace.champion),
    }
    models = {name: model for name, model in loaded.items() if model is not None}
    fitted = _baselines(labelled, params)
    missing = _missing(workspace, models) | {n: why for n, why in fitted.items() if isinstance(why, str)}
    compared = {name: found for name, found in fitted.items() if not isinstance(found, str)}
    judged = {
        split: _judged(labelled, known, models, compared, split=split, steps=params.model.steps)
        for split in HELD_OUT
    }
    measured = ("rules", *compared, *models)
    found: dict[str, Any] = {"predictors": {**dict.fromkeys(measured, "measured"), **missing}, "note": _NOTE}
    for split, reps in judged.items():
        found[split] = evaluation.report(reps, known.ids, params.evaluate.bootstrap, params.seed)
    decided = verdict.decide(
        judged["val"],
        known.ids,
        incumbent="champion" if "champion" in models else "rules",
        no_candidate=missing.get("candidate"),
        bootstrap=params.evaluate.bootstrap,
        min_positives=params.evaluate.min_positives,
        seed=params.seed,
    )
    crossed, reasons = _cross_validated(workspace, labelled, known, params)
    if crossed:
        found[CROSSED] = evaluation.report(crossed, known.ids, params.evaluate.bootstrap, params.seed)
        found[CROSSED] |= {"note": _CROSSED_NOTE, "not_measured": reasons}
    charts.write(found, (*HELD_OUT, CROSSED) if crossed else HELD_OUT, workspace.plots)
    files.write_json(workspace.metrics / "evaluation.json", found)
    decided["digests"] = {name: model.card.digest for name, model in models.items()}  # for `model promote`
    files.write_json(workspace.metrics / "verdict.json", decided)
    sizes = " and ".join(f"{len(judged[split].subjects)} {split}" for split in HELD_OUT)
    click.echo(f"evaluate: {', '.join(measured)} measured on {sizes} reps with labels")
    if crossed:
        who = f"{len(set(crossed.subjects))} people with {len(crossed.subjects)} labelled reps"
        click.echo(f"evaluate: too few of them are in test, so all {who} are cross-validated as well")
    click.echo(f"evaluate: the predictor is {decided['predictor']}: {decided['why']}")


def _cross_validated(
    workspace: Workspace, labelled: Labelled, known: Taxonomy, params: Params
) -> tuple[Judged | None, dict[str, str]]:
    """Judge all labelled people by models that saw others; None where enough people are in test.

    Second, by name, why what could not be trained for every fold is not measured.
    """
    proof = files.read_json(workspace.metrics / "split.json", "run `dvc repro` to make it") or {}
    fold = (proof.get("cross_validation") or {}).get("fold")
    reps = labelled.usable(None)
    if not (params.evaluate.cross_validate and fold and len(reps)):
        return None, {}
    model = params.model.model_copy(update={"streams": ("pose",)})
    cheap: list[str] = [name for name in params.evaluate.baselines if name in ("majority", "forest")]
    scores, reasons = folds.judge(
        labelled.dataset(None, model),
        labelled.sequences(reps, known.ids, model.steps, label="all people"),
        reps,
        known,
        fold=fold,
        names=[*cheap, "candidate"],
        model=model,
        settings=params.train,
        seed=params.seed,
    )
    return _with_truth(labelled, reps, {"rules": _rules(labelled, reps, known), **scores}), reasons


def _missing(workspace: Workspace, models: dict[str, Model]) -> dict[str, str]:
    """Say why there is no candidate or no champion."""
    found = {}
    if "candidate" not in models:
        card = storage.read_card(workspace.candidate)
        found["candidate"] = card.reason if card else "models/candidate holds no model"
    if "champion" not in models:
        found["champion"] = "models/champion holds no model"
    return found


def _baselines(labelled: Labelled, params: Params) -> dict[str, Fitted | str]:
    """Train the baselines on the train subjects' labels, as the candidate was."""
    names = params.evaluate.baselines
    if not names:
        return {}
    model = params.model.model_copy(update={"streams": ("pose",)})
    train, val = (labelled.dataset(split, model) for split in ("train", "val"))
    return baselines.fit(names, train, val, model, params.train, seed=params.seed)


def _judged(
    labelled: Labelled,
    known: Taxonomy,
    models: dict[str, Model],
    compared: dict[str, Fitted],
    *,
    split: str,
    steps: int,
) -> Judged:
    """Collect the labelled reps of one split and what every predictor says of them."""
    reps = labelled.usable(split)
    scores = {"rules": _rules(labelled, reps, known)}
    for name, baseline in compared.items():
        x = labelled.sequences(reps, known.ids, steps, label=split)
        scores[name] = baseline.judge(x, reps, known)
    for name, model in models.items():
        x = labelled.sequences(reps, model.errors, model.steps, label=split)
        after, before = model.compare(x, reps, known, labelled.pixels(reps, model.streams, label=split))
        thresholds = np.array([model.thresholds.get(error, np.nan) for error in known.ids])
        scores[name] = Scores(after.astype(np.float64), thresholds, before.astype(np.float64))
    return _with_truth(labelled, reps, scores)


def _with_truth(labelled: Labelled, reps: pl.DataFrame, scores: dict[str, Scores]) -> Judged:
    quality = ["flagged" if flags else "no flag" for flags in reps["flags"].to_list()]
    groups = {"view": reps["view"].to_list(), "quality": quality}
    return Judged(reps["subject"].to_list(), labelled.truth(reps).astype(np.float64), scores, groups)


def _rules(labelled: Labelled, reps: pl.DataFrame, known: Taxonomy) -> Scores:
    said = data.opinions(labelled.rules, reps["rep_id"].to_list(), known.ids)
    return Scores(said, np.full(len(known.ids), RULES_THRESHOLD))
