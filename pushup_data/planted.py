"""Whether hands and feet stay where they stand while somebody does a repetition.

In a push-up four points stand on the floor. Hands that leave it (clapping, over a ball, from bar to bar) make
another exercise; so does one hand that is elsewhere. Where nothing stays, the camera moves or the landmarks
drift.
"""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import median_filter

from pushup_data import params, quality
from pushup_data.landmarks import INDEX, Floats, Pose
from pushup_data.reps import Rep

_CONTEXT_S = 0.15  # before and after a rep: a flight lies about its highest point, where reps meet
_SMOOTH = 3  # frames of a median; a hand is in the air for 5 and more at 25 fps
_MIN_FRAMES = 9  # fewer do not tell ends from middle
_END = 0.2  # share of the frames at each end in which a flight is looked for
_MIDDLE = (0.3, 0.7)  # shares of the frames in which the hands stand: the body is low
_LOW, _HIGH = 5, 95  # percentiles of a point's travel: a few stray frames do not count

_HANDS = [
    [INDEX[f"{side}_{part}"] for part in ("wrist", "thumb", "index", "pinky")] for side in ("left", "right")
]
_KNEES, _FEET = ([INDEX[f"{side}_{part}"] for side in ("left", "right")] for part in ("knee", "foot_index"))


def flags(
    pose: Pose, rep: Rep, fps: float, seen: Sequence[str], limits: params.Quality, *, aspect: float
) -> tuple[str, ...]:
    """Return what is wrong with a rep, in the words of quality.py; `seen` is what is flagged of it so far.

    The picture's width is `aspect` times its height. Lengths are in trunk lengths (quality.unit).
    """
    part = quality.lying(pose.cut(rep.start, rep.end))
    if len(part) < _MIN_FRAMES:
        return ()
    at = quality.square(part, aspect) / quality.unit(part, aspect)
    stays, roams = sorted(_travel(at, hand) for hand in _HANDS)
    support = min(_travel(at, joints) for joints in (_KNEES, _FEET))
    drift = min(stays, support) > limits.max_drift
    # A rep that is cut has no two ends.
    sure = not (rep.partial or drift or {*seen} & {*quality.BLIND})
    context = round(_CONTEXT_S * fps)
    around = pose.cut(max(rep.start - context, 0), min(rep.end + context, len(pose)))
    checks = {
        # It is behind the back, or on a ball; MediaPipe looks for it everywhere.
        quality.ONE_HAND: stays < limits.max_still_hand and roams > limits.min_roaming_hand,
        quality.HANDS_OFF: sure and flight(around, aspect) > limits.max_flight,
        quality.DRIFT: drift,
    }
    return tuple(flag for flag, wrong in checks.items() if wrong)


def flight(pose: Pose, aspect: float) -> float:
    """Return how high the lower hand rises off the floor at a rep's start or end, in trunk lengths.

    The floor is where a hand is while the body is low. What the feet rise by is taken off: then it is the
    camera that tilts. A hand that the landmarker loses wanders while it is hidden, which is in the middle.
    """
    found = pose.take(np.flatnonzero(pose.detected))
    if len(found) < _MIN_FRAMES:
        return 0.0
    hands = np.min([_rise(found, hand) for hand in _HANDS], axis=0)
    return float(np.max(hands - np.maximum(_rise(found, _FEET), 0)) / quality.unit(found, aspect))


def _rise(pose: Pose, joints: Sequence[int]) -> Floats:
    """Return (2,): how far some landmarks are above the middle's height at the start and at the end."""
    heights = median_filter(1 - pose.xy[:, joints, 1].mean(axis=1), _SMOOTH)
    count = len(heights)
    floor = np.median(heights[int(_MIDDLE[0] * count) : int(_MIDDLE[1] * count) + 1])
    end = max(2, int(_END * count))
    return np.array([heights[:end].max() - floor, heights[-end:].max() - floor], dtype=np.float32)


def _travel(at: Floats, joints: Sequence[int]) -> float:
    """Return the diagonal of what the mean of some landmarks goes over, in the unit of `at` (T, 33, 2)."""
    low, high = np.percentile(at[:, joints].mean(axis=1), [_LOW, _HIGH], axis=0)
    return float(np.linalg.norm(high - low))
