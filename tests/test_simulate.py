import numpy as np
import polars as pl
import pytest

from pushup_data import tables
from pushup_data.labelstudio import config, simulate


def told(**values):
    return [{"error": e, "severity": 0.5, "value": v} for e, v in values.items()]


def a_set(*reps):
    nested = [{"number": i, "start": s, "bottom": b, "end": e, "errors": told(**v)}
              for i, (s, b, e, v) in enumerate(reps, 1)]  # fmt: skip
    return tables.TRUTH.frame([{"file": "a.mp4", "reps": nested, "joints_2d": [], "joints_3d": []}])


def detected(*bounds):
    rows = [{"rep_id": f"v-f{b}", "video_id": "v", "start": s, "bottom": b, "end": e} for s, b, e in bounds]
    return tables.REPS.frame(rows)


VIDEOS = pl.DataFrame({"video_id": ["v"], "original_name": ["sub/a.mp4"]})


def test_a_rep_is_the_true_one_that_it_overlaps():
    truth = a_set((10, 20, 30, {"hips_sagging": "present"}), (40, 50, 60, {"hips_sagging": "absent"}))
    found = simulate.truth_of_reps(truth, detected((12, 20, 31), (70, 75, 80), (41, 50, 58)), VIDEOS)
    assert found == {"v-f20": {"hips_sagging": "present"}, "v-f50": {"hips_sagging": "absent"}}


def test_a_rep_that_is_none_is_not_usable(default_taxonomy):
    said = simulate.answer(None, "v-f75", default_taxonomy, name="a", error_rate=0)
    assert not config.answer(said, "side", default_taxonomy)[0]


def test_without_mistakes_the_truth_is_said(default_taxonomy):
    true = dict.fromkeys(default_taxonomy.ids, "absent") | {"hips_piked": "present", "asymmetric": "unknown"}
    said = simulate.answer(true, "r", default_taxonomy, name="a", error_rate=0)
    usable, values = config.answer(said, "oblique", default_taxonomy)
    assert usable
    assert values == true


@pytest.mark.parametrize("rate", [0.05, 0.12, 0.3])
def test_the_share_of_mistakes_is_as_stated_and_the_same_each_time(default_taxonomy, rate):
    true = dict.fromkeys(default_taxonomy.ids, "absent") | {"hips_piked": "present", "asymmetric": "unknown"}
    wrong = []
    for number in range(600):
        said = simulate.answer(true, f"r{number}", default_taxonomy, name="a", error_rate=rate)
        again = simulate.answer(true, f"r{number}", default_taxonomy, name="a", error_rate=rate)
        assert said == again
        values = config.answer(said, "oblique", default_taxonomy)[1]
        assert values["asymmetric"] == "unknown"
        wrong += [values[e] != v for e, v in true.items() if v != "unknown"]
    assert np.mean(wrong) == pytest.approx(rate, abs=0.02)


def test_two_annotators_err_apart(default_taxonomy):
    true = dict.fromkeys(default_taxonomy.ids, "absent")
    ask = lambda name, n: str(simulate.answer(true, f"r{n}", default_taxonomy, name=name, error_rate=0.2))  # noqa: E731
    same = [ask("a", n) == ask("b", n) for n in range(100)]
    assert 0 < sum(same) < 100
