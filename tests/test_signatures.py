import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushup_data import signatures
from pushup_data.landmarks import MIRRORED, Pose
from tests import figures
from tests.figures import HEIGHT, WIDTH

FPS = 25.0
LIMITS = {"max_distance": 0.06, "min_likeness": 0.68}


def rep(**more):
    pose, truth = figures.push_up(reps=1, fps=FPS, **more)
    return pose, truth[0][1]


def movement(pose, bottom, near_side="left", fps=FPS, width=WIDTH, height=HEIGHT):
    return signatures.movement(pose, bottom, near_side=near_side, fps=fps, width=width, height=height)


def mirrored(pose):
    xy = (pose.xy * np.float32([-1, 1]) + np.float32([1, 0]))[:, MIRRORED]
    return Pose(xy, pose.z[:, MIRRORED], pose.visibility[:, MIRRORED], pose.world[:, MIRRORED], pose.detected)


def apart(a, b):
    return float(signatures.distances(a[None], b[None])[0])


@given(seed=st.integers(0, 50), cut=st.integers(0, 12), late=st.integers(-2, 2))
@settings(deadline=None, max_examples=20)
def test_a_copy_moves_alike_mirrored_trimmed_or_at_another_size(seed, cut, late):
    pose, bottom = rep(tempo_s=1.6)
    again, _ = rep(tempo_s=1.6, noise=0.002, seed=seed)
    original = movement(pose, bottom)
    assert apart(original, movement(mirrored(again), bottom + late, near_side="right")) < 0.06
    trimmed = again.cut(cut, len(again))
    assert apart(original, movement(trimmed, bottom - cut)) < 0.06
    assert apart(original, movement(pose, bottom, width=WIDTH / 2, height=HEIGHT / 2)) < 1e-4


def test_another_tempo_or_depth_is_another_movement():
    original = movement(*rep(tempo_s=1.6))
    assert apart(original, movement(*rep(tempo_s=0.8))) > 0.06
    assert apart(original, movement(*rep(tempo_s=1.6, errors=["hips_piked"]))) > 0.06


def test_hardly_anything_in_common_is_infinitely_far():
    pose, bottom = rep(tempo_s=1.6)
    assert apart(movement(pose, bottom), movement(pose.cut(bottom, bottom + 3), 0)) == np.inf


def picture(seed):
    return np.random.default_rng(seed).integers(0, 255, signatures.VALUES).astype(np.float32)


def test_near_duplicates_agree_in_movement_and_picture_and_come_from_two_videos():
    same, other = movement(*rep(tempo_s=1.6)), movement(*rep(tempo_s=0.8))
    moves = np.stack([same, same, same, same, other, same])
    missing = np.full(signatures.VALUES, np.nan, dtype=np.float32)
    brighter = picture(0) * 0.8 + 40
    shown = np.stack([picture(0), brighter, picture(1), picture(0), picture(0), missing])
    # 0, 1: a copy; 2: the motion on another body; 3: of the first video; 4: another motion; 5: no picture
    found = signatures.pairs(moves, shown, ["a", "b", "c", "a", "d", "e"], **LIMITS)
    assert found == [(0, 1), (1, 3)]
    assert signatures.pairs(moves[:1], shown[:1], ["a"], **LIMITS) == []


@pytest.mark.parametrize("seed", range(3))
def test_the_tree_loses_no_pair(seed):
    rng = np.random.default_rng(seed)
    moves = np.stack([movement(*rep(tempo_s=1.6))] * 40)
    moves = (
        moves + rng.normal(0, 0.03, moves.shape) * rng.random((40, 1, 1)) + rng.normal(0, 0.03, (40, 1, 14))
    )
    moves = moves.astype(np.float32)
    shown = np.stack([picture(0)] * 40)
    found = set(signatures.pairs(moves, shown, [str(i) for i in range(40)], **LIMITS))
    i, j = np.triu_indices(40, 1)
    near = signatures.distances(moves[i], moves[j]) <= LIMITS["max_distance"]
    assert set(zip(i[near].tolist(), j[near].tolist(), strict=True)) == found
