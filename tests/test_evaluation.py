import json

import numpy as np
import pytest

from pushup_data import evaluation
from pushup_data.metrics import Judged
from tests.judging import ERRORS, NAN, judged, many


def report(reps):
    found = evaluation.report(reps, ERRORS, 200, 0)
    json.dumps(found, allow_nan=False)
    return found


def test_zero_labels_give_nulls_with_reasons():
    found = report(judged(np.zeros((0, 2)), rules=np.zeros((0, 2))))
    assert found["reps"] == found["subjects"] == 0
    for row in found["errors"].values():
        assert (row["present"], row["absent"], row["unknown"]) == (0, 0, 0)
        assert row["rules"]["f1"] is row["rules"]["ap"] is row["rules"]["recall"] is None
        assert row["rules"]["reason"] == "no labelled rep"
    assert found["macro"]["rules"]["f1"] is None
    assert found["macro"]["rules"]["reason"]


def test_no_positive_is_null_and_never_zero():
    found = report(judged([[0, NAN], [0, 1]], rules=[[0.9, 0.2], [0.1, 0.8]]))
    sag = found["errors"]["hips_sagging"]
    assert (sag["present"], sag["absent"], sag["unknown"]) == (0, 2, 0)
    assert sag["rules"]["precision"] is sag["rules"]["f1"] is sag["rules"]["ap"] is None
    assert sag["rules"]["reason"] == "no positive among 2 labelled reps"
    assert sag["rules"]["said_present"] == 1  # the false alarm is not hidden
    assert found["macro"]["rules"]["errors"] == 1
    assert found["macro"]["rules"]["f1"] == 1.0


def test_a_miss_is_zero_and_has_no_precision():
    found = report(judged([[1, 0], [0, 0]], rules=[[0.2, 0], [0.1, 0]]))["errors"]["hips_sagging"]["rules"]
    assert (found["recall"], found["f1"], found["precision"]) == (0.0, 0.0, None)
    assert "never says present" in found["reason"]


def test_cannot_tell_counts_as_not_said():
    found = report(judged([[1, 0], [1, 0], [0, 0]], rules=[[0.9, 0], [NAN, 0], [0.2, 0]]))
    sag = found["errors"]["hips_sagging"]["rules"]
    assert (sag["cannot_tell"], sag["recall"], sag["precision"]) == (1, 0.5, 1.0)
    assert sag["ap"] == pytest.approx(0.5 + 0.5 * 2 / 3, abs=1e-4)
    never = report(judged([[1, 0], [0, 0]], rules=[[NAN, 0], [NAN, 0]]))["errors"]["hips_sagging"]["rules"]
    assert never["f1"] is None
    assert "cannot tell" in never["reason"]


@pytest.mark.parametrize("subjects", [["ann", "ann"], ["ann", "bob"]])
def test_one_person_who_shows_it_gives_no_interval(subjects):
    found = report(judged([[1, 0], [0, 0]], subjects, rules=[[0.9, 0], [0.2, 0]]))
    assert found["errors"]["hips_sagging"]["present_subjects"] == 1
    sag = found["errors"]["hips_sagging"]["rules"]
    assert sag["f1"] == 1.0
    assert sag["f1_low"] is sag["f1_high"] is None
    assert "one subject" in sag["reason"]
    assert found["macro"]["rules"]["f1_low"] is None


def test_intervals_hold_the_estimate_and_shrink_with_people():
    widths = []
    for people in (6, 60):
        truth, score, subjects = many(people, 0.3)
        table = np.stack([truth, np.full(len(truth), NAN)], axis=1)
        found = report(judged(table, subjects, rules=np.stack([score, score], axis=1)))
        sag = found["errors"]["hips_sagging"]["rules"]
        for name in ("precision", "recall", "f1", "ap"):
            assert sag[f"{name}_low"] <= sag[name] <= sag[f"{name}_high"]
        widths.append(sag["ap_high"] - sag["ap_low"])
    assert widths[1] < 0.7 * widths[0]


