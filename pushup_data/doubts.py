"""Which train labels to doubt: those that neither the rules nor models of other people's labels would give.

A model has learnt its own training labels, the wrong ones too, so each label is held against a forest that
was trained without that person (folds by subject). The forest sees the rules' opinions and the landmarks'
statistics. The rules know no label at all and do not tire with few of them; per error the two are mixed as
fits all labels best. Doubt is one minus the self-confidence of confident learning (Northcutt et al. 2021):
the probability of the value not given.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from pushup_data import tables

Floats = npt.NDArray[np.float64]

MIN_LABELS = (
    5  # of either value, below which no forest is trained for an error: the labels' share stands for it
)
_FOLDS = 5
_TREES = 100
_LEAF = 5  # labels in a leaf: less and the forest would believe single wrong ones
_FLOOR = 0.02  # of the probability of a label in the loss: a wrong one must not decide alone
_CLIP = 1e-3  # of the rules' probability, before its logarithm is taken


def out_of_fold(x: Floats, y: Floats, rules: Floats, subjects: Sequence[str], seed: int) -> Floats:
    """Return (N, errors): the probability of present by those who never saw that person's labels.

    x (N, features) may hold NaN; y (N, errors) is 1 present, 0 absent, NaN unknown; `rules` (N, errors) their
    probability, NaN where they cannot tell. NaN where nobody can, and where the label is unknown.
    """
    clipped = np.clip(rules, _CLIP, 1 - _CLIP)
    features = np.concatenate([np.log(clipped / (1 - clipped)), x], axis=1)
    owners = np.asarray(subjects, dtype=str)
    columns = []
    for e in range(y.shape[1]):
        known = np.isfinite(y[:, e])
        present = y[known, e] == 1
        column = np.full(len(y), np.nan)
        forest = _forest(features[known], present, owners[known], seed)
        column[known] = _blend(forest, rules[known, e], present)
        columns.append(column)
    return np.stack(columns, axis=1) if columns else np.zeros_like(y)


def table(rep_ids: Sequence[str], errors: Sequence[str], y: Floats, probability: Floats) -> pl.DataFrame:
    """Return tables.DOUBTS: a row per known label that somebody can hold against something."""
    from cleanlab.rank import get_label_quality_scores

    rows: list[dict[str, Any]] = []
    for e, error in enumerate(errors):
        at = np.flatnonzero(np.isfinite(y[:, e]) & np.isfinite(probability[:, e]))
        if not len(at):
            continue
        p, present = probability[at, e], y[at, e] == 1
        quality = get_label_quality_scores(
            present.astype(int), np.stack([1 - p, p], axis=1), method="self_confidence"
        )
        rows += [
            {
                "rep_id": rep_ids[i],
                "error": error,
                "value": "present" if present[k] else "absent",
                "probability": p[k],
                "doubt": 1 - quality[k],
            }
            for k, i in enumerate(at)
        ]
    return tables.DOUBTS.frame(rows)


def _forest(x: Floats, present: npt.NDArray[np.bool_], subjects: npt.NDArray[np.str_], seed: int) -> Floats:
    """Return (n,): the probability by a forest of the other folds; present's share where there is none."""
    found = np.full(len(x), (present.sum() + 1) / (len(x) + 2))
    folds = min(_FOLDS, len(np.unique(subjects)))
    if folds < 2 or min(present.sum(), (~present).sum()) < MIN_LABELS:
        return found
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import GroupKFold

    for inside, outside in GroupKFold(folds, shuffle=True, random_state=seed).split(x, groups=subjects):
        if present[inside].any() and not present[inside].all():
            forest = RandomForestClassifier(_TREES, min_samples_leaf=_LEAF, random_state=seed)
            found[outside] = forest.fit(x[inside], present[inside]).predict_proba(x[outside])[:, 1]
    return found


def _blend(forest: Floats, rules: Floats, present: npt.NDArray[np.bool_]) -> Floats:
    """Return (n,): the mixture of both that fits the labels best; the forest where rules are NaN."""
    both = np.isfinite(rules)
    found = forest.copy()
    if both.any():
        mixtures = [w * forest[both] + (1 - w) * rules[both] for w in np.linspace(0, 1, 11)]
        found[both] = min(mixtures, key=lambda p: _loss(p, present[both]))
    return np.asarray(found)


def _loss(p: Floats, present: npt.NDArray[np.bool_]) -> float:
    given = np.where(present, p, 1 - p)
    return float(-np.log(np.clip(given, _FLOOR, 1)).mean())
