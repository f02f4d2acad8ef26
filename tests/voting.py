"""People who vote: a handful by hand, or many with known error rates."""

import numpy as np

from pushup_data import tables, votes
from pushup_data.votes import Votes
from tests.test_ledger import entry

REPS = tables.REPS.frame(
    [
        {"rep_id": "abc-f10", "video_id": "abc", "subject": "ann", "start": 0, "bottom": 10, "end": 20},
        {"rep_id": "abc-f50", "video_id": "abc", "subject": "ann", "start": 40, "bottom": 50, "end": 60},
    ]
)

PREVALENCE = (0.4, 0.2, 0.25, 0.1, 0.3, 0.15, 0.05)  # of seven errors


def said(value, annotator="a@example.org", annotation=1, **changes):
    """One person's annotation of one rep: this of hips_sagging, nothing of the rest."""
    changes.setdefault("answer", {"hips_sagging": value})
    return entry(annotation, annotator=annotator, **changes)


def people(*values):
    """Several people's annotations of the same rep."""
    return [said(v, annotator=f"p{i}@example.org", annotation=i) for i, v in enumerate(values)]


def simulate(seed, sensitivity, specificity, *, reps=1000, asked=3, unsure=0.15, prevalence=PREVALENCE):
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
    return truth, Votes(
        [f"r{i:05d}" for i in range(reps)], names, tuple(f"error{e}" for e in range(errors)), values
    )
