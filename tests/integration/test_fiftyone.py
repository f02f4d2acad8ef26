"""The FiftyOne data set on a real MongoDB: what is in it, when it is built again, and what stays."""

import os
import shutil
import signal
import subprocess
import sys
import time

import curated
import numpy as np
import polars as pl
import pymongo
import pytest

from pushup_data import (
    fiftyone_dataset,
    fiftyone_samples,
    landmarks,
    mongodb,
    tables,
    taxonomy,
)
from pushup_data.errors import MissingInputError, ServerError
from pushup_data.workspace import TEMPLATE, Workspace

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A mongod for the module; this process's FiftyOne uses it too."""
    workspace = Workspace(tmp_path_factory.mktemp("mongodb"))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(mongodb.URI_VARIABLE, raising=False)
        for name, value in fiftyone_dataset.environment(mongodb.start(workspace)).items():
            patch.setenv(name, value)
        yield os.environ[mongodb.URI_VARIABLE]
    mongodb.stop(workspace)


def new(tmp_path_factory, videos=3):
    root = tmp_path_factory.mktemp("curation") / "Push-ups at home"
    shutil.copytree(TEMPLATE / "labeling_config", root / "labeling_config")
    workspace = Workspace(root)
    curated.fill(workspace, videos)
    return workspace


@pytest.fixture(scope="module")
def built(tmp_path_factory, server):
    """A workspace of six reps with its data set; for looking only."""
    workspace = new(tmp_path_factory)
    fiftyone_dataset.refresh(workspace, server)
    return workspace


@pytest.fixture
def mine(tmp_path_factory, server):
    """A workspace of six reps with its data set, to change."""
    workspace = new(tmp_path_factory)
    fiftyone_dataset.build(workspace)
    return workspace


def load(workspace):
    import fiftyone as fo

    return fo.load_dataset(fiftyone_dataset.name(workspace), reload=True)


def names(uri):
    with pymongo.MongoClient(uri) as client:
        return {d["name"] for d in client["fiftyone"]["datasets"].find({}, {"name": 1})}


def rep_ids(workspace):
    return tables.read(tables.SAMPLES, workspace.samples)["rep_id"].to_list()


def edit(table, path, change):
    tables.write(table, change(tables.read(table, path)), path)


def on(rep, column, value):
    """Set a column of the rows of one rep."""
    return lambda frame: frame.with_columns(
        pl.when(pl.col("rep_id") == rep).then(pl.lit(value)).otherwise(pl.col(column)).alias(column)
    )


# what is in it


def test_every_column_of_the_samples_is_a_field(built):
    dataset = load(built)
    assert dataset.persistent
    assert dataset.media_type == "video"
    rows = {row["rep_id"]: row for row in tables.read(tables.SAMPLES, built.samples).iter_rows(named=True)}
    assert sorted(dataset.values("rep_id")) == sorted(rows)
    for sample in dataset:
        row = rows[sample.rep_id]
        for column in fiftyone_samples.COLUMNS:
            assert sample[column] == row[column], column
        assert sample.filepath == str(built.clips / row["clip"])
        assert sample.tags == [row["split"]]
        assert (sample.metadata.total_frame_count, sample.metadata.frame_rate) == (row["frames"], curated.FPS)
        assert (sample.metadata.frame_width, sample.metadata.frame_height) == (curated.WIDTH, curated.HEIGHT)
        assert sample.metadata.size_bytes == (built.clips / row["clip"]).stat().st_size
    left_out = {"clip", "fps", "frames", "width", "height", "start", "bottom", "end", "clip_start"}
    assert set(tables.SAMPLES.columns) == set(fiftyone_samples.COLUMNS) | left_out


