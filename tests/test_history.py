import pytest

from pushup_data import history, ledger, tables
from pushup_data.errors import BadInputError
from pushup_data.workspace import Workspace
from tests import labelling
from tests.test_ledger import entry

SHOWN = {"predictor": "rules", "errors": ["hips_piked"], "unsure": ["asymmetric"]}


def at(day: int) -> str:
    return f"2026-01-{day:02d}T09:30:00Z"


def mine(number: int, event: str = "annotation", **changes) -> ledger.Entry:
    return entry(number, event, **({"rep_id": "v0-f10", "start": 2, "end": 20} | changes))


def test_the_whole_story_is_told():
    entries = [
        mine(1, answer={"hips_sagging": "present", "asymmetric": "unknown"}, updated_at=at(1), shown=SHOWN),
        entry(2, rep_id="v1-f10"),
        mine(1, answer={"hips_sagging": "absent", "asymmetric": "unknown"}, updated_at=at(2), shown=SHOWN),
        mine(3, "skip", annotator="ben@example.org", updated_at=at(3)),
        mine(
            4, annotator="cleo@simulated.invalid", simulated=True, usable=False, note="cut", updated_at=at(4)
        ),
        mine(5, annotator="dan@example.org", start=18, end=40, updated_at=at(5)),
        mine(4, "deleted", annotator="cleo@simulated.invalid", simulated=True, updated_at=at(4)),
        mine(6, updated_at=at(6), task=9),
    ]
    votes = {"value": "absent", "certainty": 2 / 3, "usable": True, "present": 0, "absent": 1, "unknown": 0}
    consensus = tables.LABELS.frame(
        [votes | {"rep_id": "v0-f10", "error": "hips_sagging", "simulated": False}]
    )
    lines = history.story("v0-f10", entries, labelling.reps(2), consensus)
    text = "\n".join(lines)
    for said in (
        "rep v0-f10: frames 2 to 20 of video v0, number 1, side view",
        "2026-01-01 09:30  coach@example.org said, 4 s (annotation 1 of task 5, project 1 at local:x; rules",
        "shown first: hips_piked ticked by rules; can't tell asymmetric",
        "present: hips_sagging; can't tell: asymmetric",
        "2026-01-02 09:30  coach@example.org changed it",
        "that is: hips_sagging present → absent",
        "2026-01-03 09:30  ben@example.org skipped",
        "cleo@simulated.invalid (simulated) said",
        "not usable",
        "note: cut",
        "deleted annotation 4",
        "shown first: nothing (blind)",
        "counts today: coach@example.org",
        "does not count: annotation 1, coach@example.org judged it again",
        "does not count: annotation 5 by dan@example.org, the rep moved: 5% overlap",
        "hips_sagging        absent   certainty 0.67  (0 present, 1 absent, 0 can't tell)",
    ):
        assert said in text, text
    assert text.count("shown first") == 5  # not again where it is the same
    assert "v1-f10" not in text


def test_a_rep_without_a_label_and_one_that_is_gone():
    lines = history.story("v0-f10", [], labelling.reps(1), tables.LABELS.empty())
    assert lines[1:] == [
        "nobody has annotated it",
        "counts today: nobody",
        "consensus: none in data/labels.parquet; `dvc repro` makes it",
    ]
    lines = history.story("old-f1", [mine(1, rep_id="old-f1")], labelling.reps(1), tables.LABELS.empty())
    assert lines[0] == "rep old-f1: not among the reps of today"
    assert "does not count: annotation 1 by coach@example.org, the rep is gone" in lines


def test_a_rep_is_named_by_how_its_id_begins(tmp_path):
    workspace = Workspace(tmp_path)
    tables.write(tables.REPS, labelling.reps(12), workspace.reps)
    ledger.append(workspace.annotations, [entry(1, rep_id="gone-f3")])
    assert history.of_rep(workspace, "v3")[0].startswith("rep v3-f10")
    assert history.of_rep(workspace, "gone")[0].startswith("rep gone-f3")
    with pytest.raises(BadInputError, match="3 reps begin with 'v1'"):
        history.of_rep(workspace, "v1")
    with pytest.raises(
        BadInputError, match=r"no rep begins with 'w'; name one by its rep_id, e\.g\. gone-f3"
    ):
        history.of_rep(workspace, "w")
