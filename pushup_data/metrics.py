"""Metrics of predictors on labelled reps, with intervals over subjects.

A predictor that cannot tell (NaN) counts as one that says "absent", with the lowest score of all: it is what
the person who asks for feedback gets from it. So all predictors are measured on the same reps.

Intervals are percentile bootstraps over subjects (reps of one person are alike, so people are drawn, not
reps): 95 % of the resamples in which the metric is defined. What has no positives is null, with a reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

RULES_THRESHOLD = 0.5  # of the rules' probability
MIN_POSITIVE_SUBJECTS = 2  # who show an error, for an interval and a comparison: one has habits
_CHUNK = 20_000_000  # numbers held at once while resampling


@dataclass(frozen=True)
class Scores:
    """What one predictor says of N reps."""

    probability: Floats  # (N, errors), NaN where it cannot tell
    threshold: Floats  # (errors,), or (N, errors) where it varies; NaN for an error it does not know
    before: Floats | None = None  # (N, errors), before calibration; None: nothing is calibrated

    def thresholds(self, error: int) -> Floats:
        """Return (N,): from where on it says that an error (its column) is present in each rep."""
        return np.broadcast_to(self.threshold, self.probability.shape)[:, error]

    def take(self, keep: Bools) -> "Scores":
        """Return what it says of the reps where `keep` (N,) is true."""
        before = None if self.before is None else self.before[keep]
        threshold = self.threshold if self.threshold.ndim == 1 else self.threshold[keep]
        return Scores(self.probability[keep], threshold, before)


@dataclass(frozen=True)
class Judged:
    """The labelled reps of one split, with what every predictor says of them."""

    subjects: Sequence[str]  # (N,)
    truth: Floats  # (N, errors): 1 present, 0 absent, NaN unknown
    predictors: Mapping[str, Scores]
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)  # (N,) each, e.g. the view

    def take(self, keep: Bools) -> "Judged":
        """Return the reps where `keep` (N,) is true."""
        at = np.flatnonzero(keep)
        return Judged(
            [self.subjects[i] for i in at],
            self.truth[keep],
            {name: scores.take(keep) for name, scores in self.predictors.items()},
            {name: [of[i] for i in at] for name, of in self.groups.items()},
        )

    def showing(self, error: int) -> int:
        """Return how many people show an error (its column)."""
        return len(set(np.asarray(self.subjects, dtype=str)[self.truth[:, error] == 1]))

    def shown(self) -> list[int]:
        """Return the errors (their columns) that are present in any rep."""
        return [e for e in range(self.truth.shape[1]) if (self.truth[:, e] == 1).any()]

    def parts(self, predictor: str, error: int) -> tuple[Bools, Floats, Floats, Floats]:
        """Return which reps have a label (N,); of those: is it present, how probable, is it said to be."""
        scores = self.predictors[predictor]
        known: Bools = np.isfinite(self.truth[:, error])
        probability = scores.probability[known, error]
        with np.errstate(invalid="ignore"):  # NaN: not said
            said = (probability >= scores.thresholds(error)[known]).astype(np.float64)
        return known, (self.truth[known, error] == 1).astype(np.float64), probability, said


def resample(subjects: Sequence[str], count: int, seed: int) -> Floats:
    """Return (count, N): how often each rep is drawn when people are drawn with replacement."""
    names, owner = np.unique(np.asarray(subjects, dtype=str), return_inverse=True)
    if not len(names):
        return np.zeros((count, 0))
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=count)
    return times[:, owner].astype(np.float64)


def average_precision(positive: Floats, score: Floats, weights: Floats) -> Floats:
    """Return (B,): sum over thresholds of (recall gained) * precision, as scikit-learn defines it.

    positive, score (n,); weights (B, n), one row per resample. NaN where a resample has no positive.
    """
    order = np.argsort(-score, kind="stable")
    score, positive = score[order], positive[order]
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)  # equal scores are one threshold
    result = []
    for part in np.array_split(weights, max(1, weights.size // _CHUNK)):
        drawn = part[:, order]
        hits = np.cumsum(drawn * positive, axis=1)[:, last]
        said = np.cumsum(drawn, axis=1)[:, last]
        total = hits[:, -1:]
        precision = np.divide(hits, said, out=np.zeros_like(hits), where=said > 0)
        gained = np.diff(hits, axis=1, prepend=0.0)
        area = (gained * precision).sum(axis=1)
        result.append(ratio(area, total[:, 0]))
    return np.asarray(np.concatenate(result))


def confusion(positive: Floats, said: Floats, weights: Floats) -> dict[str, Floats]:
    """Return precision, recall and F1, (B,) each; NaN where one is not defined."""
    hits, claims, total = weights @ (said * positive), weights @ said, weights @ positive
    # Without a positive a recall means nothing, and so does F1, though its formula would give 0.
    f1 = np.where(total > 0, ratio(2 * hits, claims + total), np.nan)
    return {"precision": ratio(hits, claims), "recall": ratio(hits, total), "f1": f1}


def interval(values: Floats) -> tuple[float | None, float | None]:
    """Return the 2.5 and 97.5 percentiles of the resamples in which the metric is defined."""
    values = values[np.isfinite(values)]
    if not len(values):
        return None, None
    low, high = np.percentile(values, [2.5, 97.5])
    return rounded(low), rounded(high)


def obstacle(positive: Floats, probability: Floats) -> str | None:
    """Say why nothing can be measured on an error's labelled reps, (n,) each; None where it can."""
    if not len(positive):
        return "no labelled rep"
    if not positive.any():
        return f"no positive among {len(positive)} labelled reps"
    if np.isnan(probability).all():
        return "it cannot tell this error on any of these reps"
    return None


def ratio(a: Floats, b: Floats) -> Floats:
    """Return a / b, NaN where b is 0."""
    return np.asarray(np.divide(a, b, out=np.full(len(a), np.nan), where=b > 0))


def curves(positive: Floats, probability: Floats, said: Floats, weights: Floats) -> dict[str, Floats]:
    """Return precision, recall, F1 and AP, (B,) each, of (n,) reps drawn by weights (B, n)."""
    score = np.where(np.isnan(probability), -1.0, probability)
    return confusion(positive, said, weights) | {"ap": average_precision(positive, score, weights)}


def mean(judged: Judged, predictor: str, errors: Sequence[int], name: str, weights: Floats) -> Floats:
    """Return (B,): the mean of a metric over the errors that have positives in the resample."""
    rows = []
    for e in errors:
        known, positive, probability, said = judged.parts(predictor, e)
        rows.append(curves(positive, probability, said, weights[:, known])[name])
    return defined_mean(np.stack(rows))


def defined_mean(table: Floats) -> Floats:
    """Return (B,): the mean of (errors, B) over the errors where it is defined (finite)."""
    defined = np.isfinite(table)
    total, count = np.where(defined, table, 0.0).sum(axis=0), defined.sum(axis=0)
    return ratio(total, count.astype(np.float64))


def rounded(value: Any) -> float | None:
    """Return a figure for JSON: four digits, null where it is not defined."""
    return round(float(value), 4) if np.isfinite(value) else None