def test_metrics_do_not_depend_on_the_reps_order():
    truth, score, subjects = many(12, 0.5)
    table = np.stack([truth, np.roll(truth, 1)], axis=1)
    both = judged(table, subjects, rules=np.stack([score, 1 - score], axis=1))
    both = Judged(both.subjects, both.truth, both.predictors, {"view": ["side", "front"] * 24})
    turned = np.random.default_rng(5).permutation(len(truth))
    other = Judged(
        [subjects[i] for i in turned],
        both.truth[turned],
        {"rules": both.predictors["rules"].take(turned)},
        {"view": [both.groups["view"][i] for i in turned]},
    )
    one, two = (evaluation.report(reps, ERRORS, 10, 0) for reps in (both, other))
    assert one == two


def test_a_view_is_measured_on_its_own_reps():
    some = judged([[1, 0], [0, 0], [1, 0], [0, 0]], rules=[[0.9, 0], [0.1, 0], [0.1, 0], [0.9, 0]])
    some = Judged(some.subjects, some.truth, some.predictors, {"view": ["side", "side", "front", "front"]})
    views = report(some)["by"]["view"]
    assert views["side"]["macro"]["rules"]["f1"] == 1
    assert views["front"]["macro"]["rules"]["f1"] == 0
    assert views["front"]["errors"]["hips_piked"]["rules"]["f1"] is None
    assert "no positive among 2" in views["front"]["errors"]["hips_piked"]["rules"]["reason"]


def test_a_part_has_intervals_where_several_people_show_the_error():
    truth, score, subjects = many(12, 0.3)
    table = np.stack([truth, np.where(np.asarray(subjects) == subjects[0], 1, 0)], axis=1)
    some = judged(table, subjects, rules=np.stack([score, score], axis=1))
    views = ["side", "side", "front", "front"] * (len(truth) // 4)
    found = report(Judged(some.subjects, some.truth, some.predictors, {"view": views}))["by"]["view"]
    for view in ("side", "front"):
        sag, piked = (found[view]["errors"][error]["rules"] for error in ERRORS)
        assert sag["f1_low"] <= sag["f1"] <= sag["f1_high"]
        assert sag["ap_low"] < sag["ap_high"]
        assert piked["f1_low"] is piked["ap_high"] is None
        assert "one subject" in piked["reason"]


def test_a_part_with_unknown_labels_is_measured_on_the_known_ones():
    some = judged(
        [[1, 0], [0, NAN], [NAN, 1], [0, 0]], rules=[[0.9, 0.1], [0.2, 0.9], [0.9, 0.8], [0.7, 0.2]]
    )
    found = report(Judged(some.subjects, some.truth, some.predictors, {"view": ["side"] * 4}))
    part = found["by"]["view"]["side"]["errors"]
    for error in ERRORS:
        assert part[error]["unknown"] == 1
        for metric in ("f1", "ap"):
            assert part[error]["rules"][metric] == found["errors"][error]["rules"][metric]


def test_people_lie_apart_and_who_shows_nothing_has_no_f1():
    said = [[0.9, 0], [0.2, 0], [0.1, 0], [0.9, 0]]
    found = report(judged([[1, 0], [1, 0], [1, 0], [0, 0]], ["ann", "ann", "bob", "eve"], rules=said))[
        "people"
    ]
    assert [row["rules"] for row in found["each"]] == [pytest.approx(2 / 3, abs=1e-4), 0, None]
    assert found["each"][2]["reason"]
    spread = found["f1"]["rules"]
    assert (spread["people"], spread["worst"], spread["best"]) == (2, 0, pytest.approx(2 / 3, abs=1e-4))
    nobody = report(judged(np.zeros((3, 2)), rules=np.zeros((3, 2))))["people"]["f1"]["rules"]
    assert nobody["median"] is None
    assert nobody["reason"]
