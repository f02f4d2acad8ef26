import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushup_data import kinematics
from pushup_data.model import measures
from pushup_data.model.measures import APART, BELOW, KINEMATICS, MEASURES, MIN_COMMON, Seen
from tests.figures import HEIGHT, WIDTH, one_among_right_reps, push_up

STEPS = 32


def measured(error, rep, others):
    """What is measured of a rep of the video beside `others`, by name."""
    pose, mine, right = one_among_right_reps(error)
    reps = [Seen(*bounds, "left", "side", "feet") for bounds in (mine, *right)]
    signals = kinematics.measure(pose, 30.0, WIDTH, HEIGHT)
    among = measures.common(signals, [reps[i] for i in (rep, *others)], reps[rep], STEPS)
    return dict(zip(MEASURES, measures.measure(signals, reps[rep], among).T, strict=True))


def test_a_rep_unlike_the_video_s_others_stands_apart():
    sagging, alone = measured("hips_sagging", 0, (1, 2, 3)), measured("hips_sagging", 0, ())
    assert np.median(sagging["hip_apart"]) < -0.5
    assert abs(np.median(sagging["elbow_apart"])) < 0.2
    for name in KINEMATICS:
        np.testing.assert_array_equal(sagging[name], alone[name])
    usual = measured("hips_sagging", 1, (0, 2, 3))
    assert abs(np.median(usual["hip_apart"])) < 0.2


def test_a_rep_that_does_not_come_up_is_below_the_video_s_highest():
    low, right = measured("incomplete_lockout", 0, (1, 2, 3)), measured("incomplete_lockout", 1, (0, 2, 3))
    for name, gap in (("height_below", 0.05), ("elbow_below", 0.3)):
        assert low[name].max() < -gap < right[name].max() < 0.1
    # Where no rep comes up, this one is as high as any.
    assert measured("incomplete_lockout", 0, (0, 0))["elbow_below"].max() > -0.1


@pytest.mark.parametrize("others", range(MIN_COMMON + 1))
def test_of_few_reps_nobody_can_tell_what_is_usual(others):
    found = measured("hips_sagging", 0, range(1, 1 + others))
    known = {name for name in (*APART, *BELOW) if np.isfinite(found[name]).all()}
    assert known == ({*APART, *BELOW} if others + 1 >= MIN_COMMON else set())


@given(st.integers(MIN_COMMON, 6))
@settings(max_examples=4, deadline=None)
def test_where_all_reps_are_alike_none_is_apart_or_below(count):
    pose, [(start, _, end)] = push_up(reps=1)
    rep = Seen(start, end, "left", "side", "feet")
    signals = kinematics.measure(pose, 30.0, WIDTH, HEIGHT)
    among = measures.common(signals, [rep] * count, rep, STEPS)
    found = measures.measure(signals, rep, among)
    plain, apart, below = np.split(found, [len(KINEMATICS), len(KINEMATICS) + len(APART)], axis=1)
    assert np.isfinite(plain).all()
    assert (apart == 0).all()
    assert (np.quantile(below, 0.95, axis=0) <= 1e-9).all()


def test_a_window_ends_with_the_video():
    assert Seen(100, 200, "left", "side", "feet").window(1000) == (90, 210)
    assert Seen(5, 105, "left", "side", "feet").window(110) == (0, 110)
