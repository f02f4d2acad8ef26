"""The motion of a push-up set: a plan turned into angles over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pushup_data.avatar.plans import HIP, Plan, Rep
from pushup_data.avatar.posing import Angles
from pushup_data.avatar.turns import Series


@dataclass(frozen=True)
class Times:
    """One rep in seconds."""

    start: float
    bottom: float
    end: float


def animate(plan: Plan, fps: float) -> tuple[Angles, list[Times]]:
    """Return the angles of every frame, and when each rep starts, turns and ends."""
    times, at = [], plan.into_s + plan.lead_s
    for rep in plan.reps:
        bottom = at + rep.down_s + rep.hold_s / 2
        times.append(Times(at, bottom, at + rep.down_s + rep.hold_s + rep.up_s))
        at = times[-1].end + rep.rest_s
    total = times[-1].end + plan.lead_s + plan.out_s
    t = np.arange(round(total * fps)) / fps
    depth, rising, share = _phases(plan.reps, times, t)
    rng = np.random.default_rng(plan.seed)

    def of(values: Sequence[float]) -> Series:
        return np.asarray(share.T @ np.array(values))

    reps = plan.reps
    top = _tops(reps, times, t)
    angle = {
        "flexion": top + depth * (of([r.bottom for r in reps]) - top),
        "flare": of([r.flare for r in reps]) + _unrest(rng, t, 2.5),
        "neck": of([r.neck for r in reps]) - 4 * depth + _unrest(rng, t, 3.0),
        "roll": of([r.roll for r in reps]) * (0.2 + 0.8 * depth) + _unrest(rng, t, 0.7) * (0.2 + depth),
        "shoulders": 7.0 - 16.0 * depth,
        "knee": plan.knees + _unrest(rng, t, 1.0),
        "rock": plan.rock * depth,
        "hip": _unrest(rng, t, 0.8) + plan.sway * (rng.choice([-1, 1]) * depth + 0.5 * (rising - 0.3)),
    }
    when = {"always": np.ones(len(t)), "bottom": depth**1.5, "ascent": rising, "top": (1 - depth) ** 1.5}
    for i, rep in enumerate(reps):
        if rep.hip_when == "worm":  # knees give way, the chest comes up first, the hips last
            lag = 0.5 * depth + 0.5 * rising
            angle["hip"] += share[i] * rep.hip * (0.35 + 0.65 * lag)
            angle["knee"] += share[i] * -rep.hip * (0.5 + 0.7 * lag)
        else:
            base = np.clip(rep.hip, *HIP) if rep.hip_when != "always" else 0.0
            angle["hip"] += share[i] * (base + (rep.hip - base) * when[rep.hip_when])
    up = np.ones(len(t))  # 0 on the knees, 1 in position
    if plan.into_s:
        up *= _smooth(t / plan.into_s)
    if plan.out_s:
        up *= _smooth((total - t) / plan.out_s)
    angle["hip"] = angle["hip"] * up + 62.0 * (1 - up)
    angle["knee"] = angle["knee"] * up + 78.0 * (1 - up)
    return Angles(**{name: np.asarray(series) for name, series in angle.items()}), times


def _phases(reps: Sequence[Rep], times: Sequence[Times], t: Series) -> tuple[Series, Series, Series]:
    """Return (T,) depth and way up, both 0 to 1, and (reps, T) which rep's habits hold, adding up to 1."""
    depth, rising = np.zeros(len(t)), np.zeros(len(t))
    for rep, when in zip(reps, times, strict=True):
        down = _smooth((t - when.start) / rep.down_s)
        up = _smooth((t - (when.end - rep.up_s)) / rep.up_s)
        depth += down - up
        rising += np.where(down >= 1, 4 * up * (1 - up), 0)
    np.clip(depth, 0, 1, out=depth)  # sums of shares may end a hair above 1
    share = np.ones((len(reps), len(t)))
    for i in range(1, len(reps)):  # one rep's habits give way to the next one's while at the top
        begin, end = times[i - 1].end - 0.1, times[i].start + 0.2 * reps[i].down_s
        later = _smooth((t - begin) / (end - begin))
        share[:i] *= 1 - later
        share[i:] *= later
    return depth, rising, share / share.sum(axis=0)


def _tops(reps: Sequence[Rep], times: Sequence[Times], t: Series) -> Series:
    """Return (T,) the elbows' flexion at the top: the one before a rep until its bottom, then the one after.

    Arms that stay bent do so before and after the rep, whatever its neighbours do.
    """
    bent = [rep.top if "incomplete_lockout" in rep.errors else 0.0 for rep in reps]
    between = [max(a, b) or (x.top + y.top) / 2 for (a, x), (b, y) in pairwise(zip(bent, reps, strict=True))]
    levels = [reps[0].top, *between, reps[-1].top]
    series = np.full(len(t), levels[0])
    for when, before, after in zip(times, levels, levels[1:], strict=False):
        width = 0.6 * (when.end - when.start)
        series += (after - before) * _smooth((t - when.bottom) / width + 0.5)
    return series


def _smooth(share: Series) -> Series:
    """Go from 0 to 1 without a jerk (the minimum-jerk polynomial; Flash and Hogan, 1985)."""
    x = np.clip(share, 0, 1)
    return np.asarray(x**3 * (10 - 15 * x + 6 * x**2))


def _unrest(rng: np.random.Generator, t: Series, size: float) -> Series:
    """Return slow wandering of about `size`: three sines of one tenth to one cycle per second."""
    waves = [
        np.sin(2 * np.pi * (rate * t + phase)) * weight
        for rate, phase, weight in zip(
            rng.uniform(0.1, 1.0, 3), rng.random(3), rng.uniform(0.2, 0.6, 3), strict=True
        )
    ]
    return np.asarray(size * sum(waves))
