"""What the network sees: a rep as an array of body-centred landmarks over time.

Where the person stands, how large, which way they face, which side is near and how fast they go is taken out;
what is left is the movement.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from tqdm import tqdm

from pushup_data import quality
from pushup_data.landmarks import INDEX, Pose

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

_SIDED = ("ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "foot_index")
POINTS = ("nose", *(f"near_{p}" for p in _SIDED), *(f"far_{p}" for p in _SIDED))
COORDINATES = 2 * len(POINTS)  # the first channels, x and y in turn; towards the head and down are positive
CHANNELS = (
    *(f"{point}_{axis}" for point in POINTS for axis in "xy"),  # in body lengths from the hips' middle
    *(f"{point}_visibility" for point in POINTS),  # 0 to 1
    "detected",  # 0 where the frame had no person and its neighbours were interpolated
)


@dataclass(frozen=True)
class Dataset:
    """Reps with their landmarks and labels."""

    rep_ids: list[str]
    subjects: list[str]
    x: Floats  # (N, steps, channels); all NaN where nobody is seen
    y: Floats  # (N, errors): 1 present, 0 absent, NaN unknown

    def __len__(self) -> int:
        return len(self.rep_ids)

    def take(self, keep: Sequence[bool] | Bools) -> "Dataset":
        """Return the reps where `keep` (N,) is true."""
        at = np.flatnonzero(np.asarray(keep, dtype=bool))
        return Dataset([self.rep_ids[i] for i in at], [self.subjects[i] for i in at], self.x[at], self.y[at])

    def fingerprint(self) -> str:
        """Return a digest of all of it: the same data give the same, in whatever order."""
        digest = hashlib.sha256()
        for i in sorted(range(len(self)), key=self.rep_ids.__getitem__):
            digest.update(f"{self.rep_ids[i]} {self.subjects[i]} ".encode())
            digest.update(np.ascontiguousarray(self.x[i], dtype="<f4").tobytes())
            digest.update(np.ascontiguousarray(self.y[i], dtype="<f4").tobytes())
        return digest.hexdigest()


def sequence(
    pose: Pose, *, start: int, end: int, near_side: str, width: int, height: int, steps: int
) -> Floats:
    """Return frames [start, end) of one video's pose as (steps, channels).

    Per frame the middle of the hips is the origin. The unit is the body's length in the picture: the rep's
    median distance from shoulders' to hips' middle, or between the shoulders where that is longer (seen from
    the front the trunk is foreshortened). The picture is mirrored so that the head points to positive x, and
    points are named by nearness to the camera instead of left and right. `width` and `height` are the video's
    in pixels. Frames without a detection are interpolated; all is NaN where no frame has one.
    """
    pose = pose.cut(start, end)
    points = _named(pose.pixels(width, height), near_side)  # (T, points, 2)
    visibility = _named(pose.visibility[..., None], near_side)[..., 0]
    seen: Bools = np.asarray(np.isfinite(points).all(axis=(1, 2)) & np.isfinite(visibility).all(axis=1))
    empty = np.full((steps, len(CHANNELS)), np.nan, dtype=np.float32)
    if not seen.any():
        return empty
    points, visibility = points[seen], visibility[seen]

    def middle(part: str) -> Floats:
        both = points[:, [POINTS.index(f"near_{part}"), POINTS.index(f"far_{part}")]]
        return np.asarray(both.mean(axis=1, dtype=np.float64))

    hips, shoulders = middle("hip"), middle("shoulder")
    across = points[:, POINTS.index("near_shoulder")] - points[:, POINTS.index("far_shoulder")]
    lengths = [np.linalg.norm(line, axis=-1) for line in (shoulders - hips, across)]
    unit = max(float(np.median(length)) for length in lengths)
    if unit <= 0:
        return empty
    centred = (points - hips[:, None]) / unit
    if np.median(shoulders[:, 0] - hips[:, 0]) < 0:
        centred[..., 0] *= -1
    series = np.concatenate([centred.reshape(len(centred), -1), visibility], axis=1)

    at = np.linspace(0, len(seen) - 1, steps)
    frames = np.flatnonzero(seen)
    columns = [np.interp(at, frames, channel) for channel in series.T]
    columns.append(np.interp(at, np.arange(len(seen)), seen.astype(float)))
    return np.stack(columns, axis=1).astype(np.float32)


def _named(values: Floats, near_side: str) -> Floats:
    """Pick POINTS from (T, 33, ...) in their order."""
    side = {"near": near_side, "far": "left" if near_side == "right" else "right"}
    names = []
    for point in POINTS:
        which, _, part = point.partition("_")
        names.append(f"{side[which]}_{part}" if part else point)
    return values[:, [INDEX[name] for name in names]]


def sequences(
    reps: pl.DataFrame,
    videos: pl.DataFrame,
    read: Callable[[str], Pose],
    steps: int,
    *,
    label: str = "landmarks",
) -> Floats:
    """Return (N, steps, channels) for the rows of tables.REPS, in their order.

    `videos` is tables.VIDEOS; `read` gives a video's pose and is called once per video.
    """
    sizes = {v: (w, h) for v, w, h in videos.select("video_id", "width", "height").iter_rows()}
    result = np.full((len(reps), steps, len(CHANNELS)), np.nan, dtype=np.float32)
    rows = reps.with_row_index("row").select("row", "video_id", "start", "end", "near_side")
    grouped = rows.partition_by("video_id", maintain_order=True)
    for group in tqdm(grouped, desc=label, unit="video", disable=None):
        video_id = group["video_id"][0]
        pose = read(video_id)
        width, height = sizes[video_id]
        for row, _, start, end, near_side in group.iter_rows():
            result[row] = sequence(
                pose, start=start, end=end, near_side=near_side, width=width, height=height, steps=steps
            )
    return result


def targets(labels: pl.DataFrame, rep_ids: Sequence[str], errors: Sequence[str]) -> Floats:
    """Return (N, errors) of tables.LABELS: 1 present, 0 absent, NaN unknown, unusable or not labelled."""
    row = {rep_id: i for i, rep_id in enumerate(rep_ids)}
    column = {error: i for i, error in enumerate(errors)}
    result = np.full((len(row), len(column)), np.nan, dtype=np.float32)
    known = labels.filter(pl.col("usable") & pl.col("value").is_in(["present", "absent"]))
    for rep_id, error, value in known.select("rep_id", "error", "value").iter_rows():
        if rep_id in row and error in column:
            result[row[rep_id], column[error]] = float(value == "present")
    return result


def opinions(table: pl.DataFrame, rep_ids: Sequence[str], errors: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return (N, errors): `probability` of tables.RULES or PREDICTIONS, NaN where null or missing."""
    said = {(r, e): p for r, e, p in table.select("rep_id", "error", "probability").iter_rows()}
    rows = [[said.get((rep_id, error)) for error in errors] for rep_id in rep_ids]
    return np.array(rows, dtype=np.float64).reshape(len(rep_ids), len(errors))


def told(y: Floats, reps: pl.DataFrame, errors: Sequence[str]) -> Floats:
    """Return targets() with NaN where a flag of the rep (tables.REPS, in y's order) hides the error.

    What the landmarks do not show cannot be learnt from them, however sure the people are who saw the video.
    """
    hidden = [
        [quality.hides(flags, error) is not None for error in errors] for flags in reps["flags"].to_list()
    ]
    masked = y.copy()
    masked[np.array(hidden, dtype=bool).reshape(y.shape)] = np.nan
    return masked


def seen(x: Floats) -> Bools:
    """Return (N,): whether anybody is seen in each of (N, steps, channels)."""
    return np.asarray(np.isfinite(x).all(axis=(1, 2)))


def statistics(x: Floats) -> Floats:
    """Return (N, 2 * coordinates): mean and spread over time of every landmark, an embedding without a model.

    NaN where nobody is seen.
    """
    at = x[..., :COORDINATES].astype(np.float64)
    return np.asarray(np.concatenate([at.mean(axis=1), at.std(axis=1)], axis=1), dtype=np.float32)
