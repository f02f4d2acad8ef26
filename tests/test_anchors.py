from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushup_data import anchors, quality
from pushup_data.landmarks import INDEX, MIRRORED, Pose
from tests import figures

ASPECT = figures.WIDTH / figures.HEIGHT
WRIST, INDEX_FINGER, TOE = (INDEX[f"left_{part}"] for part in ("wrist", "index", "foot_index"))
HELD = [
    i
    for name, i in INDEX.items()
    if name.split("_", 1)[-1] in ("wrist", "thumb", "index", "pinky", "foot_index")
]
REST = [i for i in range(33) if i not in HELD]


def hold(pose: Pose, fps: float = 30.0) -> Pose:
    return anchors.hold(pose, fps, aspect=ASPECT)


def still(pose: Pose) -> Pose:
    """The pose with hands and toes where they are at the start, as on a real floor."""
    xy, world = pose.xy.copy(), pose.world.copy()
    xy[:, HELD], world[:, HELD] = xy[:1, HELD], world[:1, HELD]
    return replace(pose, xy=xy, world=world)


def wandering(pose: Pose, by: float) -> Pose:
    """The left hand goes back and forth, `by` trunk lengths, once per second."""
    hand = [WRIST, INDEX_FINGER]
    way = by * quality.unit(pose, ASPECT) * np.sin(2 * np.pi * np.arange(len(pose)) / 30)
    xy = pose.xy.copy()
    xy[:, hand, 0] += way[:, None].astype(np.float32) / np.float32(ASPECT)
    return replace(pose, xy=xy)


@pytest.fixture(scope="module")
def pose():
    made, _ = figures.push_up(reps=3)
    return still(made)


@settings(deadline=None, max_examples=20)
@given(by=st.floats(0.0, 0.15))
def test_a_hand_that_wanders_is_held(pose, by):
    held = hold(wandering(pose, by))
    np.testing.assert_allclose(held.xy[:, WRIST], pose.xy[:, WRIST], atol=0.1 * by + 1e-5)
    np.testing.assert_array_equal(held.xy[:, REST], pose.xy[:, REST])
    np.testing.assert_array_equal(held.world[:, REST], pose.world[:, REST])


def test_fingers_go_with_their_wrist(pose):
    moved = wandering(pose, 0.1)
    held = hold(moved)
    for name in ("xy", "world"):
        before, after = getattr(moved, name), getattr(held, name)
        np.testing.assert_allclose(
            after[:, WRIST] - after[:, INDEX_FINGER], before[:, WRIST] - before[:, INDEX_FINGER], atol=1e-5
        )


def test_a_hand_that_is_lifted_high_is_followed(pose):
    up = 2 * quality.unit(pose, ASPECT)
    xy = pose.xy.copy()
    xy[20:40, WRIST, 1] -= up
    travel = hold(replace(pose, xy=xy)).xy[30, WRIST, 1] - pose.xy[30, WRIST, 1]
    assert travel == pytest.approx(-0.9 * up, rel=1e-3)  # but for 0.2 trunk lengths


def test_a_camera_that_moves_takes_the_anchors_along(pose):
    long = Pose(
        *(np.concatenate([getattr(pose, f)] * 4) for f in ("xy", "z", "visibility", "world", "detected"))
    )
    drift = np.linspace(0, 1, len(long), dtype=np.float32)
    moved = replace(long, xy=long.xy + drift[:, None, None] * np.array([1, 0], dtype=np.float32))
    middle = slice(len(long) // 3, 2 * len(long) // 3)
    np.testing.assert_allclose(hold(moved).xy[middle, WRIST], moved.xy[middle, WRIST], atol=0.01)


def test_a_mirrored_picture_is_held_alike(pose):
    def mirrored(p: Pose) -> Pose:
        xy, world = p.xy[:, MIRRORED].copy(), p.world[:, MIRRORED].copy()
        xy[..., 0], world[..., 0] = 1 - xy[..., 0], -world[..., 0]
        return replace(p, xy=xy, world=world)

    moved = wandering(pose, 0.1)
    np.testing.assert_allclose(hold(mirrored(moved)).xy, mirrored(hold(moved)).xy, atol=1e-5)
    np.testing.assert_allclose(hold(mirrored(moved)).world, mirrored(hold(moved)).world, atol=1e-4)


def test_frames_without_a_person_stay_empty():
    pose, _ = figures.push_up(reps=1, dropouts=[(5, 15)])
    held = hold(pose)
    np.testing.assert_array_equal(np.isnan(held.xy), np.isnan(pose.xy))
    nobody, _ = figures.push_up(reps=1, dropouts=[(0, 1000)])
    assert np.isnan(hold(nobody).xy).all()
