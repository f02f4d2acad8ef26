"""Where MediaPipe's landmarks truly are on a posed body: each is a point that moves with one bone."""

import functools

import numpy as np
import numpy.typing as npt

from pushup_data.avatar.bodies import Body
from pushup_data.avatar.posing import Posed
from pushup_data.avatar.turns import Series
from pushup_data.landmarks import INDEX, NAMES

# Landmarks at the beginning of a bone, by side.
_AT_BONE = {
    "shoulder": "upperarm01",
    "elbow": "lowerarm01",
    "wrist": "wrist",
    "hip": "upperleg01",
    "knee": "lowerleg01",
    "ankle": "foot",
    "pinky": "finger5-1",
    "index": "finger2-1",
    "thumb": "finger1-2",
    "eye": "eye",
    "foot_index": "toe1-2",
}


def place(body: Body, posed: Posed) -> Series:
    """Return (T, 33, 3) landmarks in the world, metres; NaN for corners of eyes and mouth."""
    found = np.full((len(posed.heads), len(NAMES), 3), np.nan)
    for landmark, (bone, point) in _points(body).items():
        away = point - body.heads[bone].astype(np.float64)
        found[:, INDEX[landmark]] = posed.heads[:, bone] + posed.rotations[:, bone] @ away
    return found


@functools.cache
def _points(body: Body) -> dict[str, tuple[int, npt.NDArray[np.float64]]]:
    """Return landmark -> (bone, point at rest)."""
    found = {}
    for side, end in (("left", "L"), ("right", "R")):
        for landmark, name in _AT_BONE.items():
            bone = body.bones[f"{name}.{end}"]
            found[f"{side}_{landmark}"] = (bone, body.heads[bone].astype(np.float64))
    head = body.bones["head"]
    skin = body.vertices[body.part == head].astype(np.float64)
    found["nose"] = (head, skin[skin[:, 1].argmin()])
    found["left_ear"] = (head, skin[skin[:, 0].argmax()])
    found["right_ear"] = (head, skin[skin[:, 0].argmin()])
    for side, end in (("left", "L"), ("right", "R")):
        foot = body.bones[f"foot.{end}"]
        skin = body.vertices[body.part == foot].astype(np.float64)
        found[f"{side}_heel"] = (foot, skin[skin[:, 1].argmax()])
    return found
