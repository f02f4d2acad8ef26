"""Hands and feet stand on the floor while somebody does push-ups: here their landmarks do, too.

MediaPipe lets a hand that does not move wander with the arm above it, by 3 % of the trunk's length on the
near side and 5 % on the far one (82 avatar sets, from the side). That is more than what it gets wrong at the
shoulder, and goes into every angle and distance that is measured from the hands.
"""

from dataclasses import replace

import numpy as np
from scipy.ndimage import median_filter

from pushup_data import quality
from pushup_data.landmarks import INDEX, Floats, Pose

_WINDOW_S = 4.0  # longer than a rep; a camera that moves on within it takes the anchor along
_MOST = 0.2  # trunk lengths: who lifts a hand, or puts it elsewhere, is followed but for so much
_MIN_FRAMES = 9

# What goes with each point that stands.
_POINTS = [
    [INDEX[f"{side}_{part}"] for part in parts]
    for side in ("left", "right")
    for parts in (("wrist", "thumb", "index", "pinky"), ("foot_index",))
]


def hold(pose: Pose, fps: float, *, aspect: float) -> Pose:
    """Return the pose with hands and toes held where they mostly are within some seconds.

    The picture's width is `aspect` times its height. In space they move by as much in the picture's plane.
    """
    seen = np.flatnonzero(pose.detected)
    if len(seen) < _MIN_FRAMES:
        return pose
    at = quality.square(pose, aspect)[seen]
    unit, metres = quality.unit(pose.take(seen), aspect), _trunk(pose.world[seen]) / max(_trunk(at), 1e-6)
    window = 2 * round(_WINDOW_S * fps / 2) + 1
    xy, world = pose.xy.copy(), pose.world.copy()
    for group in _POINTS:
        point = at[:, group[0]]
        anchor = median_filter(point, size=(min(window, 2 * len(point) - 1), 1), mode="nearest")
        back = anchor - point
        back *= np.minimum(1, _MOST * unit / np.maximum(np.linalg.norm(back, axis=1, keepdims=True), 1e-9))
        xy[seen[:, None], group] += (back / np.array([aspect, 1], dtype=np.float32))[:, None]
        world[seen[:, None], group, :2] += metres * back[:, None]
    return replace(pose, xy=xy, world=world)


def _trunk(points: Floats) -> float:
    """Return the median distance of shoulders' and hips' middle in the plane of the first two axes."""
    line = quality.middle(points, "shoulder") - quality.middle(points, "hip")
    return float(np.median(np.linalg.norm(line[:, :2], axis=1)))
