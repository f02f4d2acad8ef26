"""Cross-validation over people: what training comes to where too few of them are in test."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from pushup_data.metrics import Scores
from pushup_data.model import baselines
from pushup_data.model.data import Dataset
from pushup_data.params import Model, Train
from pushup_data.taxonomy import Taxonomy


def judge(
    people: Dataset,
    reps: pl.DataFrame,
    taxonomy: Taxonomy,
    *,
    fold: Mapping[str, int],
    names: Sequence[str],
    model: Model,
    settings: Train,
    seed: int,
) -> dict[str, Scores]:
    """Return what models that never saw a person say of that person's reps, by the models' names.

    `reps` is tables.REPS in the order of `people`; `fold` (splits.folds) holds every subject. Who is in the
    next fold says when to stop and is calibrated on; thresholds are each fold's own. What cannot be trained
    says nothing.
    """
    at = np.array([fold[subject] for subject in people.subjects], dtype=np.int64)
    used = sorted(set(at.tolist()))
    said = {name: [np.full(people.y.shape, np.nan) for _ in range(3)] for name in names}
    for k, mine in enumerate(used):
        test = at == mine
        val = (at == used[(k + 1) % len(used)]) & ~test
        train = people.take(~test & ~val)
        fitted = baselines.fit(names, train, people.take(val), model, settings, seed=seed)
        for name, found in fitted.items():
            if not isinstance(found, str):
                here = found.judge(people.x[test], reps.filter(pl.Series(test)), taxonomy)
                parts = (here.probability, here.threshold, here.before)
                for whole, part in zip(said[name], parts, strict=True):
                    whole[test] = np.nan if part is None else part
    return {
        name: Scores(probability, threshold, None if name == "majority" else before)
        for name, (probability, threshold, before) in said.items()
    }
