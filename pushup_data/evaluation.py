"""Evaluation: per-error metrics beside the rules', intervals over subjects, and the verdict.

A predictor that cannot tell (NaN) counts as one that says "absent", with the lowest score of all: it is what
the person who asks for feedback gets from it. So all predictors are measured on the same reps.

Intervals are percentile bootstraps over subjects (reps of one person are alike, so people are drawn, not
reps): 95 % of the resamples in which the metric is defined.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

RULES_THRESHOLD = 0.5  # of the rules' probability
MIN_SUBJECTS = 5  # labelled people below which no verdict is given: resamples of so few say nothing
MIN_POSITIVE_SUBJECTS = 2  # who show an error, for an interval and a comparison: one has habits
_CHUNK = 20_000_000  # numbers held at once while resampling


@dataclass(frozen=True)
class Scores:
    """What one predictor says of N reps."""

    probability: Floats  # (N, errors), NaN where it cannot tell
    threshold: Floats  # (errors,), NaN for an error it does not know


@dataclass(frozen=True)
class Judged:
    """The labelled reps of one split, with what every predictor says of them."""

    subjects: Sequence[str]  # (N,)
    truth: Floats  # (N, errors): 1 present, 0 absent, NaN unknown
    predictors: Mapping[str, Scores]


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
        result.append(_ratio(area, total[:, 0]))
    return np.asarray(np.concatenate(result))


def confusion(positive: Floats, said: Floats, weights: Floats) -> dict[str, Floats]:
    """Return precision, recall and F1, (B,) each; NaN where one is not defined."""
    hits, claims, total = weights @ (said * positive), weights @ said, weights @ positive
    # Without a positive a recall means nothing, and so does F1, though its formula would give 0.
    f1 = np.where(total > 0, _ratio(2 * hits, claims + total), np.nan)
    return {"precision": _ratio(hits, claims), "recall": _ratio(hits, total), "f1": f1}


def measure(judged: Judged, predictor: str, error: int, weights: Floats) -> dict[str, Any]:
    """Return the metrics of one predictor on one error; null, with a reason, where undefined.

    `weights` (B, N) are resamples; an interval is [`<metric>_low`, `<metric>_high`].
    """
    known, positive, probability, said = _parts(judged, predictor, error)
    threshold = judged.predictors[predictor].threshold[error]
    found: dict[str, Any] = {
        "cannot_tell": int(np.isnan(probability).sum()),
        "said_present": int(said.sum()),
        "threshold": _round(threshold),
    }
    names = ("precision", "recall", "f1", "ap")
    obstacle = _obstacle(positive, probability)
    if obstacle:
        return found | dict.fromkeys(names) | {"reason": obstacle}
    point = _curves(positive, probability, said, np.ones((1, len(positive))))
    spread = _curves(positive, probability, said, weights[:, known])
    several = _showing(judged, error) >= MIN_POSITIVE_SUBJECTS
    for name in names:
        found[name] = _round(point[name][0])
        low, high = interval(spread[name]) if several else (None, None)
        found[f"{name}_low"], found[f"{name}_high"] = low, high
    if found["precision"] is None:
        found["reason"] = "it never says present, so it has no precision"
    elif not several:
        found["reason"] = "only one subject shows it: no interval"
    return found


def macro(judged: Judged, predictor: str, weights: Floats) -> dict[str, Any]:
    """Return mean F1 and AP over the errors that have positives, each error counting the same."""
    errors = [e for e in range(judged.truth.shape[1]) if (judged.truth[:, e] == 1).any()]
    if not errors:
        return {"errors": 0, "f1": None, "ap": None, "reason": "no error is present in any labelled rep"}
    found: dict[str, Any] = {"errors": len(errors)}
    one = np.ones((1, len(judged.subjects)))
    several = max(_showing(judged, e) for e in errors) >= MIN_POSITIVE_SUBJECTS
    for name in ("f1", "ap"):
        found[name] = _round(_mean(judged, predictor, errors, name, one)[0])
        low, high = interval(_mean(judged, predictor, errors, name, weights))
        found[f"{name}_low"], found[f"{name}_high"] = (low, high) if several else (None, None)
    return found


def report(judged: Judged, errors: Sequence[str], bootstrap: int, seed: int) -> dict[str, Any]:
    """Return what metrics/evaluation.json says of one split."""
    weights = resample(judged.subjects, bootstrap, seed)
    table = {}
    for e, error in enumerate(errors):
        truth = judged.truth[:, e]
        table[error] = {
            "present": int((truth == 1).sum()),
            "absent": int((truth == 0).sum()),
            "unknown": int(np.isnan(truth).sum()),
            "present_subjects": _showing(judged, e),
            **{name: measure(judged, name, e, weights) for name in judged.predictors},
        }
    return {
        "subjects": len(set(judged.subjects)),
        "reps": len(judged.subjects),
        "macro": {name: macro(judged, name, weights) for name in judged.predictors},
        "errors": table,
    }


def verdict(
    val: Judged,
    errors: Sequence[str],
    *,
    incumbent: str,
    no_candidate: str | None,
    bootstrap: int,
    min_positives: int,
    seed: int,
) -> dict[str, Any]:
    """Return metrics/verdict.json: who predicts, and why.

    The candidate replaces the incumbent (champion or rules) only where the 95 % interval of the difference in
    mean AP lies above 0: over the errors with `min_positives` present labels in val, shown by at least
    MIN_POSITIVE_SUBJECTS people, and with the same resamples of people for both. AP, since the candidate's
    thresholds were chosen on these very people.
    """
    positives = (val.truth == 1).sum(axis=0)
    shown_by = [_showing(val, e) for e in range(len(errors))]
    enough = [
        positives[e] >= min_positives and shown_by[e] >= MIN_POSITIVE_SUBJECTS for e in range(len(errors))
    ]
    compared = [e for e in range(len(errors)) if enough[e]]
    people = len(set(val.subjects))
    stays = {"predictor": incumbent, "difference": None, "errors": [errors[e] for e in compared]}
    if no_candidate:
        return stays | {"why": f"no candidate: {no_candidate}"}
    if not compared:
        best = f"{positives.max(initial=0)} from {max(shown_by, default=0)}"
        wanted = f"{min_positives} present labels from {MIN_POSITIVE_SUBJECTS} val subjects"
        return stays | {"why": f"undecided: no error has {wanted} (at best {best})"}
    if people < MIN_SUBJECTS:
        return stays | {
            "why": f"undecided: {people} labelled val subjects, at least {MIN_SUBJECTS} are needed"
        }
    weights = np.vstack([np.ones((1, len(val.subjects))), resample(val.subjects, bootstrap, seed)])
    gain = _mean(val, "candidate", compared, "ap", weights) - _mean(val, incumbent, compared, "ap", weights)
    low, high = interval(gain[1:])
    difference = {"ap": _round(gain[0]), "low": low, "high": high}
    numbers = f"AP {gain[0]:+.2f} [{low:+.2f}, {high:+.2f}] on {len(compared)} errors, {people} val subjects"
    if low is not None and low > 0:
        why = f"better than {incumbent}: {numbers}"
        return stays | {"predictor": "candidate", "difference": difference, "why": why}
    word = "worse than" if high is not None and high < 0 else "undecided against"
    return stays | {"difference": difference, "why": f"the candidate is {word} {incumbent}: {numbers}"}


def interval(values: Floats) -> tuple[float | None, float | None]:
    """Return the 2.5 and 97.5 percentiles of the resamples in which the metric is defined."""
    values = values[np.isfinite(values)]
    if not len(values):
        return None, None
    low, high = np.percentile(values, [2.5, 97.5])
    return _round(low), _round(high)


def _showing(judged: Judged, error: int) -> int:
    """Return how many people show an error."""
    return len(set(np.asarray(judged.subjects, dtype=str)[judged.truth[:, error] == 1]))


def _obstacle(positive: Floats, probability: Floats) -> str | None:
    if not len(positive):
        return "no labelled rep"
    if not positive.any():
        return f"no positive among {len(positive)} labelled reps"
    if np.isnan(probability).all():
        return "it cannot tell this error on any of these reps"
    return None


def _parts(judged: Judged, predictor: str, error: int) -> tuple[Bools, Floats, Floats, Floats]:
    """Return which reps have a label (N,), and of those: is it present, how probable, is it said to be."""
    scores = judged.predictors[predictor]
    known: Bools = np.isfinite(judged.truth[:, error])
    probability = scores.probability[known, error]
    with np.errstate(invalid="ignore"):  # NaN: not said
        said = (probability >= scores.threshold[error]).astype(np.float64)
    return known, (judged.truth[known, error] == 1).astype(np.float64), probability, said


def _ratio(a: Floats, b: Floats) -> Floats:
    return np.asarray(np.divide(a, b, out=np.full(len(a), np.nan), where=b > 0))


def _curves(positive: Floats, probability: Floats, said: Floats, weights: Floats) -> dict[str, Floats]:
    score = np.where(np.isnan(probability), -1.0, probability)
    return confusion(positive, said, weights) | {"ap": average_precision(positive, score, weights)}


def _mean(judged: Judged, predictor: str, errors: Sequence[int], name: str, weights: Floats) -> Floats:
    """Return (B,): the mean of a metric over the errors that have positives in the resample."""
    rows = []
    for e in errors:
        known, positive, probability, said = _parts(judged, predictor, e)
        rows.append(_curves(positive, probability, said, weights[:, known])[name])
    table = np.stack(rows)
    defined = np.isfinite(table)
    total, count = np.where(defined, table, 0.0).sum(axis=0), defined.sum(axis=0)
    return _ratio(total, count.astype(np.float64))


def _round(value: Any) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None
