"""Find repetitions in a video's pose, take people's corrections, and give every rep a lasting name.

The signal is the shoulders' height above the wrists in upper-arm lengths: it moves the same way from the
side, obliquely and from the front. A rep is a fall of that height with the rise after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl

from pushup_data import frames, kinematics, params, quality, series, tables
from pushup_data.geometry import Series
from pushup_data.kinematics import Signals
from pushup_data.landmarks import Pose
from pushup_data.quality import Side, View

Support = Literal["feet", "knees"]

# A rise ends a rep if it regains this share of the fall before it: unrest and sagging back at the bottom
# do not, a rep without full lockout does.
_REGAINED = 0.4
_PRESSED = 2  # times min_travel: a travel that proves a whole rep, whatever the elbows look like
_RESTING = 0.06  # of a rep's travel: frames no higher than this above the lowest are its bottom
# Where the video (or the person's stay in it) begins or ends, a half of a rep counts as seen if this share
# of its way is; and as begun if this share of the other reps' way is.
_SEEN, _BEGUN = 0.5, 0.5
# Pauses and shifting about at the top belong to no rep: it ends where, having regained most of its way, it
# gains less than a small share of it in the time that follows; it starts likewise, seen backwards.
_MOST, _STANDSTILL, _STANDSTILL_S = 0.85, 0.03, 0.3
# Knee push-ups from the side and obliquely, in the upper half of the way, on 162 real clips with a pose:
# knee angle 69 to 150 degrees, knee 0.06 to 0.32 m below the ankle. On the feet some knees give way at the
# bottom, and some shins hang a little, but not both and not in the upper half (two with feet on a ball do).
_KNEE_BENT_DEG, _KNEE_BELOW_M = 152.0, 0.055
_MATCH_IOU = 0.5  # from here on two ranges of frames are the same rep


@dataclass(frozen=True)
class Rep:
    """One repetition; frames as in tables.REPS."""

    start: int
    bottom: int
    end: int
    partial: bool
    near_side: Side
    view: View
    support: Support
    drawn: bool = False


@dataclass(frozen=True)
class Boundaries:
    """A rep as a person drew it: frames [start, end); `bottom` None where it is to be found."""

    start: int
    bottom: int | None
    end: int


def find(pose: Pose, fps: float, width: int, height: int, limits: params.Reps) -> list[Rep]:
    """Return the reps of one video in the order of time; an empty list where nobody does push-ups.

    `fps` is the video's frame rate (10 to 60 are tested), `width` and `height` its size in pixels.
    """
    return in_signals(kinematics.measure(pose, fps, width, height), pose, fps, limits)


def in_signals(signals: Signals, pose: Pose, fps: float, limits: params.Reps) -> list[Rep]:
    """Return the reps of one video whose signals are measured already."""
    known = np.isfinite(signals.height) & signals.in_position
    found: list[Rep] = []
    for first, last in series.runs(known):
        if last - first < limits.min_duration_s * fps:
            continue
        height = signals.height[first:last]
        for start, low, end, partial in _reps_of(height, limits.min_travel, fps):
            bottom = low if partial else _resting(height, start, low, end)
            rep = _rep(pose, signals, (first + start, first + bottom, first + end), partial=partial)
            if _plausible(rep, signals, fps, limits):
                found.append(rep)
    return found


def apply_boundaries(
    found: Sequence[Rep], drawn: Sequence[Boundaries], signals: Signals, pose: Pose
) -> list[Rep]:
    """Return `found` with people's reps in the place of every detection that they overlap.

    A detection is overlapped if its bottom lies within the drawn frames, or half of the shorter of both.
    Of boundaries drawn for the same rep (matching as in `name`) the last ones count. Boundaries outside the
    video are cut to it; those left empty are ignored.
    """
    own: list[Rep] = []
    for boundaries in drawn:
        start, end = max(boundaries.start, 0), min(boundaries.end, len(signals))
        if start >= end:
            continue
        bottom = boundaries.bottom
        if bottom is None or not start <= bottom < end:
            bottom = _lowest(signals.height, start, end)
        own = [rep for rep in own if frames.overlap((rep.start, rep.end), (start, end)) < _MATCH_IOU]
        own.append(replace(_rep(pose, signals, (start, bottom, end), partial=False), drawn=True))
    kept = [rep for rep in found if not any(_replaces(person, rep) for person in own)]
    return sorted([*kept, *own], key=lambda rep: (rep.start, rep.bottom))


def name(video_id: str, found: Sequence[Rep], registry: pl.DataFrame) -> tuple[list[str], pl.DataFrame]:
    """Return an id for each rep of one video, and the entries that the registry lacks (tables.REP_REGISTRY).

    A rep that overlaps a registered one by at least half of their union keeps its id, the best match first,
    one to one; any other gets a new id. No entry of the registry is ever changed or taken away.
    """
    known = registry.filter(pl.col("video_id") == video_id)
    entries = list(known.select("rep_id", "start", "end").iter_rows())
    pairs = sorted(
        (-frames.overlap((rep.start, rep.end), (start, end)), i, j)
        for i, rep in enumerate(found)
        for j, (_, start, end) in enumerate(entries)
    )
    ids: dict[int, str] = {}
    used: set[int] = set()
    for negative, i, j in pairs:
        if -negative >= _MATCH_IOU and i not in ids and j not in used:
            ids[i] = entries[j][0]
            used.add(j)
    taken = {entry[0] for entry in entries}
    new = []
    for i, rep in enumerate(found):
        if i in ids:
            continue
        ids[i] = _mint(f"{video_id}-f{rep.bottom}", taken)
        taken.add(ids[i])
        new.append(
            {"rep_id": ids[i], "video_id": video_id, "start": rep.start, "bottom": rep.bottom, "end": rep.end}
        )
    return [ids[i] for i in range(len(found))], tables.REP_REGISTRY.frame(new)


def _mint(wanted: str, taken: set[str]) -> str:
    """Return the wanted id, with a counter where another rep with the same lowest frame has it."""
    number, minted = 1, wanted
    while minted in taken:
        number += 1
        minted = f"{wanted}-{number}"
    return minted


def _reps_of(height: Series, min_travel: float, fps: float) -> list[tuple[int, int, int, bool]]:
    """Return (start, bottom, end, partial) of every fall and rise in one gapless stretch of the signal."""
    turns = turning_points(height, min_travel)
    window = max(round(_STANDSTILL_S * fps), 1)
    lows = [k for k, (_, top) in enumerate(turns) if not top]
    ways = [max(abs(height[turns[j][0]] - height[turns[k][0]]) for j in _beside(turns, k)) for k in lows]
    reps = []
    for way, k in zip(ways, lows, strict=True):
        bottom = turns[k][0]
        before = turns[k - 1][0] if k else None
        after = turns[k + 1][0] if k + 1 < len(turns) else None
        fallen = 0.0 if before is None else (height[before] - height[bottom]) / way
        risen = 0.0 if after is None else (height[after] - height[bottom]) / way
        # Only at either end of the stretch may something be missing: between, every rep is what it is.
        at_edge_before, at_edge_after = k <= 1, k >= len(turns) - 2
        partial = bool((at_edge_before and fallen < _SEEN) or (at_edge_after and risen < _SEEN))
        if 0.0 in (fallen, risen) and len(ways) > 1 and way < _BEGUN * float(np.median(ways)):
            continue
        reps.append((*_trimmed(height, before, bottom, after, window), partial))
    return reps


def turning_points(height: Series, min_travel: float) -> list[tuple[int, bool]]:
    """Return the frames at which the signal turns, and whether each is a top; tops and lows alternate.

    A fall counts from `min_travel` on, a rise from the larger of `min_travel` and 0.4 of the fall before
    it. The first and the last point are where the signal's first and last such movement begin and end.
    """
    points: list[tuple[int, bool]] = []
    high = low = 0
    for i in range(1, len(height)):
        falling = bool(points) and points[-1][1]
        rising = bool(points) and not points[-1][1]
        if not falling and height[i] > height[high]:
            high = i
        if not rising and height[i] < height[low]:
            low = i
        if not points and height[high] - height[low] >= min_travel:
            points.append((min(low, high), high < low))
        elif rising and height[high] - height[i] >= min_travel:
            points.append((high, True))
            low = i
        elif falling and height[i] - height[low] >= max(
            min_travel, _REGAINED * (height[points[-1][0]] - height[low])
        ):
            points.append((low, False))
            high = i
    if points:
        points.append((low, False) if points[-1][1] else (high, True))
    return points


def _resting(height: Series, start: int, low: int, end: int) -> int:
    """Return the middle of the frames around the lowest one that are as good as low: people rest there."""
    part = height[start:end]
    deep = part <= part.min() + _RESTING * (part.max() - part.min())
    around = next(run for run in series.runs(deep) if run[0] <= low - start < run[1])
    return start + (around[0] + around[1] - 1) // 2


def _beside(turns: Sequence[tuple[int, bool]], k: int) -> list[int]:
    return [j for j in (k - 1, k + 1) if 0 <= j < len(turns)]


def _trimmed(
    height: Series, before: int | None, bottom: int, after: int | None, window: int
) -> tuple[int, int, int]:
    """Return (start, bottom, end) without what happens at the top before and after."""
    start, end = 0, len(height)
    if before is not None:
        start = bottom - _risen(height[before : bottom + 1][::-1], window)
    if after is not None:
        end = bottom + _risen(height[bottom : after + 1], window) + 1
        end = min(end, after) if after > bottom + 1 else end
    return start, bottom, end


def _risen(rise: Series, window: int) -> int:
    """Return after how many frames a rise, given from its lowest frame on, comes to a standstill."""
    gained = rise - rise[0]
    still_to_come = [float(gained[i : i + window + 1].max() - gained[i]) for i in range(len(gained))]
    over = (gained >= _MOST * gained[-1]) & (np.array(still_to_come) <= _STANDSTILL * gained[-1])
    return int(np.flatnonzero(over)[0])


def _rep(pose: Pose, signals: Signals, frames: tuple[int, int, int], *, partial: bool) -> Rep:
    start, bottom, end = frames
    view = quality.view_of(pose.cut(start, end))
    support = _support(signals, start, end, view)
    return Rep(start, bottom, end, partial, signals.near_side, view, support)


def _support(signals: Signals, start: int, end: int, view: View) -> Support:
    """Say what carries the lower body. From the front the legs are hidden: feet are assumed."""
    height = signals.height[start:end]
    if view not in ("side", "oblique") or not np.isfinite(height).any():
        return "feet"
    upper = height >= (np.nanmin(height) + np.nanmax(height)) / 2
    angle, drop = (_median(series[start:end][upper]) for series in (signals.knee, signals.knee_drop))
    return "knees" if angle < _KNEE_BENT_DEG and drop > _KNEE_BELOW_M else "feet"


def _plausible(rep: Rep, signals: Signals, fps: float, limits: params.Reps) -> bool:
    """Whether a fall and rise lasts as a rep does, and comes from bending the elbows."""
    seconds = (rep.end - rep.start) / fps
    shortest = limits.min_duration_s / 2 if rep.partial else limits.min_duration_s
    elbow, height = (series[rep.start : rep.end] for series in (signals.elbow, signals.height))
    bent = float(np.nanmax(elbow) - np.nanmin(elbow)) if np.isfinite(elbow).any() else 0.0
    # Elbows that bend towards the camera look straight; but over hands that stay put, shoulders come down
    # this far in no other way.
    travel = float(np.nanmax(height) - np.nanmin(height)) if np.isfinite(height).any() else 0.0
    pressed = bent >= limits.min_flexion or (not rep.partial and travel >= _PRESSED * limits.min_travel)
    return shortest <= seconds <= limits.max_duration_s and pressed


def _replaces(person: Rep, detected: Rep) -> bool:
    common = min(person.end, detected.end) - max(person.start, detected.start)
    shorter = min(person.end - person.start, detected.end - detected.start)
    return person.start <= detected.bottom < person.end or 2 * common >= shorter


def _lowest(height: Series, start: int, end: int) -> int:
    part = height[start:end]
    return start + (int(np.nanargmin(part)) if np.isfinite(part).any() else (end - start) // 2)


def _median(series: Series) -> float:
    return float(np.nanmedian(series)) if np.isfinite(series).any() else float("nan")
