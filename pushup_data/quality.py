"""How well a video, or a part of it, shows the person: light, blur, body in frame, people, camera's view.

Detection and visibility alone do not tell: MediaPipe reports high visibility for blurred or hidden limbs.
So brightness and sharpness are measured on the pixels, and landmarks outside the picture are counted.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pushup_data import params
from pushup_data.landmarks import INDEX, Floats, Pose

View = Literal["side", "oblique", "front", "unknown"]
Side = Literal["left", "right"]

# What can be wrong, in the words that people read in tables, in FiftyOne and in feedback.
FAILED = "landmarks could not be made"
NO_PERSON = "no person found"
LOST = "person often not found"
CUT_OFF = "body partly outside the picture"
DARK = "too dark"
BLURRED = "blurred or too small a picture"
SEVERAL = "several people in the picture"
UNSURE_WHO = "several people move alike; the wrong one may be followed"
ARMS_WRONG = "arms placed wrongly"
BODY_WRONG = "body placed wrongly: landmarks jump, swap sides or shrink"
ONE_HAND = "one hand off the floor"
DRIFT = "nothing stays in place: the camera moves, or the landmarks drift"
HANDS_OFF = "hands leave the floor: another exercise"

# With these no landmark of the body is to be trusted, whatever MediaPipe says of its visibility.
BLIND = (NO_PERSON, LOST, DARK, BODY_WRONG, DRIFT)
# What nobody can tell with a flag: everything (the errors are of push-ups on both arms), or what is measured
# on the arms. Hips and head are judged well beside arms that are wrong: they are of other landmarks.
_HIDES_ALL = (*BLIND, ONE_HAND)
_ON_ARMS = ("shallow_depth", "incomplete_lockout", "elbows_flared", "asymmetric")

# The camera's turn away from a pure side view, in degrees. Fitted to the 122 real clips on whose view two
# raters agree; leaving one scene out at a time, 91 % are put where the raters put them, every front view
# among them (docs: side 63 of 67, oblique 18 of 25, front 30 of 30).
_SIDE_BELOW = 13.0
_FRONT_ABOVE = 65.0
_MIN_FRAMES = 3  # fewer frames with a person do not tell a view
_UPRIGHT = 0.8  # trunk's vertical share above which somebody stands or sits: they get into position

_LOW, _HIGH = 5, 98  # percentiles of bones and of steps over the frames: a single frame does not count

_LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_BODY = ("shoulder", "hip", "knee", "ankle")
_SIDES: dict[Side, list[int]] = {
    "left": [INDEX[f"left_{limb}"] for limb in _LIMBS],
    "right": [INDEX[f"right_{limb}"] for limb in _LIMBS],
}


@dataclass(frozen=True)
class Assessment:
    """How well a stretch of frames shows the person; fields as in tables.QUALITY. NaN without a person."""

    detected: float
    in_frame: float
    visibility: float
    luma: float
    sharpness: float
    view: View
    flags: tuple[str, ...]


def assess(
    pose: Pose,
    luma: npt.NDArray[np.floating],
    sharpness: npt.NDArray[np.floating],
    limits: params.Quality,
    *,
    aspect: float,
    start: int = 0,
    end: int | None = None,
) -> Assessment:
    """Judge frames [start, end) of a video, whose width is `aspect` times its height.

    `luma` and `sharpness` are (T,), as in tables.POSE.
    """
    part = pose.cut(start, len(pose) if end is None else end)
    light = luma[start:end]
    detail = sharpness[start:end]
    found = part.detected
    detected = float(found.mean()) if len(part) else 0.0
    nan = float("nan")
    in_frame = visibility = nan
    if found.any():
        xy = part.xy[found]
        in_frame = float(((xy >= 0) & (xy <= 1)).all(axis=-1).mean())
        visibility = float(part.visibility[found][:, _SIDES[near_side(part)]].mean())
    brightness = float(np.median(light)) if len(light) else nan
    detail_level = float(np.median(detail)) if len(detail) else nan
    view = view_of(part)
    level = lying(part)
    arms, body = _misplaced(level, view, aspect, limits)
    checks = {
        NO_PERSON: detected == 0,
        LOST: 0 < detected < limits.min_detected,
        CUT_OFF: in_frame < limits.min_in_frame,
        DARK: brightness < limits.min_luma,
        BLURRED: detail_level < limits.min_sharpness,
        ARMS_WRONG: arms,
        BODY_WRONG: body,
        ONE_HAND: _hands_apart(level, aspect) > limits.max_hands_apart,
    }
    flags = tuple(text for text, wrong in checks.items() if wrong)
    return Assessment(detected, in_frame, visibility, brightness, detail_level, view, flags)


def of_people(people: int, *, sure: bool) -> list[str]:
    """Return the flags of a whole video for how many are in it, and whether whom to follow was clear."""
    return [*([SEVERAL] if people > 1 else []), *([] if sure else [UNSURE_WHO])]


def hides(flags: Sequence[str] | None, error: str) -> str | None:
    """Return the flag for which nobody can tell `error` (an id of the taxonomy), None where there is none."""
    hiding = (*_HIDES_ALL, *([ARMS_WRONG] if error in _ON_ARMS else []))
    return next((flag for flag in flags or () if flag in hiding), None)


def _misplaced(pose: Pose, view: View, aspect: float, limits: params.Quality) -> tuple[bool, bool]:
    """Say whether a person's landmarks cannot be where they are: those of the arms, those of the body.

    Only what the view shows is asked: MediaPipe invents the far leg, and seen from the front both legs.
    """
    if len(pose) < _MIN_FRAMES:
        return False, False
    front = view == "front"
    near: tuple[Side, ...] = ("left", "right") if front else (near_side(pose),)
    arms = [(f"{s}_{a}", f"{s}_{b}") for s in near for a, b in (("shoulder", "elbow"), ("elbow", "wrist"))]
    # From the front the trunk points at the camera, and its depth is a guess.
    rest = [] if front else [(f"{s}_{a}", f"{s}_{b}") for s in near for a, b in itertools.pairwise(_BODY)]
    joints = [INDEX[f"{s}_{limb}"] for s in near for limb in (_LIMBS[:4] if front else _LIMBS)]
    hands_up = max(
        int((pose.xy[:, INDEX[f"{s}_wrist"], 1] < pose.xy[:, INDEX[f"{s}_shoulder"], 1]).sum())
        for s in _SIDES
    )
    line = _between(pose.world, "shoulder")
    swapped = float((line @ np.median(line, axis=0) < 0).mean())
    # A single frame may be a slip, however short the rep.
    raised = hands_up > max(1, limits.max_hands_up * len(pose))
    arms_wrong = raised or _shortest(pose, arms) < limits.min_bone
    body_wrong = (
        _step(pose, joints, aspect) > limits.max_step
        or swapped > limits.max_swapped
        or _shortest(pose, rest) < limits.min_bone
    )
    return arms_wrong, body_wrong


def _hands_apart(pose: Pose, aspect: float) -> float:
    """Return how much farther below its shoulder one hand is than the other, in `unit`s; 0 without a person.

    Hands that stand on the floor are level with each other, as shoulders are, but for perspective.
    """
    if len(pose) < _MIN_FRAMES:
        return 0.0
    down = {s: pose.xy[:, INDEX[f"{s}_wrist"], 1] - pose.xy[:, INDEX[f"{s}_shoulder"], 1] for s in _SIDES}
    return float(abs(np.median(down["left"] - down["right"])) / unit(pose, aspect))


def lying(pose: Pose) -> Pose:
    """Return the frames with a person whose trunk is nearer to level; all with a person where too few are."""
    found = np.flatnonzero(pose.detected)
    world = pose.world[found]
    trunk = middle(world, "shoulder") - middle(world, "hip")
    level = found[np.abs(trunk[:, 1]) < _UPRIGHT * np.linalg.norm(trunk, axis=1)]
    return pose.take(level if len(level) >= _MIN_FRAMES else found)


def _shortest(pose: Pose, bones: Sequence[tuple[str, str]]) -> float:
    """Return to which share of its usual (median) length in space the worst bone shrinks; 1 without bones.

    Bones do not shrink; MediaPipe's do by a tenth where it sees well.
    """
    shares = []
    for a, b in bones:
        length = np.linalg.norm(pose.world[:, INDEX[a]] - pose.world[:, INDEX[b]], axis=1)
        low, usual = np.percentile(length, [_LOW, 50])
        shares.append(float(low / max(usual, 1e-6)))
    return min(shares, default=1.0)


def _step(pose: Pose, joints: list[int], aspect: float) -> float:
    """Return how far the fastest joint goes from frame to frame, in `unit`s."""
    steps = np.linalg.norm(np.diff(square(pose, aspect)[:, joints], axis=0), axis=-1).max(axis=1)
    return float(np.percentile(steps, _HIGH) / unit(pose, aspect))


def unit(pose: Pose, aspect: float) -> float:
    """Return the trunk's length in the picture, in shares of the picture's height.

    Or the shoulders' width, where it is longer: from the front the trunk is foreshortened.
    """
    at = square(pose, aspect)
    trunk = middle(at, "shoulder") - middle(at, "hip")
    lengths = [np.linalg.norm(line, axis=1) for line in (trunk, _between(at, "shoulder"))]
    return max(*(float(np.median(length)) for length in lengths), 1e-6)


def square(pose: Pose, aspect: float) -> Floats:
    """Return (T, 33, 2) in shares of the picture's height, across as well."""
    return pose.xy * np.array([aspect, 1], dtype=np.float32)


