from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushup_data import kinematics
from pushup_data.kinematics import Signals
from pushup_data.landmarks import MIRRORED, Pose
from tests import figures

SERIES = [f.name for f in fields(Signals) if f.name != "near_side"]

figures_to_look_at = st.fixed_dictionaries(
    {
        "view": st.sampled_from(["side", "oblique", "front"]),
        "near_side": st.sampled_from(["left", "right"]),
        "support": st.sampled_from(["feet", "knees"]),
        "errors": st.sets(st.sampled_from(["hips_sagging", "hips_piked", "asymmetric", "elbows_flared"])),
        "noise": st.sampled_from([0.0, 0.004]),
        "reps": st.just(1),
        "fps": st.sampled_from([12.0, 30.0]),
    }
)


def measure(pose: Pose, fps: float = 30.0) -> Signals:
    return kinematics.measure(pose, fps, figures.WIDTH, figures.HEIGHT)


def same(a: Signals, b: Signals, *, flipped: tuple[str, ...] = ()) -> None:
    for name in SERIES:
        sign = -1 if name in flipped else 1
        np.testing.assert_allclose(getattr(a, name), sign * getattr(b, name), atol=0.02, err_msg=name)


@settings(max_examples=20, deadline=None)
@given(figures_to_look_at, st.floats(-0.3, 0.3), st.floats(-0.3, 0.3))
def test_where_in_the_picture_does_not_matter(figure, right, down):
    pose, _ = figures.push_up(**figure)
    moved = replace(pose, xy=pose.xy + np.array([right, down], dtype=np.float32))
    same(measure(moved, figure["fps"]), measure(pose, figure["fps"]))


@settings(max_examples=20, deadline=None)
@given(figures_to_look_at, st.floats(0.3, 3.0))
def test_how_large_in_the_picture_does_not_matter(figure, factor):
    pose, _ = figures.push_up(**figure)
    larger = replace(pose, xy=pose.xy * np.float32(factor))
    same(measure(larger, figure["fps"]), measure(pose, figure["fps"]))
    twice = kinematics.measure(pose, figure["fps"], 2 * figures.WIDTH, 2 * figures.HEIGHT)
    same(twice, measure(pose, figure["fps"]))


@settings(max_examples=20, deadline=None)
@given(figures_to_look_at)
def test_a_mirrored_picture_changes_sides_only(figure):
    pose, _ = figures.push_up(**figure)
    mirrored = Pose(
        xy=(pose.xy * np.array([-1, 1], np.float32) + np.array([1, 0], np.float32))[:, MIRRORED],
        z=pose.z[:, MIRRORED],
        visibility=pose.visibility[:, MIRRORED],
        world=(pose.world * np.array([-1, 1, 1], np.float32))[:, MIRRORED],
        detected=pose.detected,
    )
    found, original = measure(mirrored, figure["fps"]), measure(pose, figure["fps"])
    assert found.near_side != original.near_side
    same(found, original, flipped=tuple(kinematics.TILTS))


@pytest.mark.parametrize("view", ["side", "oblique", "front"])
@pytest.mark.parametrize("fps", [15.0, 60.0])
def test_the_frame_rate_does_not_matter(view, fps):
    slow, _ = figures.push_up(view=view, reps=1, tempo_s=2.0, pause_top_s=0.4, fps=fps)
    fast, _ = figures.push_up(view=view, reps=1, tempo_s=2.0, pause_top_s=0.4, fps=30.0)
    a, b = measure(slow, fps), measure(fast, 30.0)
    seconds = np.arange(0.5, 2.3, 0.1)
    tolerances = {"height": 0.03, "elbow": 4, "spread": 0.05}
    if view != "front":  # from the front neither is a figure of the body's line
        tolerances |= {"hip_ankle": 0.005, "near_neck": 1}
    for name, tolerance in tolerances.items():
        there = [
            np.interp(seconds, np.arange(len(s)) / f, getattr(s, name)) for s, f in ((a, fps), (b, 30.0))
        ]
        np.testing.assert_allclose(there[0], there[1], atol=tolerance, err_msg=name)


