"""What the labels at hand support: which errors can be learnt, and how far to believe what was learnt."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pushup_data.model import calibration
from pushup_data.model.calibration import Platt
from pushup_data.model.data import Dataset, seen
from pushup_data.params import Train

# So many people make what was learnt of an error count by half: from two or three, a network learns the room
# that they are in. Chosen of 3, 6, 8 and 12 by F1 on people (docs/model.md). By the same measure val's people
# move a threshold from one half.
_PEOPLE_FOR_HALF = 6
# The calibrated probability from which on an error is present, where val's people do not move it.
THRESHOLD = 0.5


def learnable(y: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Return (errors,): whether labels (N, errors) hold both a present and an absent one."""
    return np.asarray((y == 1).any(axis=0) & (y == 0).any(axis=0))


def obstacle(train: Dataset, settings: Train) -> str | None:
    """Say why nothing can be trained on these labelled reps; None where it can."""
    visible = train.take(seen(train.x))
    if len(visible) < settings.min_labels:
        return f"{len(visible)} labelled train reps, train.min_labels asks for {settings.min_labels}"
    if not (visible.y == 1).any():
        return f"no error is present in any of {len(visible)} labelled train reps"
    if not learnable(visible.y).any():
        return f"no error is both present and absent among {len(visible)} labelled train reps"
    return None


def shrinkage(dataset: Dataset) -> npt.NDArray[np.float32]:
    """Return (errors,): how much of what these people teach of each error counts beside a prior, 0 to 1.

    n / (n + _PEOPLE_FOR_HALF), as a group's mean is drawn towards the prior one, for n people: those who show
    the error or those who do not, whichever are fewer, each at what they are worth.
    """

    def people(error: int, value: int) -> float:
        return sum(dataset.worth.get(subject, 1.0) for subject in dataset.showing(error, value))

    n = np.array([min(people(e, 1), people(e, 0)) for e in range(dataset.y.shape[1])], np.float32)
    return n / (n + _PEOPLE_FOR_HALF)


def calibrated(logits: npt.NDArray[np.float64], val: Dataset) -> tuple[list[Platt], list[float]]:
    """Return calibration and threshold per error, from (N, errors) logits and what val knows of them.

    A threshold leaves one half for the one that is best for F1 by as much as val's people say: what a few of
    them ask for is their luck, and what avatars ask for is not people's (docs/model.md).
    """
    platts, thresholds = [], []
    for e, share in enumerate(shrinkage(val)):
        said, positive, people = _known(logits[:, e], val.y[:, e], val.subjects)
        platt = calibration.fit(said, positive, people)
        best = calibration.threshold(platt(said), people) if share else THRESHOLD
        platts.append(platt)
        thresholds.append(round(float(THRESHOLD + share * (best - THRESHOLD)), 4))
    return platts, thresholds


def calibrated_loss(
    logits: npt.NDArray[np.float64], truth: npt.NDArray[np.float32], subjects: Sequence[str]
) -> float:
    """Return the mean cross-entropy per error of (N, errors) logits once they are calibrated.

    Networks grow too sure of themselves long before they cease to learn, and calibration undoes it: without
    it, training would stop too early. NaN in `truth` takes no part; somewhere something must be known.
    """
    losses = []
    for e in np.flatnonzero(np.isfinite(truth).any(axis=0)):
        said, positive, people = _known(logits[:, e], truth[:, e], subjects)
        platt = calibration.fit(said, positive, people)
        losses.append(calibration.cross_entropy(platt.calibrated_logits(said), positive).mean())
    return float(np.mean(losses))


def _known(
    logits: npt.NDArray[np.float64], truth: npt.NDArray[np.float32], subjects: Sequence[str]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], list[str]]:
    """Return logits, labels 0 or 1, and subjects, where one error's label is known."""
    at = np.flatnonzero(np.isfinite(truth))
    return logits[at], (truth[at] == 1).astype(np.float64), [subjects[i] for i in at]
