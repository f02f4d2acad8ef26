import csv
import json
import os
import shutil
from pathlib import Path

import av
import numpy as np
import polars as pl
import pytest

from pushup_data import landmarks, pose, quality, tables, video
from pushup_data.errors import BadInputError, BadVideoError, MissingInputError
from pushup_data.stages import ingest
from pushup_data.stages import pose as stage
from pushup_data.workspace import CHECKOUT, Workspace
from tests import figures, sources

MODEL = CHECKOUT / "models" / "pose" / "pose_landmarker_full.task"


@pytest.fixture(scope="module")
def quick(default_params):
    """As it ships, but without the flip test, which takes half of the time and has tests of its own."""
    section = default_params.pose.model_copy(update={"flip_test": False})
    return default_params.model_copy(update={"pose": section})


@pytest.fixture(scope="module")
def made(tmp_path_factory, initialised, quick):
    """Two workspaces with a constant, a variable and a turned video: ingested, and with their poses."""
    ingested = shutil.copytree(initialised, tmp_path_factory.mktemp("ingested") / "workspace")
    workspace = Workspace(ingested)
    sources.numbered(workspace.raw / "constant.mp4", rate="30000/1001")
    sources.variable(workspace.raw / "variable.mkv")
    sources.turned(workspace.raw / "turned.mov")
    ingest.run(workspace, quick)
    with_poses = Workspace(shutil.copytree(ingested, tmp_path_factory.mktemp("posed") / "workspace"))
    stage.run(with_poses, quick)
    return workspace, with_poses


@pytest.fixture
def filled(made, copied):
    """A workspace of the test's own, ingested."""
    return copied(made[0])


@pytest.fixture
def posed(made, copied):
    """A workspace of the test's own, with poses."""
    return copied(made[1])


def videos(workspace) -> dict[str, dict]:
    rows = tables.read(tables.VIDEOS, workspace.videos).rows(named=True)
    return {row["original_name"]: row for row in rows}


def qualities(workspace) -> dict[str, dict]:
    rows = tables.read(tables.QUALITY, workspace.quality).rows(named=True)
    return {row["video_id"]: row for row in rows}


def stamps(workspace) -> dict[str, int]:
    return {p.name: p.stat().st_mtime_ns for p in workspace.pose("any").parent.iterdir()}


