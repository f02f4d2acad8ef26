"""Training: seeded, on the CPU, the same bytes every time on the same machine."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from pushup_data.model.augmentation import augment, augment_pixels
from pushup_data.model.calibration import Platt
from pushup_data.model.curves import Epoch
from pushup_data.model.data import Dataset, seen
from pushup_data.model.network import Network, infer, masked_loss
from pushup_data.model.support import calibrated, calibrated_loss, learnable, shrinkage
from pushup_data.params import Model, Train

MAX_POSITIVE_WEIGHT = 10.0  # a single positive among hundreds must not drown the rest
_WEIGHT_DECAY = 0.1
_MEAN_EPOCHS = 2  # over about so many epochs the mean of the weights goes


@dataclass(frozen=True)
class Fitted:
    """A trained network and how it came about."""

    network: Network
    calibration: list[Platt]  # per error
    thresholds: list[float | None]  # per error; None: not learnt
    epochs: int  # the epoch whose weights were kept
    loss: float  # at that epoch, on `watched`
    watched: str  # val, or train where no val label is known


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


def positive_weight(y: Tensor) -> Tensor:
    """Return (errors,): how much a present label counts beside an absent one, for labels (N, errors)."""
    present, absent = (y == 1).sum(0), (y == 0).sum(0)
    # The root: in full, a rare error's few positives would speak for the whole loss.
    return (absent / present.clamp(min=1)).sqrt().clamp(1 / MAX_POSITIVE_WEIGHT, MAX_POSITIVE_WEIGHT)


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
