import numpy as np

from pushup_data import charts, evaluation
from pushup_data.metrics import Judged, Scores
from tests.judging import ERRORS, NAN, judged, many


def report(reps):
    return evaluation.report(reps, ERRORS, 100, 0)


def test_charts_are_stable_and_leave_out_what_is_undefined(tmp_path):
    val = report(judged([[1, 0], [0, 0]], rules=[[0.9, 0.1], [0.2, 0.1]], candidate=[[NAN, 0.1], [NAN, 0.7]]))
    rows = charts.bars(val).splitlines()
    assert rows == ["bar,error,predictor,ap,f1", "hips_sagging (rules),hips_sagging,rules,1.0,1.0"]
    empty = report(judged(np.zeros((0, 2)), rules=np.zeros((0, 2))))
    for name, split in (("val", val), ("empty", empty)):
        paths = [tmp_path / f"{name}{i}.png" for i in range(2)]
        for path in paths:
            charts.draw(split, name, path)
        assert paths[0].read_bytes() == paths[1].read_bytes()
        assert paths[0].read_bytes().startswith(b"\x89PNG")


def test_curves_have_a_column_per_predictor_and_nothing_where_nothing_is_known(tmp_path):
    truth, score, subjects = many(10, 0.4)
    both = judged(
        np.stack([truth, np.zeros_like(truth)], axis=1), subjects, rules=np.stack([score] * 2, axis=1)
    )
    half = Scores(both.predictors["rules"].probability, np.full(2, 0.5), before=np.full((40, 2), 0.5))
    found = report(Judged(subjects, both.truth, {**both.predictors, "candidate": half}))
    lines = charts.coverage(found).splitlines()
    assert lines[0].startswith("coverage,rules_accuracy,majority_accuracy")
    assert len(lines) == 7
    assert lines[1].split(",")[2] == ""  # no majority was measured
    bins = charts.reliability(found).splitlines()
    assert bins[0] == "said,candidate before,candidate after,champion before,champion after,count"
    assert "0.5,0.5,,,,40" in bins
    empty = report(judged(np.zeros((0, 2)), rules=np.zeros((0, 2))))
    charts.write({"val": found, "test": empty}, ("val", "test"), tmp_path)
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.png")) == [
        "calibration/test.png",
        "calibration/val.png",
        "coverage/test.png",
        "coverage/val.png",
        "evaluation/test.png",
        "evaluation/val.png",
    ]
