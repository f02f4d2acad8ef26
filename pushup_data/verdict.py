"""The verdict: who predicts, and why. The baselines take no part in it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pushup_data import files
from pushup_data.errors import BadInputError
from pushup_data.metrics import MIN_POSITIVE_SUBJECTS, Judged, interval, mean, resample, rounded

SPEAKERS = ("rules", "candidate", "champion")  # who may predict; all other predictors are only compared
MIN_SUBJECTS = 5  # labelled people below which no verdict is given: resamples of so few say nothing
REMEDY = "run `dvc repro --force -s evaluate`"


def read(path: Path) -> dict[str, Any] | None:
    """Read metrics/verdict.json; None where there is none. Raises BadInputError where it is damaged.

    `digests` tells which models it is about; one of an older version names none, and so fits no model.
    """
    known = files.read_json(path, REMEDY)
    if known is None:
        return None
    found = {"digests": {}} | known
    if not {"predictor", "why"} <= found.keys() or not isinstance(found["digests"], dict):
        raise BadInputError(f"{path}: damaged; {REMEDY}")
    return found


def decide(
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
    MIN_POSITIVE_SUBJECTS people, and with the same resamples of people for both. AP, since the candidate was
    calibrated on these very people, which leaves the order as it is. They also chose the epoch at which it
    stopped, and after `tune` its settings, which flatters a little: test people, who chose nothing, show it.
    """
    positives = (val.truth == 1).sum(axis=0)
    shown_by = [val.showing(e) for e in range(len(errors))]
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
    gain = mean(val, "candidate", compared, "ap", weights) - mean(val, incumbent, compared, "ap", weights)
    low, high = interval(gain[1:])
    difference = {"ap": rounded(gain[0]), "low": low, "high": high}
    numbers = f"AP {gain[0]:+.2f} [{low:+.2f}, {high:+.2f}] on {len(compared)} errors, {people} val subjects"
    if low is not None and low > 0:
        why = f"better than {incumbent}: {numbers}"
        return stays | {"predictor": "candidate", "difference": difference, "why": why}
    word = "worse than" if high is not None and high < 0 else "undecided against"
    return stays | {"difference": difference, "why": f"the candidate is {word} {incumbent}: {numbers}"}
