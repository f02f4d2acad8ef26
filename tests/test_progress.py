import json

import pytest

from pushup_data import ledger, progress, tables
from pushup_data.progress import Standing
from tests.test_ledger import entry

NOTHING = {"raw": 0, "new": 0, "videos": 0, "subjects": 0, "quarantined": 0, "reps": 0}
NOTHING |= {"queued": 0, "waiting": 0, "annotations": 0, "labelled": 0, "simulated": 0}
NOTHING |= {"others": 0, "begun": 0}


@pytest.mark.parametrize(
    ("changes", "address", "locked", "said"),
    [
        ({}, None, False, "put push-up videos into data/raw"),
        ({"raw": 4}, None, False, "run `dvc repro`: 4 files"),
        ({"raw": 4, "new": 1, "videos": 3}, None, True, "run `dvc repro`: 1 files"),
        ({"raw": 4, "quarantined": 4}, None, True, "quarantine.csv"),
        ({"raw": 4, "videos": 4}, None, True, "no repetition"),
        ({"raw": 4, "videos": 4, "reps": 9, "queued": 5, "waiting": 3}, None, True, "labelstudio start"),
        (
            {"raw": 4, "videos": 4, "reps": 9, "queued": 5, "waiting": 3},
            "http://x",
            True,
            "3 reps waiting in Label Studio at http://x",
        ),
        ({"raw": 4, "videos": 4, "reps": 9, "queued": 5}, None, True, "whole queue is annotated"),
        (
            {"raw": 4, "videos": 4, "reps": 9, "queued": 5, "begun": 5, "others": 2},
            None,
            True,
            "2 reps wait for somebody else",
        ),
        ({"raw": 4, "videos": 4, "reps": 9, "queued": 5, "begun": 5}, None, True, "whole queue is annotated"),
        ({"raw": 4, "videos": 4, "reps": 9}, None, True, "every rep is labelled"),
    ],
)
def test_the_next_step(changes, address, locked, said):
    assert said in progress.next_step(Standing(**NOTHING | changes), address, locked)


def test_an_empty_workspace_has_a_report(workspace, default_params):
    report = progress.report(workspace, default_params)
    assert "0 of 0 subjects" in report
    assert "Label Studio is not running" in report
    assert report.splitlines()[-1].startswith("next")


def test_hidden_files_and_the_manifest_are_not_videos(workspace):
    for name in ("a.mp4", "deep/b.mov", ".DS_Store", "manifest.csv"):
        path = workspace.raw / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    assert progress.survey(workspace).raw == 2


def reps_at(workspace, *starts: int) -> None:
    """Three reps, of frames as entry() has them unless one has moved since."""
    rows = [
        {"rep_id": f"abc-f{i}", "video_id": "abc", "start": start, "bottom": start + 10, "end": start + 20}
        for i, start in enumerate(starts)
    ]
    tables.write(tables.REPS, tables.REPS.frame(rows), workspace.reps)


def test_what_was_annotated_before_its_rep_moved_waits_again(workspace):
    rows = [{"position": 0, "rep_id": "abc-f0", "reason": "random", "blind": True, "opinions": 1}]
    tables.write(tables.QUEUE, tables.QUEUE.frame(rows), workspace.queue)
    ledger.append(workspace.annotations, [entry(1, rep_id="abc-f0")])
    reps_at(workspace, 0)
    assert progress.survey(workspace).waiting == 0
    reps_at(workspace, 500)
    assert progress.survey(workspace).waiting == 1


def test_what_is_annotated_no_longer_waits(workspace):
    reps_at(workspace, 0, 0, 0)
    rows = [{"position": i, "rep_id": f"abc-f{i}", "reason": "random", "blind": True} for i in range(3)]
    tables.write(tables.QUEUE, tables.QUEUE.frame(rows), workspace.queue)
    ledger.append(workspace.annotations, [entry(1, rep_id="abc-f0"), entry(2, "skip", rep_id="abc-f1")])
    assert progress.survey(workspace).waiting == 1
    ledger.append(workspace.annotations, [entry(1, "deleted", rep_id="abc-f0")])
    assert progress.survey(workspace).waiting == 2


def test_the_last_metrics_are_said(workspace, default_params):
    workspace.metrics.mkdir()
    macro = {"rules": {"errors": 2, "f1": 0.8, "ap": 0.9}, "candidate": {"errors": 0, "f1": None, "ap": None}}
    evaluation = {"val": {"macro": {}}, "test": {"macro": macro}}
    (workspace.metrics / "evaluation.json").write_text(json.dumps(evaluation))
    report = progress.report(workspace, default_params)
    assert "test rules F1 0.80, AP 0.90 over 2 errors" in report
    assert "candidate" not in report


def test_who_has_annotated_a_rep_waits_for_the_others(workspace):
    reps_at(workspace, 0, 0, 0)
    rows = [
        {"position": i, "rep_id": f"abc-f{i}", "reason": reason, "blind": True, "opinions": 2}
        for i, reason in enumerate(["random", "overlap", "review"])
    ]
    tables.write(tables.QUEUE, tables.QUEUE.frame(rows), workspace.queue)
    ledger.append(workspace.annotations, [entry(i, rep_id=f"abc-f{i}") for i in range(3)])
    now = progress.survey(workspace)
    assert (now.waiting, now.others, now.begun) == (0, 3, 2)
    ledger.append(workspace.annotations, [entry(9, rep_id="abc-f1", annotator="second@example.org")])
    assert progress.survey(workspace).others == 2


def test_what_is_known_of_the_labels_is_said(workspace, default_params):
    workspace.metrics.mkdir()
    report = progress.report(workspace, default_params)
    assert "reviews      none yet" in report
    found = {
        "agreement": {"hips_piked": {"alpha": 0.861}, "asymmetric": {"alpha": None}},
        "preannotation": {
            "ticked": {"difference": -0.25, "low": -0.4, "high": -0.1},
            "agreement": {"difference": None, "low": None, "high": None},
            "seconds": {"difference": 0.6, "low": None, "high": None},
        },
        "reviews": {"confirmed": 3, "overturned": 0, "open": 2},
    }
    (workspace.metrics / "labels.json").write_text(json.dumps(found))
    report = progress.report(workspace, default_params)
    assert "alpha hips_piked 0.86\n" in report
    assert "-0.25 errors ticked [-0.40, -0.10], 0.60 times as long\n" in report
    assert "3 confirmed, 2 open" in report