def decoded(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_a_row_per_decoded_frame_as_label_studio_counts_them(posed):
    rows = videos(posed)
    assert len(rows) == 3
    for row in rows.values():
        path = posed.video(row["video_id"])
        table = tables.read(tables.POSE, posed.pose(row["video_id"]))
        counted_by_label_studio = round(video.duration(path) * row["fps"])
        assert len(table) == row["frames"] == decoded(path) == counted_by_label_studio
        assert table["frame"].to_list() == list(range(row["frames"]))
        assert np.isnan(table["x"].to_numpy()).all()  # a grey picture shows nobody
    found = qualities(posed)[rows["constant.mp4"]["video_id"]]
    assert found["people"] == 0
    assert quality.NO_PERSON in found["flags"]


def test_light_is_measured_frame_by_frame(posed):
    luma = tables.read(tables.POSE, posed.pose(videos(posed)["constant.mp4"]["video_id"]))["luma"]
    assert luma[0] < 45  # frame k is made with brightness 40 + 3 k of 16 to 235
    assert luma[59] > 220
    assert np.all(np.diff(luma.to_numpy()) > 1)


def test_a_second_run_touches_nothing_and_a_new_video_costs_one(posed, quick, capsys):
    before = stamps(posed)
    stage.run(posed, quick)
    assert stamps(posed) == before
    assert "3 videos kept" in capsys.readouterr().out
    sources.numbered(posed.raw / "new.avi", rate="10")
    ingest.run(posed, quick)
    stage.run(posed, quick)
    after = stamps(posed)
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 2  # the pose and its note


def test_other_settings_make_every_pose_again_and_thresholds_none(posed, quick):
    before = stamps(posed)
    limits = quick.quality.model_copy(update={"min_luma": 250.0})
    stage.run(posed, quick.model_copy(update={"quality": limits}))
    assert stamps(posed) == before
    assert all(quality.DARK in row["flags"] for row in qualities(posed).values())
    for change in ({"min_confidence": 0.6}, {"flip_test": True}):
        before = stamps(posed)
        other = quick.pose.model_copy(update=change)
        stage.run(posed, quick.model_copy(update={"pose": other}))
        assert all(stamp != before[name] for name, stamp in stamps(posed).items())


def test_what_has_no_video_or_is_half_written_goes(posed, quick):
    gone, half = (videos(posed)[n]["video_id"] for n in ("variable.mkv", "turned.mov"))
    (posed.raw / "variable.mkv").unlink()
    posed.pose(half).with_suffix(".json").unlink()  # killed between pose and note
    posed.pose(half).write_bytes(b"half")
    (posed.pose(half).parent / ".tmp-killed.parquet").write_bytes(b"half")
    ingest.run(posed, quick)
    stage.run(posed, quick)
    names = set(stamps(posed))
    assert len(names) == 4
    assert not any(gone in name or name.startswith(".tmp") for name in names)
    assert len(tables.read(tables.POSE, posed.pose(half))) == videos(posed)["turned.mov"]["frames"]


def test_a_video_that_fails_is_set_aside_and_not_tried_for_ever(filled, quick, capsys):
    row = videos(filled)["constant.mp4"]
    path = filled.video(row["video_id"])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])  # the disk was full
    stage.run(filled, quick)
    said = capsys.readouterr().out
    assert "set aside 1" in said
    assert path.name in said or "constant.mp4" in said
    found = qualities(filled)
    assert len(found) == 3
    assert found[row["video_id"]]["flags"] == [quality.FAILED]
    assert not filled.pose(row["video_id"]).exists()
    before = stamps(filled)
    stage.run(filled, quick)
    assert stamps(filled) == before
    assert "set aside 1" in capsys.readouterr().out


def test_out_of_time_is_tried_again_when_there_is_more(filled, quick):
    def settings(limit):
        section = quick.pose.model_copy(update={"time_limit_s": limit})
        return quick.model_copy(update={"pose": section})

    stage.run(filled, settings(0.05))
    assert all(row["flags"] == [quality.FAILED] for row in qualities(filled).values())
    note = next(p for p in filled.pose("any").parent.glob("*.json"))
    assert json.loads(note.read_text())["reason"] == "timeout"
    stage.run(filled, settings(600))
    assert not any(quality.FAILED in row["flags"] for row in qualities(filled).values())


def test_no_video_gives_a_valid_empty_table(workspace, quick):
    ingest.run(workspace, quick)
    stage.run(workspace, quick)
    assert tables.read(tables.QUALITY, workspace.quality).is_empty()


def test_without_the_model_it_says_how_to_make_it(filled, default_params, tmp_path):
    with pytest.raises(MissingInputError, match="pushup-data pose-model --kind full"):
        pose.track(tmp_path / "v.mp4", tmp_path / "none.task", default_params.pose)
    broken = tmp_path / "broken.task"
    broken.write_bytes(b"no model")
    with pytest.raises(BadInputError, match="MediaPipe refuses it"):
        pose.track(tmp_path / "v.mp4", broken, default_params.pose)


def test_what_is_no_video_is_refused(default_params, tmp_path):
    path = tmp_path / "v.mp4"
    path.write_bytes(os.urandom(4000))
    with pytest.raises(BadVideoError, match=r"v\.mp4: cannot be decoded"):
        pose.track(path, MODEL, default_params.pose)


def shoulders_x(table: pl.DataFrame) -> float:
    found = landmarks.from_table(table)
    return float(np.nanmedian(found.xy[:, [11, 12], 0]))


def side_by_side(left: Path, right: Path, target: Path, still: str) -> Path:
    """Two videos beside each other; in the one named by `still` ("left", "right") nothing moves."""
    freeze = "loop=loop=-1:size=1:start=0,"
    filters = (
        f"[0:v]{freeze if still == 'left' else ''}scale=640:360,setsar=1,setpts=N/25/TB[a];"
        f"[1:v]{freeze if still == 'right' else ''}scale=640:360,setsar=1,setpts=N/25/TB[b];"
        "[a][b]hstack=shortest=1"
    )
    made = ["-filter_complex", filters, "-frames:v", "75", *sources.H264.split()]
    sources.ffmpeg("-i", str(left), "-i", str(right), *made, str(target))
    return target


