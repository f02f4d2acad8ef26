import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushup_data import quality, tables
from pushup_data.landmarks import INDEX, Pose
from pushup_data.model import data
from pushup_data.model.data import COORDINATES, POINTS
from pushup_data.model.measures import APART, BELOW
from tests.figures import HEIGHT, WIDTH, mirrored, one_among_right_reps, push_up, sequence

STEPS = 32
CHANNELS = data.channels(())
BESIDE = [CHANNELS.index(name) for name in (*APART, *BELOW)]  # known beside other reps only


def one(view="side", near_side="left", **options):
    pose, [(start, _, end)] = push_up(reps=1, view=view, near_side=near_side, **options)
    return pose, start, end


def changed(pose, xy):
    return Pose(xy.astype(np.float32), pose.z, pose.visibility, pose.world, pose.detected)


@pytest.fixture(scope="module")
def rep():
    return one()


def test_shape_and_channels(rep):
    x = sequence(*rep)
    assert x.shape == (STEPS, len(CHANNELS))
    assert x.dtype == np.float32
    assert np.isfinite(np.delete(x, BESIDE, axis=1)).all()
    assert np.isnan(x[:, BESIDE]).all()  # the only rep
    hips = [CHANNELS.index(f"{side}_hip_{axis}") for axis in "xy" for side in ("near", "far")]
    assert np.abs(x[:, hips[:2]].sum(1)).max() < 1e-5  # the middle of the hips is the origin
    assert (x[:, CHANNELS.index("near_shoulder_x")] > 0).all()  # the head is to the right
    assert (x[:, CHANNELS.index("detected")] == 1).all()


@given(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2), st.floats(0.4, 1.5))
@settings(deadline=None, max_examples=20)
def test_place_and_size_in_the_picture_do_not_matter(rep, right, down, zoom):
    pose, start, end = rep
    moved = changed(pose, (pose.xy - 0.5) * zoom + 0.5 + np.array([right, down]))
    np.testing.assert_allclose(sequence(moved, start, end), sequence(*rep), atol=4e-3)


def test_pixels_need_not_be_square_shares(rep):
    pose, start, end = rep
    # The same pixels in a picture twice as wide: other shares, same person.
    wide = changed(pose, pose.xy * np.array([0.5, 1.0]))
    np.testing.assert_allclose(sequence(wide, start, end, width=2 * WIDTH), sequence(*rep), atol=1e-4)


def test_a_mirrored_picture_is_the_same_rep(rep):
    pose, start, end = rep
    flipped = mirrored(pose)
    np.testing.assert_allclose(sequence(flipped, start, end, near_side="right"), sequence(*rep), atol=1e-4)


def test_filmed_from_the_other_side_looks_alike():
    left, right = one(near_side="left"), one(near_side="right")
    np.testing.assert_allclose(sequence(*left), sequence(*right, near_side="right"), atol=1e-3)


def test_speed_does_not_matter():
    slow, quick = one(tempo_s=3.2), one(tempo_s=1.6)
    np.testing.assert_allclose(sequence(*slow), sequence(*quick), atol=0.07)


def test_from_the_front_it_does_not_matter_which_side_is_which():
    whole, (start, end), bounds = one_among_right_reps("asymmetric", view="front")
    for others in ([], bounds):
        left, right = (
            sequence(seen_better(whole, side), start, end, view="front", near_side=side, others=others)
            for side in ("left", "right")
        )
        shared = [i for i, name in enumerate(CHANNELS) if name.split("_")[0] not in ("hip", "neck")]
        np.testing.assert_allclose(left[:, shared], right[:, shared], atol=0.03)  # those two are of one side
        assert np.median(left[:, CHANNELS.index("tilt_apart" if others else "tilt")]) > 0.5


def seen_better(pose, side):
    """The same pose, one side seen a little better: that one is the near one."""
    visibility = np.full_like(pose.visibility, 0.98)
    visibility[:, [i for name, i in INDEX.items() if name.startswith(side)]] = 0.99
    return Pose(pose.xy, pose.z, visibility, pose.world, pose.detected)


def test_an_error_shows():
    good, bad = sequence(*one()), sequence(*one(errors=["hips_sagging"]))
    ankle = CHANNELS.index("near_ankle_y")
    assert (good - bad)[:, ankle].mean() > 0.1  # ankles are higher than the hips that hang


def test_gaps_are_interpolated_and_marked():
    pose, start, end = one(dropouts=[(20, 26)])
    whole, _, _ = one()
    x = sequence(pose, start, end)
    assert np.isfinite(x[:, :COORDINATES]).all()
    assert x[:, CHANNELS.index("detected")].min() == 0
    np.testing.assert_allclose(x[:, :COORDINATES], sequence(whole, start, end)[:, :COORDINATES], atol=0.1)


def test_nobody_there_is_nan():
    pose, start, end = one(dropouts=[(0, 1000)])
    x = sequence(pose, start, end)
    assert np.isnan(x).all()
    assert not data.seen(x[None])[0]
    assert np.isnan(sequence(pose, 5000, 5010)).all()


def test_every_view_gives_numbers_of_body_size():
    for view in ("side", "oblique", "front"):
        x = sequence(*one(view=view))
        assert np.abs(x[:, :COORDINATES]).max() < 8, view


