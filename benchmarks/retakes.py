"""Further takes of rendered sets of which nothing is drawn: to learn from, never to be judged on.

A retake has a rendered set's body and camera and a movement of its own. Its landmarks are the true joints,
off by as much as MediaPipe's were in the rendered set at the same moment of the rep most like it. It takes a
twentieth of the time that it takes to draw and track a set.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from avatar import TAXONOMY

from pushup_data import landmarks, tables, workers
from pushup_data.avatar import sets
from pushup_data.avatar.sets import Recipe, Take
from pushup_data.landmarks import INDEX

Floats = npt.NDArray[np.float64]

VERSION = 1  # raise it when the same set would give other retakes
_HIPS = [INDEX["left_hip"], INDEX["right_hip"]]
# What is off in a landmark is added to where it truly is; the others are what MediaPipe said.
_XYZ = ("x", "y", "world_x", "world_y", "world_z")
_AS_THEY_WERE = ("z", "visibility", "presence")
_MIN_SEEN = 10  # frames with landmarks, below which a set gives no retakes
_TIME_LIMIT_S = 300.0


def of_sets(
    made: Mapping[str, tuple[dict[str, Any], pl.DataFrame]],
    recipes: Sequence[Recipe],
    each: int,
    folder: Path,
) -> list[tuple[dict[str, Any], pl.DataFrame]]:
    """Return `each` retakes of every set in `made`, as films() returns it; they are kept in `folder`."""
    jobs = []
    for recipe in recipes:
        if recipe.name in made:
            kept = [folder / f"retake-{VERSION}" / f"{recipe.digest}-{number}" for number in range(each)]
            jobs.append((recipe, *made[recipe.name], kept))
    missing = [job for job in jobs if not all((path / "truth.parquet").exists() for path in job[-1])]
    for outcome in workers.run(
        _make, missing, label="retake", time_limit_s=_TIME_LIMIT_S, name=lambda job: job[0].name
    ):
        if outcome.error:
            raise outcome.error
    return [
        (row, tables.read(tables.POSE, path / "pose.parquet"))
        for *_, kept in jobs
        for path in kept
        for row in tables.read(tables.TRUTH, path / "truth.parquet").rows(named=True)
    ]


def _make(job: tuple[Recipe, dict[str, Any], pl.DataFrame, Sequence[Path]]) -> None:
    """Runs in a process of its own; a retake's truth is written last, and has no row where there is none."""
    recipe, row, table, kept = job
    first = sets.take(recipe)
    for number, path in enumerate(kept):
        made = retake(first, number, row, table)
        if made:
            tables.write(tables.POSE, made[1], path / "pose.parquet")
        told = [made[0]] if made else []
        tables.write(tables.TRUTH, tables.TRUTH.frame(told), path / "truth.parquet")


def retake(
    first: Take, number: int, row: dict[str, Any], table: pl.DataFrame
) -> tuple[dict[str, Any], pl.DataFrame] | None:
    """Return a row of tables.TRUTH and tables.POSE of another take.

    `row` and `table` are the same of the first take, which was drawn and tracked; None where it was hardly
    seen.
    """
    again = sets.retake(first, number)
    told = sets.truth(again, TAXONOMY)
    told["file"] = f"{Path(row['file']).stem}-retake-{number}.mp4"
    frames = min(len(table), len(first.points))
    seen = _columns(table, (*_XYZ, *_AS_THEY_WERE))[:frames]
    known = np.flatnonzero(np.isfinite(seen).all(axis=(1, 2)))
    if len(known) < _MIN_SEEN:
        return None
    seen[:, : len(_XYZ)] -= _true(first, row)[:frames]
    when = _moments(first, again, frames)
    inside = np.flatnonzero(np.isfinite(when))
    off = _between(_between(seen[known], known, when[inside]), inside, np.arange(len(when)))
    off[:, : len(_XYZ)] += _true(again, told)
    values = dict(zip((*_XYZ, *_AS_THEY_WERE), off.transpose(1, 0, 2), strict=True))
    count = len(off)
    columns = {"frame": np.arange(count), "detected": np.ones(count, bool), **values}
    columns |= {name: np.full(count, table[name].median()) for name in ("luma", "sharpness")}
    made = {
        name: pl.Series(name, columns[name].tolist(), dtype=kind)
        for name, kind in tables.POSE.columns.items()
    }
    return told, pl.DataFrame(made)


def _columns(table: pl.DataFrame, names: Sequence[str]) -> Floats:
    """Return (T, names, 33)."""
    each = [table[name].to_numpy().reshape(-1, len(landmarks.NAMES)) for name in names]
    return np.stack(each, axis=1).astype(np.float64)


def _true(made: Take, row: dict[str, Any]) -> Floats:
    """Return (T, 5, 33): where the body is as MediaPipe would say it, in the order of _XYZ.

    Eyes' and mouth's corners, which the body does not have, are taken to be where the nose is.
    """
    picture = np.array(row["joints_2d"], dtype=np.float64) / [row["width"], row["height"]]
    space = made.points - made.points[:, _HIPS].mean(axis=1, keepdims=True)
    space = space @ made.shot.camera.axes.T * [1, -1, -1]
    found = np.concatenate([picture, space], axis=2).transpose(0, 2, 1)
    return np.where(np.isfinite(found), found, found[..., [INDEX["nose"]]])


def _moments(first: Take, again: Take, frames: int) -> Floats:
    """Return (T,) at which frame of the first take each frame of the other is, by phase; NaN between reps.

    Each rep goes by the one that has most of its errors and fewest others; alike ones take turns.
    """
    when = np.full(len(again.points), np.nan)
    taken = np.zeros(len(first.reps))
    for (start, bottom, end), rep in zip(again.reps, again.plan.reps, strict=True):
        apart = np.array([len(set(rep.errors) ^ set(other.errors)) for other in first.plan.reps])
        like = int(np.argmin(apart + taken / (1 + len(again.reps))))
        taken[like] += 1
        begins, lowest, ends = first.reps[like]
        moments = [begins, lowest, min(ends, frames) - 1]
        when[start:end] = np.interp(np.arange(start, end), [start, bottom, end - 1], moments)
    return when


def _between(values: Floats, known: npt.NDArray[np.intp], when: npt.NDArray[Any]) -> Floats:
    """Return `values` (K, ...), those of frames `known`, at the moments `when` (T,)."""
    when = np.clip(when, known[0], known[-1])
    after = np.clip(np.searchsorted(known, when), 1, len(known) - 1)
    share = (when - known[after - 1]) / (known[after] - known[after - 1])
    share = share[:, None, None]
    return np.asarray(values[after - 1] * (1 - share) + values[after] * share)
