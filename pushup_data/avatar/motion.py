"""The motion of a push-up set: every rep with errors of its own, and all the variety of doing it right.

A set is planned first (`draw`: who does what, how strongly), then turned into angles over time (`animate`).
Between what counts as right and an error at its mildest lies a gap, in which no rep is made: where people
would differ, the truth would mean nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pushup_data.avatar.posing import Angles, Stance
from pushup_data.avatar.turns import Series

# How strong an error is at severity 0 and 1, in degrees: of hip, elbow, upper arm, neck or trunk.
STRENGTH = {
    "hips_sagging": (-12.0, -32.0),
    "hips_piked": (15.0, 42.0),
    "shallow_depth": (66.0, 46.0),  # the elbows' flexion at the bottom
    "incomplete_lockout": (28.0, 55.0),  # and at the top
    "elbows_flared": (70.0, 90.0),
    "head_dropped": (52.0, 78.0),
    "asymmetric": (7.0, 15.0),
}
# What a right rep looks like.
_BOTTOM, _TOP, _FLARE, _NECK, _HIP = (98.0, 150.0), (2.0, 17.0), (8.0, 52.0), (-22.0, 36.0), (-6.0, 8.0)
# When in a rep an error of the hips shows, and how often.
_SAGS = {"always": 0.45, "bottom": 0.2, "ascent": 0.15, "worm": 0.2}
_PIKES = {"always": 0.6, "bottom": 0.2, "top": 0.2}
_EXCLUSIVE = ({"hips_sagging", "hips_piked"}, {"shallow_depth", "incomplete_lockout"})
_NONE, _HABIT, _SECOND = (
    0.35,
    0.45,
    0.25,
)  # shares: reps without error; sets with a habit; reps with two errors


@dataclass(frozen=True)
class Rep:
    """What is planned for one repetition. Angles in degrees, times in seconds."""

    errors: Mapping[str, float] = field(default_factory=dict)  # to severity, 0 to 1
    top: float = 8.0
    bottom: float = 105.0
    flare: float = 38.0
    hip: float = 0.0
    hip_when: str = "always"
    neck: float = -10.0
    roll: float = 0.0
    down_s: float = 1.0
    hold_s: float = 0.1
    up_s: float = 0.9
    rest_s: float = 0.4


@dataclass(frozen=True)
class Plan:
    """A whole set."""

    stance: Stance
    reps: tuple[Rep, ...]
    into_s: float  # getting into position, from the knees; 0: is in it
    out_s: float
    lead_s: float  # stillness at the top before the first rep, and after the last
    sway: float  # of the hips, degrees, in right reps too
    knees: float  # how soft they are, degrees
    rock: float  # how far the ankles go forward on the way down, degrees
    seed: int  # of the small unrest


@dataclass(frozen=True)
class Times:
    """One rep in seconds."""

    start: float
    bottom: float
    end: float


def draw(
    rng: np.random.Generator,
    reps: int,
    *,
    errors: Sequence[Mapping[str, float]] | None = None,
    on_knees: bool | None = None,
) -> Plan:
    """Draw a set of `reps`; `errors` says what is wrong with each rep (id to severity) instead of chance."""
    chosen = draw_errors(rng, reps) if errors is None else list(errors)
    knees = bool(rng.random() < 0.12) if on_knees is None else on_knees
    stance = Stance(
        on_knees=knees,
        hands=rng.uniform(0.95, 1.4),
        reach=rng.uniform(-0.11, 0.03),
        feet=rng.uniform(0.04, 0.2),
        toe_out=rng.uniform(-8, 22),
        shins=float(rng.choice([8.0, 20.0, 45.0, 70.0])),
        lumbar=rng.uniform(0.25, 0.65),
    )
    style = Rep(
        top=rng.uniform(*_TOP),
        bottom=rng.uniform(*_BOTTOM),
        flare=rng.uniform(*_FLARE),
        hip=rng.uniform(*_HIP) + (4.0 if knees else 0.0),
        neck=rng.uniform(*_NECK),
        down_s=rng.uniform(0.4, 1.3),
        hold_s=rng.choice([0.0, rng.uniform(0, 0.6)]),
        up_s=rng.uniform(0.35, 1.0),
        rest_s=rng.choice([rng.uniform(0.05, 0.3), rng.uniform(0.2, 1.2)]),
    )
    fatigue = rng.uniform(-0.02, 0.3)
    drawn = [
        _with_errors(rng, _varied(rng, style, fatigue * i / max(reps - 1, 1)), wrong)
        for i, wrong in enumerate(chosen)
    ]
    return Plan(
        stance=stance,
        reps=tuple(drawn),
        into_s=0.0 if knees or rng.random() < 0.5 else rng.uniform(0.7, 1.5),
        out_s=0.0 if knees or rng.random() < 0.5 else rng.uniform(0.7, 1.5),
        lead_s=rng.uniform(0.25, 0.8),
        sway=float(rng.uniform(0.0, 5.0)),
        knees=float(rng.uniform(0.0, 12.0)),
        rock=0.0 if knees else float(rng.uniform(0.0, 24.0)),
        seed=int(rng.integers(2**31)),
    )


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
    angle = {
        "flexion": of([r.top for r in reps]) + depth * of([r.bottom - r.top for r in reps]),
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
            base = np.clip(rep.hip, *_HIP) if rep.hip_when != "always" else 0.0
            angle["hip"] += share[i] * (base + (rep.hip - base) * when[rep.hip_when])
    up = np.ones(len(t))  # 0 on the knees, 1 in position
    if plan.into_s:
        up *= _smooth(t / plan.into_s)
    if plan.out_s:
        up *= _smooth((total - t) / plan.out_s)
    angle["hip"] = angle["hip"] * up + 62.0 * (1 - up)
    angle["knee"] = angle["knee"] * up + 78.0 * (1 - up)
    return Angles(**{name: np.asarray(series) for name, series in angle.items()}), times


def draw_errors(rng: np.random.Generator, reps: int) -> list[dict[str, float]]:
    """Draw what is wrong with each rep: people have habits, and reps differ."""
    names = list(STRENGTH)
    habit = str(rng.choice(names)) if rng.random() < _HABIT else None
    drawn = []
    for _ in range(reps):
        wrong: dict[str, float] = {}
        if rng.random() >= _NONE:
            first = habit if habit and rng.random() < 0.7 else str(rng.choice(names))
            wrong[first] = rng.random()
            while rng.random() < _SECOND:
                other = str(rng.choice(names))
                if not any({first, other} <= pair for pair in _EXCLUSIVE):
                    wrong.setdefault(other, rng.random())
        drawn.append(wrong)
    return [_compatible(wrong) for wrong in drawn]


def _compatible(wrong: dict[str, float]) -> dict[str, float]:
    """Leave out what cannot be shown together."""
    for pair in _EXCLUSIVE:
        if pair <= set(wrong):
            wrong.pop(sorted(pair)[1])
    return wrong


def _varied(rng: np.random.Generator, style: Rep, tired: float) -> Rep:
    """Return a right rep in somebody's style, a little different each time, slower and flatter when tired."""

    def about(value: float, spread: float, limits: tuple[float, float]) -> float:
        return float(np.clip(value + rng.normal(0, spread), *limits))

    slower = (1 + tired) * rng.lognormal(0, 0.1)
    return replace(
        style,
        top=about(style.top + 6 * tired, 2, _TOP),
        bottom=about(style.bottom - 25 * tired, 5, _BOTTOM),
        flare=about(style.flare + 10 * tired, 4, _FLARE),
        hip=about(style.hip - 6 * tired, 1.2, (_HIP[0], _HIP[1] + 4)),
        neck=about(style.neck + 8 * tired, 4, _NECK),
        down_s=style.down_s * slower,
        up_s=style.up_s * slower,
        rest_s=style.rest_s * (1 + 2 * tired) * rng.lognormal(0, 0.25),
    )


