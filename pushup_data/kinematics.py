"""From landmarks to time series: angles, distances and their signs, one value per frame.

Angles are taken in pixels on the side that faces the camera, because MediaPipe's metric landmarks compress
them (an elbow of 85° comes out as 112°). Metric landmarks serve only where depth is needed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pushup_data import quality
from pushup_data.landmarks import INDEX, Pose
from pushup_data.quality import Side

Series = npt.NDArray[np.float64]
Floats = npt.NDArray[np.floating]

# Landmarks lost for longer are not made up. Half a second bridges the moment in which a face-down head is
# lost at the bottom, and is shorter than any rep.
_BRIDGED_S = 0.5
# Single frames with a misplaced limb last up to 0.1 s; fast reps take 0.5 s and keep their depth.
_MEDIAN_S, _SMOOTH_S = 0.15, 0.25
_UPRIGHT_DEG = 60.0  # trunk's slope beyond which somebody stands; in 162 real clips of push-ups at most 53


@dataclass(frozen=True)
class Signals:
    """Time series of one video, each (T,), smoothed; NaN where the landmarks are missing for long."""

    near_side: Side
    height: Series  # shoulders above the wrists, in upper-arm lengths: 2 at straight arms, 0 at hand level
    elbow: Series  # degrees, 180 straight
    trunk: Series  # slope of the hips-shoulders line, degrees, 0 level, 90 upright
    hip_ankle: Series  # hip off the shoulder-ankle line, in shares of the line's length, positive above
    hip_knee: Series  # hip off the shoulder-knee line, likewise
    neck: Series  # ear off the trunk's line as seen from the shoulder, degrees, positive above
    spread: Series  # elbows' distance in shoulder widths, the smaller one of in the picture and in space
    tilt: Series  # turn of the shoulders' line against the hands' line, degrees, positive left side up
    knee: Series  # degrees in space, 180 straight
    knee_drop: Series  # knee below the ankle, metres
    # In space, as MediaPipe guesses depth; degrees.
    hip_bend: (
        Series  # thighs against the trunk's line, about the shoulders' line: sagging positive, piked negative
    )
    neck_bend: Series  # ears against the trunk's line likewise, thrown back positive
    near_elbow_bend: Series  # 180 straight
    far_elbow_bend: Series
    near_flare: Series  # upper arm against the trunk, seen on the back: 0 along it, 90 straight out
    far_flare: Series

    def __len__(self) -> int:
        return len(self.height)

    @property
    def in_position(self) -> npt.NDArray[np.bool_]:
        """(T,) whether the trunk is nearer to level than to upright; False where unknown."""
        return np.abs(self.trunk) < _UPRIGHT_DEG


def measure(pose: Pose, fps: float, width: int, height: int) -> Signals:
    """Measure a whole video: `fps` frames per second, `width` x `height` pixels."""
    near = quality.near_side(pose)
    far: Side = "right" if near == "left" else "left"
    pixels = pose.pixels(width, height).astype(np.float64)
    world = pose.world.astype(np.float64)

    def at(limb: str, side: str = near) -> Series:
        return pixels[:, INDEX[f"{side}_{limb}"]]

    def in_space(limb: str, side: str = near) -> Series:
        return world[:, INDEX[f"{side}_{limb}"]]

    def middle(limb: str) -> Series:
        return (in_space(limb, "left") + in_space(limb, "right")) / 2

    share = _far_share(pose, near, far)

    def both(of_side: dict[Side, Series]) -> Series:
        return (of_side[near] + share * of_side[far]) / (1 + share)

    trunk = middle("shoulder") - middle("hip")
    slope = np.degrees(np.arctan2(-trunk[:, 1], np.hypot(trunk[:, 0], trunk[:, 2])))
    sides: tuple[Side, Side] = ("left", "right")
    elbow = {s: angle(at("shoulder", s), at("elbow", s), at("wrist", s)) for s in sides}
    above = {
        s: _height(at("shoulder", s), at("elbow", s), at("wrist", s), np.abs(slope) < _UPRIGHT_DEG)
        for s in sides
    }

    def across(limb: str) -> Series:
        return at(limb, "left") - at(limb, "right")

    def across_in_space(limb: str) -> Series:
        return in_space(limb, "left") - in_space(limb, "right")

    series = {
        "height": both(above),
        "elbow": both(elbow),
        "trunk": slope,
        "hip_ankle": _off_line(at("hip"), at("shoulder"), at("ankle")),
        "hip_knee": _off_line(at("hip"), at("shoulder"), at("knee")),
        "neck": _neck(at("hip"), at("shoulder"), at("ear")),
        "spread": np.minimum(
            _ratio(across("elbow"), across("shoulder")),
            _ratio(across_in_space("elbow"), across_in_space("shoulder")),
        ),
        "tilt": _turned(across("shoulder"), across("wrist")),
        "knee": angle(in_space("hip"), in_space("knee"), in_space("ankle")),
        "knee_drop": in_space("knee")[:, 1] - in_space("ankle")[:, 1],
    } | _in_space(in_space, near, far)
    return Signals(near_side=near, **{name: smooth(bridge(s, fps), fps) for name, s in series.items()})


def _in_space(at: Callable[[str, str], Series], near: Side, far: Side) -> dict[str, Series]:
    """Return the angles in space; `at` gives a limb's (T, 3), y down and z away from the camera."""

    def middle(limb: str) -> Series:
        return (at(limb, "left") + at(limb, "right")) / 2

    trunk = _unit(middle("shoulder") - middle("hip"))
    across = at("shoulder", "left") - at("shoulder", "right")
    left = _unit(across - _along(across, trunk)[:, None] * trunk)
    back = np.cross(trunk, left)
    thighs, head = middle("knee") - middle("hip"), middle("ear") - middle("shoulder")

    def flare(side: Side) -> Series:
        arm = at("elbow", side) - at("shoulder", side)
        outwards = _along(arm, left if side == "left" else -left)
        return np.asarray(np.degrees(np.arctan2(outwards, -_along(arm, trunk))))

    def elbow(side: Side) -> Series:
        return angle(at("shoulder", side), at("elbow", side), at("wrist", side))

    return {
        "hip_bend": np.degrees(np.arctan2(_along(thighs, back), -_along(thighs, trunk))),
        "neck_bend": np.degrees(np.arctan2(_along(head, back), _along(head, trunk))),
        "near_elbow_bend": elbow(near),
        "far_elbow_bend": elbow(far),
        "near_flare": flare(near),
        "far_flare": flare(far),
    }