def test_predictions_have_every_opinion_under_their_verdict(built):
    expected = {
        (row["rep_id"], field, row["error"]): row
        for row in tables.read(tables.PREDICTIONS, built.predictions).iter_rows(named=True)
        for field, present in zip(fiftyone_samples.PREDICTIONS, (True, False, None), strict=True)
        if row["present"] is present
    }
    found = {
        (sample.rep_id, field, label.label): label
        for sample in load(built)
        for field in fiftyone_samples.PREDICTIONS
        for label in sample[field].classifications
    }
    assert found.keys() == expected.keys()
    for key, label in found.items():
        row = expected[key]
        assert label.confidence == row["probability"]
        assert (label.reason, label.rule_probability) == (row["reason"], row["rule_probability"])
        assert label.model_probability == row["model_probability"]
    assert set(load(built).values("predictor")) == {"candidate"}
    assert load(built).first().reasons == [
        "hips_sagging 0.80: hips_sagging measured",
        "shallow_depth 0.20: shallow_depth measured",
        "elbows_flared: cannot be seen from this side",
    ]


def test_labels_keep_present_absent_and_unknown_apart(built):
    expected = {
        (row["rep_id"], fiftyone_field, row["error"]): row["certainty"]
        for row in tables.read(tables.LABELS, built.labels).iter_rows(named=True)
        for fiftyone_field, value in zip(
            fiftyone_samples.LABELS, ("present", "absent", "unknown"), strict=True
        )
        if row["value"] == value
    }
    found = {
        (sample.rep_id, field, label.label): label.certainty
        for sample in load(built)
        for field in fiftyone_samples.LABELS
        for label in sample[field].classifications
    }
    assert found == expected
    assert {field for _, field, _ in found} == set(fiftyone_samples.LABELS)  # each is tried


def test_every_frame_has_the_skeleton_of_its_own_video_frame(built):
    shown = fiftyone_samples.SHOWN
    without = 0
    for sample in load(built):
        row = tables.read(tables.SAMPLES, built.samples).row(
            by_predicate=pl.col("rep_id") == sample.rep_id, named=True
        )
        pose = tables.read(tables.POSE, built.pose(row["video_id"]))
        assert sorted(sample.frames) == list(range(1, row["frames"] + 1))
        for number in sample.frames:
            of_video = pose.row(row["clip_start"] + number - 1, named=True)
            keypoints = sample.frames[number].pose.keypoints
            if not of_video["detected"]:
                assert keypoints == []
                without += 1
                continue
            (person,) = keypoints
            expected = np.stack([np.array(of_video[c])[shown] for c in "xy"], axis=-1)
            np.testing.assert_allclose(np.array(person.points), expected, atol=1e-6)  # NaN where it is NaN
            assert np.isnan(person.points[shown.index(curated.LOST)]).all()
            np.testing.assert_allclose(person.confidence, np.array(of_video["visibility"])[shown], atol=1e-6)
    assert without == 3  # the first rep of every video has its frame without a person


def test_the_skeleton_joins_what_landmarks_py_joins(built):
    skeleton = load(built).default_skeleton
    bones = {frozenset(skeleton.labels[i] for i in edge) for edge in skeleton.edges}
    known = {frozenset(landmarks.NAMES[i] for i in edge) for edge in landmarks.EDGES}
    assert bones <= known
    assert {"left_hip", "left_knee"} in bones
    assert len(skeleton.labels) == len(load(built).first().frames[1].pose.keypoints[0].points)


def test_phases_are_the_reps_bounds_within_the_clip(built):
    for sample in load(built):
        row = tables.read(tables.SAMPLES, built.samples).row(
            by_predicate=pl.col("rep_id") == sample.rep_id, named=True
        )
        spans = {d.label: d.support for d in sample.phases.detections}
        frames = {label: [f - 1 + row["clip_start"] for f in span] for label, span in spans.items()}
        assert frames == {
            "down": [row["start"], row["bottom"]],
            "up": [row["bottom"] + 1, row["end"] - 1],
        }


