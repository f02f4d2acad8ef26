from pathlib import Path

import numpy as np
import pytest

from pushup_data import tables
from pushup_data.errors import BadVideoError, MissingInputError
from pushup_data.landmarks import INDEX, MIRRORED, Pose
from pushup_data.model import crops
from pushup_data.model.crops import FRAMES, SIDE
from pushup_data.model.measures import Seen
from tests import sources
from tests.figures import HEIGHT, WIDTH, film, push_up

SIZE = (WIDTH, HEIGHT)
FPS = 15.0


def moved(pose, right=0.0, zoom=1.0):
    xy = (pose.xy - 0.5) * zoom + 0.5 + np.array([right, 0.0])
    return Pose(xy.astype(np.float32), pose.z, pose.visibility, pose.world, pose.detected)


@pytest.fixture(scope="module")
def filmed(tmp_path_factory):
    """A push-up, seen from its left side: video, pose and rep."""
    pose, [(start, _, end)] = push_up(reps=1, fps=FPS)
    path = tmp_path_factory.mktemp("filmed") / "set.mp4"
    film(path, pose, FPS)
    return path, pose, Seen(start, end, "left", "side", "feet")


def test_the_whole_person_is_in_the_crops_and_little_else(filmed):
    path, pose, rep = filmed
    found = crops.of_video(path, pose, [rep], SIZE)
    assert found.shape == (1, FRAMES, SIDE, SIDE, 3)
    assert found.dtype == np.uint8
    person = found[0, ..., 0] > 150  # skin before a dark wall
    rows, columns = person.any(axis=(0, 2)), person.any(axis=(0, 1))
    assert not columns[[0, -1]].any()
    assert columns.mean() > 0.6
    assert 0.1 < rows.mean() < 0.7
    shoulder = person.any(axis=2).argmax(axis=1)  # the first row with somebody in it
    assert shoulder[FRAMES // 2] > shoulder[0] + 1  # lower in the middle of the rep


def test_the_head_is_on_the_right_and_a_mirrored_video_gives_the_same(filmed, tmp_path):
    path, pose, rep = filmed
    mirrored = moved(pose)
    mirrored.xy[..., 0] = 1 - mirrored.xy[..., 0]
    mirrored = Pose(
        mirrored.xy[:, MIRRORED],
        pose.z[:, MIRRORED],
        pose.visibility[:, MIRRORED],
        pose.world,
        pose.detected,
    )
    film(tmp_path / "mirrored.mp4", mirrored, FPS)
    one = crops.of_video(path, pose, [rep], SIZE).astype(float)
    other = crops.of_video(
        tmp_path / "mirrored.mp4", mirrored, [Seen(rep.start, rep.end, "right", "side", "feet")], SIZE
    ).astype(float)
    assert np.abs(one - other).mean() < 3 < np.abs(one - other[:, :, :, ::-1]).mean()
    (_, _, side), left = crops.box(pose, SIZE)
    (_, _, again), right = crops.box(mirrored, SIZE)
    assert side == again
    assert left != right
    for p, swapped in ((pose, left), (mirrored, right)):
        ahead = p.xy[0, INDEX["nose"], 0] < p.xy[0, INDEX["left_hip"], 0]
        assert ahead == swapped


def test_outside_the_picture_it_is_black(filmed, tmp_path):
    _, pose, rep = filmed
    near = moved(pose, right=0.3, zoom=1.4)
    film(tmp_path / "near.mp4", near, FPS)
    (left, _, side), mirrored = crops.box(near, SIZE)
    beyond = left + side - WIDTH
    assert beyond > 0
    found = crops.of_video(tmp_path / "near.mp4", near, [rep], SIZE)[0]
    found = found[:, :, ::-1] if mirrored else found
    edge = SIDE - int(beyond / side * SIDE)
    assert (found[:, :, edge + 1 :] == 0).all()
    middle = found[:, SIDE // 2, : edge - 1]
    assert (middle.max(axis=-1) > 40).all()


def test_a_jump_of_the_landmarks_does_not_shrink_the_person():
    pose, [(start, _, end)] = push_up(reps=1, fps=FPS)
    (_, _, side), _ = crops.box(pose.cut(start, end), SIZE)
    jumping = moved(pose)
    jumping.xy[start + 5] *= 3
    (_, _, again), _ = crops.box(jumping.cut(start, end), SIZE)
    assert again == pytest.approx(side, rel=0.1)


def still(frames, detected=True):
    """Somebody who lies in the middle of the picture."""
    pose, _ = push_up(reps=1)
    xy, z, visibility, world = (
        np.repeat(part[:1], frames, axis=0) for part in (pose.xy, pose.z, pose.visibility, pose.world)
    )
    nothing = 0.0 if detected else np.nan
    return Pose(xy + nothing, z, visibility, world, np.full(frames, detected))


def rep_rows(*rows):
    return tables.REPS.frame(
        [
            {"rep_id": f"{v}-{s}", "video_id": v, "start": s, "end": e, "near_side": "left", "view": "side"}
            | {"support": "feet"}
            for v, s, e in rows
        ]
    )


def test_frames_are_evenly_spaced_and_each_video_is_decoded_once(tmp_path):
    size = (64, 48)
    for name in ("a", "b"):
        sources.numbered(tmp_path / f"{name}.mp4")
    reps = rep_rows(("a", 0, 30), ("b", 10, 20), ("a", 5, 60), ("a", 30, 36)).sort("end")
    videos = tables.VIDEOS.frame([{"video_id": v, "width": size[0], "height": size[1]} for v in ("a", "b")])
    asked = []

    def path_of(video_id):
        asked.append(video_id)
        return tmp_path / f"{video_id}.mp4"

    found = crops.crops(("rgb",), reps, videos, lambda _: still(sources.FRAMES), path_of)
    assert sorted(asked) == ["a", "b"]
    for i, (start, end) in enumerate([(9, 21), (0, 33), (29, 37), (0, 60)]):  # a tenth more at both ends
        shown = found[i, :, SIDE // 2, SIDE // 2].mean(axis=-1)
        expected = (40 + 3 * np.linspace(start, end - 1, FRAMES).round() - 16) * 255 / 219  # studio range
        np.testing.assert_allclose(shown, np.clip(expected, 0, 255), atol=4)


def test_where_nobody_is_seen_all_is_black_and_no_video_is_needed():
    reps = rep_rows(("a", 0, 30))
    videos = tables.VIDEOS.frame([{"video_id": "a", "width": 64, "height": 48}])
    found = crops.crops(("rgb",), reps, videos, lambda _: still(60, detected=False), lambda _: Path("none"))
    assert found.shape == (1, FRAMES, SIDE, SIDE, 3)
    assert not found.any()


def test_without_the_rgb_stream_no_video_is_opened():
    def never(_):
        raise AssertionError

    reps = rep_rows(("a", 0, 30))
    assert crops.crops(("pose",), reps, tables.VIDEOS.empty(), never, never) is None
    assert crops.crops(("pose", "rgb"), reps.clear(), tables.VIDEOS.empty(), never, never).shape[0] == 0


def test_a_video_that_is_missing_damaged_or_too_short_is_named(tmp_path):
    rep = Seen(0, 50, "left", "side", "feet")
    (tmp_path / "damaged.mp4").write_bytes(b"no video" * 100)
    sources.numbered(tmp_path / "short.mp4")
    for name, kind, said in (
        ("missing", MissingInputError, "is not there, and a model of the rgb stream needs"),
        ("damaged", BadVideoError, "Invalid data"),
        ("short", BadVideoError, "frame 60 is missing"),
    ):
        frames = 61 if name == "short" else 60
        until = Seen(0, 61, "left", "side", "feet") if name == "short" else rep
        with pytest.raises(kind, match=said) as e:
            crops.of_video(tmp_path / f"{name}.mp4", still(frames), [until], (64, 48))
        assert f"{name}.mp4" in str(e.value)
        assert "dvc repro" in str(e.value)