def view_of(pose: Pose) -> View:
    """Say from where the camera looks at the body: from the side, obliquely, or along it.

    `front` means along the body, from the head or from the feet. `unknown` where hardly a frame shows a
    person. Frames in which the trunk is upright (getting into position) count only if there are no others.
    """
    turns = turn(pose)
    if len(turns) < _MIN_FRAMES:
        return "unknown"
    degrees = float(np.median(turns))
    if degrees < _SIDE_BELOW:
        return "side"
    return "front" if degrees > _FRONT_ABOVE else "oblique"


def turn(pose: Pose) -> Floats:
    """Return the camera's turn away from a side view per usable frame, in degrees, 0 to 90.

    The line through both shoulders points at the camera in a side view and lies across the picture in a
    front view; so does the line through both hips. The sine of the turn is the share of that line that
    lies in the picture's plane, taken from MediaPipe's metric landmarks and averaged over both lines.
    """
    world = lying(pose).world
    shoulders, hips = _between(world, "shoulder"), _between(world, "hip")
    share = (_share_in_plane(shoulders) + _share_in_plane(hips)) / 2
    degrees: Floats = np.degrees(np.arcsin(np.clip(share, 0, 1))).astype(np.float32)
    return degrees


def near_side(pose: Pose) -> Side:
    """Say which side of the body faces the camera: the one whose limbs are seen better.

    On the 67 real clips that both raters call side views it is always the one that MediaPipe puts nearer.
    """
    seen = pose.visibility[pose.detected]
    if not len(seen):
        return "left"
    left, right = (float(seen[:, _SIDES[side]].mean()) for side in ("left", "right"))
    return "left" if left >= right else "right"


def _between(points: Floats, limb: str) -> Floats:
    difference: Floats = points[:, INDEX[f"left_{limb}"]] - points[:, INDEX[f"right_{limb}"]]
    return difference


def middle(points: Floats, limb: str) -> Floats:
    """Return the middle of a limb's left and right, (T, axes), of landmarks (T, 33, axes)."""
    left, right = points[:, INDEX[f"left_{limb}"]], points[:, INDEX[f"right_{limb}"]]
    found: Floats = (left + right) / np.float32(2)
    return found


def _share_in_plane(line: Floats) -> Floats:
    length = np.linalg.norm(line, axis=1)
    across = np.linalg.norm(line[:, :2], axis=1)
    share: Floats = across / np.maximum(length, np.float32(1e-6))
    return share