def test_embeddings_map_and_similarity(built):
    dataset = load(built)
    vectors = dict(tables.read(tables.EMBEDDINGS, built.embeddings).iter_rows())
    for rep, vector in zip(*dataset.values(["rep_id", "embedding"]), strict=True):
        np.testing.assert_allclose(vector, vectors[rep])
    points = dataset.load_brain_results(fiftyone_dataset.MAP).points
    assert points.shape == (6, 2)
    assert np.ptp(points, axis=0).min() > 0
    first = dataset.first()
    order = dataset.sort_by_similarity(first.id, brain_key=fiftyone_dataset.SIMILARITY).values("rep_id")
    m = np.array([vectors[r] for r in order])
    m -= m.mean(axis=0)  # as FiftyOne's brain does
    cosine = m @ m[0] / np.linalg.norm(m, axis=1) / np.linalg.norm(m[0])
    assert order[0] == first.rep_id
    assert (np.diff(cosine) <= 1e-6).all()


def test_classes_come_from_the_taxonomy(built):
    assert load(built).default_classes == list(taxonomy.load(built.taxonomy).ids)


# saved views; the numbers are those of curated.py: videos 0, 1, 2 with two reps each

VIEWS = {
    "queue (next round)": {1, 3, 5},
    "most uncertain": {1, 3, 5},
    "model against rules": {2, 3, 4},
    "label against prediction": {2},
    "not a rep": set(),
    "flagged picture": {2, 3},
    "unlabelled": {1, 3, 5},
    "train": {0, 1},
    "val": {2, 3},
    "test": {4, 5},
    "error: Hips sagging": {0, 2, 4},
    "error: Shallow depth": set(),
}


def test_views_hold_exactly_the_reps_they_promise(built):
    dataset, ids = load(built), rep_ids(built)
    assert set(dataset.list_saved_views()) == VIEWS.keys() | {
        f"error: {e.title}" for e in taxonomy.load(built.taxonomy).errors
    }
    for view, expected in VIEWS.items():
        found = dataset.load_saved_view(view).values("rep_id")
        assert sorted(found) == sorted(ids[i] for i in expected), view


def test_views_follow_the_tables_and_are_sorted_by_what_they_are_about(tmp_path_factory, server):
    workspace = new(tmp_path_factory)
    ids = rep_ids(workspace)
    edit(tables.PREDICTIONS, workspace.predictions, on(ids[4], "probability", 0.95))
    edit(tables.PREDICTIONS, workspace.predictions, on(ids[3], "probability", 0.5))
    edit(tables.LABELS, workspace.labels, on(ids[4], "value", "absent"))
    edit(tables.LABELS, workspace.labels, on(ids[0], "usable", value=False))
    curated.curate(workspace)
    fiftyone_dataset.build(workspace)
    dataset = load(workspace)
    assert dataset.load_saved_view("most uncertain").first().rep_id == ids[3]
    assert dataset.load_saved_view("label against prediction").values("rep_id") == [ids[4], ids[2]]
    assert dataset.load_saved_view("error: Hips sagging").first().rep_id == ids[4]
    assert dataset.load_saved_view("not a rep").values("rep_id") == [ids[0]]


# when it is built, and what stays


def test_unchanged_tables_build_nothing(built, server):
    before = load(built).last_modified_at
    begun = time.monotonic()
    assert "up to date" in fiftyone_dataset.refresh(built, server)
    assert time.monotonic() - begun < 2  # FiftyOne is not even imported
    assert load(built).last_modified_at == before


