import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushup_data import landmarks, pose, quality, reps
from pushup_data.landmarks import INDEX, MIRRORED, Pose
from tests import figures
from tests.test_pose import MODEL, clip

T = 40


def figure(view="side", near_side="left", **more) -> Pose:
    return figures.push_up(view=view, near_side=near_side, reps=1, fps=20, **more)[0]


def assess(pose, limits, luma=120.0, sharpness=300.0, **more):
    light = np.full(len(pose), luma)
    return quality.assess(
        pose,
        light,
        np.full(len(pose), sharpness),
        limits.quality,
        aspect=figures.WIDTH / figures.HEIGHT,
        **more,
    )


@pytest.mark.parametrize("view", ["side", "oblique", "front"])
@pytest.mark.parametrize("near_side", ["left", "right"])
def test_the_cameras_view_is_told(view, near_side):
    assert quality.view_of(figure(view, near_side)) == view


@pytest.mark.parametrize("near_side", ["left", "right"])
@pytest.mark.parametrize("view", ["side", "oblique"])
def test_the_near_side_is_told(view, near_side):
    assert quality.near_side(figure(view, near_side)) == near_side


@given(degrees=st.floats(0, 90), roll=st.floats(-30, 30))
@settings(deadline=None)
def test_turn_measures_the_angle_however_the_camera_is_rolled(degrees, roll):
    # A body along x, with shoulders and hips along z, turned about the vertical and then rolled.
    a, b = np.radians(degrees), np.radians(roll)
    world = np.zeros((T, 33, 3), dtype=np.float32)
    for limb, x in (("shoulder", 0.5), ("hip", 0.0)):
        world[:, INDEX[f"left_{limb}"]] = [x, 0, -0.15]
        world[:, INDEX[f"right_{limb}"]] = [x, 0, 0.15]
    turned = np.array([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]])
    rolled = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    pose = Pose(
        xy=np.full((T, 33, 2), 0.5, dtype=np.float32),
        z=np.zeros((T, 33), dtype=np.float32),
        visibility=np.ones((T, 33), dtype=np.float32),
        world=(world @ (rolled @ turned).T).astype(np.float32),
        detected=np.ones(T, dtype=bool),
    )
    assert np.allclose(quality.turn(pose), degrees, atol=0.1)


def test_standing_about_before_the_set_does_not_change_the_view():
    stands = figure("front", lead_in_s=9).cut(0, 60)  # it stands still for the first third
    pushes = figure("side")
    assert len(stands) > len(pushes)
    assert quality.view_of(stands) == "front"
    fields = ("xy", "z", "visibility", "world", "detected")
    both = Pose(*(np.concatenate([getattr(stands, f), getattr(pushes, f)]) for f in fields))
    assert quality.view_of(both) == "side"


def test_a_good_picture_has_no_flag(default_params):
    found = assess(figure(), default_params)
    assert found.flags == ()
    assert found.detected == 1.0
    assert found.view == "side"


@pytest.mark.parametrize(
    ("flag", "change"),
    [(quality.DARK, {"luma": 20.0}), (quality.BLURRED, {"sharpness": 3.0})],
)
def test_bad_light_and_blur_are_flagged(default_params, flag, change):
    assert assess(figure(), default_params, **change).flags == (flag,)


def test_a_lost_or_absent_person_is_flagged(default_params):
    pose = figure(dropouts=[(0, 10)])
    assert quality.LOST in assess(pose, default_params).flags
    nobody = figure(dropouts=[(0, 1000)])
    found = assess(nobody, default_params)
    assert found.flags == (quality.NO_PERSON,)
    assert found.view == "unknown"
    assert np.isnan(found.in_frame)
    assert np.isnan(found.visibility)


def test_a_body_half_outside_is_flagged(default_params):
    pose = figure()
    moved = Pose(pose.xy + np.float32([0.65, 0]), pose.z, pose.visibility, pose.world, pose.detected)
    assert quality.CUT_OFF in assess(moved, default_params).flags


def test_a_part_is_judged_by_its_own_frames(default_params):
    pose = figure(dropouts=[(0, 10)])
    light = np.where(np.arange(len(pose)) < 10, 20.0, 120.0)
    sharp = np.full(len(pose), 300.0)
    bad = quality.assess(pose, light, sharp, default_params.quality, aspect=1.0, start=0, end=10)
    good = quality.assess(pose, light, sharp, default_params.quality, aspect=1.0, start=10)
    assert set(bad.flags) == {quality.NO_PERSON, quality.DARK}
    assert good.flags == ()
    none = quality.assess(pose, light, sharp, default_params.quality, aspect=1.0, start=5, end=5)
    assert none.view == "unknown"


@given(seed=st.integers(0, 1000), view=st.sampled_from(["side", "oblique", "front"]))
@settings(deadline=None)
def test_a_mirrored_video_has_the_same_view_and_the_other_side(seed, view):
    pose = figure(view, noise=0.002, seed=seed)
    flip = np.float32([-1, 1, 1])
    mirrored = Pose(
        (pose.xy * np.float32([-1, 1]) + np.float32([1, 0]))[:, MIRRORED],
        pose.z[:, MIRRORED],
        pose.visibility[:, MIRRORED],
        (pose.world * flip)[:, MIRRORED],
        pose.detected,
    )
    assert quality.view_of(mirrored) == quality.view_of(pose)
    if view != "front":
        assert quality.near_side(mirrored) != quality.near_side(pose)