def clip(real_data: Path, clip_id: str) -> Path:
    with (real_data / "clips.csv").open() as file:
        return real_data / next(row["file"] for row in csv.DictReader(file) if row["clip_id"] == clip_id)


def test_a_person_is_found_in_every_frame_of_a_good_clip_silently(real_data, default_params, capfd):
    found = pose.track(clip(real_data, "c001"), MODEL, default_params.pose)
    assert found.frame["detected"].all()
    assert len(found.frame) == 45
    assert found.people == 1
    assert capfd.readouterr().err == ""
    body = landmarks.from_table(found.frame)
    assert quality.view_of(body) in {"side", "oblique"}
    assert found.frame["sharpness"].min() > 15


def test_with_a_flip_test_a_mirrored_video_has_the_mirrored_landmarks(real_data, default_params, tmp_path):
    lossless = ["-c:v", "libx264", "-preset", "ultrafast", "-qp", "0"]
    plain, mirror = tmp_path / "plain.mp4", tmp_path / "mirror.mp4"
    for target, turn in ((plain, "null"), (mirror, "hflip")):
        part = ["-frames:v", "30", "-vf", turn]
        sources.ffmpeg("-i", str(clip(real_data, "c003")), *part, *lossless, str(target))
    apart = {}
    for flip_test in (False, True):
        settings = default_params.pose.model_copy(update={"flip_test": flip_test})
        one, other = (landmarks.from_table(pose.track(v, MODEL, settings).frame) for v in (plain, mirror))
        apart[flip_test] = float(np.abs(one.xy - figures.mirrored(other).xy).mean())
    assert apart[True] < 0.1 * apart[False]


@pytest.mark.parametrize("still", ["left", "right"])
def test_of_two_people_the_one_doing_push_ups_is_followed(real_data, quick, tmp_path, still):
    left, right = clip(real_data, "c003"), clip(real_data, "c228")
    path = side_by_side(left, right, tmp_path / "two.mp4", still)
    found = pose.track(path, MODEL, quick.pose)
    assert found.people == 2
    assert found.sure
    assert (shoulders_x(found.frame) > 0.5) == (still == "left")
    assert found.frame["detected"].mean() > 0.95


def test_two_people_doing_push_ups_are_flagged(real_data, quick, workspace):
    side_by_side(clip(real_data, "c001"), clip(real_data, "c003"), workspace.raw / "two.mp4", "nobody")
    ingest.run(workspace, quick)
    stage.run(workspace, quick)
    (row,) = qualities(workspace).values()
    assert {quality.SEVERAL, quality.UNSURE_WHO} <= set(row["flags"])


def test_a_small_person_is_found_by_looking_closer(real_data, default_params, tmp_path):
    """The person fills a ninth of the picture, where one look at the whole picture loses them."""
    small = tmp_path / "small.mp4"
    pad = "scale=480:270,pad=1440:810:700:300:gray,setsar=1"
    sources.ffmpeg(
        "-i", str(clip(real_data, "c228")), "-frames:v", "60", "-vf", pad, *sources.H264.split(), str(small)
    )
    found = pose.track(small, MODEL, default_params.pose)
    assert found.frame["detected"].mean() > 0.95
    body = landmarks.from_table(found.frame)
    inside = (body.xy > [700 / 1440, 300 / 810]).all(-1) & (body.xy < [1180 / 1440, 570 / 810]).all(-1)
    assert inside.mean() > 0.9


def test_the_view_is_told_as_the_raters_tell_it(real_data, quick):
    """All clips: benchmarks/views.py."""
    for view, clip_id in (("side", "c003"), ("front", "c087")):
        found = pose.track(clip(real_data, clip_id), MODEL, quick.pose)
        assert quality.view_of(landmarks.from_table(found.frame)) == view
