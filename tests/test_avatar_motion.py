from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushup_data.avatar import motion, plans
from pushup_data.avatar.plans import STRENGTH

FPS = 30.0


def planned(seed, reps=5, **chosen):
    return plans.draw(np.random.default_rng(seed), reps, **chosen)


@given(st.integers(0, 10_000), st.integers(1, 12))
def test_reps_follow_each_other_and_the_elbows_turn_at_their_bottoms(seed, reps):
    plan = planned(seed, reps)
    angles, times = motion.animate(plan, FPS)
    assert len(times) == reps
    for one, other in pairwise(times):
        assert one.start < one.bottom < one.end < other.start
    assert times[-1].end * FPS < len(angles)
    for rep, when in zip(plan.reps, times, strict=True):
        deepest = angles.flexion[round(when.start * FPS) : round(when.end * FPS) + 1].max()
        assert deepest == pytest.approx(rep.bottom, abs=3)


@given(st.integers(0, 10_000))
def test_the_same_seed_gives_the_same_set(seed):
    one, other = (motion.animate(planned(seed), FPS) for _ in range(2))
    for name in ("flexion", "flare", "hip", "knee", "neck", "roll", "shoulders", "rock"):
        assert np.isfinite(getattr(one[0], name)).all()
        assert np.array_equal(getattr(one[0], name), getattr(other[0], name))
    assert one[1] == other[1]


@pytest.mark.parametrize("error", STRENGTH)
def test_a_right_rep_and_the_mildest_error_lie_apart(error):
    angle = {
        "hips_sagging": "hip",
        "hips_piked": "hip",
        "shallow_depth": "bottom",
        "incomplete_lockout": "top",
        "elbows_flared": "flare",
        "head_dropped": "neck",
        "asymmetric": "roll",
    }[error]
    right = [abs(getattr(r, angle)) if error == "asymmetric" else getattr(r, angle)
             for seed in range(60) for r in planned(seed, errors=[{}] * 4).reps]  # fmt: skip
    mild, strong = STRENGTH[error]
    if strong > mild:
        assert max(right) < mild
    else:
        assert min(right) > mild


def test_every_error_is_drawn_alone_and_with_others():
    drawn = [wrong for seed in range(300) for wrong in plans.draw_errors(np.random.default_rng(seed), 5)]
    for error in STRENGTH:
        assert any(set(wrong) == {error} for wrong in drawn)
        assert any(len(wrong) > 1 and error in wrong for wrong in drawn)
    assert 0.25 < np.mean([not wrong for wrong in drawn]) < 0.45
    assert not any({"hips_sagging", "hips_piked"} <= set(wrong) for wrong in drawn)


def test_sags_come_in_all_their_kinds():
    kinds = {r.hip_when for s in range(80) for r in planned(s, errors=[{"hips_sagging": 0.5}] * 2).reps}
    assert kinds == {"always", "bottom", "ascent", "worm"}


def test_nobody_jerks():
    for seed in range(20):
        angles, _ = motion.animate(planned(seed), FPS)
        for name in ("flexion", "hip", "knee", "neck", "roll"):
            step = np.abs(np.diff(getattr(angles, name))).max()
            assert step < 17, (seed, name)  # degrees in a thirtieth of a second
