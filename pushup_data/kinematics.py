"""From landmarks to time series: angles, distances and their signs, one value per frame.

Angles are taken in pixels on the side that faces the camera, because MediaPipe's metric landmarks compress
them (an elbow of 85° comes out as 112°). Metric landmarks serve only where depth is needed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pushup_data import anchors, quality
from pushup_data.geometry import (
    Series,
    above,
    across,
    along,
    angle,
    length,
    off_line,
    ratio,
    turned,
    unit,
    upward,
)
from pushup_data.landmarks import INDEX, Pose
from pushup_data.quality import Side
from pushup_data.series import bridge, smooth

_UPRIGHT_DEG = 60.0  # trunk's slope beyond which somebody stands; in 162 real clips of push-ups at most 53

# Signals that change their sign in a mirrored picture, and what is tilted.
TILTS = {"tilt": "shoulder", "elbow_tilt": "elbow", "hip_tilt": "hip", "ear_tilt": "ear"}
_SIDES: tuple[Side, Side] = ("left", "right")
At = Callable[[str, str], Series]  # (T, 2) or (T, 3) of a limb and a side


@dataclass(frozen=True)
class Signals:
    """Time series of one video, each (T,), smoothed; NaN where the landmarks are missing for long.

    Angles are in degrees, lengths of arms in upper-arm lengths, the body's in trunk lengths.
    """

    near_side: Side
    height: Series  # shoulders above the wrists: 2 at straight arms, 0 at hand level
    elbow: Series  # 180 straight, of both arms as far as the far one is seen
    trunk: Series  # slope of the hips-shoulders line, 0 level, 90 upright
    hip_ankle: Series  # hip off the shoulder-ankle line, in shares of the line's length, positive above
    hip_knee: Series  # hip off the shoulder-knee line, likewise
    hips_ankles: Series  # the same of both sides' middles
    hips_knees: Series
    hips_height: Series  # above the shoulders
    near_neck: Series  # ear off the trunk's line as seen from the shoulder, positive above
    far_neck: Series
    nose: Series  # the nose likewise, from the middle of the shoulders
    face: Series  # from the ears to the nose, against the trunk's line, positive where it looks up
    head_height: Series  # above the shoulders
    spread: Series  # elbows' distance in shoulder widths, the smaller one of in the picture and in space
    tilt: Series  # turn of the shoulders' line against the hands' line, positive left side up
    elbow_tilt: Series  # of the elbows', the hips', the ears' line likewise
    hip_tilt: Series
    ear_tilt: Series
    near_height: Series  # shoulder above the wrist
    far_height: Series
    near_lean: Series  # shoulder before the wrist, positive towards the head
    far_lean: Series
    near_reach: Series  # from the wrist to the shoulder, 2 at straight arms
    far_reach: Series
    near_elbow: Series  # 180 straight
    far_elbow: Series
    near_elbow_off: Series  # elbow off the wrist-shoulder line, positive towards the head
    far_elbow_off: Series
    near_elbow_back: Series  # elbow from the shoulder along the trunk's line, positive towards the hips
    far_elbow_back: Series
    near_elbow_down: Series  # and across it, positive below
    far_elbow_down: Series
    knee: Series  # in space, 180 straight
    knee_drop: Series  # knee below the ankle, metres
    # In space, as MediaPipe guesses depth:
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
    held = anchors.hold(pose, fps, aspect=width / height)
    pixels, world = held.pixels(width, height).astype(np.float64), held.world.astype(np.float64)

    def at(limb: str, side: str) -> Series:
        return pixels[:, INDEX[f"{side}_{limb}"]]

    def in_space(limb: str, side: str) -> Series:
        return world[:, INDEX[f"{side}_{limb}"]]

    slope = _slope(_middle(in_space, "shoulder") - _middle(in_space, "hip"))
    level = np.abs(slope) < _UPRIGHT_DEG
    share = _far_share(pose, near, far)
    series = {
        "trunk": slope,
        **_arms(at, near, far, share, level),
        **_body(at, near, level),
        **_head(at, pixels[:, INDEX["nose"]], near, far, level),
        **_tilts(at),
        "spread": np.minimum(*(ratio(_between(a, "elbow"), _between(a, "shoulder")) for a in (at, in_space))),
        "knee": angle(in_space("hip", near), in_space("knee", near), in_space("ankle", near)),
        "knee_drop": in_space("knee", near)[:, 1] - in_space("ankle", near)[:, 1],
        **_in_space(in_space, near, far),
    }
    return Signals(near_side=near, **{name: smooth(bridge(s, fps), fps) for name, s in series.items()})


def _middle(at: At, limb: str) -> Series:
    return (at(limb, "left") + at(limb, "right")) / 2


def _between(at: At, limb: str) -> Series:
    return at(limb, "left") - at(limb, "right")


def _slope(trunk: Series) -> Series:
    return np.asarray(np.degrees(np.arctan2(-trunk[:, 1], np.hypot(trunk[:, 0], trunk[:, 2]))))


def _arms(at: At, near: Side, far: Side, share: float, level: npt.NDArray[np.bool_]) -> dict[str, Series]:
    """Return what the arms do in the picture; `share` is how much the far one counts in what is of both."""
    trunk = _middle(at, "shoulder") - _middle(at, "hip")
    ahead = np.sign(np.nanmedian(trunk[:, 0])) if np.isfinite(trunk).any() else 1.0  # where the head points
    of: dict[str, dict[Side, Series]] = {}

    def add(name: str, side: Side, value: Series) -> None:
        of.setdefault(name, {})[side] = value

    for side in _SIDES:
        shoulder, elbow, wrist = (at(joint, side) for joint in ("shoulder", "elbow", "wrist"))
        upper = _upper_arm(shoulder, elbow, wrist, level)
        arm = shoulder - wrist
        add("height", side, np.asarray(-arm[:, 1] / upper))
        add("lean", side, np.asarray(ahead * arm[:, 0] / upper))
        add("reach", side, np.asarray(length(arm) / upper))
        add("elbow", side, angle(shoulder, elbow, wrist))
        add(
            "elbow_off",
            side,
            np.asarray(ahead * across(arm, elbow - wrist) / np.maximum(length(arm), 1e-9) / upper),
        )
        add("elbow_back", side, np.asarray(along(shoulder - elbow, unit(trunk)) / upper))
        add("elbow_down", side, np.asarray(along(shoulder - elbow, upward(trunk)) / upper))
    return {
        **{name: (of[name][near] + share * of[name][far]) / (1 + share) for name in ("height", "elbow")},
        **{f"near_{name}": s[near] for name, s in of.items()},
        **{f"far_{name}": s[far] for name, s in of.items()},
    }


def _body(at: At, near: Side, level: npt.NDArray[np.bool_]) -> dict[str, Series]:
    """Return where the hips are in the picture."""
    hip, shoulder, knee, ankle = (at(limb, near) for limb in ("hip", "shoulder", "knee", "ankle"))
    hips, shoulders, knees, ankles = (_middle(at, limb) for limb in ("hip", "shoulder", "knee", "ankle"))
    return {
        "hip_ankle": off_line(hip, shoulder, ankle),
        "hip_knee": off_line(hip, shoulder, knee),
        "hips_ankles": off_line(hips, shoulders, ankles),
        "hips_knees": off_line(hips, shoulders, knees),
        "hips_height": np.asarray((shoulders - hips)[:, 1] / _size(at, level)),
    }


def _head(at: At, nose: Series, near: Side, far: Side, level: npt.NDArray[np.bool_]) -> dict[str, Series]:
    """Return where the head is in the picture."""
    ears, shoulders, hips = _middle(at, "ear"), _middle(at, "shoulder"), _middle(at, "hip")

    def off_trunk(point: Series, side: Side) -> Series:
        return above(point - at("shoulder", side), at("shoulder", side) - at("hip", side))

    return {
        "near_neck": off_trunk(at("ear", near), near),
        "far_neck": off_trunk(at("ear", far), far),
        "nose": above(nose - shoulders, shoulders - hips),
        "face": above(nose - ears, shoulders - hips),
        "head_height": np.asarray((shoulders - (nose + ears) / 2)[:, 1] / _size(at, level)),
    }


def _tilts(at: At) -> dict[str, Series]:
    hands = _between(at, "wrist")
    return {name: turned(_between(at, limb), hands) for name, limb in TILTS.items()}


def _size(at: At, level: npt.NDArray[np.bool_]) -> float:
    """Return the trunk's length in pixels, or the shoulders' width where that is longer; NaN if unknown.

    From the front the trunk is foreshortened.
    """
    trunk = _middle(at, "shoulder") - _middle(at, "hip")
    lengths = [length(line)[level] for line in (trunk, _between(at, "shoulder"))]
    known = [line[np.isfinite(line)] for line in lengths]
    return max(float(np.median(line)) for line in known) if len(known[0]) else np.nan


def _in_space(at: At, near: Side, far: Side) -> dict[str, Series]:
    """Return the angles in space; `at` gives a limb's (T, 3), y down and z away from the camera."""
    trunk = unit(_middle(at, "shoulder") - _middle(at, "hip"))
    shoulders = _between(at, "shoulder")
    left = unit(shoulders - along(shoulders, trunk)[:, None] * trunk)
    back = np.cross(trunk, left)
    thighs, head = (
        _middle(at, "knee") - _middle(at, "hip"),
        _middle(at, "ear") - _middle(at, "shoulder"),
    )

    def flare(side: Side) -> Series:
        arm = at("elbow", side) - at("shoulder", side)
        outwards = along(arm, left if side == "left" else -left)
        return np.asarray(np.degrees(np.arctan2(outwards, -along(arm, trunk))))

    def elbow(side: Side) -> Series:
        return angle(at("shoulder", side), at("elbow", side), at("wrist", side))

    return {
        "hip_bend": np.degrees(np.arctan2(along(thighs, back), -along(thighs, trunk))),
        "neck_bend": np.degrees(np.arctan2(along(head, back), along(head, trunk))),
        "near_elbow_bend": elbow(near),
        "far_elbow_bend": elbow(far),
        "near_flare": flare(near),
        "far_flare": flare(far),
    }


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


def _upper_arm(shoulder: Series, elbow: Series, wrist: Series, level: npt.NDArray[np.bool_]) -> float:
    """Return half of the arm's length in pixels, NaN if unknown.

    The 90th percentile over the frames in position: at the top of a rep the arm lies in the picture's plane
    from whatever side one looks.
    """
    lengths = (length(shoulder - elbow) + length(wrist - elbow)) / 2
    usable = lengths[level & np.isfinite(lengths)]
    return max(float(np.percentile(usable, 90)), 1e-9) if len(usable) else np.nan
