"""Consensus: one label per (rep, error) from what several people said, weighed by how reliable they prove.

A person's vote on an error weighs log(a / (1 - a)), with a the mean of their sensitivity and specificity on
it (reliability.py), for present or for absent; the sum is the log of the odds of the value. So two people who
are equally good and disagree leave it open.

How common an error is stays out of it on purpose, and with it which of the two ways to err is a person's own:
with it, the only person who saw a rare error would be overruled by its rarity, and rare errors would vanish
from the labels. On simulated votes this one weight per person is wrong less often than both rates without it.

With k people who judged and u who can't tell,

    certainty = probability of the value by these odds * (k + 1) / (k + u + 1)

the second part for the doubt that the rep can be judged at all. Of an unknown, where there is no evidence but
counting, it is (u + 1) / (k + u + 2), Laplace's rule of succession.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from pushup_data import tables, votes
from pushup_data.ledger import Entry
from pushup_data.reliability import Floats
from pushup_data.votes import Votes

MIN_ODDS = 2.0  # of a value against the other: below this people contradict each other, and nothing is known


def consensus(counted: Sequence[Entry], said: Votes, accuracy: Floats, min_certainty: float) -> pl.DataFrame:
    """Return tables.LABELS: a row for every error of every rep that somebody annotated.

    `accuracy` (annotators, errors) is reliability.Reliability.accuracy.

    - The value is what the weighed votes say. It is unknown where they leave it open (less than MIN_ODDS),
      where more people can't tell than say so, and where the certainty is below `min_certainty`.
    - A rep is unusable where more people say so than not; all its values are unknown then. Who calls a rep
      unusable cannot tell its errors.
    """
    present, absent, unknown = (said.count(v) for v in (votes.PRESENT, votes.ABSENT, votes.UNKNOWN))
    asked = (said.said != votes.NONE).any(axis=2).sum(axis=1)  # (R,)
    row = {rep_id: i for i, rep_id in enumerate(said.rep_ids)}
    called_unusable, simulated = np.zeros(len(row), dtype=int), np.zeros(len(row), dtype=bool)
    for entry in counted:
        called_unusable[row[entry.rep_id]] += not entry.usable
        simulated[row[entry.rep_id]] |= entry.simulated
    usable = 2 * called_unusable <= asked

    sides = (said.said == votes.PRESENT).astype(np.float64) - (said.said == votes.ABSENT)
    odds = np.asarray(
        (sides * np.log(accuracy / (1 - accuracy))).sum(axis=1)
    )  # (R, E), of present, their log
    probability = 1 / (1 + np.exp(-np.abs(odds)))
    judged = present + absent
    certainty = probability * (judged + 1) / (judged + unknown + 1)
    of_value = np.where(odds > 0, present, absent)
    known = (np.abs(odds) >= np.log(MIN_ODDS)) & (unknown <= of_value) & (certainty >= min_certainty)
    known &= usable[:, None]
    value = np.where(known, np.where(odds > 0, "present", "absent"), "unknown")
    certainty = np.where(known, certainty, (unknown + 1) / (judged + unknown + 2))
    errors = len(said.errors)
    frame = pl.DataFrame(
        {
            "rep_id": np.repeat(np.asarray(said.rep_ids, dtype=str), errors),
            "error": list(said.errors) * len(row),
            "value": value.reshape(-1).astype(str),
            "certainty": certainty.reshape(-1),
            "usable": np.repeat(usable, errors),
            "present": present.reshape(-1),
            "absent": absent.reshape(-1),
            "unknown": unknown.reshape(-1),
            "simulated": np.repeat(simulated, errors),
        }
    )
    return tables.LABELS.check(frame)