def _along(vectors: Floats, direction: Floats) -> Series:
    return np.asarray((vectors * direction).sum(axis=1), dtype=np.float64)


def _unit(vectors: Series) -> Series:
    return np.asarray(vectors / np.maximum(_length(vectors), 1e-9)[:, None])


def angle(a: Series, joint: Series, b: Series) -> Series:
    """Return the angle at `joint` between `a` and `b`, each (T, 2) or (T, 3); (T,) degrees, 0 to 180."""
    u, v = a - joint, b - joint
    cosine = (u * v).sum(axis=1) / np.maximum(_length(u) * _length(v), 1e-9)
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def bridge(series: Series, fps: float, longest_s: float = _BRIDGED_S) -> Series:
    """Interpolate gaps of up to `longest_s` seconds between known values; longer ones stay NaN."""
    filled = series.copy()
    for start, end in runs(np.isnan(series)):
        if start > 0 and end < len(series) and end - start <= longest_s * fps:
            filled[start:end] = np.interp(
                np.arange(start, end), [start - 1, end], [series[start - 1], series[end]]
            )
    return filled


def smooth(series: Series, fps: float) -> Series:
    """Take out single misplaced frames (median), then jitter (Savitzky-Golay of order 2), per gapless run.

    The windows are lengths of time: below 14 fps nothing is left to be smoothed.
    """
    from scipy.ndimage import median_filter
    from scipy.signal import savgol_filter

    smoothed = series.copy()
    median, window = _odd(_MEDIAN_S * fps), _odd(_SMOOTH_S * fps)
    for start, end in runs(np.isfinite(series)):
        part = median_filter(series[start:end], size=median, mode="nearest")
        if 3 < window <= len(part):
            part = savgol_filter(part, window, polyorder=2, mode="nearest")
        smoothed[start:end] = part
    return smoothed


