"""What each person said of each error of each rep, as an array."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pushup_data.ledger import Entry
from pushup_data.taxonomy import Taxonomy, Value

NONE, ABSENT, PRESENT, UNKNOWN = -1, 0, 1, 2  # codes of an array of votes
VALUES: dict[int, Value] = {ABSENT: "absent", PRESENT: "present", UNKNOWN: "unknown"}
_CODES = {value: code for code, value in VALUES.items()}

Codes = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Votes:
    """Everybody's votes, one per (rep, person, error)."""

    rep_ids: list[str]
    annotators: list[str]
    errors: tuple[str, ...]
    said: Codes  # (reps, annotators, errors): ABSENT, PRESENT, UNKNOWN, or NONE where they were not asked

    def count(self, value: int) -> npt.NDArray[np.int64]:
        """Return (reps, errors): how many people said so."""
        return np.asarray((self.said == value).sum(axis=1))


def vote(entry: Entry, error: str, taxonomy: Taxonomy) -> Value:
    """Return what one annotation says of one error.

    "Absent" from a view that cannot show the error, by the taxonomy of today, is unknown.
    """
    if not entry.usable:
        return "unknown"
    said = entry.answer.get(error, "unknown")
    if said == "absent" and not taxonomy[error].judged_from(entry.view):
        return "unknown"
    return said


def gather(counted: Sequence[Entry], taxonomy: Taxonomy) -> Votes:
    """Return the votes of annotations of which there is one per (rep, person)."""
    rep_ids = sorted({e.rep_id for e in counted})
    annotators = sorted({e.annotator for e in counted})
    row = {rep_id: i for i, rep_id in enumerate(rep_ids)}
    column = {annotator: i for i, annotator in enumerate(annotators)}
    said = np.full((len(rep_ids), len(annotators), len(taxonomy.ids)), NONE, dtype=np.int8)
    for entry in counted:
        codes = [_CODES[vote(entry, error, taxonomy)] for error in taxonomy.ids]
        said[row[entry.rep_id], column[entry.annotator]] = codes
    return Votes(rep_ids, annotators, taxonomy.ids, said)