def test_changed_tables_change_fields_and_keep_what_curators_added(mine, server):
    dataset, ids = load(mine), rep_ids(mine)
    sample = dataset.match({"rep_id": ids[0]}).first()
    dataset.match({"rep_id": ids[0]}).tag_samples("look again")
    dataset.save_view("mine", dataset.match_tags("look again"))
    dataset.add_sample_field("note", __import__("fiftyone").StringField)
    dataset.match({"rep_id": ids[0]}).set_values("note", ["odd"])

    edit(tables.LABELS, mine.labels, on(rep_ids(mine)[0], "value", "unknown"))
    edit(tables.ASSIGNMENTS, mine.assignments, lambda f: f.with_columns(split=pl.lit("test")))
    curated.curate(mine)
    assert "6 reps, 0 of them new or changed" in fiftyone_dataset.refresh(mine, server)

    after = load(mine)
    same = after.match({"rep_id": ids[0]}).first()
    assert same.id == sample.id
    assert same.labels.classifications == []
    assert len(same.labels_unknown.classifications) == 3
    assert same.tags == ["test", "look again"]
    assert same.note == "odd"
    assert after.load_saved_view("mine").values("rep_id") == [ids[0]]
    assert len(after.load_saved_view("test")) == 6


def test_a_new_pose_renews_the_skeletons_of_that_video_only(mine):
    ids = dict(zip(*load(mine).values(["rep_id", "id"]), strict=True))
    path = mine.pose(f"{1:012x}")
    edit(
        tables.POSE,
        path,
        lambda f: f.with_columns(x=(pl.col("x").explode() * 0).reshape((-1, tables.LANDMARKS))),
    )
    assert "2 of them new or changed" in fiftyone_dataset.build(mine)
    dataset = load(mine)
    assert dict(zip(*dataset.values(["rep_id", "id"]), strict=True)) == ids
    for sample in dataset:
        xs = [p[0] for p in sample.frames[2].pose.keypoints[0].points]
        assert (np.nanmax(xs) == 0) == (sample.video_id == f"{1:012x}")
        assert len(sample.frames) == sample.metadata.total_frame_count


def test_reps_that_are_gone_go_and_new_ones_come(mine):
    gone, ids = rep_ids(mine)[1], rep_ids(mine)
    edit(tables.REPS, mine.reps, lambda f: f.filter(pl.col("rep_id") != gone))
    curated.curate(mine)
    assert "5 reps, 0 of them" in fiftyone_dataset.build(mine)
    assert sorted(load(mine).values("rep_id")) == sorted(set(ids) - {gone})
    curated.fill(mine, 3)  # it is back
    assert "6 reps, " in fiftyone_dataset.build(mine)
    assert sorted(load(mine).values("rep_id")) == sorted(ids)


def test_an_error_that_leaves_the_taxonomy_takes_its_view_and_labels_along(mine):
    text = mine.taxonomy.read_text()
    before, rest = text.split("  - id: shallow_depth")
    mine.taxonomy.write_text(before + "  - id: " + rest.split("  - id: ", 1)[1])
    fiftyone_dataset.build(mine)
    dataset = load(mine)
    assert "error: Shallow depth" not in dataset.list_saved_views()
    assert "shallow_depth" not in dataset.distinct("predictions_absent.classifications.label")


def test_zero_reps(tmp_path_factory, server):
    workspace = new(tmp_path_factory, videos=0)
    assert "0 reps" in fiftyone_dataset.build(workspace)
    dataset = load(workspace)
    assert len(dataset) == 0
    assert dataset.media_type == "video"
    assert set(dataset.list_saved_views()) >= VIEWS.keys()
    curated.fill(workspace, 1)  # the first video comes: no map yet, two points are none
    assert "2 reps, 2 of them new" in fiftyone_dataset.build(workspace)
    assert load(workspace).list_brain_runs() == []
    edit(tables.REPS, workspace.reps, lambda f: f.clear())
    curated.curate(workspace)
    assert "0 reps" in fiftyone_dataset.build(workspace)


