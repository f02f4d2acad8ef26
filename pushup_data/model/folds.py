"""Cross-validation over people: what training comes to where too few of them are in test."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from pushup_data.metrics import Scores
from pushup_data.model import baselines
from pushup_data.model.data import Dataset, Floats
from pushup_data.params import Model, Train
from pushup_data.taxonomy import Taxonomy


def judge(
    people: Dataset,
    x: Floats,
    reps: pl.DataFrame,
    taxonomy: Taxonomy,
    *,
    fold: Mapping[str, int],
    names: Sequence[str],
    model: Model,
    settings: Train,
    seed: int,
) -> tuple[dict[str, Scores], dict[str, str]]:
    """Return what models that never saw a person say of that person's reps, by the models' names.

    `people` are labelled reps to learn from; `reps` (tables.REPS, with sequences `x`) are judged; `fold`
    (splits.folds) holds every subject of both. Who is in the next fold says when to stop and is calibrated
    on; thresholds are each fold's own. A name that cannot be trained for every fold is not measured: it
    stands, with the reason, in what is returned second.
    """
    learnt = np.array([fold[subject] for subject in people.subjects], dtype=np.int64)
    judged = np.array([fold[subject] for subject in reps["subject"]], dtype=np.int64)
    used = sorted(set(learnt.tolist()) | set(judged.tolist()))
    said = {name: [np.full((len(x), len(taxonomy.errors)), np.nan) for _ in range(3)] for name in names}
    reasons: dict[str, str] = {}
    for k, mine in enumerate(used):
        val = (learnt == used[(k + 1) % len(used)]) & (learnt != mine)
        train = people.take((learnt != mine) & ~val)
        fitted = baselines.fit(names, train, people.take(val), model, settings, seed=seed)
        test = judged == mine
        for name, found in fitted.items():
            if isinstance(found, str):
                reasons[name] = f"in one of {len(used)} folds: {found}"
                continue
            here = found.judge(x[test], reps.filter(pl.Series(test)), taxonomy)
            parts = (here.probability, here.threshold, here.before)
            for whole, part in zip(said[name], parts, strict=True):
                whole[test] = np.nan if part is None else part
    scores = {
        name: Scores(probability, threshold, None if name == "majority" else before)
        for name, (probability, threshold, before) in said.items()
        if name not in reasons
    }
    return scores, reasons
