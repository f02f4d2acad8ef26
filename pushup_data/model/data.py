"""What the network sees: a rep as an array of body-centred landmarks and kinematics over time.

Where the person stands, how large, which way they face, which side is near and how fast they go is taken out;
what is left is the movement, and how it differs from the other reps of the video. A mirrored video gives the
same array.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import polars as pl
from tqdm import tqdm

from pushup_data import anchors, kinematics, quality
from pushup_data.geometry import Series
from pushup_data.kinematics import TILTS, Signals
from pushup_data.landmarks import INDEX, Pose
from pushup_data.model import measures
from pushup_data.model.calibration import log_odds
from pushup_data.model.measures import MEASURES, Common, Seen

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

_SIDED = ("ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "foot_index")
POINTS = ("nose", *(f"near_{p}" for p in _SIDED), *(f"far_{p}" for p in _SIDED))
COORDINATES = 2 * len(POINTS)  # the first channels, x and y in turn; towards the head and down are positive
_VIEWS = ("side", "oblique", "front")
_CHANNELS = (
    *(f"{point}_{axis}" for point in POINTS for axis in "xy"),  # in body lengths from the hips' middle
    *(f"{point}_visibility" for point in POINTS),  # 0 to 1
    "detected",  # 0 where the frame had no person and its neighbours were interpolated
    *MEASURES,  # NaN where unknown
    *_VIEWS,  # 1 for the rep's view, else 0
    "knees",  # 1 for a knee push-up
)
KINEMATIC = slice(_CHANNELS.index(MEASURES[0]), _CHANNELS.index(MEASURES[-1]) + 1)
# What changes its sign with the sides. The first two are the shoulders': they tell the sides apart.
_TILTS = [_CHANNELS.index(name + of) for name in TILTS for of in ("_apart", "")]
# Where each channel's counterpart on the other side stands; its own place where it has none.
_OTHER_SIDE = [
    _CHANNELS.index({"near": "far", "far": "near"}.get(side, side) + rule + part)
    for side, rule, part in (name.partition("_") for name in _CHANNELS)
]
# How far a rule's opinion counts: beyond a probability of 0.98 it is sure enough.
MAX_LOGIT = 4.0


def channels(errors: Sequence[str]) -> tuple[str, ...]:
    """Return the names of what a sequence holds per step; last what the rules say of each error."""
    return (*_CHANNELS, *(f"rule_{error}" for error in errors))


@dataclass(frozen=True)
class Dataset:
    """Reps with their landmarks and labels."""

    rep_ids: list[str]
    subjects: list[str]
    x: Floats  # (N, steps, channels); all NaN where nobody is seen
    y: Floats  # (N, errors): 1 present, 0 absent, NaN unknown
    pixels: npt.NDArray[np.uint8] | None = None  # crops.crops(); None without the rgb stream
    worth: Mapping[str, float] = field(default_factory=dict)  # of a subject, in people, where it is not 1

    def __len__(self) -> int:
        return len(self.rep_ids)

    def take(self, keep: Sequence[bool] | Bools) -> "Dataset":
        """Return the reps where `keep` (N,) is true."""
        at = np.flatnonzero(np.asarray(keep, dtype=bool))
        return replace(
            self,
            rep_ids=[self.rep_ids[i] for i in at],
            subjects=[self.subjects[i] for i in at],
            x=self.x[at],
            y=self.y[at],
            pixels=None if self.pixels is None else self.pixels[at],
        )

    def showing(self, error: int, value: int) -> set[str]:
        """Return the subjects with a rep on which an error (its column) is labelled 1 or 0."""
        return {self.subjects[i] for i in np.flatnonzero(self.y[:, error] == value)}

    def fingerprint(self) -> str:
        """Return a digest of all of it: the same data give the same, in whatever order."""
        digest = hashlib.sha256()
        for i in sorted(range(len(self)), key=self.rep_ids.__getitem__):
            digest.update(f"{self.rep_ids[i]} {self.subjects[i]} ".encode())
            digest.update(np.ascontiguousarray(self.x[i], dtype="<f4").tobytes())
            digest.update(np.ascontiguousarray(self.y[i], dtype="<f4").tobytes())
            if self.pixels is not None:
                digest.update(np.ascontiguousarray(self.pixels[i]).tobytes())
        return digest.hexdigest()


def sequence(
    pose: Pose,
    signals: Signals,
    rep: Seen,
    opinions: Floats,
    among: Common,
    *,
    size: tuple[int, int],
) -> Floats:
    """Return a rep of one video as (steps, channels), with what is around it (Seen.window()).

    `pose` and `signals` are the whole video's, `size` its width and height in pixels; `opinions` (errors,)
    are the rules' probabilities, NaN where they cannot tell; `among` is what the video's reps have in common.

    Per frame the middle of the hips is the origin. The unit is the body's length in the picture: the median
    distance from shoulders' to hips' middle, or between the shoulders where that is longer (seen from the
    front the trunk is foreshortened). The picture is mirrored so that the head points to positive x, and
    points are named by nearness to the camera instead of left and right; from the front, where none is
    nearer, the side counts as near whose shoulder is higher. Frames without a detection are
    interpolated; all is NaN where no frame has one.
    """
    pose, steps = pose.cut(*rep.window(len(pose))), len(among.usual)
    points = _named(pose.pixels(*size), rep.near_side)  # (T, points, 2)
    visibility = _named(pose.visibility[..., None], rep.near_side)[..., 0]
    seen: Bools = np.asarray(np.isfinite(points).all(axis=(1, 2)) & np.isfinite(visibility).all(axis=1))
    empty = np.full((steps, len(_CHANNELS) + len(opinions)), np.nan, dtype=np.float32)
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
    places = np.concatenate([centred.reshape(len(centred), -1), visibility], axis=1)

    at: Series = np.linspace(0, len(seen) - 1, steps, dtype=np.float64)
    frames = np.flatnonzero(seen)
    columns = [np.interp(at, frames, channel) for channel in places.T]
    columns.append(np.interp(at, np.arange(len(seen)), seen.astype(float)))
    columns += [*measures.measure(signals, rep, among).T]
    columns += [np.full(steps, float(rep.view == view)) for view in _VIEWS]
    columns.append(np.full(steps, float(rep.support == "knees")))
    x = np.stack(columns, axis=1)
    if rep.view == "front":
        x = _higher_side_near(x)
    return np.asarray(np.concatenate([x, np.tile(_prior(opinions), (steps, 1))], axis=1), np.float32)


def _higher_side_near(x: Floats) -> Floats:
    """Return x (steps, channels) with the side named near whose shoulder is higher than usual in the video.

    From the front no side is nearer, and it does not matter to which side somebody leans.
    """
    known = [tilt for tilt in x[:, _TILTS[:2]].T if np.isfinite(tilt).all()]
    if not known or np.median(known[0]) >= 0:
        return x
    turned = x[:, _OTHER_SIDE]
    turned[:, _TILTS] *= -1
    return turned


def _prior(probability: Floats) -> Series:
    """Return the rules' log-odds, cut at MAX_LOGIT either way; 0, which says nothing, where NaN."""
    return np.clip(log_odds(np.nan_to_num(probability, nan=0.5)), -MAX_LOGIT, MAX_LOGIT)


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
    rules: pl.DataFrame,
    read: Callable[[str], Pose],
    *,
    among: pl.DataFrame,
    errors: Sequence[str],
    steps: int,
    label: str = "landmarks",
) -> Floats:
    """Return (N, steps, channels) for the rows of tables.REPS, in their order.

    `among` holds all reps of their videos, which say what is usual there; partial ones have no say. `videos`
    is tables.VIDEOS, `rules` tables.RULES, of which those on `errors` count; `read` gives a video's
    pose and is called once per video.
    """
    said = opinions(rules, reps["rep_id"].to_list(), errors)
    films = {
        v: (w, h, fps) for v, w, h, fps in videos.select("video_id", "width", "height", "fps").iter_rows()
    }
    result = np.full((len(reps), steps, len(channels(errors))), np.nan, dtype=np.float32)
    grouped = reps.with_row_index("row").partition_by("video_id", maintain_order=True)
    for group in tqdm(grouped, desc=label, unit="video", disable=None):
        video_id = group["video_id"][0]
        pose = read(video_id)
        width, height, fps = films[video_id]
        signals = kinematics.measure(pose, fps, width, height)
        others = seen_as(among.filter((pl.col("video_id") == video_id) & ~pl.col("partial")))
        # Two near sides and two supports at most: what is common is not measured again for every rep.
        common = {
            how: measures.common(signals, others, how, steps) for how in {_how(rep) for rep in seen_as(group)}
        }
        held = anchors.hold(pose, fps, aspect=width / height)
        for row, rep in zip(group["row"], seen_as(group), strict=True):
            result[row] = sequence(held, signals, rep, said[row], common[_how(rep)], size=(width, height))
    return result


def _how(rep: Seen) -> Seen:
    """Return what measures.common() asks of a rep, whichever part of the video it is."""
    return Seen(0, 0, rep.near_side, "", rep.support)


def seen_as(reps: pl.DataFrame) -> list[Seen]:
    """Return the rows of tables.REPS as what sequence() asks for."""
    return [Seen(*row) for row in reps.select("start", "end", "near_side", "view", "support").iter_rows()]


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


def opinions(table: pl.DataFrame, rep_ids: Sequence[str], errors: Sequence[str]) -> Series:
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
    return np.asarray(np.isfinite(x[..., :COORDINATES]).all(axis=(1, 2)))


def statistics(x: Floats) -> Floats:
    """Return (N, 2 * coordinates): mean and spread over time of every landmark, an embedding without a model.

    NaN where nobody is seen.
    """
    at = x[..., :COORDINATES].astype(np.float64)
    return np.asarray(np.concatenate([at.mean(axis=1), at.std(axis=1)], axis=1), dtype=np.float32)
