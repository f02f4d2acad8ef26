"""Angles, distances and their signs, frame by frame: (T, 2) or (T, 3) points in, (T,) numbers out."""

import numpy as np
import numpy.typing as npt

Series = npt.NDArray[np.float64]
Floats = npt.NDArray[np.floating]

_LEAST = 1e-9  # what is divided by is at least so long


def length(vectors: Floats) -> Series:
    """Return each frame's length."""
    return np.asarray(np.linalg.norm(vectors, axis=1), dtype=np.float64)


def unit(vectors: Series) -> Series:
    """Return vectors of length 1 in the same directions."""
    return np.asarray(vectors / np.maximum(length(vectors), _LEAST)[:, None])


def along(vectors: Floats, direction: Floats) -> Series:
    """Return the dot products of each frame's two vectors."""
    return np.asarray((vectors * direction).sum(axis=1), dtype=np.float64)


def across(vectors: Series, direction: Series) -> Series:
    """Return the cross products of each frame's two vectors in the plane."""
    return np.asarray(vectors[:, 0] * direction[:, 1] - vectors[:, 1] * direction[:, 0])


def ratio(vectors: Series, other: Series) -> Series:
    """Return how many times as long as the others the vectors are."""
    return np.asarray(length(vectors) / np.maximum(length(other), _LEAST))


def angle(a: Series, joint: Series, b: Series) -> Series:
    """Return the angle at `joint` between `a` and `b`, degrees, 0 to 180."""
    u, v = a - joint, b - joint
    cosine = along(u, v) / np.maximum(length(u) * length(v), _LEAST)
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def upward(line: Series) -> Series:
    """Return the unit normals of (T, 2) lines that point up in the picture."""
    normal = np.stack([line[:, 1], -line[:, 0]], axis=1) * np.where(line[:, 0] < 0, -1.0, 1.0)[:, None]
    return np.asarray(normal / np.maximum(length(line), _LEAST)[:, None])


def off_line(point: Series, start: Series, end: Series) -> Series:
    """Return the distance of `point` from the line, in shares of its length, positive above."""
    line = end - start
    return np.asarray(along(point - start, upward(line)) / np.maximum(length(line), _LEAST))


def above(vectors: Series, line: Series) -> Series:
    """Return the angle of vectors against a line in the picture, degrees, positive above it."""
    return np.asarray(np.degrees(np.arctan2(along(vectors, upward(line)), along(vectors, unit(line)))))


def turned(line: Series, reference: Series) -> Series:
    """Return how far (T, 2) lines from right to left are turned, left end up, against reference lines.

    Degrees, -180 to 180. Against the hands, which stay on the floor, a tilted camera does not count.
    """
    angles = np.degrees(np.arctan2(across(line, reference), along(line, reference)))
    return np.asarray(angles * np.where(reference[:, 0] < 0, -1.0, 1.0))
