from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushup_data import planted, quality
from pushup_data.landmarks import INDEX, Pose
from pushup_data.reps import Rep
from tests import figures

FPS = 25
ASPECT = figures.WIDTH / figures.HEIGHT
HANDS = [
    [INDEX[f"{side}_{part}"] for part in ("wrist", "thumb", "index", "pinky")] for side in ("left", "right")
]
VIEWS = ("side", "oblique", "front")


def one_rep(view="side", **more):
    pose, [(start, bottom, end)] = figures.push_up(view=view, reps=1, fps=FPS, **more)
    return pose, Rep(start, bottom, end, partial=False, near_side="left", view=view, support="feet")


def moved(pose, joints, frames, by):
    """Move landmarks up by trunk lengths in some frames."""
    xy = pose.xy.copy()
    xy[np.ix_(frames, joints, [1])] -= np.float32(by * quality.unit(pose, ASPECT))
    return Pose(xy, pose.z, pose.visibility, pose.world, pose.detected)


def flags(pose, rep, params, seen=()):
    return planted.flags(pose, rep, FPS, seen, params.quality, aspect=ASPECT)


@given(
    view=st.sampled_from(VIEWS),
    tempo_s=st.floats(0.6, 4),
    noise=st.sampled_from([0.0, 0.002]),
    seed=st.integers(0, 100),
)
@settings(deadline=None, max_examples=25)
def test_hands_and_feet_that_stand_are_not_flagged(default_params, view, tempo_s, noise, seed):
    assert flags(*one_rep(view, tempo_s=tempo_s, noise=noise, seed=seed), default_params) == ()


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("at_the_end", [False, True])
def test_hands_that_leave_the_floor_are_flagged_and_the_form_is_still_judged(
    default_params, default_taxonomy, view, at_the_end
):
    pose, rep = one_rep(view)
    air = range(rep.end - 5, rep.end) if at_the_end else range(rep.start, rep.start + 5)
    both = moved(pose, [*HANDS[0], *HANDS[1]], air, 0.2)
    assert flags(both, rep, default_params) == (quality.HANDS_OFF,)
    assert not any(quality.hides([quality.HANDS_OFF], error) for error in default_taxonomy.ids)


def test_what_only_looks_like_a_flight_is_none(default_params):
    pose, rep = one_rep()
    both, air = [*HANDS[0], *HANDS[1]], range(rep.end - 5, rep.end)
    assert flags(moved(pose, HANDS[0], air, 0.2), rep, default_params) == ()  # one hand is lost
    assert flags(moved(pose, range(33), air, 0.2), rep, default_params) == ()  # the camera tilts
    assert flags(moved(pose, both, air[-1:], 0.2), rep, default_params) == ()  # one bad frame
    hidden = range(rep.bottom - 4, rep.bottom + 4)
    assert flags(moved(pose, both, hidden, 0.2), rep, default_params) == ()  # hidden by the body
    flown = moved(pose, both, air, 0.2)
    cut = replace(rep, partial=True)
    assert flags(flown, cut, default_params) == ()
    for seen in quality.BLIND:
        assert flags(flown, rep, default_params, [seen]) == ()


def test_a_hand_that_is_looked_for_everywhere_is_off_the_floor(default_params):
    pose, rep = one_rep("front")
    lost = moved(pose, HANDS[1], range(rep.start, rep.end, 2), 1.5)
    assert flags(lost, rep, default_params) == (quality.ONE_HAND,)


@pytest.mark.parametrize("view", VIEWS)
def test_a_body_that_goes_through_the_picture_is_not_trusted(default_params, default_taxonomy, view):
    pose, rep = one_rep(view)
    xy = pose.xy.copy()
    drift = np.linspace(0, 0.8, rep.end - rep.start, dtype=np.float32) * quality.unit(pose, ASPECT)
    xy[rep.start : rep.end, :, 1] += drift[:, None]
    seen = flags(Pose(xy, pose.z, pose.visibility, pose.world, pose.detected), rep, default_params)
    assert seen == (quality.DRIFT,)
    assert all(quality.hides(seen, error) for error in default_taxonomy.ids)


def test_a_rep_with_hardly_a_frame_is_left_alone(default_params):
    pose, rep = one_rep(dropouts=[(4, 1000)])
    assert flags(pose, rep, default_params) == ()
    assert planted.flight(pose, ASPECT) == 0
