import csv

from pushup_data import demo, manifest, params, tables
from pushup_data.labelstudio import simulate


def test_avatars_become_raw_videos(workspace, avatars):
    names = demo.fill(workspace, avatars)
    assert len(names) == 10
    assert {p.name for p in workspace.raw.glob("*.mp4")} == set(names)
    with (avatars / "manifest.csv").open(newline="") as file:
        subjects = {row["file"]: row["subject"] for row in csv.DictReader(file)}
    assert {n: e.subject for n, e in manifest.read(workspace.manifest).items()} == subjects


def test_single_settings_are_changed_and_checked(workspace):
    demo.configure(workspace, labelstudio={"overlap": 3}, select={"budget": 7})
    changed = params.load(workspace.params)
    assert (changed.labelstudio.overlap, changed.select.budget, changed.train.lr) == (3, 7, 0.003)


def test_scores_are_counted_against_the_truth():
    rows = [("r1", "a", 0.9), ("r1", "b", 0.9), ("r2", "a", 0.1), ("r2", "b", None), ("r3", "a", 0.8)]
    frame = tables.pl.DataFrame(rows, schema=["rep_id", "error", "p"], orient="row")
    true = {"r1": {"a": "present", "b": "absent"}, "r2": {"a": "present", "b": "present"}}
    said = demo._score(frame, "p", {}, true)  # r3 is no rep in truth: nothing to be right or wrong about
    assert said.startswith("F1 0.50 ")
    assert "1 errors found, 1 missed, 1 false alarms" in said
    assert "1 errors found, 1 missed, 0 false alarms" in demo._score(frame, "p", {"b": 0.95}, true)
    assert demo._score(frame.with_columns(p=None), "p", {}, true) == "says nothing yet"


def test_a_detected_rep_is_known_in_truth(avatars):
    truth = tables.read(tables.TRUTH, avatars / "truth.parquet")
    row = truth.row(0, named=True)
    rep = row["reps"][1]
    bounds = {"start": rep["start"], "bottom": rep["bottom"], "end": rep["end"]}
    reps = tables.REPS.frame([{"rep_id": "x-f1", "video_id": "x", **bounds}])
    videos = tables.pl.DataFrame({"video_id": ["x"], "original_name": [row["file"]]})
    found = simulate.truth_of_reps(truth, reps, videos)
    assert found["x-f1"] == {told["error"]: told["value"] for told in rep["errors"]}
