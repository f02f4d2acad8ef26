"""Train the CNN-LSTM on the train subjects' labels, and say which of these labels to doubt."""

import click
import numpy as np
import polars as pl

from pushup_data import doubts, landmarks, splits, tables, taxonomy
from pushup_data.landmarks import Pose
from pushup_data.model import crops, data, storage, training
from pushup_data.model.calibration import Platt
from pushup_data.model.data import Dataset
from pushup_data.params import Params
from pushup_data.taxonomy import Taxonomy
from pushup_data.workspace import Workspace


def run(workspace: Workspace, params: Params) -> None:
    """Write models/candidate (without enough labels, a model.json that says so) and doubts.parquet."""
    known = taxonomy.load(workspace.taxonomy)
    labels = tables.read(tables.LABELS, workspace.labels)
    sides = {split: _labelled(workspace, params, known, labels, split) for split in ("train", "val")}
    train, val = sides["train"], sides["val"]
    reason = training.obstacle(train, params.train)
    fitted = None if reason else training.fit(train, val, params.model, params.train, params.seed)
    card = storage.Card(
        trained=fitted is not None,
        reason=reason or f"trained on {len(train)} labelled reps of {len(set(train.subjects))} subjects",
        heads=[
            storage.Head(
                error=error,
                threshold=fitted.thresholds[e] if fitted else None,
                calibration=fitted.calibration[e] if fitted else Platt(),
                present=int((train.y[:, e] == 1).sum()),
                absent=int((train.y[:, e] == 0).sum()),
            )
            for e, error in enumerate(known.ids)
        ],
        splits={split: _count(side, labels) for split, side in sides.items()},
        taxonomy=known.version,
        seed=params.seed,
        model=params.model,
        settings=params.train,
        channels=list(data.channels(known.ids)),
        data=f"{train.fingerprint()}-{val.fingerprint()}",
        versions=storage.versions(),
        epoch=fitted.epochs if fitted else None,
        loss=round(fitted.loss, 6) if fitted else None,
        watched=fitted.watched if fitted else None,
    )
    storage.save(workspace.candidate, card, fitted.network if fitted else None)
    tables.write(tables.DOUBTS, _doubts(workspace, train, known, params.seed), workspace.doubts)
    click.echo(f"train: {card.reason}" if fitted else f"train: no candidate: {card.reason}")


def _labelled(
    workspace: Workspace, params: Params, known: Taxonomy, labels: pl.DataFrame, split: str
) -> Dataset:
    """Return one split's reps with at least one known label. Test is never asked for here."""
    reps = tables.read(tables.REPS, workspace.reps)
    videos = tables.read(tables.VIDEOS, workspace.videos)
    placed = splits.of_reps(
        reps,
        tables.read(tables.ASSIGNMENTS, workspace.assignments),
        tables.read(tables.LEFT_OUT, workspace.left_out, default_empty=True),
    )
    y = data.told(data.targets(labels, reps["rep_id"].to_list(), known.ids), reps, known.ids)
    wanted = np.isfinite(y).any(axis=1) & np.array(
        [placed.get(r) == split for r in reps["rep_id"]], dtype=bool
    )
    reps = reps.filter(pl.Series(wanted, dtype=pl.Boolean))

    def pose(video: str) -> Pose:
        return landmarks.read(workspace.pose(video))

    x = data.sequences(
        reps,
        videos,
        tables.read(tables.RULES, workspace.rules),
        pose,
        errors=known.ids,
        steps=params.model.steps,
        label=split,
    )
    pixels = crops.crops(params.model.streams, reps, videos, pose, workspace.video, label=f"{split} pixels")
    return Dataset(reps["rep_id"].to_list(), reps["subject"].to_list(), x, y[wanted], pixels)


def _doubts(workspace: Workspace, train: Dataset, known: Taxonomy, seed: int) -> pl.DataFrame:
    x, y = data.statistics(train.x).astype(np.float64), train.y.astype(np.float64)
    rules = data.opinions(tables.read(tables.RULES, workspace.rules), train.rep_ids, known.ids)
    probability = doubts.out_of_fold(x, y, rules, train.subjects, seed)
    return doubts.table(train.rep_ids, known.ids, y, probability)


def _count(side: Dataset, labels: pl.DataFrame) -> storage.Side:
    simulated = set(labels.filter("simulated")["rep_id"])
    return storage.Side(
        subjects=len(set(side.subjects)),
        reps=len(side),
        simulated=sum(rep_id in simulated for rep_id in side.rep_ids),
    )