def test_figures_measure_what_they_are_made_to_be():
    pose, [(_, bottom, end)] = figures.push_up(reps=1, bottom=80, top=170)
    found = measure(pose)
    assert 80 <= found.elbow[bottom] <= 100  # the upper arm points away from the camera a little
    assert found.elbow[end] == pytest.approx(170, abs=4)
    assert found.height[end] == pytest.approx(2.0, abs=0.1)
    assert found.height[bottom] == pytest.approx(2 * np.sin(np.radians(40)), abs=0.15)
    assert np.abs(found.hip_ankle).max() < 0.01
    assert found.in_position.all()


@pytest.mark.parametrize(
    ("error", "view", "name", "difference"),
    [
        ("hips_sagging", "side", "hip_ankle", -0.10),
        ("hips_sagging", "oblique", "hip_ankle", -0.10 / np.cos(np.radians(40))),
        ("hips_piked", "side", "hip_ankle", 0.13),
        ("head_dropped", "side", "near_neck", -37.0),
        ("elbows_flared", "front", "spread", 0.6),
    ],
)
def test_an_error_moves_its_own_signal(error, view, name, difference):
    right, [(_, bottom, _)] = figures.push_up(reps=1, view=view)
    wrong, _ = figures.push_up([error], reps=1, view=view)
    moved = getattr(measure(wrong), name)[bottom] - getattr(measure(right), name)[bottom]
    assert moved == pytest.approx(difference, rel=0.4)


@pytest.mark.parametrize("near_side", ["left", "right"])
@pytest.mark.parametrize("view", ["side", "oblique", "front"])
def test_angles_in_space_have_their_signs_from_every_view(view, near_side):
    def bottom(errors=()):
        pose, [(_, low, _)] = figures.push_up(errors, reps=1, view=view, near_side=near_side)
        found = measure(pose)
        return {name: float(getattr(found, name)[low]) for name in SERIES}

    right = bottom()
    assert bottom(["hips_sagging"])["hip_bend"] > right["hip_bend"] + 8
    assert bottom(["hips_piked"])["hip_bend"] < right["hip_bend"] - 8
    assert bottom(["head_dropped"])["neck_bend"] < right["neck_bend"] - 20
    flared = bottom(["elbows_flared"])
    for side in ("near", "far"):
        assert flared[f"{side}_flare"] > right[f"{side}_flare"] + 15
        assert 0 < right[f"{side}_elbow_bend"] < 120


def test_the_lower_shoulder_is_told_from_a_tilted_camera():
    level, [(_, bottom, _)] = figures.push_up(reps=1, view="front")
    uneven, _ = figures.push_up(["asymmetric"], reps=1, view="front")  # the right arm bends less
    pixels = level.pixels(figures.WIDTH, figures.HEIGHT)
    a = np.radians(15)
    turned = (pixels @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])).astype(np.float32)
    tilted = replace(level, xy=turned / np.array([figures.WIDTH, figures.HEIGHT], np.float32))
    assert abs(measure(level).tilt[bottom]) < 1
    assert abs(measure(tilted).tilt[bottom]) < 1
    assert measure(uneven).tilt[bottom] < -5


def test_knees_are_seen_to_carry():
    feet, knees = (measure(figures.push_up(reps=1, support=s)[0]) for s in ("feet", "knees"))
    assert np.median(feet.knee) > 170
    assert np.median(knees.knee) < 149
    assert np.median(knees.knee_drop) > 0.1
    assert np.abs(knees.hip_knee).max() < 0.01


def test_standing_is_not_in_position():
    pose, _ = figures.push_up(reps=1, lead_in_s=2.0)
    ready = measure(pose).in_position
    assert not ready[:15].any()
    assert ready[60:].all()


def test_a_video_without_a_person_is_unknown_throughout():
    pose, _ = figures.push_up(reps=1, dropouts=[(0, 10_000)])
    found = measure(pose)
    assert all(np.isnan(getattr(found, name)).all() for name in SERIES)
    assert not found.in_position.any()
