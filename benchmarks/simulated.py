"""People who vote with known error rates, and reps whose measurements are as good as those of real clips."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pushup_data import votes
from pushup_data.votes import Votes

Booleans = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

PREVALENCE = (0.4, 0.2, 0.25, 0.1, 0.3, 0.15, 0.05)  # of seven errors, for votes
ERRORS = ("hips_sagging", "hips_piked", "shallow_depth", "incomplete_lockout", "head_dropped")
SEVERITY = (-0.59, -0.94, -0.75, -1.16, -1.43)  # mean per error: 30, 20, 25, 15 and 10 % of reps show it


def ballots(
    seed: int,
    sensitivity: Sequence[float],
    specificity: Sequence[float],
    *,
    reps: int = 1000,
    asked: int = 3,
    unsure: float = 0.15,
    prevalence: Sequence[float] = PREVALENCE,
) -> tuple[Booleans, Votes]:
    """Return the truth (reps, errors) and the votes of people with these rates on it.

    Each rep is given to `asked` of them at random; of an error they can't tell in `unsure` of the cases.
    """
    rng = np.random.default_rng(seed)
    annotators, errors = len(sensitivity), len(prevalence)
    truth = rng.random((reps, errors)) < np.array(prevalence)
    chosen = np.argsort(rng.random((reps, annotators)), axis=1) < asked
    rate = np.where(truth[:, None], np.array(sensitivity)[:, None], np.array(specificity)[:, None])
    right = rng.random((reps, annotators, errors)) < rate
    values = np.where(right, truth[:, None], ~truth[:, None]).astype(np.int8)
    values[rng.random(values.shape) < unsure] = votes.UNKNOWN
    values[~chosen] = votes.NONE
    names = [f"p{a}@example.org" for a in range(annotators)]
    rep_ids = [f"r{i:05d}" for i in range(reps)]
    return truth, Votes(rep_ids, names, tuple(f"error{e}" for e in range(errors)), values)


def measured(
    seed: int, *, people: int = 40, each: int = 12, noise: float = 0.8, camera: float = 0.5
) -> tuple[Booleans, Floats, Floats, list[str]]:
    """Return truth (N, errors), features (N, 20), the rules' probabilities (N, errors) and who is filmed.

    An error's severity is a person's habit and a rep's own; what is measured of it is off by noise and by the
    person's camera. The features tell nothing but who it is, as most of a landmark does.
    """
    rng = np.random.default_rng(seed)
    errors, who = len(ERRORS), np.repeat(np.arange(people), each)
    severity = rng.normal(0, 1, (people, errors))[who] + rng.normal(0, 0.5, (len(who), errors)) + SEVERITY
    seen = severity + rng.normal(0, camera, (people, errors))[who] + rng.normal(0, noise, severity.shape)
    other = rng.normal(0, 1, (people, 20))[who] + rng.normal(0, 0.5, (len(who), 20))
    return severity > 0, other, 1 / (1 + np.exp(-seen / 0.4)), [f"s{i:02d}" for i in who]
