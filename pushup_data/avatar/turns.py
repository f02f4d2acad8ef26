"""Turns in space, many at once: (T, 3, 3) matrices. X is ahead, Y left, Z up."""

import numpy as np
import numpy.typing as npt

Series = npt.NDArray[np.float64]


def turn(degrees: Series, axis: int) -> Series:
    """Return (T, 3, 3) right-handed turns about a world axis."""
    angle = np.radians(np.asarray(degrees, dtype=np.float64))
    one, two = (axis + 1) % 3, (axis + 2) % 3
    made = np.zeros((len(angle), 3, 3))
    made[:, axis, axis] = 1.0
    made[:, one, one] = made[:, two, two] = np.cos(angle)
    made[:, two, one], made[:, one, two] = np.sin(angle), -np.sin(angle)
    return made


def up(degrees: Series) -> Series:
    """Tip the head's end up."""
    return turn(-np.asarray(degrees), 1)


def yaw(degrees: Series) -> Series:
    """Turn to the left."""
    return turn(degrees, 2)


def about_x(degrees: Series) -> Series:
    """Roll, the left side up."""
    return turn(degrees, 0)


def about(axis: Series, radians: Series) -> Series:
    """Return (T, 3, 3) turns about unit axes (T, 3): Rodrigues' formula."""
    x, y, z = np.broadcast_to(axis, (len(radians), 3)).T
    zero = np.zeros_like(x)
    skew = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)
    sine, versine = np.sin(radians)[:, None, None], (1 - np.cos(radians))[:, None, None]
    return np.asarray(np.eye(3) + sine * skew + versine * (skew @ skew))


def swing(a: Series, b: Series) -> Series:
    """Return (T, 3, 3) the shortest turns from unit vectors (T, 3) to others."""
    axis = np.cross(a, b)
    sine = np.linalg.norm(axis, axis=1)
    angle = np.arctan2(sine, (a * b).sum(axis=1))
    return about(axis / np.maximum(sine, 1e-9)[:, None], angle)


def twist(before: Series, after: Series, still: Series, axis: Series) -> Series:
    """Return how far `after` is turned about `axis` (T, 3) beyond the shortest turn from `before`, radians.

    `still` (1, 3) is the bone's direction at rest, `axis` its direction after.
    """
    swung = swing(np.einsum("tij,tj->ti", before, np.broadcast_to(still, axis.shape)), axis) @ before
    across = unit(np.cross(still, np.array([[0.3, 0.5, 0.8]])))
    a, b = (np.einsum("tij,tj->ti", r, np.broadcast_to(across, axis.shape)) for r in (swung, after))
    return np.asarray(np.arctan2((np.cross(a, b) * axis).sum(axis=1), (a * b).sum(axis=1)))


def frame(first: Series, second: Series) -> Series:
    """Return (T, 3, 3) matrices whose columns are `first`, `second` made square to it, and their product."""
    x = unit(first)
    y = unit(second - (second * x).sum(axis=1)[:, None] * x)
    return np.stack(np.broadcast_arrays(x, y, np.cross(x, y)), axis=2)


def unit(vectors: Series) -> Series:
    """Return vectors (…, 3) of length 1 in the same directions."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))