def misplaced(pose, change, frames, limits):
    """Flags after `change(xy, world)` on some frames of a copy."""
    xy, world = pose.xy.copy(), pose.world.copy()
    change(xy[frames], world[frames])
    return assess(Pose(xy, pose.z, pose.visibility, world, pose.detected), limits).flags


def raise_a_hand(xy, world):
    xy[:, INDEX["right_wrist"], 1] = xy[:, INDEX["right_shoulder"], 1] - 0.02


def shrink_the_forearm(xy, world):
    world[:, INDEX["left_wrist"]] = world[:, INDEX["left_elbow"]] + np.float32([0.05, 0, 0])


def shrink_the_thigh(xy, world):
    world[:, INDEX["left_knee"]] = world[:, INDEX["left_hip"]] + np.float32([0.05, 0, 0])


def swap_sides(xy, world):
    world[:] = world[:, MIRRORED]


def jump(xy, world):
    xy[::2, INDEX["left_ankle"]] += np.float32(0.3)


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        (raise_a_hand, quality.ARMS_WRONG),
        (shrink_the_forearm, quality.ARMS_WRONG),
        (shrink_the_thigh, quality.BODY_WRONG),
        (swap_sides, quality.BODY_WRONG),
        (jump, quality.BODY_WRONG),
    ],
)
def test_landmarks_that_cannot_be_right_are_flagged(default_params, change, flag):
    pose = figure()
    assert misplaced(pose, change, slice(8, 20), default_params) == (flag,)
    if change is not jump:
        assert misplaced(pose, change, slice(8, 9), default_params) == ()  # one bad frame does not count


def test_two_frames_with_a_hand_up_are_too_many(default_params):
    for count, flags in ((1, ()), (2, (quality.ARMS_WRONG,))):
        assert misplaced(figure(), raise_a_hand, slice(8, 8 + count), default_params) == flags


@given(
    view=st.sampled_from(["side", "oblique", "front"]),
    tempo_s=st.floats(0.6, 4),
    seed=st.integers(0, 100),
)
@settings(deadline=None, max_examples=25)
def test_good_landmarks_are_not_flagged_however_fast_the_rep(default_params, view, tempo_s, seed):
    pose = figure(view, tempo_s=tempo_s, noise=0.002, seed=seed)
    wrong = {quality.ARMS_WRONG, quality.BODY_WRONG, quality.ONE_HAND}
    assert not wrong & set(assess(pose, default_params).flags)


@pytest.mark.parametrize("view", ["side", "oblique", "front"])
def test_a_push_up_on_one_arm_is_flagged_and_nothing_of_it_is_told(default_params, default_taxonomy, view):
    def onto_the_back(xy, world):
        xy[:, INDEX["right_wrist"]] = xy[:, INDEX["right_hip"]]

    pose = figure(view)
    flags = misplaced(pose, onto_the_back, slice(None), default_params)
    assert quality.ONE_HAND in flags
    assert quality.ONE_HAND not in misplaced(pose, onto_the_back, slice(8, 12), default_params)
    assert all(quality.hides([quality.ONE_HAND], error) for error in default_taxonomy.ids)


def test_wrong_arms_hide_what_is_measured_on_arms_only(default_taxonomy):
    hidden = {e for e in default_taxonomy.ids if quality.hides([quality.ARMS_WRONG], e)}
    assert hidden == {"shallow_depth", "incomplete_lockout", "elbows_flared", "asymmetric"}
    assert all(quality.hides([quality.CUT_OFF, quality.BODY_WRONG], e) for e in default_taxonomy.ids)
    assert all(quality.hides([quality.DARK], e) for e in default_taxonomy.ids)
    assert not any(quality.hides([quality.CUT_OFF, quality.BLURRED], e) for e in default_taxonomy.ids)


@pytest.mark.parametrize(("name", "flip_test"), [("c116", True), ("c190", False)])
def test_real_people_with_landmarks_where_they_are_not(real_data, default_params, name, flip_test):
    """With the flip test, the landmarks of c190 are right."""
    settings = default_params.pose.model_copy(update={"flip_test": flip_test})
    table = pose.track(clip(real_data, name), MODEL, settings).frame
    seen = landmarks.from_table(table)
    [rep] = reps.find(seen, 29.97 if name == "c116" else 25, 640, 360, default_params.reps)
    light, detail = table["luma"].to_numpy(), table["sharpness"].to_numpy()
    found = quality.assess(
        seen, light, detail, default_params.quality, aspect=640 / 360, start=rep.start, end=rep.end
    )
    assert quality.ARMS_WRONG in found.flags
    assert quality.hides(found.flags, "incomplete_lockout")
    assert not quality.hides(found.flags, "hips_sagging")
