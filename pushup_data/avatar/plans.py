"""What is planned for a push-up set: who does what in each rep, and how strongly.

Between what counts as right and an error at its mildest lies a gap, in which no rep is made: where people
would differ, the truth would mean nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from pushup_data.avatar.posing import Stance

# How strong an error is at severity 0 and 1, in degrees: of hip, elbow, upper arm, neck or trunk.
STRENGTH = {
    "hips_sagging": (-12.0, -32.0),
    "hips_piked": (15.0, 42.0),
    "shallow_depth": (66.0, 48.0),  # the elbows' flexion at the bottom
    "incomplete_lockout": (28.0, 55.0),  # and at the top
    "elbows_flared": (70.0, 90.0),
    "head_dropped": (56.0, 82.0),
    "asymmetric": (8.0, 16.0),
}
# What a right rep looks like.
_BOTTOM, _TOP, _FLARE, _NECK, HIP = (98.0, 150.0), (2.0, 17.0), (8.0, 52.0), (-22.0, 36.0), (-6.0, 8.0)
# When in a rep an error of the hips shows, and how often.
_SAGS = {"always": 0.45, "bottom": 0.2, "ascent": 0.15, "worm": 0.2}
_PIKES = {"always": 0.6, "bottom": 0.2, "top": 0.2}
_EXCLUSIVE = (
    {"hips_sagging", "hips_piked"},
    {"shallow_depth", "incomplete_lockout"},
    {"shallow_depth", "elbows_flared"},
)
_NONE = 0.35  # share of reps without an error
_HABIT = 0.45  # of sets whose errors are mostly the same one
_SECOND = 0.25  # of wrong reps with a second error
_FLARING = 0.18  # of sets with flared elbows: over the hands that these need, no rep of the set is otherwise


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
    flaring = any("elbows_flared" in wrong for wrong in chosen)
    stance = Stance(
        on_knees=knees,
        # Elbows go straight out to the sides over hands that are wide and as far forward as the shoulders.
        hands=rng.uniform(1.45, 1.9) if flaring else rng.uniform(0.95, 1.4),
        reach=rng.uniform(0.0, 0.08) if flaring else rng.uniform(-0.11, 0.03),
        feet=rng.uniform(0.04, 0.2),
        toe_out=rng.uniform(-8, 22),
        shins=float(rng.choice([8.0, 20.0, 45.0, 70.0])),
        lumbar=rng.uniform(0.25, 0.65),
    )
    style = Rep(
        top=rng.uniform(*_TOP),
        bottom=rng.uniform(*_BOTTOM),
        flare=rng.uniform(*_FLARE),
        hip=rng.uniform(*HIP) + (4.0 if knees else 0.0),
        neck=rng.uniform(*_NECK),
        down_s=rng.uniform(0.55, 1.3),
        hold_s=rng.choice([0.0, rng.uniform(0, 0.6)]),
        up_s=rng.uniform(0.5, 1.0),
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
        rock=0.0 if knees else float(rng.uniform(0.0, 6.0 if flaring else 24.0)),
        seed=int(rng.integers(2**31)),
    )


def draw_errors(rng: np.random.Generator, reps: int) -> list[dict[str, float]]:
    """Draw what is wrong with each rep: people have habits, and reps differ."""
    names = [name for name in STRENGTH if name != "elbows_flared"]
    habit = str(rng.choice(names)) if rng.random() < _HABIT else None
    flared = rng.random() if rng.random() < _FLARING else None
    drawn = []
    for _ in range(reps):
        wrong: dict[str, float] = {}
        if flared is not None:
            wrong["elbows_flared"] = float(np.clip(flared + rng.normal(0, 0.15), 0, 1))
        if rng.random() >= _NONE:
            wrong[habit if habit and rng.random() < 0.7 else str(rng.choice(names))] = rng.random()
            while rng.random() < _SECOND:
                wrong.setdefault(str(rng.choice(names)), rng.random())
        drawn.append(wrong)
    return _between_lockouts([_compatible(wrong) for wrong in drawn])


def _compatible(wrong: dict[str, float]) -> dict[str, float]:
    """Leave out what cannot be shown together."""
    for pair in _EXCLUSIVE:
        if pair <= set(wrong):
            wrong.pop("shallow_depth" if "shallow_depth" in pair else "hips_piked")
    return wrong


def _between_lockouts(drawn: list[dict[str, float]]) -> list[dict[str, float]]:
    """Let neighbours agree: arms that stay bent after a rep are bent before the next one.

    A rep between two without lockout is one, too; and from bent arms nobody goes down a little only.
    """
    for before, wrong, after in zip(drawn, drawn[1:], drawn[2:], strict=False):
        if "incomplete_lockout" in before and "incomplete_lockout" in after:
            wrong.setdefault("incomplete_lockout", before["incomplete_lockout"])
    for one, other in pairwise(drawn):
        if "incomplete_lockout" in one or "incomplete_lockout" in other:
            one.pop("shallow_depth", None)
            other.pop("shallow_depth", None)
    return drawn


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
        hip=about(style.hip - 6 * tired, 1.2, (HIP[0], HIP[1] + 4)),
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
