"""Confidence: do probabilities come true as often as they say, and are those answers right that are sure?"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pushup_data.metrics import (
    MIN_POSITIVE_SUBJECTS,
    Floats,
    Judged,
    confusion,
    defined_mean,
    interval,
    obstacle,
    ratio,
    rounded,
)
from pushup_data.model import calibration

COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)


def calibrated(judged: Judged, predictor: str, error: int) -> dict[str, float | None]:
    """Return the expected calibration error of what a predictor says of one error, and its Brier score.

    `ece_before` is that before calibration, missing where nothing is calibrated. All over the labelled reps
    that it can judge; null where none of the labelled reps is present.
    """
    _, positive, probability, _ = judged.parts(predictor, error)
    names = (
        ("ece", "brier") if judged.predictors[predictor].before is None else ("ece_before", "ece", "brier")
    )
    if obstacle(positive, probability):
        return dict.fromkeys(names)
    found = {"brier": float(np.nanmean((probability - positive) ** 2))}
    for when, (said, came_true) in _told(judged, predictor, [error]).items():
        measured = calibration.error(said, came_true)
        found["ece" if when == "after" else "ece_before"] = np.nan if measured is None else measured
    return {name: rounded(found[name]) for name in names}


def reliability(judged: Judged, predictor: str) -> dict[str, list[dict[str, float]]]:
    """Return the reliability diagram before and after calibration, over all errors that have positives.

    `before` is missing where nothing is calibrated; a list is empty where no probability can be checked.
    """
    found = _told(judged, predictor, judged.shown())
    return {when: calibration.bins(said, came_true) for when, (said, came_true) in found.items()}


def coverage(judged: Judged, predictor: str, weights: Floats) -> list[dict[str, Any]]:
    """Return accuracy and F1 if the predictor keeps silent where it is least sure, at each of COVERAGES.

    Per error (of those with positives) it answers on this share of the labelled reps; the figures are means
    over the errors, F1 over those whose positives are not all given up (`f1_errors`). `weights` (B, N) are
    resamples.

    Sure is who is far from the error's threshold in log-odds. max(p, 1 - p) would take a p of 0.3 that is
    said to be present, at a threshold of 0.2, for a sure "absent"; distance in probability would never call
    an "absent" sure where the threshold is low. Where it cannot tell, it is least sure of all.
    """
    errors = judged.shown()
    several = max((judged.showing(e) for e in errors), default=0) >= MIN_POSITIVE_SUBJECTS
    drawn = np.vstack([np.ones((1, len(judged.subjects))), weights])
    rows = []
    for share in COVERAGES if errors else ():
        figures: dict[str, list[Floats]] = {"accuracy": [], "f1": []}
        for e in errors:
            known, positive, probability, said = judged.parts(predictor, e)
            sure = _sureness(probability, judged.predictors[predictor].thresholds(e)[known])
            kept = surest(sure, drawn[:, known], share)
            figures["accuracy"].append(ratio(kept @ (said == positive), kept.sum(axis=1)))
            figures["f1"].append(confusion(positive, said, kept)["f1"])
        row: dict[str, Any] = {"coverage": share}
        for name, each in figures.items():
            values = defined_mean(np.stack(each))
            row[name] = rounded(values[0])
            row[f"{name}_low"], row[f"{name}_high"] = interval(values[1:]) if several else (None, None)
        rows.append(row | {"f1_errors": sum(bool(np.isfinite(f1[0])) for f1 in figures["f1"])})
    return rows


def surest(sure: Floats, weights: Floats, share: float) -> Floats:
    """Return weights (B, n) of which only the surest `share` is left; sure (n,).

    Equally sure reps lose the same share each, so their order does not matter.
    """
    if not len(sure):
        return weights
    order = np.argsort(-sure, kind="stable")
    steps = np.diff(sure[order]) != 0
    last = np.append(np.flatnonzero(steps), len(sure) - 1)
    level = np.concatenate([[0], np.cumsum(steps)])  # of each rep, the surest first
    through = np.cumsum(weights[:, order], axis=1)[:, last]
    held = np.diff(through, axis=1, prepend=0.0)
    room = share * through[:, -1:] - (through - held)
    left = np.clip(np.divide(room, held, out=np.zeros_like(held), where=held > 0), 0, 1)
    kept = np.empty_like(weights)
    kept[:, order] = weights[:, order] * left[:, level]
    return kept


def _sureness(probability: Floats, threshold: Floats) -> Floats:
    distance = np.abs(calibration.log_odds(probability) - calibration.log_odds(threshold))
    return np.nan_to_num(distance, nan=-1.0)


def _told(judged: Judged, predictor: str, errors: Sequence[int]) -> dict[str, tuple[Floats, Floats]]:
    """Return what was said of labelled reps and whether it is so, after calibration and (if any) before."""
    scores = judged.predictors[predictor]
    both = {"after": scores.probability}
    if scores.before is not None:
        both = {"before": scores.before, **both}
    found = {}
    for when, probability in both.items():
        here = np.isfinite(judged.truth) & np.isfinite(probability)
        here[:, [e for e in range(here.shape[1]) if e not in errors]] = False
        found[when] = probability[here], judged.truth[here]
    return found
