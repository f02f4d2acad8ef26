"""How long training takes on 2,000 repetitions, and predicting on one.

    python -m benchmarks.training [--reps 2000] [--epochs 60]

The reps are stick figures of varying depths and tempos. In the same run a plain PyTorch loop trains the same
network on the same batches without augmentation, early stopping and calibration: the ratio says what
these cost. Wall-clock seconds, and seconds of the processor, since a machine may be shared.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from pushup_data import params
from pushup_data.model import training
from pushup_data.model.data import Dataset
from pushup_data.model.network import Network, masked_loss
from pushup_data.params import Params
from pushup_data.workspace import TEMPLATE
from tests.figures import push_up, sequence

DRAWN = 200  # figures drawn; the others are these with noise, which costs training as much
REPS_EACH = 10  # per subject
VAL = 0.2


def reps(count: int, settings: Params, rng: np.random.Generator) -> Dataset:
    """Return labelled reps, a third of them with sagging hips."""
    names = list(settings.rules.model_dump())
    silent = (np.nan,) * len(names)
    x, y = [], []
    for i in range(min(count, DRAWN)):
        wrong = ["hips_sagging"] if i % 3 == 0 else []
        pose, [(start, _, end)] = push_up(
            wrong,
            reps=1,
            fps=15,
            bottom=float(rng.uniform(70, 110)),
            tempo_s=float(rng.uniform(1, 2.5)),
            seed=i,
        )
        drawn = sequence(
            pose,
            start,
            end,
            near_side="left",
            view="side",
            fps=15,
            opinions=silent,
            steps=settings.model.steps,
        )
        x.append(drawn)
        y.append([float(bool(wrong)), *(float(rng.random() < 0.2) for _ in names[1:])])
    at = np.arange(count) % len(x)
    noisy = np.stack(x)[at]
    noisy = noisy + rng.normal(0, 0.01, noisy.shape).astype(np.float32)
    subjects = [f"s{i // REPS_EACH}" for i in range(count)]
    return Dataset([f"r{i}" for i in range(count)], subjects, noisy, np.array(y, dtype=np.float32)[at])


def plain(train: Dataset, settings: Params, epochs: int) -> None:
    """Train as one would without further thought."""
    torch.manual_seed(0)
    x, y = torch.from_numpy(train.x), torch.from_numpy(train.y)
    network = Network(x.shape[2], y.shape[1], settings.model)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.train.lr)
    for _ in range(epochs):
        for batch in torch.split(torch.randperm(len(x)), settings.train.batch_size):
            optimizer.zero_grad()
            masked_loss(network(x[batch]), y[batch], torch.ones(y.shape[1])).backward()  # type: ignore[no-untyped-call]
            optimizer.step()


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return a result, the seconds it took, and the processor's seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - wall, time.process_time() - processor


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reps", type=int, default=2000)
    parser.add_argument("--epochs", type=int, help="default: as in params.yaml")
    options = parser.parse_args()
    settings = params.load(TEMPLATE / "params.yaml")
    epochs = options.epochs or settings.train.epochs
    settings = settings.model_copy(update={"train": settings.train.model_copy(update={"epochs": epochs})})
    data = reps(options.reps, settings, np.random.default_rng(0))
    people = np.array([int(s[1:]) for s in data.subjects])
    held_out = people >= people.max() * (1 - VAL)
    train, val = data.take(~held_out), data.take(held_out)
    print(
        f"{len(train)} train and {len(val)} val reps of {train.x.shape[1]} steps, {train.x.shape[2]} channels"
    )

    ran: list[int] = []
    fitted, wall, processor = timed(
        lambda: training.fit(
            train, val, settings.model, settings.train, 0, watch=lambda e: ran.append(e.number), quiet=True
        )
    )
    print(
        f"training: {wall:.0f} s ({processor:.0f} s of processor), over after {len(ran)} of {epochs} epochs"
    )
    print(f"an epoch: {wall / len(ran):.2f} s ({processor / len(ran):.2f} s of processor)")
    print(
        f"all {epochs} epochs: {wall / len(ran) * epochs:.0f} s; per 1,000 reps: "
        f"{wall / len(ran) * epochs / options.reps * 1000:.0f} s"
    )

    few = min(5, len(ran))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as `fit` does
    _, plain_wall, plain_processor = timed(lambda: plain(train, settings, few))
    torch.set_num_threads(threads)
    print(
        f"a plain epoch: {plain_wall / few:.2f} s ({plain_processor / few:.2f} s of processor); ours takes "
        f"{processor / len(ran) / (plain_processor / few):.2f} times its processor time"
    )

    x = torch.from_numpy(val.x)
    with torch.no_grad():
        fitted.network(x[:8])
        _, batch, _ = timed(lambda: fitted.network(x))
        _, single, _ = timed(lambda: [fitted.network(x[i : i + 1]) for i in range(min(len(x), 200))])
    print(
        f"inference: {batch / len(x) * 1000:.2f} ms a rep in one batch, "
        f"{single / min(len(x), 200) * 1000:.1f} ms alone"
    )


if __name__ == "__main__":
    main()
