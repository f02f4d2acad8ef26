"""How reliable each annotator proves: sensitivity and specificity, from nobody but each other.

The model is that of Dawid and Skene (1979) for two true values: a (rep, error) is present or absent; a person
calls a present one present with their sensitivity, an absent one absent with their specificity, independently
of the others given the truth. Truth and rates are estimated in turn (EM) from what two or more people judged.

"Can't tell" is no judgement and no fault: it depends on the rep and its view, so it takes no part.

With few labels maximum likelihood runs to 0 and 1, so every rate is pulled towards a wider one by
pseudo-counts: a person's rate on one error towards their rate on all errors, theirs towards everybody's, and
everybody's towards PRIOR. A newcomer is as good as the others, and nobody is infallible.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pushup_data import votes
from pushup_data.votes import Votes

Floats = npt.NDArray[np.float64]

PRIOR = 0.8  # both rates of somebody of whom nothing is known
STRENGTH = 10.0  # pseudo-counts of every pull; of real votes about as many move a rate half the way
_ROUNDS = 500
_ENOUGH = 1e-6  # change of every probability below which EM has converged


@dataclass(frozen=True)
class Reliability:
    """Rates per annotator and error, and what they rest on."""

    annotators: list[str]
    sensitivity: Floats  # (annotators, errors): of what is present, how much they call present
    specificity: Floats  # (annotators, errors): of what is absent, how much they call absent
    overall: Floats  # (annotators, 2): the same two over all errors
    everybody: Floats  # (2,): the same two over all annotators
    judged: npt.NDArray[np.int64]  # (annotators,): judgements that somebody else judged too

    @property
    def of_two(self) -> bool:
        """Whether no more than two people judged what somebody else judged."""
        return bool((self.judged > 0).sum() < 3)

    def accuracy(self, annotators: list[str]) -> Floats:
        """Return (annotators, errors): the mean of both rates of these people, their accuracy on an even mix.

        Somebody of whom nothing is known is taken to be like everybody; so are all where only two judged the
        same, since nothing tells then which of them errs.
        """
        found = np.full((len(annotators), self.sensitivity.shape[1]), self.everybody.mean())
        for a, name in enumerate(annotators if not self.of_two else []):
            if name in self.annotators:
                at = self.annotators.index(name)
                found[a] = (self.sensitivity[at] + self.specificity[at]) / 2
        return found

    def report(self) -> dict[str, dict[str, Any]]:
        """Return per annotator what metrics/labels.json says."""
        found: dict[str, dict[str, Any]] = {}
        for a, name in enumerate(self.annotators):
            row: dict[str, Any] = {"shared_judgements": int(self.judged[a])}
            if not self.judged[a]:
                why = "nobody else judged what they judged"
                found[name] = row | {"sensitivity": None, "specificity": None, "reason": why}
                continue
            row["sensitivity"], row["specificity"] = (round(float(rate), 4) for rate in self.overall[a])
            found[name] = row | (
                {"reason": "of two people alone, who is right is a guess"} if self.of_two else {}
            )
        return found


def estimate(said: Votes) -> Reliability:
    """Estimate every annotator's rates."""
    judged = (said.said == votes.PRESENT) | (said.said == votes.ABSENT)
    judged &= judged.sum(axis=1, keepdims=True) >= 2
    called = np.stack([judged & (said.said == votes.PRESENT), judged & (said.said == votes.ABSENT)], axis=-1)
    present, absent = called[..., 0].astype(np.float64), called[..., 1].astype(np.float64)  # (R, A, E)
    shared = judged.any(axis=1)  # (R, E)
    share = present.sum(axis=1) / np.maximum(judged.sum(axis=1), 1)
    truth = np.where(shared, share, 0.0)  # (R, E): probability of present; at first the majority's
    for _ in range(_ROUNDS):
        rates, overall, everybody = _rates(present, absent, truth)
        prevalence = (truth.sum(axis=0) + 1) / (shared.sum(axis=0) + 2)
        evidence = log_odds(present, absent, rates[..., 0], rates[..., 1])
        now = 1 / (1 + np.exp(-(evidence + np.log(prevalence / (1 - prevalence)))))
        now = np.where(shared, now, 0.0)
        moved = np.abs(now - truth).max(initial=0.0)
        truth = now
        if moved < _ENOUGH:
            break
    return Reliability(
        said.annotators, rates[..., 0], rates[..., 1], overall, everybody, judged.sum(axis=(0, 2))
    )


def log_odds(present: Floats, absent: Floats, sensitivity: Floats, specificity: Floats) -> Floats:
    """Return (R, E): the log of the odds of present to absent by the votes alone.

    present, absent (R, A, E) are 1 where a person says so; the rates are (A, E).
    """
    for_present = np.log(sensitivity / (1 - specificity))
    for_absent = np.log((1 - sensitivity) / specificity)
    return np.asarray((present * for_present + absent * for_absent).sum(axis=1))


def _rates(present: Floats, absent: Floats, truth: Floats) -> tuple[Floats, Floats, Floats]:
    """Return (A, E, 2), (A, 2), (2,): smoothed sensitivity and specificity, given how probable present is."""
    is_present = truth[:, None, :]
    right = np.stack(
        [(present * is_present).sum(0), (absent * (1 - is_present)).sum(0)], axis=-1
    )  # (A, E, 2)
    wrong = np.stack([(absent * is_present).sum(0), (present * (1 - is_present)).sum(0)], axis=-1)
    everybody = _pulled(right.sum((0, 1)), wrong.sum((0, 1)), np.full(2, PRIOR))
    overall = _pulled(right.sum(1), wrong.sum(1), everybody)
    return _pulled(right, wrong, overall[:, None, :]), overall, everybody


def _pulled(right: Floats, wrong: Floats, towards: Floats) -> Floats:
    return np.asarray((right + STRENGTH * towards) / (right + wrong + STRENGTH))
