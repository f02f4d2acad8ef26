import json

import numpy as np

from pushup_data import verdict
from pushup_data.metrics import Judged, Scores
from tests.judging import ERRORS, NAN, judged, many


def decide(val, **changes):
    options = {"incumbent": "rules", "no_candidate": None, "bootstrap": 300, "min_positives": 5, "seed": 0}
    found = verdict.decide(val, ERRORS, **options | changes)
    json.dumps(found, allow_nan=False)
    return found


def contest(candidate, rules, people=12):
    truth, score, subjects = many(people, candidate, seed=1)
    _, other, _ = many(people, rules, seed=2)
    table = np.stack([truth, np.full(len(truth), NAN)], axis=1)
    both = {
        name: np.stack([s, s], axis=1)
        for name, s in (("candidate", score), ("rules", other), ("champion", other))
    }
    return judged(table, subjects, **both)


def test_a_clearly_better_candidate_replaces_the_incumbent():
    for incumbent in ("rules", "champion"):
        found = decide(contest(1.0, 0.1), incumbent=incumbent)
        assert found["predictor"] == "candidate"
        assert found["difference"]["low"] > 0
        assert f"better than {incumbent}" in found["why"]
        assert found["errors"] == ["hips_sagging"]


def test_a_worse_or_equal_candidate_does_not():
    worse = decide(contest(0.1, 1.0))
    assert worse["predictor"] == "rules"
    assert "worse" in worse["why"]
    equal = decide(contest(0.3, 0.3), incumbent="champion")
    assert equal["predictor"] == "champion"
    assert "undecided" in equal["why"]


def test_too_little_evidence_leaves_the_incumbent():
    assert "no error has 100 present" in decide(contest(1.0, 0.1), min_positives=100)["why"]
    assert "4 labelled val subjects" in decide(contest(1.0, 0.1, people=4))["why"]
    empty = judged(np.zeros((0, 2)), candidate=np.zeros((0, 2)), rules=np.zeros((0, 2)))
    for val in (empty, contest(1.0, 0.1)):
        found = decide(val, no_candidate="3 labels")
        assert found["predictor"] == "rules"
        assert found["why"] == "no candidate: 3 labels"
    assert "undecided" in decide(empty)["why"]


def test_the_habit_of_one_person_is_no_evidence():
    val = contest(1.0, 0.1)
    truth = val.truth.copy()
    truth[4:, 0] = 0
    truth[:4, 0] = 1
    one = Judged(val.subjects, truth, val.predictors)
    assert "from 2 val subjects" in decide(one, min_positives=4)["why"]


def test_an_error_the_candidate_has_not_learnt_counts_against_it():
    val = contest(1.0, 0.1)
    blind = Scores(np.full_like(val.truth, NAN), np.full(2, NAN))
    found = decide(Judged(val.subjects, val.truth, {**val.predictors, "candidate": blind}))
    assert found["predictor"] == "rules"
