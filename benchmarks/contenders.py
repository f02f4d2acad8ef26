"""What is compared on avatars and on people: the rules, trees on kinematic features, networks."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from pushup_data.model import data, training
from pushup_data.model.crops import Pixels
from pushup_data.model.data import Dataset
from pushup_data.model.features import features
from pushup_data.params import Model, Train

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class Judge(NamedTuple):
    """A trained contender."""

    # (N, steps, channels) and, for the rgb stream, pixels to probabilities (N, errors), NaN: cannot tell
    of: Callable[..., Floats]
    thresholds: Floats  # (errors,), NaN: not learnt


Fit = Callable[[Dataset, Dataset, int], Judge]  # of train, val, seed


def network(model: Model, settings: Train) -> Fit:
    def fit(train: Dataset, val: Dataset, seed: int) -> Judge:
        fitted = training.fit(train, val, model, settings, seed)

        def of(x: data.Floats, pixels: Pixels | None = None) -> Floats:
            found = np.full((len(x), train.y.shape[1]), np.nan)
            seen = data.seen(x)
            film = None if pixels is None else torch.from_numpy(pixels[seen])
            with torch.no_grad():
                logits = training.logits(fitted.network, torch.from_numpy(x[seen]), film).numpy()
            for e, platt in enumerate(fitted.calibration):
                if fitted.thresholds[e] is not None:
                    found[seen, e] = platt(logits[:, e])
            return found

        return Judge(of, np.array([np.nan if t is None else t for t in fitted.thresholds]))

    return fit


def forest(train: Dataset, val: Dataset, seed: int) -> Judge:
    return _trees(
        lambda: RandomForestClassifier(
            300, min_samples_leaf=2, class_weight="balanced_subsample", random_state=seed, n_jobs=2
        ),
        train,
        val,
    )


def boosting(train: Dataset, val: Dataset, seed: int) -> Judge:
    return _trees(
        lambda: HistGradientBoostingClassifier(random_state=seed, learning_rate=0.06, min_samples_leaf=5),
        train,
        val,
    )


def _trees(make: Callable[[], RandomForestClassifier], train: Dataset, val: Dataset) -> Judge:
    errors = train.y.shape[1]
    x, val_x = (np.nan_to_num(features(side.x), nan=-9.0) for side in (train, val))
    models: list[RandomForestClassifier | None] = []
    thresholds: list[float] = []
    for e in range(errors):
        known = np.isfinite(train.y[:, e]) & data.seen(train.x)
        present = train.y[known, e] == 1
        if present.all() or not present.any():
            models.append(None)
            thresholds.append(float("nan"))
            continue
        model = make().fit(x[known], present)
        models.append(model)
        told = np.isfinite(val.y[:, e])
        scores = model.predict_proba(val_x[told])[:, 1] if told.any() else np.zeros(0)
        thresholds.append(training.threshold(scores, val.y[told, e].astype(np.float64)))

    def of(x: data.Floats, _: Pixels | None = None) -> Floats:
        at = np.nan_to_num(features(x), nan=-9.0)
        columns = [np.full(len(x), np.nan) if m is None else m.predict_proba(at)[:, 1] for m in models]
        return np.stack(columns, axis=1)

    return Judge(of, np.array(thresholds))


def apart(groups: Sequence[str], share: float, seed: int) -> Bools:
    """Return (N,): whether a rep is of the `share` of people who are held out for validation."""
    names = sorted(set(groups))
    held = set(np.random.default_rng(seed).permutation(names)[: max(1, round(len(names) * share))])
    return np.array([g in held for g in groups], dtype=bool)
