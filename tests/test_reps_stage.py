import shutil

import numpy as np
import polars as pl
import pytest

from pushup_data import landmarks, params, quality, tables, video
from pushup_data.stages import reps as stage
from pushup_data.workspace import RENDITIONS, TEMPLATE, Workspace
from tests import figures, sources

FPS = 30.0
KNOWN = {"one": 1, "two": 2}  # video_id -> reps


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """A film and a pose of each known video; the films are as long as the poses."""
    folder = tmp_path_factory.mktemp("films")
    for video_id, reps in KNOWN.items():
        pose, _ = figures.push_up(reps=reps, fps=FPS)
        tables.write(tables.POSE, figures.pose_table(pose), folder / f"{video_id}.parquet")
        picture = f"testsrc2=size=64x48:rate={FPS:g}"
        length = ["-frames:v", str(len(pose))]
        sources.ffmpeg(
            "-f", "lavfi", "-i", picture, *length, *sources.H264.split(), str(folder / f"{video_id}.mp4")
        )
    return folder


@pytest.fixture
def workspace(tmp_path):
    """What the stage reads of a workspace; no git, no DVC: quicker."""
    shutil.copy(TEMPLATE / "params.yaml", tmp_path)
    shutil.copytree(TEMPLATE / "labeling_config", tmp_path / "labeling_config")
    return Workspace(tmp_path)


@pytest.fixture
def filled(workspace, films):
    """A workspace as `pose` and `pull` leave it."""
    for video_id in KNOWN:
        add(workspace, films, video_id)
    finish(workspace, list(KNOWN))
    return workspace


def add(workspace, films, video_id, *, pose=True):
    target = workspace.video(video_id)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(films / f"{video_id[:3]}.mp4", target)
    if pose:
        workspace.pose(video_id).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(films / f"{video_id[:3]}.parquet", workspace.pose(video_id))


def finish(workspace, video_ids, *, flags=(), boundaries=()):
    rows = [
        {
            "video_id": v,
            "original_name": f"{v}.mp4",
            "subject": f"video:{v}",
            "fps": FPS,
            "frames": len(video.timestamps(workspace.video(v))),
            "width": figures.WIDTH,
            "height": figures.HEIGHT,
        }
        for v in video_ids
    ]
    tables.write(tables.VIDEOS, tables.VIDEOS.frame(rows), workspace.videos)
    seen = [{"video_id": v, "view": "side", "flags": list(flags)} for v in video_ids]
    tables.write(tables.QUALITY, tables.QUALITY.frame(seen), workspace.quality)
    tables.write(tables.BOUNDARIES, tables.BOUNDARIES.frame(list(boundaries)), workspace.boundaries)


def run(workspace, **changed):
    settings = params.load(workspace.params)
    settings = settings.model_copy(update={"reps": settings.reps.model_copy(update=changed)})
    stage.run(workspace, settings)
    return tables.read(tables.REPS, workspace.reps)


def files(folder):
    return {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}


def beside(found):
    """The names of all renditions that there should be."""
    return {f"{c.removesuffix('.mp4')}-{kind}.mp4" for c in found["clip"] for kind in RENDITIONS}


def test_no_videos_make_empty_tables(workspace, capsys):
    finish(workspace, [])
    assert run(workspace).is_empty()
    assert tables.read(tables.RULES, workspace.rules).is_empty()
    assert tables.read(tables.REP_REGISTRY, workspace.rep_registry).is_empty()
    assert files(workspace.clips) == files(workspace.renditions) == {}
    assert "0 reps" in capsys.readouterr().out


def test_every_rep_has_its_row_its_opinions_and_its_clips(filled, capsys, default_taxonomy):
    found = run(filled)
    assert dict(found.group_by("video_id").len().iter_rows()) == KNOWN
    assert found.sort("start")["number"].to_list() == [1, 1, 2]
    assert set(found["view"]) == {"side"}
    assert not found["partial"].any()
    opinions = tables.read(tables.RULES, filled.rules)
    assert set(opinions.select("rep_id", "error").iter_rows()) == {
        (rep, error) for rep in found["rep_id"] for error in default_taxonomy.ids
    }
    registry = tables.read(tables.REP_REGISTRY, filled.rep_registry)
    columns = ["rep_id", "video_id", "start", "bottom", "end"]
    assert registry.equals(found.select(columns))
    for row in found.iter_rows(named=True):
        assert row["clip"].startswith(f"{row['rep_id']}-{row['clip_start']}-{row['clip_end']}-")
        assert row["clip_start"] == max(row["start"] - 6, 0)  # 0.2 s at 30 fps
        assert len(video.timestamps(filled.clips / row["clip"])) == row["clip_end"] - row["clip_start"]
        length = video.duration(filled.clips / row["clip"])
        for kind, times in {"skeleton": 1, "slow": 2, "skeleton-slow": 2}.items():
            shown = filled.rendition(row["clip"], kind)
            assert len(video.timestamps(shown)) == row["clip_end"] - row["clip_start"]
            assert video.duration(shown) == pytest.approx(times * length, abs=0.04)
    assert files(filled.clips).keys() == set(found["clip"])
    assert files(filled.renditions).keys() == beside(found)
    assert (
        "3 reps (0 partial, 0 drawn by people) in 2 of 2 videos; 3 clips cut, 0 kept"
        in capsys.readouterr().out
    )