def test_reps_without_prediction_label_or_embedding(mine):
    for table, path in (
        (tables.PREDICTIONS, mine.predictions),
        (tables.LABELS, mine.labels),
        (tables.EMBEDDINGS, mine.embeddings),
        (tables.ASSIGNMENTS, mine.assignments),
        (tables.QUEUE, mine.queue),
    ):
        edit(table, path, lambda f: f.clear())
    curated.curate(mine)
    fiftyone_dataset.build(mine)
    dataset = load(mine)
    assert dataset.list_brain_runs() == []  # those of before are gone too
    assert dataset.values("embedding") == [None] * 6
    assert dataset.values("tags") == [[]] * 6
    lengths = {v: len(dataset.load_saved_view(v)) for v in VIEWS}
    assert lengths == {**dict.fromkeys(VIEWS, 0), "unlabelled": 6, "flagged picture": 2}


def test_a_killed_build_leaves_the_old_data_set(mine, server):
    name = fiftyone_dataset.name(mine)
    edit(tables.LABELS, mine.labels, on(rep_ids(mine)[0], "value", "unknown"))
    curated.curate(mine)
    build = subprocess.Popen(
        [sys.executable, "-m", "pushup_data.fiftyone_dataset", str(mine.root)],
        env=fiftyone_dataset.environment(server),
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while f"{name}-draft" not in names(server):
        assert time.monotonic() < deadline
        assert build.poll() is None
    build.send_signal(signal.SIGKILL)
    build.wait()
    assert names(server) >= {name, f"{name}-draft"}
    assert "labels" in load(mine).get_field_schema()
    assert len(load(mine).load_saved_view("error: Hips sagging")) == 3  # as before

    assert "built: 6 reps" in fiftyone_dataset.refresh(mine, server)
    assert f"{name}-draft" not in names(server)
    assert load(mine).match({"rep_id": rep_ids(mine)[0]}).first().labels.classifications == []


def test_a_build_killed_before_its_last_step_is_finished(mine):
    """Between the old one's deletion and the new one's renaming there is only a finished draft."""
    dataset = load(mine)
    dataset.match({"rep_id": rep_ids(mine)[0]}).tag_samples("look again")
    dataset.name = f"{fiftyone_dataset.name(mine)}-draft"
    assert "0 of them new or changed" in fiftyone_dataset.build(mine)
    assert load(mine).count_sample_tags()["look again"] == 1


def test_what_is_missing_is_said_in_one_line(mine, server):
    clip = next(mine.clips.iterdir())
    clip.rename(clip.with_suffix(".away"))
    edit(tables.LABELS, mine.labels, lambda f: f.clear())
    mine.pose(f"{0:012x}").touch()
    mine.pose(f"{1:012x}").touch()
    mine.pose(f"{2:012x}").touch()
    with pytest.raises(Exception, match=r"\.mp4 is not there; run `dvc repro`"):
        fiftyone_dataset.refresh(mine, server)
    assert len(load(mine)) == 6
    mine.pose(f"{0:012x}").unlink()
    with pytest.raises(MissingInputError, match=r"parquet is not there; run `dvc repro`"):
        fiftyone_dataset.refresh(mine, server)


def test_two_workspaces_on_one_mongodb(tmp_path_factory, built, server):
    other = new(tmp_path_factory, videos=1)
    assert other.root.name == built.root.name
    fiftyone_dataset.build(other)
    assert fiftyone_dataset.name(other) != fiftyone_dataset.name(built)
    assert fiftyone_dataset.name(other).startswith("push-ups-at-home-")
    assert (len(load(other)), len(load(built))) == (2, 6)


@pytest.mark.parametrize("folder", ["отжимания", "...", "x" * 200, "a_b c"])
def test_any_folder_gives_a_name_that_fiftyone_takes(tmp_path, server, folder):
    import fiftyone as fo

    name = fiftyone_dataset.name(Workspace(tmp_path / folder))
    fo.Dataset(name)
    assert fo.dataset_exists(name)


def test_a_mongodb_that_is_gone_fails_in_one_line(mine, monkeypatch):
    mine.taxonomy.open("a").write("# changed\n")
    with pytest.raises(ServerError, match="does not answer"):
        fiftyone_dataset.refresh(mine, "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500")
