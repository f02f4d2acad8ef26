"""Labelled reps of one split, read from the workspace: what is trained on and what is measured on."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from pushup_data import landmarks, splits, tables
from pushup_data.model import crops, data
from pushup_data.model.crops import Pixels
from pushup_data.model.data import Dataset, Floats
from pushup_data.params import Model
from pushup_data.taxonomy import Taxonomy
from pushup_data.workspace import Workspace


def reps(workspace: Workspace, split: str | None) -> pl.DataFrame:
    """Return the rows of tables.REPS that are in a split; None: in any."""
    table = tables.read(tables.REPS, workspace.reps)
    placed = splits.of_reps(
        table,
        tables.read(tables.ASSIGNMENTS, workspace.assignments),
        tables.read(tables.LEFT_OUT, workspace.left_out, default_empty=True),
    )
    side = [placed.get(rep_id) for rep_id in table["rep_id"]]
    here = [found == split if split else found is not None for found in side]
    return table.filter(pl.Series(here, dtype=pl.Boolean))


def sequences(
    workspace: Workspace, chosen: pl.DataFrame, errors: Sequence[str], steps: int, label: str
) -> Floats:
    """Return (N, steps, channels) for rows of tables.REPS."""
    return data.sequences(
        chosen,
        tables.read(tables.VIDEOS, workspace.videos),
        tables.read(tables.RULES, workspace.rules),
        lambda video: landmarks.read(workspace.pose(video)),
        among=tables.read(tables.REPS, workspace.reps),
        errors=errors,
        steps=steps,
        label=label,
    )


def pixels(workspace: Workspace, chosen: pl.DataFrame, streams: Sequence[str], label: str) -> Pixels | None:
    """Return the crops of rows of tables.REPS; None where rgb is not among the streams."""
    return crops.crops(
        streams,
        chosen,
        tables.read(tables.VIDEOS, workspace.videos),
        lambda video: landmarks.read(workspace.pose(video)),
        workspace.video,
        label=f"{label} pixels",
    )


def dataset(
    workspace: Workspace, known: Taxonomy, labels: pl.DataFrame, split: str | None, model: Model
) -> Dataset:
    """Return one split's, or all, reps with at least one known label that the landmarks can show."""
    here = reps(workspace, split)
    y = data.told(data.targets(labels, here["rep_id"].to_list(), known.ids), here, known.ids)
    wanted = np.asarray(np.isfinite(y).any(axis=1))
    here = here.filter(pl.Series(wanted, dtype=pl.Boolean))
    x = sequences(workspace, here, known.ids, model.steps, split or "all people")
    return Dataset(
        here["rep_id"].to_list(),
        here["subject"].to_list(),
        x,
        y[wanted],
        pixels(workspace, here, model.streams, split or "all people"),
    )
