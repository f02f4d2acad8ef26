"""Labelled reps, read from the workspace: what is trained on and what is measured on."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from pushup_data import landmarks, splits, tables
from pushup_data.landmarks import Pose
from pushup_data.model import crops, data
from pushup_data.model.crops import Pixels
from pushup_data.model.data import Dataset, Floats
from pushup_data.params import Model
from pushup_data.taxonomy import Taxonomy
from pushup_data.workspace import Workspace


class Labelled:
    """A workspace's labelled reps: every table is read once, every sequence computed once."""

    def __init__(self, workspace: Workspace, known: Taxonomy) -> None:
        self._workspace, self._known = workspace, known
        self.labels = tables.read(tables.LABELS, workspace.labels)
        self.rules = tables.read(tables.RULES, workspace.rules)
        self._videos = tables.read(tables.VIDEOS, workspace.videos)
        self.reps = tables.read(tables.REPS, workspace.reps)
        self._split = splits.of_reps(
            self.reps,
            tables.read(tables.ASSIGNMENTS, workspace.assignments),
            tables.read(tables.LEFT_OUT, workspace.left_out, default_empty=True),
        )
        self._found: dict[tuple[tuple[str, ...], int], dict[str, Floats]] = {}

    def usable(self, split: str | None) -> pl.DataFrame:
        """Return the rows of tables.REPS, of a split or (None) of all, that somebody called usable."""
        usable = self.labels.filter("usable")["rep_id"].unique()
        return self._in(split).filter(pl.col("rep_id").is_in(usable.to_list()))

    def dataset(self, split: str | None, model: Model) -> Dataset:
        """Return a split's, or all, reps with at least one known label that the landmarks can show."""
        here = self._in(split)
        y = data.told(self.truth(here), here, self._known.ids)
        wanted = np.asarray(np.isfinite(y).any(axis=1))
        here = here.filter(pl.Series(wanted, dtype=pl.Boolean))
        return Dataset(
            here["rep_id"].to_list(),
            here["subject"].to_list(),
            self.sequences(here, self._known.ids, model.steps, label=split or "all people"),
            y[wanted],
            self.pixels(here, model.streams, label=split or "all people"),
        )

    def truth(self, chosen: pl.DataFrame) -> Floats:
        """Return (N, errors) of rows of tables.REPS: 1 present, 0 absent, NaN unknown."""
        return data.targets(self.labels, chosen["rep_id"].to_list(), self._known.ids)

    def sequences(self, chosen: pl.DataFrame, errors: Sequence[str], steps: int, *, label: str) -> Floats:
        """Return (N, steps, channels) for rows of tables.REPS."""
        found = self._found.setdefault((tuple(errors), steps), {})
        new = chosen.filter(~pl.col("rep_id").is_in(list(found)))
        if len(new):
            computed = data.sequences(
                new,
                self._videos,
                self.rules,
                self._pose,
                among=self.reps,
                errors=errors,
                steps=steps,
                label=label,
            )
            found |= zip(new["rep_id"], computed, strict=True)
        shape = (len(chosen), steps, len(data.channels(errors)))
        return np.array([found[rep_id] for rep_id in chosen["rep_id"]], dtype=np.float32).reshape(shape)

    def pixels(self, chosen: pl.DataFrame, streams: Sequence[str], *, label: str) -> Pixels | None:
        """Return the crops of rows of tables.REPS; None where rgb is not among the streams."""
        return crops.crops(
            streams, chosen, self._videos, self._pose, self._workspace.video, label=f"{label} pixels"
        )

    def _in(self, split: str | None) -> pl.DataFrame:
        side = [self._split.get(rep_id) for rep_id in self.reps["rep_id"]]
        here = [found == split if split else found is not None for found in side]
        return self.reps.filter(pl.Series(here, dtype=pl.Boolean))

    def _pose(self, video_id: str) -> Pose:
        return landmarks.read(self._workspace.pose(video_id))
