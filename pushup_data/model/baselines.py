"""Baselines: what the network must beat to have earned its place. They are measured and never speak.

All learn from the train subjects' labels; their calibration and thresholds come from the
validation subjects as the network's do, but for `majority`, which by its nature has none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from pushup_data.metrics import Floats, Scores
from pushup_data.model import calibration, data, predictor, support
from pushup_data.model.data import Bools, Dataset
from pushup_data.params import Model, Train
from pushup_data.taxonomy import Taxonomy

_TREES = 200
_LEAF = 2  # labels in a leaf
_ROUNDS = 100  # of boosting, a small tree each
_BOOSTED_LEAVES = 8
# What the candidate is without what reads the movement; and what reads it, by itself.
NETWORKS: dict[str, dict[str, Any]] = {
    "committee": {"kind": "committee", "bare": False},
    "cnn-only": {"kind": "cnn", "bare": True},
    "lstm-only": {"kind": "lstm", "bare": True},
}
# Of a probability, before its log-odds are taken: a forest of 200 trees knows nothing finer, boosting does.
_CLIP = {"majority": 0.005, "forest": 0.005, "boosting": 1e-6}

Logits = Callable[[data.Floats], Floats]  # (N, steps, channels) to (N, errors)


@dataclass(frozen=True)
class Fitted:
    """A baseline, ready to be asked about any rep."""

    logits: Logits
    calibration: list[calibration.Platt] | None  # per error; None: nothing is calibrated
    thresholds: Floats  # (errors,), NaN for an error that is not learnt

    def judge(self, x: data.Floats, reps: pl.DataFrame, taxonomy: Taxonomy) -> Scores:
        """Return what it says of the reps (tables.REPS) with sequences x, as predictor.Model.judge() does.

        It cannot tell where nobody is seen, the view cannot show the error or a flag hides it.
        """
        hidden = ~(predictor.shown(reps, taxonomy) & data.seen(x)[:, None] & np.isfinite(self.thresholds))
        said = np.full(hidden.shape, np.nan)
        visible = data.seen(x)
        if visible.any():
            said[visible] = self.logits(x[visible])
        said[hidden] = np.nan
        if self.calibration is None:
            return Scores(calibration.sigmoid(said), self.thresholds)
        told = np.stack([platt(said[:, e]) for e, platt in enumerate(self.calibration)], axis=1)
        return Scores(told, self.thresholds, calibration.sigmoid(said))


def fit(
    names: Sequence[str], train: Dataset, val: Dataset, model: Model, settings: Train, *, seed: int
) -> dict[str, Fitted | str]:
    """Train those of these names: baselines, or "candidate", the network as `model` describes it.

    A reason instead where labels are too few.
    """
    both = set(train.subjects) & set(val.subjects)
    if both:
        raise ValueError(f"{len(both)} subjects are in train and val")
    reason = support.obstacle(train, settings)
    if reason:
        return dict.fromkeys(names, reason)
    train, val = train.take(data.seen(train.x)), val.take(data.seen(val.x))
    found: dict[str, Fitted | str] = {}
    for name in names:
        if name == "majority":
            found[name] = _majority(train)
        elif name in ("forest", "boosting"):
            found[name] = _trees(name, train, val, seed)
        else:
            changed = model if name == "candidate" else model.model_copy(update=NETWORKS[name])
            found[name] = _network(train, val, changed, settings, seed)
    return found


def _majority(train: Dataset) -> Fitted:
    """Say of every rep what most labels say: the probability is the share of present ones."""
    known = np.isfinite(train.y).sum(axis=0)
    share = np.divide((train.y == 1).sum(axis=0), known, out=np.full(len(known), np.nan), where=known > 0)
    thresholds = np.where(known > 0, support.THRESHOLD, np.nan)
    return Fitted(
        lambda x: np.tile(calibration.log_odds(share, _CLIP["majority"]), (len(x), 1)), None, thresholds
    )


def _trees(name: str, train: Dataset, val: Dataset, seed: int) -> Fitted:
    """Train one forest, or one boosted series of trees, per error on kinematic features."""
    from pushup_data.model.features import features  # with torch, which takes seconds to load

    inputs = features(train.x)
    judges: list[Any] = []
    for e, learnt in enumerate(support.learnable(train.y)):
        known = np.isfinite(train.y[:, e])
        mine = inputs[known]
        mine[:, np.isnan(mine).all(axis=0)] = 0  # scikit-learn's boosting fails on a feature that nobody has
        judges.append(_judge(name, seed).fit(mine, train.y[known, e] == 1) if learnt else None)

    def logits(x: data.Floats) -> Floats:
        found, seen = np.full((len(x), len(judges)), np.nan), features(x)
        for e, judge in enumerate(judges):
            if judge is not None:
                found[:, e] = calibration.log_odds(judge.predict_proba(seen)[:, 1], _CLIP[name])
        return found

    return _calibrated(logits, np.array([judge is not None for judge in judges]), val)


def _judge(name: str, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

    if name == "forest":
        return RandomForestClassifier(
            _TREES, min_samples_leaf=_LEAF, class_weight="balanced", random_state=seed
        )
    # No class_weight: with weights, scikit-learn 1.9 takes thirty times as long to find its bins.
    return HistGradientBoostingClassifier(
        max_iter=_ROUNDS,
        max_leaf_nodes=_BOOSTED_LEAVES,
        min_samples_leaf=5,
        early_stopping=False,
        random_state=seed,
    )


def _network(train: Dataset, val: Dataset, model: Model, settings: Train, seed: int) -> Fitted:
    """Train a network exactly as the candidate was."""
    from pushup_data.model import training
    from pushup_data.model.network import infer

    fitted = training.fit(train, val, model, settings, seed)
    thresholds = np.array([np.nan if at is None else at for at in fitted.thresholds])

    def logits(x: data.Floats) -> Floats:
        return infer(fitted.network, x)[0].astype(np.float64)

    return Fitted(logits, fitted.calibration, thresholds)


def _calibrated(logits: Logits, learnt: Bools, val: Dataset) -> Fitted:
    said = logits(val.x) if len(val) else np.zeros((0, len(learnt)))
    platts, thresholds = support.calibrated(said, replace(val, y=np.where(learnt, val.y, np.float32(np.nan))))
    return Fitted(logits, platts, np.where(learnt, thresholds, np.nan))