def test_each_video_is_read_once_and_rows_keep_their_order(rep):
    pose, start, end = rep
    rows = [
        {
            "rep_id": f"{v}-f{i}",
            "video_id": v,
            "start": start + i,
            "end": end,
            "near_side": "left",
            "view": "side",
            "support": "feet",
            "partial": False,
        }
        for i in range(4)
        for v in ("a", "b")
    ]
    among = tables.REPS.frame(rows)
    reps = among.filter(pl.col("start") < start + 2).sample(fraction=1, shuffle=True, seed=3)
    size = {"width": WIDTH, "height": HEIGHT, "fps": 30.0}
    videos = tables.VIDEOS.frame([{"video_id": v, **size} for v in ("a", "b")])
    rules = tables.RULES.frame(
        [{"rep_id": "a-f0", "error": e, "probability": p} for e, p in (("a", 0.5), ("b", 0.99))]
    )
    read = []

    def pose_of(video_id):
        read.append(video_id)
        return pose

    x = data.sequences(reps, videos, rules, pose_of, among=among, errors=("a", "b"), steps=STEPS)
    assert sorted(read) == ["a", "b"]
    for i, row in enumerate(reps.iter_rows(named=True)):
        said = (0.5, 0.99) if row["rep_id"] == "a-f0" else (np.nan, np.nan)
        others = [(start + other, end) for other in range(4) if start + other != row["start"]]
        alone = sequence(pose, row["start"], row["end"], opinions=said, others=others)
        np.testing.assert_allclose(x[i], alone, atol=1e-5)
    empty = tables.REPS.empty()
    none = data.sequences(empty, videos, rules, pose_of, among=empty, errors=("a",), steps=STEPS)
    assert none.shape == (0, STEPS, len(data.channels(("a",))))


def test_a_partial_rep_has_no_say_in_what_is_usual(rep):
    pose, start, end = rep
    row = {"video_id": "a", "end": end, "near_side": "left", "view": "side", "support": "feet"}
    rows = [{"rep_id": f"a-f{i}", "start": start + i, "partial": i == 2, **row} for i in range(3)]
    reps = tables.REPS.frame(rows)
    videos = tables.VIDEOS.frame([{"video_id": "a", "width": WIDTH, "height": HEIGHT, "fps": 30.0}])
    for among, known in ((reps, False), (reps.with_columns(partial=False), True)):
        x = data.sequences(
            reps, videos, tables.RULES.empty(), lambda _: pose, among=among, errors=(), steps=STEPS
        )
        assert np.isfinite(x[..., BESIDE]).any() == known


def test_targets_hold_three_values_and_mask_the_unusable():
    rows = [
        {"rep_id": "a", "error": "x", "value": "present", "usable": True},
        {"rep_id": "a", "error": "y", "value": "absent", "usable": True},
        {"rep_id": "b", "error": "x", "value": "unknown", "usable": True},
        {"rep_id": "c", "error": "x", "value": "present", "usable": False},
        {"rep_id": "elsewhere", "error": "x", "value": "present", "usable": True},
        {"rep_id": "a", "error": "no longer asked", "value": "present", "usable": True},
    ]
    y = data.targets(tables.LABELS.frame(rows), ["a", "b", "c"], ["x", "y"])
    np.testing.assert_array_equal(y, [[1, 0], [np.nan, np.nan], [np.nan, np.nan]])


def test_fingerprint_knows_the_data_and_not_their_order():
    rng = np.random.default_rng(0)
    some = data.Dataset(
        ["a", "b"], ["s", "t"], rng.random((2, 4, 3), np.float32), np.eye(2, dtype=np.float32)
    )
    turned = data.Dataset(["b", "a"], ["t", "s"], some.x[::-1], some.y[::-1])
    assert turned.fingerprint() == some.fingerprint()
    other = data.Dataset(some.rep_ids, some.subjects, some.x, 1 - some.y)
    assert other.fingerprint() != some.fingerprint()
    assert some.take([False, True]).rep_ids == ["b"]


def test_statistics_are_an_embedding_of_what_moves():
    good, bad = sequence(*one()), sequence(*one(errors=["hips_piked"]))
    found = data.statistics(np.stack([good, bad, np.full_like(good, np.nan)]))
    assert found.shape == (3, 2 * COORDINATES)
    assert np.isfinite(found[:2]).all()
    assert np.isnan(found[2]).all()
    assert np.abs(found[0] - found[1]).max() > 0.1
    assert len(POINTS) * 2 == COORDINATES


def test_what_the_landmarks_do_not_show_is_not_learnt():
    errors = ["hips_sagging", "shallow_depth"]
    flags = [[], [quality.BLURRED], [quality.ARMS_WRONG], [quality.BODY_WRONG], [quality.LOST]]
    reps = tables.REPS.frame([{"rep_id": str(i), "flags": f} for i, f in enumerate(flags)])
    y = data.told(np.ones((5, 2), dtype=np.float32), reps, errors)
    assert np.isfinite(y).tolist() == [
        [True, True],
        [True, True],
        [True, False],
        [False, False],
        [False, False],
    ]
