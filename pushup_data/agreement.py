"""How well people agree, per error: Krippendorff's alpha with an interval over subjects.

"Can't tell" is a legitimate answer that depends on the rep and its view, so it counts as no judgement here:
alpha is about present against absent, where two or more people judged. How often people can't tell, and agree
that they can't, is counted beside it.

An interval is a percentile bootstrap over subjects: reps of one person are alike, so people are drawn with
replacement, not reps.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pushup_data import votes
from pushup_data.metrics import interval, resample
from pushup_data.votes import Votes

Floats = npt.NDArray[np.float64]

MIN_SUBJECTS = (
    5  # with doubly judged reps; of fewer people no interval is given: resamples of so few say nothing
)


def agreement(
    said: Votes, subjects: Mapping[str, str], *, bootstrap: int, seed: int
) -> dict[str, dict[str, Any]]:
    """Return per error: alpha with its interval, the share of pairs that agree, and how many there are.

    `subjects` is rep_id -> who is filmed. `units` are reps that two or more people judged, `pairs` the pairs
    of people who did so, `cannot_tell` the share of all votes that are "can't tell". Null, with a reason,
    where a figure cannot be computed.
    """
    found = {}
    absent, present, unknown = (said.count(v) for v in (votes.ABSENT, votes.PRESENT, votes.UNKNOWN))
    for e, error in enumerate(said.errors):
        asked = int(absent[:, e].sum() + present[:, e].sum() + unknown[:, e].sum())
        counts = np.stack([absent[:, e], present[:, e]], axis=1).astype(np.float64)
        shared = counts.sum(axis=1) >= 2
        owners = [subjects[rep] for rep, kept in zip(said.rep_ids, shared, strict=True) if kept]
        row = measure(counts[shared], owners, bootstrap=bootstrap, seed=seed)
        found[error] = row | {"cannot_tell": round(int(unknown[:, e].sum()) / asked, 4) if asked else None}
    return found


def measure(counts: Floats, subjects: Sequence[str], *, bootstrap: int, seed: int) -> dict[str, Any]:
    """Return the figures of one error from (units, values) counts of votes, two or more per unit."""
    votes_per_unit = counts.sum(axis=1)
    pairs = int((votes_per_unit * (votes_per_unit - 1) / 2).sum())
    row: dict[str, Any] = {"units": len(counts), "pairs": pairs, "percent": None, "alpha": None}
    row |= {"alpha_low": None, "alpha_high": None}
    if not pairs:
        return row | {"reason": "no rep was judged by two people"}
    row["percent"] = round(float((counts * (counts - 1) / 2).sum()) / pairs, 4)
    if (counts.sum(axis=0) > 0).sum() == 1:
        return row | {"reason": f"everybody said {votes.VALUES[int(counts.sum(axis=0).argmax())]}"}
    row["alpha"] = round(alpha(counts), 4)
    people = len(set(subjects))
    if people < MIN_SUBJECTS:
        return row | {"reason": f"no interval: reps of {people} subjects, {MIN_SUBJECTS} are needed"}
    row["alpha_low"], row["alpha_high"] = interval(alphas(counts, resample(subjects, bootstrap, seed)))
    return row


def alpha(counts: Floats) -> float:
    """Return Krippendorff's alpha for nominal values of (units, values) counts."""
    import krippendorff

    return float(krippendorff.alpha(value_counts=counts, level_of_measurement="nominal"))


def alphas(counts: Floats, weights: Floats) -> Floats:
    """Return (B,): alpha of every resample, NaN where only one value occurs.

    `weights` (B, units) says how often each unit is drawn. Alpha is 1 minus observed over expected
    disagreement, both of which are made from the coincidence matrix; a unit of m votes, n[c] of them for c,
    adds n[c] * (n[k] - [c = k]) / (m - 1) to its cell (c, k) (Krippendorff, Computing Krippendorff's
    alpha-reliability, 2011). So a resample's matrix is a weighted sum, and there is no need to loop.
    """
    n = counts.sum(axis=1)
    agreeing = (counts * (counts - 1)).sum(axis=1) / (n - 1)  # what a unit adds to the diagonal
    total = weights @ n
    by_value = weights @ counts
    same = (by_value * (by_value - 1)).sum(axis=1)
    observed = total - weights @ agreeing
    expected = (total * (total - 1) - same) / np.maximum(total - 1, 1)
    undefined = np.full(len(weights), np.nan)
    return np.asarray(1 - np.divide(observed, expected, out=undefined, where=expected > 0))
