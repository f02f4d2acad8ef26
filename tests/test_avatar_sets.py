import csv
import hashlib

import av
import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from pushup_data import tables
from pushup_data.avatar import sets
from pushup_data.avatar.sets import Recipe
from pushup_data.cli import main
from pushup_data.errors import BadInputError
from pushup_data.landmarks import INDEX

SMALL = {"reps": (1, 1), "fps": 8.0, "size": (160, 90)}


def small(number, **chosen):
    return Recipe(seed=1, number=number, **(SMALL | chosen))


def frames(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def digests(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.glob("*.mp4"))}


def test_the_same_seed_gives_the_same_frames_and_the_same_truth(tmp_path):
    recipes = [small(n) for n in range(2)]
    one = sets.render(recipes, tmp_path / "a")
    other = sets.render(recipes, tmp_path / "b")
    assert one.equals(other, null_equal=True)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    more = sets.render([*recipes, small(2)], tmp_path / "b")
    assert more.filter(pl.col("file") != small(2).name).equals(one)


def test_the_truth_fits_the_video(avatars):
    truth = tables.read(tables.TRUTH, avatars / "truth.parquet")
    assert len(truth) == 10
    assert truth["subject"].n_unique() == 10
    for row in truth.rows(named=True):
        pictures = frames(avatars / row["file"])
        assert len(pictures) == row["frames"] == len(row["joints_2d"]) == len(row["joints_3d"])
        assert pictures[0].shape == (row["height"], row["width"], 3)
        for rep in row["reps"]:
            assert 0 <= rep["start"] < rep["bottom"] < rep["end"] <= row["frames"]
            height = np.array(row["joints_3d"])[:, INDEX["left_shoulder"], 2]
            assert height[rep["bottom"]] < height[rep["start"]] - 0.02
        seen = np.array(row["joints_2d"])[:, [INDEX["left_hip"], INDEX["left_wrist"], INDEX["left_knee"]]]
        assert (seen > 0).all()
        assert (seen < [row["width"], row["height"]]).all()


def test_what_the_camera_cannot_show_is_unknown(avatars, default_taxonomy):
    truth = tables.read(tables.TRUTH, avatars / "truth.parquet")
    values = {"present": 0, "absent": 0, "unknown": 0}
    for row in truth.rows(named=True):
        for rep in row["reps"]:
            assert [told["error"] for told in rep["errors"]] == list(default_taxonomy.ids)
            for told in rep["errors"]:
                shown = default_taxonomy[told["error"]].judged_from(row["view"])
                assert (told["value"] == "unknown") == (not shown)
                assert told["severity"] == 0 or told["value"] != "absent"
                values[told["value"]] += 1
    assert min(values.values()) > 0


def test_the_manifest_names_the_bodies(avatars):
    with (avatars / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    truth = tables.read(tables.TRUTH, avatars / "truth.parquet")
    assert {(r["file"], r["subject"]) for r in rows} == set(truth.select("file", "subject").iter_rows())
    assert all(r["consent"] == "yes" for r in rows)


def test_bodies_take_turns_as_many_women_as_men():
    turns = [sets.whose(small(n)) for n in range(56)]
    assert len({body.name for body in turns[:28]}) == 28
    assert turns[28:] == turns[:28]
    assert sum(body.man for body in turns[:14]) == sum(body.man for body in turns[14:28]) == 7
    assert turns != [sets.whose(Recipe(seed=2, number=n)) for n in range(56)]


def test_an_interrupted_run_goes_on_where_it_was(tmp_path):
    recipes = [small(n) for n in range(2)]
    sets.render(recipes[:1], tmp_path)
    before = (tmp_path / recipes[0].name).stat().st_mtime_ns
    sets.render(recipes, tmp_path)
    assert (tmp_path / recipes[0].name).stat().st_mtime_ns == before
    (tmp_path / recipes[1].name).unlink()
    sets.render(recipes, tmp_path)
    assert (tmp_path / recipes[1].name).exists()
    assert not (tmp_path / ".parts").exists()


def test_other_options_do_not_mix_with_what_is_there(tmp_path):
    sets.render([small(0)], tmp_path)
    with pytest.raises(BadInputError, match="rendered with other options"):
        sets.render([small(0, fps=9.0)], tmp_path)


def test_other_options_do_not_mix_with_what_an_interrupted_run_left(tmp_path):
    sets._render((small(0), tmp_path))  # a run that was interrupted before it wrote the whole truth
    with pytest.raises(BadInputError, match="rendered with other options"):
        sets.render([small(0, fps=9.0)], tmp_path)
    before = (tmp_path / small(0).name).stat().st_mtime_ns
    assert sets.render([small(0)], tmp_path)["recipe"].to_list() == [small(0).digest]
    assert (tmp_path / small(0).name).stat().st_mtime_ns == before


def test_a_flaw_is_seen(tmp_path):
    found = {}
    for number in range(40):
        made = sets.take(small(number, flaw_share=1.0))
        found.setdefault(made.shot.flaw, made)
    assert set(found) == {"dark", "blurred", "hidden", "cut off"}
    fine = next(iter(sets.pictures(sets.take(small(0, flaw_share=0.0)))))
    dark = next(iter(sets.pictures(found["dark"])))
    assert dark.mean() < 35 < fine.mean()
    blurred = next(iter(sets.pictures(found["blurred"]))).astype(float)
    assert np.abs(np.diff(blurred, axis=0)).mean() < np.abs(np.diff(fine.astype(float), axis=0)).mean()
    points = found["cut off"].shot.camera.project(found["cut off"].points)
    inside = (points > 0).all(axis=2) & (points < [160, 90]).all(axis=2)
    assert inside[np.isfinite(points).all(axis=2)].mean() < 0.75


def test_the_command_says_what_it_made_and_what_is_wrong(tmp_path):
    result = CliRunner().invoke(
        main, ["avatar", "render", "--sets", "1", "--reps", "1", "1", "--fps", "8", "--out", str(tmp_path)]
    )
    assert result.exit_code == 0, result.output
    assert "1 sets with 1 repetitions by 1 bodies" in result.output
    result = CliRunner().invoke(main, ["avatar", "render", "--reps", "5", "3", "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "smaller number first" in result.output


def test_a_retake_has_body_and_camera_and_moves_otherwise(default_taxonomy):
    first = sets.take(small(2, reps=(3, 3), views={"front": 1.0}))
    again, other = sets.retake(first, 0), sets.retake(first, 1)
    assert (again.body, again.shot) == (first.body, first.shot)
    assert again.plan.stance.on_knees == first.plan.stance.on_knees
    assert np.array_equal(again.points, sets.retake(first, 0).points, equal_nan=True)
    assert len({made.plan.seed for made in (first, again, other)}) == 3
    told = [sets.truth(sets.retake(first, n), default_taxonomy) for n in range(8)]
    severe = {e["error"] for row in told for rep in row["reps"] for e in rep["errors"] if e["severity"]}
    assert severe
    assert not severe & {"hips_piked", "head_dropped"}  # MediaPipe loses them from the front
