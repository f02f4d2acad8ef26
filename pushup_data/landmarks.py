"""MediaPipe's 33 pose landmarks: their names, the skeleton, and one video's pose as arrays."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from pushup_data import tables

Floats = npt.NDArray[np.float32]

_NAMES = """
nose left_eye_inner left_eye left_eye_outer right_eye_inner right_eye right_eye_outer left_ear right_ear
mouth_left mouth_right left_shoulder right_shoulder left_elbow right_elbow left_wrist right_wrist
left_pinky right_pinky left_index right_index left_thumb right_thumb left_hip right_hip left_knee
right_knee left_ankle right_ankle left_heel right_heel left_foot_index right_foot_index
"""
NAMES = tuple(_NAMES.split())
INDEX = {name: i for i, name in enumerate(NAMES)}

# Left and right swapped, for a mirrored picture.
MIRRORED = [INDEX[n.replace("left", "*").replace("right", "left").replace("*", "right")] for n in NAMES]

_BONES = """
left_shoulder-right_shoulder left_hip-right_hip nose-left_ear nose-right_ear
left_shoulder-left_elbow left_elbow-left_wrist left_shoulder-left_hip left_hip-left_knee left_knee-left_ankle
left_ankle-left_heel left_heel-left_foot_index
right_shoulder-right_elbow right_elbow-right_wrist right_shoulder-right_hip right_hip-right_knee
right_knee-right_ankle right_ankle-right_heel right_heel-right_foot_index
"""
EDGES = [(INDEX[a], INDEX[b]) for a, b in (bone.split("-") for bone in _BONES.split())]
# What people are shown: bones that an error can be seen on. Feet, eyes, mouth and fingers are only clutter.
SHOWN_EDGES = [edge for edge in EDGES if not any(NAMES[i].endswith(("heel", "index")) for i in edge)]


@dataclass(frozen=True)
class Pose:
    """One person through T frames of one video. Undetected frames are NaN throughout."""

    xy: Floats  # (T, 33, 2) shares of the picture's width and height, origin top left
    z: Floats  # (T, 33) depth in shares of the width, smaller is nearer
    visibility: Floats  # (T, 33) 0 to 1
    world: Floats  # (T, 33, 3) metres from the hips' middle, y down
    detected: npt.NDArray[np.bool_]  # (T,)

    def __len__(self) -> int:
        return len(self.detected)

    def pixels(self, width: int, height: int) -> Floats:
        """Return (T, 33, 2) positions in pixels: angles are only right on these."""
        return self.xy * np.array([width, height], dtype=np.float32)

    def cut(self, start: int, end: int) -> "Pose":
        """Return frames [start, end)."""
        return self.take(slice(start, end))

    def take(self, at: slice | npt.NDArray[np.intp]) -> "Pose":
        """Return the frames of a slice or of indices."""
        return Pose(self.xy[at], self.z[at], self.visibility[at], self.world[at], self.detected[at])


def from_table(frame: pl.DataFrame) -> Pose:
    """Turn a tables.POSE frame into arrays."""

    def stack(*columns: str) -> Floats:
        return np.stack([frame[c].to_numpy().reshape(-1, tables.LANDMARKS) for c in columns], axis=-1)

    return Pose(
        xy=stack("x", "y"),
        z=stack("z")[..., 0],
        visibility=stack("visibility")[..., 0],
        world=stack("world_x", "world_y", "world_z"),
        detected=frame["detected"].to_numpy(),
    )


def read(path: Path) -> Pose:
    """Read data/poses/<video_id>.parquet."""
    return from_table(tables.read(tables.POSE, path))
