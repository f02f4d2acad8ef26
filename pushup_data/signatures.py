"""Signatures of reps, to find the same seconds of film in several videos.

Re-encoded, resized, mirrored or trimmed copies, and loops of the same seconds, show one movement in one
picture. So two reps are near-duplicates where both agree around their bottoms:

- the pose: near-side landmarks in body lengths, head to the right, relative to the hips, 20 times a second;
- the picture: the body's own part of it, small and grey, whatever lies around it.

Two people in one room differ in the pose, two bodies with one motion in the picture. Candidates come from a
k-d tree over a few numbers per rep, so the cost grows with the reps' number times its logarithm, and not at
all with the frames.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pushup_data import ffmpeg
from pushup_data.landmarks import INDEX, Pose

Floats = npt.NDArray[np.float32]

VERSION = 1
RATE = 20  # samples a second
_HALF = 8  # samples before and after the bottom that are compared: 0.4 s
_SHIFT = 3  # samples by which the same movement's bottoms may be found apart: 0.15 s
_SPAN = _HALF + _SHIFT
_LIMBS = ("ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_PICTURES = (-_HALF, 0, _HALF)  # samples at which the picture is taken
SIDE = 12  # pixels of a picture's side
VALUES = len(_PICTURES) * SIDE * SIDE  # of a rep's pictures
_COMMON = 0.6  # share of samples that both reps' videos must show


def movement(pose: Pose, bottom: int, *, near_side: str, fps: float, width: int, height: int) -> Floats:
    """Return (2 * _SPAN + 1, coordinates) around frame `bottom`; NaN without a video or a landmark.

    In body lengths (shoulder to hip, the median over the frames) from the hip at the bottom, mirrored so that
    the head points to positive x.
    """
    points = pose.pixels(width, height)[:, [INDEX[f"{near_side}_{limb}"] for limb in _LIMBS]]
    at = bottom + np.arange(-_SPAN, _SPAN + 1) * fps / RATE
    frames = np.clip(np.round(at).astype(int), 0, len(pose) - 1)
    shoulder, hip = points[frames, 1], points[frames, 4]
    with np.errstate(invalid="ignore"):
        trunk = shoulder - hip
        known = np.isfinite(trunk).all(axis=1)
        unit = max(float(np.median(np.linalg.norm(trunk[known], axis=1))), 1e-6) if known.any() else np.nan
        series = np.stack([_at(points[:, k], at) for k in range(len(_LIMBS))], axis=1)
        series = (series - _at(points[:, 4], np.full(len(at), float(bottom)))[:, None]) / unit
        if known.any() and np.median(trunk[known, 0]) < 0:
            series[..., 0] *= -1
    return series.reshape(len(at), -1).astype(np.float32)


def _at(series: npt.NDArray[np.floating], at: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return (T, 2) values between frames; NaN outside the video."""
    low = np.floor(at).astype(int)
    share = (at - low)[:, None]
    inside = (at >= 0) & (at <= len(series) - 1)
    a, b = (series[np.clip(low + k, 0, len(series) - 1)] for k in (0, 1))
    mixed = np.where(share > 0, a * (1 - share) + b * share, a)
    return np.asarray(np.where(inside[:, None], mixed, np.nan))


def distances(a: Floats, b: Floats) -> Floats:
    """Return (N,): how far the movements of pairs are apart, (N, samples, coordinates) each, in body lengths.

    The root mean square over coordinates and common samples, at the best shift; infinite where too few are
    common.
    """
    best = np.full(len(a), np.inf, dtype=np.float32)
    middle = slice(_SHIFT, len(a[0]) - _SHIFT) if len(a) else slice(0)
    for shift in range(-_SHIFT, _SHIFT + 1):
        gap = (a[:, middle] - b[:, _SHIFT + shift : b.shape[1] - _SHIFT + shift]) ** 2
        common = np.isfinite(gap).all(axis=2)
        total = np.where(common, np.nan_to_num(gap).mean(axis=2), 0).sum(axis=1)
        count = common.sum(axis=1)
        enough = count >= _COMMON * gap.shape[1]
        distance = np.sqrt(total / np.maximum(count, 1))
        best[enough] = np.minimum(best, distance)[enough]
    return best


