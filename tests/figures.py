"""Stick figures that do push-ups: landmarks with known truth, for tests that need no video.

A figure lives in metres (X towards the head, Y to its left, Z up), is moved by its elbow angle, and is seen
by a perspective camera. Nothing of MediaPipe's noise is imitated unless `noise` or `dropouts` ask for it.
"""

import functools
import subprocess
from collections.abc import Collection, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

import cv2
import imageio_ffmpeg
import numpy as np
import numpy.typing as npt
import polars as pl

from pushup_data import kinematics, tables
from pushup_data.landmarks import INDEX, MIRRORED, SHOWN_EDGES, Pose
from pushup_data.model import data, measures
from pushup_data.model.measures import Seen

Array = npt.NDArray[np.float64]
Truth = tuple[int, int, int]

WIDTH, HEIGHT = 640, 360

_UPPER_ARM, _FOREARM = 0.28, 0.26
_SHOULDER, _HAND, _HIP = 0.19, 0.26, 0.12  # distances from the middle plane
_BODY, _THIGHS = 1.40, 0.98  # shoulder to ankle, shoulder to knee
_AZIMUTH = {"side": 0.0, "oblique": 40.0, "front": 86.0}
_ELEVATION = {"side": 8.0, "oblique": 8.0, "front": 4.0}
_FAR_VISIBILITY = {"side": 0.45, "oblique": 0.75, "front": 0.97}


def push_up(
    errors: Collection[str] = (),
    *,
    reps: int = 3,
    fps: float = 30.0,
    view: str = "side",
    near_side: str = "left",
    support: str = "feet",
    tempo_s: float = 1.6,
    bottom: float | Sequence[float] = 75.0,
    top: float = 170.0,
    pause_top_s: float = 0.3,
    pause_bottom_s: float = 0.0,
    lead_in_s: float = 0.0,
    starts_at_bottom: bool = False,
    ends_at_bottom: bool = False,
    dropouts: Sequence[tuple[int, int]] = (),
    noise: float = 0.0,
    seed: int = 0,
) -> tuple[Pose, list[Truth]]:
    """Return one video's pose at WIDTH x HEIGHT and the true (start, bottom, end) frames of its reps.

    `errors` are ids of the taxonomy, shown in every rep. `bottom` and `top` are elbow angles in degrees
    (`bottom` one per rep, if need be). `tempo_s` is a rep without its pauses. With `lead_in_s` the figure
    stands first and gets down. A figure that starts or ends at the bottom is cut there: its truth begins at
    frame 0 or ends with the video. `noise` is the landmarks' standard deviation in shares of the width,
    `dropouts` are ranges of frames without a detection.
    """
    bottoms = [bottom] * reps if isinstance(bottom, int | float) else list(bottom)
    if "shallow_depth" in errors:
        bottoms = [130.0] * len(bottoms)
    if "incomplete_lockout" in errors:
        top = 132.0
    angle, truth = _elbow_angles(bottoms, top, fps, tempo_s, pause_top_s, pause_bottom_s)
    lead = round(lead_in_s * fps)
    angle = np.concatenate([np.full(lead, top), angle])
    truth = [(s + lead, b + lead, e + lead) for s, b, e in truth]
    joints = np.stack([_joints(float(a), frozenset(errors), support) for a in angle])
    if lead:
        # Stands for a third of the time, then moves into the plank.
        share = np.clip(np.linspace(-0.5, 1.0, lead), 0, 1)[:, None, None]
        joints[:lead] = (1 - share) * _standing() + share * joints[:lead]
    first = truth[0][1] if starts_at_bottom else 0
    last = truth[-1][1] + 1 if ends_at_bottom else len(angle)
    joints = joints[first:last]
    truth = [(max(s - first, 0), b - first, min(e, last) - first) for s, b, e in truth]
    return _film(joints, view, near_side, dropouts, noise, seed), truth


