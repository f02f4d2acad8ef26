"""Labelled reps and predictors of them, for tests of what is measured."""

import numpy as np

from pushup_data.metrics import Judged, Scores

ERRORS = ("hips_sagging", "hips_piked")
NAN = np.nan


def judged(truth, subjects=None, **probabilities):
    """Reps with two errors; every predictor's threshold is 0.5."""
    truth = np.array(truth, dtype=float)
    predictors = {
        name: Scores(np.array(p, dtype=float), np.full(truth.shape[1], 0.5))
        for name, p in probabilities.items()
    }
    return Judged(subjects or [f"p{i}" for i in range(len(truth))], truth, predictors)


def many(people, quality, seed=0):
    """Four reps of each person, half sagging; `quality` is how far the score tells them apart."""
    rng = np.random.default_rng(seed)
    truth = np.tile([1.0, 0.0, 1.0, 0.0], people)
    score = np.clip(0.5 + quality * (truth - 0.5) + rng.normal(0, 0.2, len(truth)), 0, 1)
    return truth, score, [f"p{i // 4}" for i in range(len(truth))]