def pictures(
    clip: Path, clip_start: int, pose: Pose, bottom: int, *, near_side: str, fps: float
) -> list[int]:
    """Return the body's pictures around frame `bottom`, len(_PICTURES) * SIDE * SIDE grey values of 0 to 255.

    `clip` shows the video's frames from `clip_start` on. Each picture is cut to the body's landmarks and
    mirrored so that the head is on the right. Empty where the clip or the person is not there.
    """
    import av
    import cv2

    wanted = [bottom + round(k * fps / RATE) - clip_start for k in _PICTURES]
    try:
        with av.open(ffmpeg.url(clip)) as container:
            frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    except (av.error.FFmpegError, IndexError):
        return []
    values: list[int] = []
    for at in wanted:
        frame = min(max(at, 0), len(frames) - 1)
        row = frame + clip_start
        if not frames or not pose.detected[row]:
            return []
        height, width = frames[frame].shape
        points = pose.xy[row, [INDEX[f"{near_side}_{limb}"] for limb in _LIMBS]]
        # A tenth more on every side, and never less than a few pixels.
        low, high = points.min(axis=0), points.max(axis=0)
        margin = np.maximum(0.1 * (high - low), 0.02)
        left, top = np.clip((low - margin) * [width, height], 0, [width - 2, height - 2]).astype(int)
        right, end = np.clip((high + margin) * [width, height], [left + 2, top + 2], [width, height]).astype(
            int
        )
        part = cv2.resize(frames[frame][top:end, left:right], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        values += (part[:, ::-1] if points[1, 0] < points[4, 0] else part).ravel().tolist()
    return values


def likeness(a: Floats, b: Floats) -> Floats:
    """Return (N,): the mean correlation of pairs of pictures, (N, values) each; 0 where one is NaN."""
    shape = (len(a), len(_PICTURES), SIDE * SIDE)
    parts = []
    for side in (a, b):
        centred = side.reshape(shape) - side.reshape(shape).mean(axis=2, keepdims=True)
        parts.append(centred / np.maximum(np.linalg.norm(centred, axis=2, keepdims=True), 1e-6))
    correlation: Floats = np.nan_to_num((parts[0] * parts[1]).sum(axis=2).mean(axis=1)).astype(np.float32)
    return correlation


def pairs(
    movements: Floats, shown: Floats, videos: Sequence[str], *, max_distance: float, min_likeness: float
) -> list[tuple[int, int]]:
    """Return the near-duplicates among N reps of different videos, as pairs of rows, the smaller first.

    `movements` (N, samples, coordinates), `shown` (N, values) of pictures, NaN where there are none.
    """
    from scipy.spatial import cKDTree

    rows = np.flatnonzero(np.isfinite(movements[:, _SPAN]).all(axis=1))
    if len(rows) < 2:
        return []
    # The posture at the bottom: of all samples the last that a trim cuts off.
    key = movements[rows, _SPAN].astype(np.float64)
    _, _, axes = np.linalg.svd(key - key.mean(axis=0), full_matrices=False)
    # A projection brings points nearer, never further apart: no pair is lost. Twice, for shifted bottoms.
    tree = cKDTree((key - key.mean(axis=0)) @ axes[:8].T)
    found = tree.query_pairs(2 * max_distance * np.sqrt(key.shape[1]), output_type="ndarray")
    made: list[tuple[int, int]] = []
    names = np.asarray(videos, dtype=str)
    for part in _chunks(found):
        i, j = rows[part[:, 0]], rows[part[:, 1]]
        other = names[i] != names[j]
        i, j = i[other], j[other]
        near = distances(movements[i], movements[j]) <= max_distance
        i, j = i[near], j[near]
        alike = likeness(shown[i], shown[j]) >= min_likeness
        made += [(min(a, b), max(a, b)) for a, b in zip(i[alike].tolist(), j[alike].tolist(), strict=True)]
    return sorted(made)


def _chunks(found: npt.NDArray[np.int64]) -> Iterable[npt.NDArray[np.int64]]:
    return (found[k : k + 20_000] for k in range(0, len(found), 20_000))