def runs(true: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the half-open ranges in which `true` holds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], true, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _odd(frames: float) -> int:
    """Return the odd number of frames nearest to a window's length."""
    return 2 * round((frames - 1) / 2) + 1 if frames > 1 else 1


def _length(vectors: Series) -> Series:
    return np.asarray(np.linalg.norm(vectors, axis=1))


def _ratio(vectors: Series, unit: Series) -> Series:
    return np.asarray(_length(vectors) / np.maximum(_length(unit), 1e-9))


def _far_share(pose: Pose, near: Side, far: Side) -> float:
    """Return how much the far arm counts beside the near one, 0 (hidden) to 1 (seen as well).

    MediaPipe invents hidden arms, with a visibility of about one half; hence nothing counts below that.
    """
    if not pose.detected.any():
        return 0.0
    seen = {
        side: float(np.median(pose.visibility[pose.detected][:, _arm(side)].min(axis=1)))
        for side in (near, far)
    }
    if seen[near] <= 0.5:
        return 1.0
    return float(np.clip((seen[far] - 0.5) / (seen[near] - 0.5), 0, 1) ** 2)


def _arm(side: Side) -> list[int]:
    return [INDEX[f"{side}_{joint}"] for joint in ("shoulder", "elbow", "wrist")]


def _height(shoulder: Series, elbow: Series, wrist: Series, level: npt.NDArray[np.bool_]) -> Series:
    """Return how far the shoulder is above the wrist, in upper-arm lengths.

    The arm's length in the picture is its 90th percentile over the frames in position: at the top of a
    rep the arm lies in the picture's plane from whatever side one looks.
    """
    lengths = (_length(shoulder - elbow) + _length(wrist - elbow)) / 2
    usable = lengths[level & np.isfinite(lengths)]
    if not len(usable):
        return np.full(len(lengths), np.nan)
    return np.asarray((wrist - shoulder)[:, 1] / max(float(np.percentile(usable, 90)), 1e-9))


def _upward(line: Series) -> Series:
    """Return the unit normals of (T, 2) lines that point up in the picture."""
    normal = np.stack([line[:, 1], -line[:, 0]], axis=1) * np.where(line[:, 0] < 0, -1.0, 1.0)[:, None]
    return np.asarray(normal / np.maximum(_length(line), 1e-9)[:, None])


def _off_line(point: Series, start: Series, end: Series) -> Series:
    """Return the distance of `point` from the line, in shares of its length, positive above."""
    line = end - start
    return np.asarray(((point - start) * _upward(line)).sum(axis=1) / np.maximum(_length(line), 1e-9))


def _neck(hip: Series, shoulder: Series, ear: Series) -> Series:
    """Return the angle between hip-shoulder and shoulder-ear in degrees, positive if the ear is above."""
    trunk, head = shoulder - hip, ear - shoulder
    above = (head * _upward(trunk)).sum(axis=1)
    along = (head * trunk).sum(axis=1) / np.maximum(_length(trunk), 1e-9)
    return np.asarray(np.degrees(np.arctan2(above, along)))


def _turned(line: Series, reference: Series) -> Series:
    """Return how far (T, 2) lines from right to left are turned, left end up, against reference lines.

    Degrees, -180 to 180. Against the hands, which stay on the floor, a tilted camera does not count.
    """
    cross = line[:, 0] * reference[:, 1] - line[:, 1] * reference[:, 0]
    turned = np.degrees(np.arctan2(cross, (line * reference).sum(axis=1)))
    return np.asarray(turned * np.where(reference[:, 0] < 0, -1.0, 1.0))
