"""What is measured of a rep: kinematic signals over time, alone and beside the other reps of its video."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pushup_data.geometry import Series
from pushup_data.kinematics import TILTS, Signals

# Signals by name, and by what they are divided, so that what sets people apart is about 1.
KINEMATICS: Mapping[str, float] = {
    "height": 0.5,  # upper-arm lengths
    "elbow": 30.0,  # degrees
    "trunk": 10.0,
    "hip": 0.05,  # hip_knee on the knees, else hip_ankle, shares of the line's length
    "hips_ankles": 0.05,
    "hips_knees": 0.05,
    "hips_height": 0.3,  # trunk lengths
    "near_neck": 20.0,
    "far_neck": 20.0,
    "nose": 20.0,
    "face": 20.0,
    "head_height": 0.3,
    "spread": 0.3,  # shoulder widths
    "tilt": 5.0,  # positive where the near side is higher
    "elbow_tilt": 5.0,
    "hip_tilt": 5.0,
    "ear_tilt": 5.0,
    "near_height": 0.2,
    "far_height": 0.2,
    "near_lean": 0.2,
    "far_lean": 0.2,
    "near_reach": 0.2,
    "far_reach": 0.2,
    "near_elbow": 30.0,
    "far_elbow": 30.0,
    "near_elbow_off": 0.2,
    "far_elbow_off": 0.2,
    "near_elbow_back": 0.2,
    "far_elbow_back": 0.2,
    "near_elbow_down": 0.2,
    "far_elbow_down": 0.2,
    "knee": 15.0,
    "hip_bend": 10.0,
    "neck_bend": 20.0,
    "near_elbow_bend": 30.0,
    "far_elbow_bend": 30.0,
    "near_flare": 20.0,
    "far_flare": 20.0,
}
# How far each is from the video's usual rep: what body, camera and landmarker put into all reps is not in it.
APART = tuple(f"{name}_apart" for name in KINEMATICS)
# How far each is below the highest that any rep of the video reaches: arms that one rep straightens, all can.
# Not a tilt: from the front it is chance which shoulder counts as near, and thus which tilt is high.
_HIGH = [i for i, name in enumerate(KINEMATICS) if name not in TILTS]
BELOW = tuple(f"{[*KINEMATICS][i]}_below" for i in _HIGH)
MEASURES = (*KINEMATICS, *APART, *BELOW)
# With fewer reps there is no telling what is usual, or how high is high.
MIN_COMMON = 3
_TOP = 0.95  # quantile over a rep's steps: a single step may be the landmarker's slip
_AROUND = 0.1  # of a rep's length, before and after it: reps are cut tightly, and the top matters


@dataclass(frozen=True)
class Seen:
    """Which part of a video a rep is, and how it is seen: columns of tables.REPS."""

    start: int
    end: int
    near_side: str
    view: str
    support: str

    def window(self, frames: int) -> tuple[int, int]:
        """Return [start, end) with _AROUND of its length before and after it, in a video of `frames`."""
        around = round(_AROUND * (self.end - self.start))
        return max(self.start - around, 0), min(self.end + around, frames)


@dataclass(frozen=True)
class Common:
    """What a video's reps have in common; NaN where a signal is known in fewer than MIN_COMMON of them."""

    usual: Series  # (steps, signals): the median rep
    highest: Series  # (signals,): as high as any rep comes


def over_time(signals: Signals, rep: Seen, steps: int) -> Series:
    """Return a rep's KINEMATICS over time, (steps, signals), NaN where unknown; `signals` are the video's."""
    start, end = rep.window(len(signals))
    at: Series = np.linspace(0, end - start - 1, steps, dtype=np.float64)
    return np.stack([_resampled(channel[start:end], at) for channel in _kinematic(signals, rep)], axis=1)


def common(signals: Signals, reps: Sequence[Seen], seen: Seen, steps: int) -> Common:
    """Return what a video's `reps` have in common, all measured by the near side and support of `seen`."""
    unknown = np.full((steps, len(KINEMATICS)), np.nan)
    alike = [replace(seen, start=rep.start, end=rep.end) for rep in reps]
    if len(alike) < MIN_COMMON:
        return Common(unknown, unknown[0])
    each = np.stack([over_time(signals, rep, steps) for rep in alike])  # (reps, steps, signals)
    few = np.isfinite(each).all(axis=1).sum(axis=0) < MIN_COMMON
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a signal that no rep knows stays unknown
        usual = np.nanmedian(each, axis=0)
        highest = np.nanmax(np.nanquantile(each, _TOP, axis=1), axis=0)
    return Common(np.where(few, np.nan, usual), np.where(few, np.nan, highest))


def measure(signals: Signals, rep: Seen, among: Common) -> Series:
    """Return a rep's MEASURES over time, (steps, measures), NaN where unknown."""
    mine = over_time(signals, rep, len(among.usual))
    return np.concatenate([mine, mine - among.usual, (mine - among.highest)[:, _HIGH]], axis=1)


def _kinematic(signals: Signals, rep: Seen) -> list[Series]:
    """Return KINEMATICS over the whole video, in their units."""
    near_up = 1 if rep.near_side == "left" else -1
    hip = signals.hip_knee if rep.support == "knees" else signals.hip_ankle
    named = {"hip": hip} | {name: near_up * getattr(signals, name) for name in TILTS}
    return [(named[n] if n in named else getattr(signals, n)) / unit for n, unit in KINEMATICS.items()]


def _resampled(channel: Series, at: Series) -> Series:
    """Interpolate a channel's known values at times `at`; NaN throughout where fewer than half are known."""
    known = np.isfinite(channel)
    if not known.any() or known.mean() < 0.5:
        return np.full(len(at), np.nan)
    return np.asarray(np.interp(at, np.flatnonzero(known), channel[known]))