def pose_table(pose: Pose) -> pl.DataFrame:
    """Return the pose as tables.POSE, with good light and sharpness."""
    frames = len(pose)
    columns = {
        "x": pose.xy[..., 0],
        "y": pose.xy[..., 1],
        "z": pose.z,
        "visibility": pose.visibility,
        "presence": np.where(np.isnan(pose.visibility), np.nan, 0.99),
        "world_x": pose.world[..., 0],
        "world_y": pose.world[..., 1],
        "world_z": pose.world[..., 2],
    }
    frame = pl.DataFrame(
        {
            "frame": np.arange(frames),
            "detected": pose.detected,
            **{
                c: pl.Series(np.asarray(v, dtype=np.float32), dtype=pl.Array(pl.Float32, tables.LANDMARKS))
                for c, v in columns.items()
            },
            "luma": np.full(frames, 120.0),
            "sharpness": np.full(frames, 300.0),
        }
    )
    return tables.POSE.check(frame)


def film(path: Path, pose: Pose, fps: float, width: int = WIDTH, height: int = HEIGHT) -> None:
    """Draw the figure's limbs, of nobody in particular, before a plain wall, as an mp4."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{width}x{height}", "-r", f"{fps:g}", "-i", "-", "-c:v", "libx264"]
    command += ["-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p", "-bf", "0", str(path)]
    path.parent.mkdir(parents=True, exist_ok=True)
    skin, thick = (230, 200, 180), height // 33
    pictures = []
    for points in pose.pixels(width, height).round().astype(int).tolist():
        picture = np.full((height, width, 3), (62, 70, 78), np.uint8)
        picture[height * 2 // 3 :] = (88, 80, 72)
        for a, b in SHOWN_EDGES:
            cv2.line(picture, points[a], points[b], skin, thick, cv2.LINE_AA)
        cv2.circle(picture, points[INDEX["left_ear"]], thick * 2, skin, -1, cv2.LINE_AA)
        pictures.append(picture.tobytes())
    subprocess.run(command, input=b"".join(pictures), check=True)


def _elbow_angles(
    bottoms: Sequence[float],
    top: float,
    fps: float,
    tempo_s: float,
    pause_top_s: float,
    pause_bottom_s: float,
) -> tuple[Array, list[Truth]]:
    """Return the elbow angle of every frame, and the reps' frames."""
    half, rest, hold = (round(s * fps) for s in (tempo_s / 2, pause_top_s, pause_bottom_s))
    down = (1 - np.cos(np.linspace(0, np.pi, half + 1))) / 2
    parts, truth, at = [np.full(rest, top)], [], rest
    for lowest in bottoms:
        depth = np.concatenate([down, np.ones(hold), down[-2::-1]])
        parts += [top + (lowest - top) * depth, np.full(rest, top)]
        truth.append((at, at + half + hold // 2, at + len(depth)))
        at += len(depth) + rest
    return np.concatenate(parts), truth


@functools.lru_cache(maxsize=4096)
def _joints(angle: float, errors: frozenset[str], support: str) -> Array:
    """Return (33, 3) positions in metres at one elbow angle in degrees; unused landmarks copy a neighbour."""
    flare = np.radians(88 if "elbows_flared" in errors else 35)
    reach = {"left": _reach(angle), "right": _reach(angle)}
    if "asymmetric" in errors:
        reach["right"] = _reach(min(angle + 20, 178))
    on_knees = support == "knees"
    length = _THIGHS if on_knees else _BODY
    foot = np.array([-np.sqrt(length**2 - 0.5**2), 0.0, 0.05 if on_knees else 0.08])

    def shoulder(arm: float) -> Array:
        # The height at which the arm is as long as its elbow allows, the body turning about its support.
        low, high = 0.0, 0.75
        for _ in range(25):
            middle = (low + high) / 2
            centre = foot + _xyz(np.sqrt(length**2 - (middle - foot[2]) ** 2), 0, middle - foot[2])
            gap = centre + _xyz(0, _SHOULDER, 0) - _xyz(0, _HAND, 0.04)
            low, high = (middle, high) if np.linalg.norm(gap) < arm else (low, middle)
        return centre

    sides = {side: shoulder(arm) for side, arm in reach.items()}
    centre = (sides["left"] + sides["right"]) / 2
    along = (foot - centre) / np.linalg.norm(foot - centre)
    above = np.array([-along[2], 0.0, along[0]])
    above *= np.sign(above[2])
    bend = -0.10 * ("hips_sagging" in errors) + 0.13 * ("hips_piked" in errors)
    hip = centre + along * 0.5 * (1.0 if not on_knees else 1.07) + above * bend * length
    knee = foot if on_knees else (hip + foot) / 2
    ankle = foot + _xyz(-0.28, 0.0, 0.30) if on_knees else foot
    drop = np.radians(-42 if "head_dropped" in errors else -5)
    ear = centre - 0.22 * np.cos(drop) * along + 0.22 * np.sin(drop) * above
    nose = ear - 0.05 * along - 0.11 * above

    points = np.zeros((33, 3))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        at = sides[side] + _xyz(0, sign * _SHOULDER, 0)
        wrist = np.array([0.0, sign * _HAND, 0.04])
        put = {
            "shoulder": at,
            "elbow": _elbow(at, wrist, np.array([-np.cos(flare), sign * np.sin(flare), 0.1])),
            "wrist": wrist,
            "hip": hip + _xyz(0, sign * _HIP, sides[side][2] - centre[2]),
            "knee": knee + _xyz(0, sign * 0.1, 0),
            "ankle": ankle + _xyz(0, sign * 0.09, 0),
            "heel": ankle + _xyz(-0.05, sign * 0.09, 0.02),
            "foot_index": ankle + _xyz(0.1, sign * 0.09, -0.06),
            "ear": ear + _xyz(0, sign * 0.07, 0),
        }
        for part, where in put.items():
            points[INDEX[f"{side}_{part}"]] = where
        for part in ("pinky", "index", "thumb"):
            points[INDEX[f"{side}_{part}"]] = wrist + _xyz(0.08, 0, -0.02)
        for part in ("eye_inner", "eye", "eye_outer"):
            points[INDEX[f"{side}_{part}"]] = nose + 0.03 * above + _xyz(0, sign * 0.03, 0)
        points[INDEX[f"mouth_{side}"]] = nose - 0.03 * above + _xyz(0, sign * 0.02, 0)
    points[INDEX["nose"]] = nose
    return points


def _xyz(x: float, y: float, z: float) -> Array:
    return np.array([x, y, z])


def _standing() -> Array:
    """Return (33, 3) of a figure that stands at its feet's place, arms hanging."""
    heights = {"ankle": 0.08, "heel": 0.04, "foot_index": 0.02, "knee": 0.5, "hip": 0.9, "shoulder": 1.4}
    heights |= {"elbow": 1.12, "wrist": 0.86, "pinky": 0.8, "index": 0.8, "thumb": 0.8}
    points = np.zeros((33, 3))
    points[:, 0], points[:, 2] = -1.1, 1.6
    for name, i in INDEX.items():
        side, _, part = name.partition("_")
        if part in heights:
            points[i] = [-1.1, (0.2 if side == "left" else -0.2), heights[part]]
    return points


def _reach(angle: float) -> float:
    """Return the distance from shoulder to wrist at an elbow angle in degrees (law of cosines)."""
    square = _UPPER_ARM**2 + _FOREARM**2 - 2 * _UPPER_ARM * _FOREARM * np.cos(np.radians(angle))
    return float(np.sqrt(square))


def _elbow(shoulder: Array, wrist: Array, pole: Array) -> Array:
    """Return the elbow of a two-bone arm that bends towards `pole`."""
    line = wrist - shoulder
    distance = float(np.linalg.norm(line))
    line = line / distance
    side = pole - (pole @ line) * line
    along = (_UPPER_ARM**2 - _FOREARM**2 + distance**2) / (2 * distance)
    off = np.sqrt(max(_UPPER_ARM**2 - along**2, 0.0))
    return np.asarray(shoulder + along * line + off * side / np.linalg.norm(side))


def _film(
    joints: Array, view: str, near_side: str, dropouts: Sequence[tuple[int, int]], noise: float, seed: int
) -> Pose:
    """Project (T, 33, 3) metres through a camera 4 m away."""
    azimuth, elevation = np.radians(_AZIMUTH[view]), np.radians(_ELEVATION[view])
    sign = 1.0 if near_side == "left" else -1.0
    towards = np.array(
        [
            np.sin(azimuth) * np.cos(elevation),
            sign * np.cos(azimuth) * np.cos(elevation),
            np.sin(elevation),
        ]
    )
    forward = -towards
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    seen = (joints - np.array([-0.5, 0.0, 0.25])) @ np.stack([right, down, forward], axis=1)
    depth = seen[..., 2] + 4.0
    focal = 1.45 * WIDTH
    u, v = focal * seen[..., 0] / depth + WIDTH / 2, focal * seen[..., 1] / depth + HEIGHT / 2
    hips = seen[:, [INDEX["left_hip"], INDEX["right_hip"]]].mean(axis=1, keepdims=True)
    world = seen - hips
    z = world[..., 2] * focal / 4.0 / WIDTH
    visibility = np.full(z.shape, 0.98)
    far = "right" if near_side == "left" else "left"
    visibility[:, [i for n, i in INDEX.items() if far in n]] = _FAR_VISIBILITY[view]
    xy = np.stack([u / WIDTH, v / HEIGHT], axis=-1)
    if noise:
        rng = np.random.default_rng(seed)
        xy = xy + rng.normal(0, noise, xy.shape) * np.array([1.0, WIDTH / HEIGHT])
        world = world + rng.normal(0, noise * 2, world.shape)
    detected = np.ones(len(joints), dtype=bool)
    for start, end in dropouts:
        detected[start:end] = False
    for series in (xy, z, visibility, world):
        series[~detected] = np.nan
    xy32, z32, visibility32, world32 = (a.astype(np.float32) for a in (xy, z, visibility, world))
    return Pose(xy=xy32, z=z32, visibility=visibility32, world=world32, detected=detected)


def sequence(
    pose: Pose,
    start: int,
    end: int,
    *,
    near_side: str = "left",
    view: str = "side",
    width: int = WIDTH,
    height: int = HEIGHT,
    fps: float = 30.0,
    steps: int = 32,
    opinions: Sequence[float] = (),
    others: Sequence[tuple[int, int]] = (),
) -> npt.NDArray[np.float32]:
    """Return what the network sees of frames [start, end), a rep among `others` of its video."""
    signals, rep = kinematics.measure(pose, fps, width, height), Seen(start, end, near_side, view, "feet")
    return data.sequence(
        pose,
        signals,
        rep,
        np.array(opinions, dtype=np.float32),
        measures.common(
            signals, [rep, *(Seen(*bounds, near_side, view, "feet") for bounds in others)], rep, steps
        ),
        size=(width, height),
    )


def one_among_right_reps(error: str, **options: Any) -> tuple[Pose, tuple[int, int], list[tuple[int, int]]]:
    """Return a video's pose, the bounds of its first rep, which shows the error, and of three right ones."""
    (wrong, [(start, _, end)]), (right, found) = (
        push_up([error], reps=1, **options),
        push_up(reps=3, **options),
    )
    both = zip(astuple(wrong), astuple(right), strict=True)
    whole = Pose(*(np.concatenate(parts) for parts in both))
    return whole, (start, end), [(len(wrong) + a, len(wrong) + b) for a, _, b in found]


def mirrored(pose: Pose) -> Pose:
    """Return the pose of a mirrored video: left is right."""
    xy, world = (series[:, MIRRORED].copy() for series in (pose.xy, pose.world))
    xy[..., 0] = 1 - xy[..., 0]
    world[..., 0] *= -1
    return Pose(xy, pose.z[:, MIRRORED], pose.visibility[:, MIRRORED], world, pose.detected)