def test_a_second_run_changes_nothing(filled, capsys):
    run(filled)
    before = (
        [(p, p.read_bytes()) for p in (filled.reps, filled.rules, filled.rep_registry)],
        files(filled.clips),
        files(filled.renditions),
    )
    capsys.readouterr()
    run(filled)
    after = (
        [(p, p.read_bytes()) for p in (filled.reps, filled.rules, filled.rep_registry)],
        files(filled.clips),
        files(filled.renditions),
    )
    assert before == after
    assert "0 clips cut, 3 kept" in capsys.readouterr().out


def test_one_new_video_costs_one_videos_clips(filled, films, capsys):
    first = run(filled)
    made = files(filled.clips)
    add(filled, films, "one-more")
    finish(filled, [*KNOWN, "one-more"])
    capsys.readouterr()
    found = run(filled)
    assert "1 clips cut, 3 kept" in capsys.readouterr().out
    assert made.items() <= files(filled.clips).items()
    assert found.filter(pl.col("video_id") != "one-more").equals(first)


def test_a_half_finished_run_is_completed(filled, capsys):
    found = run(filled)
    one, two, _ = found["clip"]
    filled.rendition(one, "slow").unlink()
    (filled.clips / two).unlink()
    (filled.clips / ".tmp-left-by-a-kill.mp4").write_bytes(b"half")
    capsys.readouterr()
    assert run(filled).equals(found)
    assert "2 clips cut, 1 kept, 0 no longer needed" in capsys.readouterr().out
    assert files(filled.clips).keys() == set(found["clip"])
    assert files(filled.renditions).keys() == beside(found)


def test_a_removed_video_loses_its_clips_but_not_its_names(filled, capsys):
    found = run(filled)
    names = tables.read(tables.REP_REGISTRY, filled.rep_registry)
    finish(filled, ["one"])
    left = run(filled)
    assert set(left["video_id"]) == {"one"}
    assert files(filled.clips).keys() == set(left["clip"])
    assert files(filled.renditions).keys() == beside(left)
    assert tables.read(tables.REP_REGISTRY, filled.rep_registry).equals(names)
    finish(filled, list(KNOWN))
    assert run(filled).equals(found)


def test_other_settings_make_other_files_and_back_again_the_same(filled):
    found = run(filled)
    wider = run(filled, context_s=0.1)
    assert wider["rep_id"].equals(found["rep_id"])
    assert not set(wider["clip"]) & set(found["clip"])
    assert run(filled).equals(found)


def test_another_pose_makes_other_files(filled):
    """The skeleton that annotators see is that of today's pose, also where the rep stays where it is."""
    found = run(filled)
    pose, _ = figures.push_up(reps=KNOWN["one"], fps=FPS, noise=0.0005)
    tables.write(tables.POSE, figures.pose_table(pose), filled.pose("one"))
    again = run(filled)
    changed = set(found["clip"]) - set(again["clip"])
    assert changed == set(found.filter(pl.col("video_id") == "one")["clip"])


def test_a_correction_keeps_the_name_and_makes_another_clip(filled):
    found = run(filled).filter(pl.col("video_id") == "one").row(0, named=True)
    drawn = {
        "video_id": "one",
        "start": found["start"] + 2,
        "bottom": None,
        "end": found["end"] + 3,
        "annotation": "a",
    }
    finish(filled, list(KNOWN), boundaries=[drawn])
    corrected = run(filled).filter(pl.col("video_id") == "one").row(0, named=True)
    assert corrected["drawn"]
    assert (corrected["start"], corrected["end"]) == (found["start"] + 2, found["end"] + 3)
    assert corrected["rep_id"] == found["rep_id"]
    assert corrected["clip"] != found["clip"]
    assert not (filled.clips / found["clip"]).exists()


def test_a_video_without_a_pose_is_counted_aloud(filled, films, capsys):
    add(filled, films, "two-without", pose=False)
    finish(filled, [*KNOWN, "two-without"])
    assert set(run(filled)["video_id"]) == set(KNOWN)
    assert "videos without a pose: 1 (two-without.mp4)" in capsys.readouterr().out


def test_a_video_without_a_rep_is_counted_aloud(filled, films, capsys):
    add(filled, films, "one-lost")
    blank = tables.read(tables.POSE, filled.pose("one-lost")).with_columns(detected=pl.lit(False))
    lost = landmarks.from_table(blank)
    empty = np.full_like(lost.xy, np.nan)
    nothing = landmarks.Pose(
        empty, empty[..., 0], empty[..., 0], np.full_like(lost.world, np.nan), lost.detected
    )
    tables.write(tables.POSE, figures.pose_table(nothing), filled.pose("one-lost"))
    finish(filled, [*KNOWN, "one-lost"])
    assert set(run(filled)["video_id"]) == set(KNOWN)
    assert "videos without a rep: 1 (one-lost.mp4)" in capsys.readouterr().out


def test_a_video_that_cannot_be_cut_costs_its_own_reps_only(filled, capsys):
    good = run(filled)
    filled.video("two").write_bytes(b"no video")
    for clip in good.filter(pl.col("video_id") == "two")["clip"]:
        (filled.clips / clip).unlink()
    found = run(filled)
    assert set(found["video_id"]) == {"one"}
    assert set(tables.read(tables.RULES, filled.rules)["rep_id"]) == set(found["rep_id"])
    out = capsys.readouterr().out
    assert "videos that could not be cut: 1 (two.mp4" in out, out
    assert "1 reps" in out


def test_flags_of_the_whole_video_reach_its_reps(filled):
    finish(filled, list(KNOWN), flags=[quality.SEVERAL, quality.DARK])
    assert run(filled)["flags"].to_list() == [[quality.SEVERAL]] * 3  # the dark is judged per rep