def _with_errors(rng: np.random.Generator, rep: Rep, wrong: Mapping[str, float]) -> Rep:
    """Return the rep with the errors put in."""

    def strength(error: str) -> float:
        mild, strong = STRENGTH[error]
        return mild + (strong - mild) * wrong[error]

    changed: dict[str, float | str] = {}
    if "hips_sagging" in wrong:
        changed |= {"hip": strength("hips_sagging"), "hip_when": _chosen(rng, _SAGS)}
        if changed["hip_when"] == "worm":
            changed["neck"] = max(rep.neck, rng.uniform(0, _NECK[1]))
    if "hips_piked" in wrong:
        changed |= {"hip": strength("hips_piked"), "hip_when": _chosen(rng, _PIKES)}
    if "shallow_depth" in wrong:
        changed["bottom"] = strength("shallow_depth")
    if "incomplete_lockout" in wrong:
        changed["top"] = strength("incomplete_lockout")
        changed["bottom"] = max(rep.bottom, float(changed["top"]) + 45)
    if "elbows_flared" in wrong:
        changed["flare"] = strength("elbows_flared")
    if "head_dropped" in wrong:
        changed["neck"] = strength("head_dropped")
    if "asymmetric" in wrong:
        changed["roll"] = strength("asymmetric") * float(rng.choice([-1, 1]))
        changed["top"] = max(float(changed.get("top", rep.top)), 12.0)
    return replace(rep, errors=dict(wrong), **changed)  # type: ignore[arg-type]


def _chosen(rng: np.random.Generator, odds: Mapping[str, float]) -> str:
    return str(rng.choice(list(odds), p=list(odds.values())))


def _phases(reps: Sequence[Rep], times: Sequence[Times], t: Series) -> tuple[Series, Series, Series]:
    """Return (T,) depth and way up, both 0 to 1, and (reps, T) which rep's habits hold, adding up to 1."""
    depth, rising = np.zeros(len(t)), np.zeros(len(t))
    for rep, when in zip(reps, times, strict=True):
        down = _smooth((t - when.start) / rep.down_s)
        up = _smooth((t - (when.end - rep.up_s)) / rep.up_s)
        depth += down - up
        rising += np.where(down >= 1, 4 * up * (1 - up), 0)
    share = np.ones((len(reps), len(t)))
    for i in range(1, len(reps)):  # one rep's habits give way to the next one's while at the top
        begin, end = times[i - 1].end - 0.1, times[i].start + 0.2 * reps[i].down_s
        later = _smooth((t - begin) / (end - begin))
        share[:i] *= 1 - later
        share[i:] *= later
    return depth, rising, share / share.sum(axis=0)


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
