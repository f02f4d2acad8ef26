"""Evaluation: what metrics/evaluation.json says of every predictor, rules and baselines among them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pushup_data import confidence
from pushup_data.metrics import (
    MIN_POSITIVE_SUBJECTS,
    Floats,
    Judged,
    curves,
    defined_mean,
    interval,
    mean,
    obstacle,
    resample,
    rounded,
)

# What is kept of an error's figures for each view and quality: the file is in git, anew with every round.
_SHORT = ("f1", "f1_low", "f1_high", "ap", "ap_low", "ap_high", "reason")
_NO_POSITIVE = "no error is present in any labelled rep"


def report(judged: Judged, errors: Sequence[str], bootstrap: int, seed: int) -> dict[str, Any]:
    """Return what metrics/evaluation.json says of one split."""
    weights = resample(judged.subjects, bootstrap, seed)
    return {
        **_figures(judged, errors, weights),
        "by": {group: _by_value(judged, of, errors, weights) for group, of in judged.groups.items()},
        "people": people(judged),
        "coverage": {name: confidence.coverage(judged, name, weights) for name in judged.predictors},
        "reliability": {name: confidence.reliability(judged, name) for name in judged.predictors},
    }


def _figures(judged: Judged, errors: Sequence[str], weights: Floats) -> dict[str, Any]:
    return {
        "subjects": len(set(judged.subjects)),
        "reps": len(judged.subjects),
        "macro": {name: macro(judged, name, weights) for name in judged.predictors},
        "errors": {
            error: _counts(judged, e)
            | {name: measure(judged, name, e, weights) for name in judged.predictors}
            for e, error in enumerate(errors)
        },
    }


def _by_value(judged: Judged, of: Sequence[str], errors: Sequence[str], weights: Floats) -> dict[str, Any]:
    """Return the figures for every value of a group, `of` (N,)."""
    found = {}
    for value in sorted(set(of)):
        keep = np.array([each == value for each in of], dtype=bool)
        figures = _figures(judged.take(keep), errors, weights[:, keep])
        for row in figures["errors"].values():
            for name in judged.predictors:
                row[name] = {key: row[name][key] for key in _SHORT if key in row[name]}
        found[value] = figures
    return found


def measure(judged: Judged, predictor: str, error: int, weights: Floats) -> dict[str, Any]:
    """Return the metrics of one predictor on one error; null, with a reason, where undefined.

    `weights` (B, N) are resamples; an interval is [`<metric>_low`, `<metric>_high`].
    """
    known, positive, probability, said = judged.parts(predictor, error)
    threshold = judged.predictors[predictor].threshold[..., error]
    found: dict[str, Any] = {
        "cannot_tell": int(np.isnan(probability).sum()),
        "said_present": int(said.sum()),
        "threshold": rounded(threshold) if threshold.ndim == 0 else None,  # None: another for each fold
        **confidence.calibrated(judged, predictor, error),
    }
    names = ("precision", "recall", "f1", "ap")
    if why := obstacle(positive, probability):
        return found | dict.fromkeys(names) | {"reason": why}
    point = curves(positive, probability, said, np.ones((1, len(positive))))
    spread = curves(positive, probability, said, weights[:, known])
    several = judged.showing(error) >= MIN_POSITIVE_SUBJECTS
    for name in names:
        found[name] = rounded(point[name][0])
        low, high = interval(spread[name]) if several else (None, None)
        found[f"{name}_low"], found[f"{name}_high"] = low, high
    if found["precision"] is None:
        found["reason"] = "it never says present, so it has no precision"
    elif not several:
        found["reason"] = "only one subject shows it: no interval"
    return found


def macro(judged: Judged, predictor: str, weights: Floats) -> dict[str, Any]:
    """Return means over the errors that have positives, each error counting the same.

    F1 and AP with intervals; calibration over those errors that the predictor can judge.
    """
    errors = judged.shown()
    if not errors:
        return {"errors": 0, "f1": None, "ap": None, "reason": _NO_POSITIVE}
    found: dict[str, Any] = {"errors": len(errors)}
    one = np.ones((1, len(judged.subjects)))
    several = max(judged.showing(e) for e in errors) >= MIN_POSITIVE_SUBJECTS
    for name in ("f1", "ap"):
        found[name] = rounded(mean(judged, predictor, errors, name, one)[0])
        low, high = interval(mean(judged, predictor, errors, name, weights))
        found[f"{name}_low"], found[f"{name}_high"] = (low, high) if several else (None, None)
    each = [confidence.calibrated(judged, predictor, e) for e in errors]
    for name in each[0]:
        values = np.array([[row[name]] for row in each], dtype=np.float64)
        found[name] = rounded(defined_mean(values)[0])
    return found


def people(judged: Judged) -> dict[str, Any]:
    """Return every person's F1, a mean over the errors that they show, and how far people lie apart.

    Who shows no error has no F1: null, with a reason.
    """
    owner, rows = np.asarray(judged.subjects, dtype=str), []
    for subject in sorted(set(judged.subjects)):
        one = judged.take(owner == subject)
        errors, each = one.shown(), np.ones((1, len(one.subjects)))
        row: dict[str, Any] = {"subject": subject, "reps": len(one.subjects), "errors": len(errors)}
        for name in judged.predictors:
            row[name] = rounded(mean(one, name, errors, "f1", each)[0]) if errors else None
        rows.append(row if errors else row | {"reason": _NO_POSITIVE})
    spread = {}
    for name in judged.predictors:
        f1 = [row[name] for row in rows if row["errors"]]
        found = np.percentile(f1, [0, 50, 100]) if f1 else [np.nan] * 3
        ends = dict(zip(("worst", "median", "best"), map(rounded, found), strict=True))
        spread[name] = {"people": len(f1), **ends} | ({} if f1 else {"reason": _NO_POSITIVE})
    return {"f1": spread, "each": rows}


def _counts(judged: Judged, error: int) -> dict[str, Any]:
    truth = judged.truth[:, error]
    return {
        "present": int((truth == 1).sum()),
        "absent": int((truth == 0).sum()),
        "unknown": int(np.isnan(truth).sum()),
        "present_subjects": judged.showing(error),
    }
