import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushup_data import curation, tables
from pushup_data.stages import curate

EMPTY = {
    "reps": tables.REPS.empty(),
    "videos": tables.VIDEOS.empty(),
    "predictions": tables.PREDICTIONS.empty(),
    "labels": tables.LABELS.empty(),
    "split": {},
    "queue": tables.QUEUE.empty(),
}


def predictions(*rows, rep="r"):
    """Rows of (probability, rules, model), for errors a, b, c …"""
    return tables.PREDICTIONS.frame(
        [
            {
                "rep_id": rep,
                "error": "abcdefg"[i],
                "probability": p,
                "rule_probability": r,
                "model_probability": m,
            }
            for i, (p, r, m) in enumerate(rows)
        ]
    )


def labels(*values, rep="r", usable=True, simulated=False):
    return tables.LABELS.frame(
        [
            {"rep_id": rep, "error": "abcdefg"[i], "value": v, "usable": usable, "simulated": simulated}
            for i, v in enumerate(values)
        ]
    )


def reps(*ids):
    rows = [
        {
            "rep_id": i,
            "video_id": "v",
            "subject": "ann",
            "clip": f"{i}.mp4",
            "start": 7,
            "bottom": 12,
            "end": 20,
        }
        | {"clip_start": 5, "clip_end": 25, "fps": 25.0, "flags": ["dark"], "number": n + 1}
        for n, i in enumerate(ids)
    ]
    return tables.REPS.frame(rows)


def only(frame):
    assert len(frame) == 1
    return frame.row(0, named=True)


def test_uncertainty_is_the_mean_binary_entropy_of_known_probabilities():
    found = only(curation.uncertainty(predictions((0.5, None, None), (1.0, None, None), (None, None, None))))
    assert found == {"rep_id": "r", "uncertainty": pytest.approx(0.5)}  # 1 bit and 0 bits
    found = only(curation.uncertainty(predictions((0.25, None, None))))
    assert found["uncertainty"] == pytest.approx(0.25 * 2 + 0.75 * math.log2(4 / 3))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=7))
@settings(deadline=None)
def test_uncertainty_is_between_0_and_1_and_the_same_for_the_opposite(probabilities):
    def of(some):
        return only(curation.uncertainty(predictions(*((p, None, None) for p in some))))["uncertainty"]

    assert 0 <= of(probabilities) <= 1 + 1e-12
    assert of(probabilities) == pytest.approx(of([1 - p for p in probabilities]), abs=1e-9)


def test_disagreement_needs_both_opinions():
    found = only(curation.disagreement(predictions((0.9, 0.1, 0.9), (0.2, 0.4, 0.2), (0.9, None, 0.9))))
    assert found["disagreement"] == pytest.approx(0.8)
    assert curation.disagreement(predictions((0.9, 0.9, None))).is_empty()


def test_label_conflict_counts_known_labels_only():
    said = predictions((0.9, None, None), (0.3, None, None), (0.99, None, None))
    found = only(curation.label_conflict(said, labels("present", "absent", "unknown")))
    assert found["label_conflict"] == pytest.approx(0.3)
    found = only(curation.label_conflict(said, labels("absent", "absent", "unknown")))
    assert found["label_conflict"] == pytest.approx(0.9)
    assert curation.label_conflict(said, labels("unknown", "unknown", "unknown")).is_empty()
    assert curation.label_conflict(predictions((None, None, None)), labels("present")).is_empty()


def test_everything_comes_together():
    frame = curation.samples(
        reps=reps("r", "s"),
        videos=tables.VIDEOS.frame(
            [{"video_id": "v", "original_name": "a/b.mov", "width": 640, "height": 360}]
        ),
        predictions=pl.concat([predictions((0.5, 0.5, 0.25)), predictions((0.9, 0.9, None), rep="gone")]),
        labels=labels("present", simulated=True),
        split={"r": "val", "s": "val"},
        queue=tables.QUEUE.frame([{"position": 0, "rep_id": "s", "reason": "random", "blind": True}]),
    )
    r, s = frame.rows(named=True)
    assert (r["rep_id"], s["rep_id"]) == ("r", "s")
    assert r["original_name"] == "a/b.mov"
    assert (r["width"], r["height"], r["frames"], r["clip_start"]) == (640, 360, 20, 5)
    assert (r["split"], r["flags"], r["start"], r["bottom"], r["end"]) == ("val", ["dark"], 7, 12, 20)
    assert (r["queued"], s["queued"]) == (None, "random")
    assert (r["labelled"], r["usable"], r["simulated"]) == (True, True, True)
    assert (s["labelled"], s["usable"], s["simulated"]) == (False, None, False)
    assert (r["uncertainty"], r["disagreement"], r["label_conflict"]) == pytest.approx((1, 0.25, 0.5))
    assert (s["uncertainty"], s["disagreement"], s["label_conflict"]) == (None, None, None)


def test_what_nobody_can_tell_is_not_labelled_but_no_rep_is():
    given_reps = {**EMPTY, "reps": reps("r")}
    unsure = curation.samples(**{**given_reps, "labels": labels("unknown")})
    no_rep = curation.samples(**{**given_reps, "labels": labels("unknown", usable=False)})
    assert only(unsure)["labelled"] is False
    assert only(unsure)["usable"] is True
    assert only(no_rep)["labelled"] is True
    assert only(no_rep)["usable"] is False


def test_the_order_of_rows_does_not_matter():
    tables_ = {**EMPTY, "reps": reps("r", "s", "t")}
    said = pl.concat([predictions((0.2, 0.3, 0.4), (0.6, 0.3, 0.4), rep=i) for i in "rst"])
    one = curation.samples(**{**tables_, "predictions": said})
    other = curation.samples(**{**tables_, "predictions": said, "reps": reps("r", "s", "t").reverse()})
    assert one.equals(other)


def test_a_video_that_is_left_out_is_in_no_split(workspace, default_params):
    shown = reps("r", "s").with_columns(video_id=pl.Series(["v", "w"]))
    placed = tables.ASSIGNMENTS.frame([{"subject": "ann", "split": "val", "reason": "drawn"}])
    left = tables.LEFT_OUT.frame([{"video_id": "w", "subject": "ann", "reason": "shows the same as another"}])
    for table, frame, path in (
        (tables.REPS, shown, workspace.reps),
        (tables.VIDEOS, EMPTY["videos"], workspace.videos),
        (tables.PREDICTIONS, EMPTY["predictions"], workspace.predictions),
        (tables.LABELS, EMPTY["labels"], workspace.labels),
        (tables.ASSIGNMENTS, placed, workspace.assignments),
        (tables.LEFT_OUT, left, workspace.left_out),
        (tables.QUEUE, EMPTY["queue"], workspace.queue),
    ):
        tables.write(table, frame, path)
    curate.run(workspace, default_params)
    found = tables.read(tables.SAMPLES, workspace.samples).sort("rep_id")
    assert found["split"].to_list() == ["val", None]


def test_stage_on_empty_tables(workspace, default_params, capsys):
    for table, path in (
        (tables.REPS, workspace.reps),
        (tables.VIDEOS, workspace.videos),
        (tables.PREDICTIONS, workspace.predictions),
        (tables.LABELS, workspace.labels),
        (tables.ASSIGNMENTS, workspace.assignments),
        (tables.QUEUE, workspace.queue),
    ):
        tables.write(table, table.empty(), path)
    curate.run(workspace, default_params)
    assert tables.read(tables.SAMPLES, workspace.samples).is_empty()
    assert "0 reps" in capsys.readouterr().out
