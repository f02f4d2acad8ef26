"""Training: seeded, on the CPU, the same bytes every time on the same machine."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from tqdm import tqdm

from pushup_data.model.data import COORDINATES, Dataset, seen
from pushup_data.model.network import CnnLstm, masked_loss
from pushup_data.params import Train

MAX_POSITIVE_WEIGHT = 10.0  # a single positive among hundreds must not drown the rest
_WEIGHT_DECAY = 0.01
_MIN_SPREAD = 0.05  # a channel that hardly varies in train must not explode where it does

# Augmentation: what another camera, person or detection could have given for the same movement.
_ROTATION = np.radians(5.0)  # either way
_SCALE = 0.08
_SHIFT = 3  # steps in time
_NOISE = 0.01  # standard deviation, body lengths


@dataclass(frozen=True)
class Fitted:
    """A trained network and how it came about."""

    network: CnnLstm
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


def fit(train: Dataset, val: Dataset, settings: Train, seed: int) -> Fitted:
    """Train on `train`; stop early, and choose thresholds, on `val`, whose subjects are others.

    Unknown labels take no part. Errors without both a present and an absent label in `train` are not learnt.
    """
    both = set(train.subjects) & set(val.subjects)
    if both:
        raise ValueError(f"{len(both)} subjects are in train and val")
    train, val = train.take(seen(train.x)), val.take(seen(val.x))
    learnt = learnable(train.y)
    y = torch.from_numpy(np.where(learnt, train.y, np.nan))
    x = torch.from_numpy(train.x)
    val_y = torch.from_numpy(np.where(learnt, val.y, np.nan))
    val_x = torch.from_numpy(val.x)
    watch_val = bool((~torch.isnan(val_y)).any())
    present, absent = (y == 1).sum(0), (y == 0).sum(0)
    weight = (absent / present.clamp(min=1)).clamp(1 / MAX_POSITIVE_WEIGHT, MAX_POSITIVE_WEIGHT)

    with _reproducible(seed) as generator:
        network = CnnLstm(x.shape[2], settings.width, y.shape[1])
        network.mean.copy_(x.mean(dim=(0, 1)))
        network.spread.copy_(x.std(dim=(0, 1)).clamp(min=_MIN_SPREAD))
        optimizer = torch.optim.AdamW(network.parameters(), lr=settings.lr, weight_decay=_WEIGHT_DECAY)
        best, best_epoch, best_state = float("inf"), 0, copy.deepcopy(network.state_dict())
        bar = tqdm(range(1, settings.epochs + 1), desc="train", unit="epoch", disable=None)
        for epoch in bar:
            network.train()
            order = torch.randperm(len(x), generator=generator)
            for batch in torch.split(order, settings.batch_size):
                optimizer.zero_grad()
                loss = masked_loss(network(augment(x[batch], generator)), y[batch], weight)
                loss.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()
            network.eval()
            with torch.no_grad():
                pair = (val_x, val_y) if watch_val else (x, y)
                watched = float(masked_loss(network(pair[0]), pair[1], weight))
            bar.set_postfix(loss=f"{watched:.3f}")
            if watched < best:
                best, best_epoch = watched, epoch
                best_state = copy.deepcopy(network.state_dict())
            elif epoch - best_epoch >= settings.patience:
                break
        bar.close()
        network.load_state_dict(best_state)
        network.eval()
        with torch.no_grad():
            scores = torch.sigmoid(network(val_x)).numpy()
    thresholds = [threshold(scores[:, e], val.y[:, e]) if learnt[e] else None for e in range(len(learnt))]
    return Fitted(network, thresholds, best_epoch, best, "val" if watch_val else "train")


def threshold(scores: npt.NDArray[np.float32], truth: npt.NDArray[np.float32]) -> float:
    """Return the probability from which on an error is said to be present: best F1 on (n,) known labels.

    Taken from 0.05 to 0.95 in steps of 0.05; of equals the one next to 0.5, which is also what stands where
    there is no positive or no negative to choose by.
    """
    known = np.isfinite(truth)
    scores, positive = scores[known], truth[known] == 1
    if positive.all() or not positive.any():
        return 0.5
    best, chosen = -1.0, 0.5
    for at in sorted(np.round(np.arange(0.05, 0.96, 0.05), 2), key=lambda t: (abs(t - 0.5), t)):
        said = scores >= at
        f1 = 2 * (said & positive).sum() / (said.sum() + positive.sum())
        if f1 > best + 1e-9:
            best, chosen = f1, float(at)
    return chosen


def augment(x: Tensor, generator: torch.Generator) -> Tensor:
    """Return (N, steps, channels) turned, scaled, shifted in time and jittered, each rep its own way."""

    def uniform(limit: float) -> Tensor:
        return (torch.rand(len(x), 1, 1, generator=generator) * 2 - 1) * limit

    steps = x.shape[1]
    shift = torch.randint(-_SHIFT, _SHIFT + 1, (len(x), 1), generator=generator)
    at = (torch.arange(steps) + shift).clamp(0, steps - 1)  # the ends are held
    x = x[torch.arange(len(x))[:, None], at]
    place, rest = x[..., :COORDINATES], x[..., COORDINATES:]
    angle, scale = uniform(float(_ROTATION)), 1 + uniform(_SCALE)
    across, down = place[..., 0::2], place[..., 1::2]
    turned = torch.stack(
        [across * angle.cos() - down * angle.sin(), across * angle.sin() + down * angle.cos()], dim=-1
    )
    place = turned.flatten(start_dim=2) * scale
    place = place + torch.randn(place.shape, generator=generator) * _NOISE
    return torch.cat([place, rest], dim=-1)


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
