"""Learning curves, written by DVCLive for `dvc plots`."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Where DVCLive puts a metric of that name; dvc.yaml draws these files.
SERIES = ("loss/train", "loss/val", "lr")


@dataclass(frozen=True)
class Epoch:
    """How far training has come."""

    number: int  # from 1
    train: float  # mean loss while training, with augmentation
    val: float | None  # calibrated_loss() on the validation subjects
    lr: float  # learning rate at its end


@contextmanager
def record(folder: Path) -> Iterator[Callable[[Epoch], None]]:
    """Yield what `training.fit` tells of its epochs: in `folder`, a TSV per series with a row per epoch.

    What was there is replaced. A series without a row still has its header, so that a training that did not
    take place, or one without validation labels, leaves what `dvc plots` can read. Nothing but these files
    is written: no experiment, no report, no second dvc.yaml, no time of day.
    """
    with _offline():
        from dvclive.live import Live  # takes half a second

        class Plain(Live):
            def _init_dvc(self) -> None:
                """Look for no repository: only experiments need it, and 3.49 fails in one without commits."""

        with Plain(str(folder), save_dvc_exp=False, dvcyaml=False) as live:

            def watch(epoch: Epoch) -> None:
                live.step = epoch.number
                live.log_metric("loss/train", epoch.train)
                if epoch.val is not None:
                    live.log_metric("loss/val", epoch.val)
                live.log_metric("lr", epoch.lr)

            yield watch
    for series in SERIES:
        path = folder / "plots" / "metrics" / f"{series}.tsv"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"step\t{path.stem}\n", encoding="utf-8")


@contextmanager
def _offline() -> Iterator[None]:
    """Keep DVCLive from telling DVC Studio of the training, which it does where a token is set."""
    before = os.environ.get("DVC_STUDIO_OFFLINE")
    os.environ["DVC_STUDIO_OFFLINE"] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ["DVC_STUDIO_OFFLINE"]
        else:
            os.environ["DVC_STUDIO_OFFLINE"] = before
