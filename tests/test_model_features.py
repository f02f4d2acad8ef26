import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushup_data.landmarks import Pose
from pushup_data.model.data import KINEMATIC
from pushup_data.model.features import STATISTICS, features
from pushup_data.model.measures import KINEMATICS, MEASURES
from tests.figures import mirrored, push_up, sequence

PER_CHANNEL = len(STATISTICS)


def one(errors=(), near_side="left", **options):
    pose, [(start, _, end)] = push_up(errors, reps=1, near_side=near_side, **options)
    return pose, start, end


@pytest.fixture(scope="module")
def rep():
    return one()


def told(pose, start, end, **options):
    return features(sequence(pose, start, end, **options)[None])[0]


@given(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2), st.floats(0.5, 1.4))
@settings(max_examples=15)
def test_place_and_size_in_the_picture_do_not_matter(rep, right, down, zoom):
    pose, start, end = rep
    xy = ((pose.xy - 0.5) * zoom + 0.5 + np.array([right, down])).astype(np.float32)
    moved = Pose(xy, pose.z, pose.visibility, pose.world, pose.detected)
    np.testing.assert_allclose(told(moved, start, end), told(*rep), atol=0.05)


def test_a_mirrored_picture_gives_the_same(rep):
    pose, start, end = rep
    flipped = mirrored(pose)
    mine = told(flipped, start, end, near_side="right")[: PER_CHANNEL * len(KINEMATICS)]
    assert np.isfinite(mine).sum() > 20
    tilt = slice(PER_CHANNEL * [*KINEMATICS].index("tilt"), PER_CHANNEL * ([*KINEMATICS].index("tilt") + 1))
    keep = np.ones(len(mine), dtype=bool)
    keep[tilt] = np.isfinite(mine[tilt])
    np.testing.assert_allclose(mine[keep], told(*rep)[: len(mine)][keep], atol=0.05)


def test_columns_say_what_they_should(rep):
    x = sequence(*rep, opinions=(0.5, 0.9))
    found = features(x[None])
    assert found.shape == (1, PER_CHANNEL * len(MEASURES) + 4 + 2)
    height = found[0, :PER_CHANNEL]
    np.testing.assert_allclose(height[:5], np.quantile(x[:, KINEMATIC.start], [0.05, 0.25, 0.5, 0.75, 0.95]))
    assert (np.diff(height[:5]) >= 0).all()
    assert height[5] == pytest.approx(np.ptp(x[:, KINEMATIC.start]))
    assert height[7] == x[:, KINEMATIC.start].min()  # the bottom
    assert height[6] > height[7] < height[8]
    assert found[0, -1] == pytest.approx(np.log(9), abs=1e-4)
    assert found[0, -6:-2].tolist() == [1, 0, 0, 0]  # from the side, on the feet


def test_an_error_shows(rep):
    hip = PER_CHANNEL * [*KINEMATICS].index("hip") + 2
    assert abs(told(*one(["hips_sagging"]))[hip] - told(*rep)[hip]) > 1


def test_what_is_unknown_stays_nan(rep):
    x = np.stack([sequence(*rep)] * 3)
    x[1, :, KINEMATIC.start + 1] = np.nan  # the elbow
    x[2, :, KINEMATIC.start] = np.nan  # the height: nobody knows where the bottom is
    found = features(x)
    elbow = slice(PER_CHANNEL, 2 * PER_CHANNEL)
    assert np.isnan(found[1, elbow]).all()
    np.testing.assert_array_equal(np.delete(found[1], np.r_[elbow]), np.delete(found[0], np.r_[elbow]))
    bottoms = np.arange(len(MEASURES)) * PER_CHANNEL + 7
    assert np.isnan(found[2, bottoms]).all()
    assert np.isfinite(found[2, elbow]).sum() == PER_CHANNEL - 1
    assert features(x[:0]).shape == (0, found.shape[1])
