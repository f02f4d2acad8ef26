"""Train the CNN-LSTM on the train subjects' labels, and say which of these labels to doubt."""

from collections import Counter

import click
import numpy as np
import polars as pl

from pushup_data import doubts, tables, taxonomy
from pushup_data.model import curves, data, storage, support
from pushup_data.model.data import Dataset
from pushup_data.model.labelled import Labelled
from pushup_data.params import Params
from pushup_data.taxonomy import Taxonomy
from pushup_data.workspace import Workspace


def run(workspace: Workspace, params: Params) -> None:
    """Write models/candidate (without enough labels, a model.json that says so), curves, doubts.parquet."""
    known = taxonomy.load(workspace.taxonomy)
    labelled = Labelled(workspace, known)
    # Test is never asked for here.
    sides = {split: labelled.dataset(split, params.model) for split in ("train", "val")}
    train, val = sides["train"], sides["val"]
    reason, fitted = support.obstacle(train, params.train), None
    with curves.record(workspace.learning_curves) as watch:
        if reason is None:
            from pushup_data.model import training  # torch takes seconds to load

            fitted = training.fit(train, val, params.model, params.train, params.seed, watch=watch)
    views = dict(labelled.reps.select("rep_id", "view").iter_rows())
    counted = {split: _count(side, labelled.labels, views) for split, side in sides.items()}
    card = storage.describe(
        train,
        val,
        fitted,
        counted,
        known=known,
        params=params,
        reason=reason or f"trained on {len(train)} labelled reps of {len(set(train.subjects))} subjects",
    )
    storage.save(workspace.candidate, card, fitted.network if fitted else None)
    tables.write(tables.DOUBTS, _doubts(train, labelled.rules, known, params.seed), workspace.doubts)
    click.echo(f"train: {card.reason}" if fitted else f"train: no candidate: {card.reason}")


def _doubts(train: Dataset, rules: pl.DataFrame, known: Taxonomy, seed: int) -> pl.DataFrame:
    x, y = data.statistics(train.x).astype(np.float64), train.y.astype(np.float64)
    said = data.opinions(rules, train.rep_ids, known.ids)
    probability = doubts.out_of_fold(x, y, said, train.subjects, seed)
    return doubts.table(train.rep_ids, known.ids, y, probability)


def _count(side: Dataset, labels: pl.DataFrame, views: dict[str, str]) -> storage.Side:
    simulated = set(labels.filter("simulated")["rep_id"])
    return storage.Side(
        subjects=len(set(side.subjects)),
        reps=len(side),
        simulated=sum(rep_id in simulated for rep_id in side.rep_ids),
        views=dict(sorted(Counter(views[rep_id] for rep_id in side.rep_ids).items())),
    )
