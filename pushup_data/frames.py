"""Frames as we count them and as Label Studio does.

We: 0-based and half-open, frames[start:end]. Label Studio's timeline: 1-based and inclusive, so that its
region from 1 to n is all of a video of n frames.
"""


def to_timeline(start: int, end: int) -> dict[str, int]:
    """Return Label Studio's range for frames [start, end). Raises ValueError for no frames."""
    if not 0 <= start < end:
        raise ValueError(f"no frames from {start} to {end}")
    return {"start": start + 1, "end": end}


def from_timeline(first: float, last: float, frames: int) -> tuple[int, int] | None:
    """Return [start, end) of Label Studio's range, cut to a video of `frames` frames; None for none of them.

    The browser may give fractions, and ranges drawn from right to left.
    """
    low, high = sorted((round(first), round(last)))
    start, end = max(low - 1, 0), min(high, frames)
    return (start, end) if start < end else None


def overlap(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Return the intersection over union of two half-open ranges of frames, 0 to 1."""
    common = max(0, min(one[1], other[1]) - max(one[0], other[0]))
    union = (one[1] - one[0]) + (other[1] - other[0]) - common
    return common / union if union > 0 else 0.0
