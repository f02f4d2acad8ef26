"""Calibration: from the network's logits to probabilities that come true as often as they say."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

Floats = npt.NDArray[np.float64]

_BINS = 10
# How strongly a fit on few labels is held at slope 1 (its logarithm) and offset 0: standard deviations. A few
# people's reps are soon told apart by any network; a steep slope would be sure of everybody's.
_PRIOR = np.array([0.3, 1.0])
# The intraclass correlation of a person's reps: they err alike, so m of them say as much as
# m / (1 + (m - 1) * 0.3) people with one each (Kish's design effect, "Survey sampling", 1965).
_ALIKE = 0.3


class Platt(BaseModel):
    """probability = sigmoid(slope * logit + offset)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slope: float = 1.0
    offset: float = 0.0

    def __call__(self, logits: npt.ArrayLike) -> Floats:
        """Return calibrated probabilities; NaN stays NaN."""
        return sigmoid(self.calibrated_logits(logits))

    def calibrated_logits(self, logits: npt.ArrayLike) -> Floats:
        """Return slope * logits + offset; NaN stays NaN."""
        return self.slope * np.asarray(logits, dtype=np.float64) + self.offset


def sigmoid(logits: npt.ArrayLike) -> Floats:
    """Return 1 / (1 + exp(-logits))."""
    return np.asarray(1 / (1 + np.exp(-np.clip(np.asarray(logits, dtype=np.float64), -50, 50))))


def cross_entropy(logits: Floats, positive: npt.ArrayLike) -> Floats:
    """Return the loss of each logit beside its label, 0 or 1."""
    return np.asarray(np.logaddexp(0, logits) - np.asarray(positive) * logits)


def log_odds(probability: npt.ArrayLike, clip: float = 1e-6) -> Floats:
    """Return log(p / (1 - p)) of probabilities held `clip` away from 0 and 1; NaN stays NaN."""
    p = np.clip(np.asarray(probability, dtype=np.float64), clip, 1 - clip)
    return np.asarray(np.log(p / (1 - p)))


def fit(logits: Floats, positive: Floats, subjects: Sequence[str]) -> Platt:
    """Fit on (n,) logits and labels 0 or 1, by maximum likelihood with a normal prior about doing nothing.

    (Platt, "Probabilistic outputs for support vector machines", 1999.) The many reps of one subject count as
    fewer (_ALIKE). Without a positive or a negative nothing is fitted. The slope stays positive: calibration
    never turns the order round.
    """
    if not len(positive) or positive.all() or not positive.any():
        return Platt()
    from scipy.optimize import minimize  # most stages import this module, and few fit anything

    weight = _weight(subjects)

    def cost(at: Floats) -> float:
        loss = cross_entropy(np.exp(at[0]) * logits + at[1], positive)
        return float((weight * loss).sum() + ((at / _PRIOR) ** 2).sum() / 2)

    found = minimize(cost, np.zeros(2), method="Nelder-Mead")
    return Platt(slope=round(float(np.exp(found.x[0])), 6), offset=round(float(found.x[1]), 6))


def threshold(probability: Floats, subjects: Sequence[str]) -> float:
    """Return from which calibrated probability on saying "present" has the largest F1, 0 to 0.5.

    It is half of that F1 (Lipton et al., 2014, arXiv 1402.1892), which is what the probabilities of n >= 1
    reps, (n,), let expect: counted in the labels that they were calibrated on, it would fit those too well.
    """
    order = np.argsort(-probability)
    p, weight = probability[order], _weight(subjects)[order]
    expected = 2 * np.cumsum(weight * p) / (np.cumsum(weight) + (weight * p).sum())
    return round(float(expected.max()) / 2, 4)


def _weight(subjects: Sequence[str]) -> Floats:
    """Return (n,): how much each rep counts beside the only one of a subject."""
    reps = Counter(subjects)
    return np.array([1 / (1 + (reps[s] - 1) * _ALIKE) for s in subjects])


def bins(probability: Floats, positive: Floats) -> list[dict[str, float]]:
    """Return the reliability diagram: per tenth that occurs, mean probability, share present, and count."""
    which = np.minimum((probability * _BINS).astype(int), _BINS - 1)
    return [
        {
            "said": round(float(probability[which == b].mean()), 4),
            "came_true": round(float(positive[which == b].mean()), 4),
            "count": int((which == b).sum()),
        }
        for b in range(_BINS)
        if (which == b).any()
    ]


def error(probability: Floats, positive: Floats) -> float | None:
    """Return the expected calibration error, 0 to 1: how far the bins' shares lie from what was said.

    (Naeini, Cooper and Hauskrecht, 2015: the mean over equally wide bins by count.) None for nobody.
    """
    if not len(positive):
        return None
    found = bins(probability, positive)
    return float(sum(b["count"] * abs(b["said"] - b["came_true"]) for b in found) / len(positive))
