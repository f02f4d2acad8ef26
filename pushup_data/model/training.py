"""Training: seeded, on the CPU, the same bytes every time on the same machine."""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from pushup_data.model import calibration
from pushup_data.model.augmentation import augment, augment_pixels
from pushup_data.model.calibration import Platt
from pushup_data.model.data import Dataset, seen
from pushup_data.model.network import Network, infer, masked_loss
from pushup_data.params import Model, Train

MAX_POSITIVE_WEIGHT = 10.0  # a single positive among hundreds must not drown the rest
# So many people make what was learnt of an error count by half: from two or three, a network learns the room
# that they are in. Chosen of 3, 6, 8 and 12 by F1 on people (docs/model.md). By the same measure val's people
# move a threshold from one half.
_PEOPLE_FOR_HALF = 6
# The calibrated probability from which on an error is present, where val's people do not move it.
THRESHOLD = 0.5
_WEIGHT_DECAY = 0.1
_MEAN_EPOCHS = 2  # over about so many epochs the mean of the weights goes


@dataclass(frozen=True)
class Epoch:
    """How far training has come."""

    number: int  # from 1
    train: float  # mean loss while training, with augmentation
    val: float | None  # calibrated_loss() on the validation subjects
    lr: float  # learning rate at its end


@dataclass(frozen=True)
class Fitted:
    """A trained network and how it came about."""

    network: Network
    calibration: list[Platt]  # per error
    thresholds: list[float | None]  # per error; None: not learnt
    epochs: int  # the epoch whose weights were kept
    loss: float  # at that epoch, on `watched`
    watched: str  # val, or train where no val label is known


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


def fit(
    train: Dataset,
    val: Dataset,
    model: Model,
    settings: Train,
    seed: int,
    *,
    watch: Callable[[Epoch], None] = lambda _: None,
    quiet: bool = False,
) -> Fitted:
    """Train on `train`; stop early and calibrate on `val`, whose subjects are others.

    Unknown labels take no part. Errors without both a present and an absent label in `train` are not learnt.
    `watch` is told of every epoch; what it raises ends the training. `quiet` shows no progress bar. With the
    rgb stream both sides hold pixels.
    """
    both = set(train.subjects) & set(val.subjects)
    if both:
        raise ValueError(f"{len(both)} subjects are in train and val")
    train, val = train.take(seen(train.x)), val.take(seen(val.x))
    learnt = learnable(train.y)
    if "rgb" not in model.streams:
        train, val = replace(train, pixels=None), replace(val, pixels=None)
    x, y = torch.from_numpy(train.x), torch.from_numpy(np.where(learnt, train.y, np.nan))
    pixels = None if train.pixels is None else torch.from_numpy(train.pixels)
    val_y = np.where(learnt, val.y, np.nan)
    watch_val = bool(np.isfinite(val_y).any())
    watched = val if watch_val else train
    weight, errors = positive_weight(y), y.shape[1]

    with _reproducible(seed) as generator:
        network = Network(x.shape[2], errors, model)
        network.standardise(x)
        optimizer = torch.optim.AdamW(network.parameters(), lr=settings.lr, weight_decay=_WEIGHT_DECAY)
        batches = -(-len(x) // settings.batch_size)
        # What is kept is the mean of the last weights: with so few labels each step pulls its own way.
        decay = 1 - 1 / (_MEAN_EPOCHS * batches)
        mean = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay))  # type: ignore[no-untyped-call]
        kept = cast(Network, mean.module).eval()
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, settings.lr, total_steps=settings.epochs * batches
        )
        best, best_epoch, best_state = float("inf"), 0, copy.deepcopy(kept.state_dict())
        # disable=None: shown on a terminal only
        bar = tqdm(range(1, settings.epochs + 1), "train", unit="epoch", disable=True if quiet else None)
        for epoch in bar:
            network.train()
            order, total = torch.randperm(len(x), generator=generator), 0.0
            for batch in torch.split(order, settings.batch_size):
                optimizer.zero_grad()
                film = None if pixels is None else augment_pixels(pixels[batch], generator)
                loss = masked_loss(network(augment(x[batch], generator), film), y[batch], weight)
                loss.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                mean.update_parameters(network)
                total += float(loss.detach()) * len(batch)
            said, _ = infer(kept, watched.x, watched.pixels)
            lost = (
                calibrated_loss(said.astype(np.float64), val_y, val.subjects)
                if watch_val
                else float(masked_loss(torch.from_numpy(said), y, weight))
            )
            bar.set_postfix(loss=f"{lost:.3f}")
            watch(Epoch(epoch, total / len(x), lost if watch_val else None, float(schedule.get_last_lr()[0])))
            if lost < best:
                best, best_epoch = lost, epoch
                best_state = copy.deepcopy(kept.state_dict())
            elif epoch - best_epoch >= settings.patience:
                break
        bar.close()
        kept.load_state_dict(best_state)
        kept.shrink(torch.from_numpy(shrinkage(train)))
        scores = infer(kept, val.x, val.pixels)[0].astype(np.float64)
    platts, thresholds = calibrated(scores, val)
    return Fitted(
        network=kept,
        calibration=platts,
        thresholds=[at if known else None for at, known in zip(thresholds, learnt, strict=True)],
        epochs=best_epoch,
        loss=best,
        watched="val" if watch_val else "train",
    )


def shrinkage(dataset: Dataset) -> npt.NDArray[np.float32]:
    """Return (errors,): how much of what these people teach of each error counts beside a prior, 0 to 1.

    n / (n + _PEOPLE_FOR_HALF), as a group's mean is drawn towards the prior one, for n people: those who show
    the error or those who do not, whichever are fewer, each at what they are worth.
    """

    def people(error: int, value: int) -> float:
        return sum(dataset.worth.get(subject, 1.0) for subject in dataset.showing(error, value))

    n = np.array([min(people(e, 1), people(e, 0)) for e in range(dataset.y.shape[1])], np.float32)
    return n / (n + _PEOPLE_FOR_HALF)


def positive_weight(y: Tensor) -> Tensor:
    """Return (errors,): how much a present label counts beside an absent one, for labels (N, errors)."""
    present, absent = (y == 1).sum(0), (y == 0).sum(0)
    # The root: in full, a rare error's few positives would speak for the whole loss.
    return (absent / present.clamp(min=1)).sqrt().clamp(1 / MAX_POSITIVE_WEIGHT, MAX_POSITIVE_WEIGHT)


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


@contextmanager
def _reproducible(seed: int) -> Iterator[torch.Generator]:
    """Fix every source of chance, and put torch's global state back afterwards."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True)
        torch.set_num_threads(1)  # sums in another order give other last digits; so small a net is not slower
        try:
            yield torch.Generator().manual_seed(seed)
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(deterministic)
