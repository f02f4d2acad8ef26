import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushup_data.model import calibration
from pushup_data.model.calibration import Platt


def drawn(n: int, slope: float, offset: float):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, n)
    return logits, (rng.random(n) < calibration.sigmoid(slope * logits + offset)).astype(float)


def strangers(n: int) -> list[str]:
    return [f"s{i}" for i in range(n)]


@pytest.mark.parametrize(("slope", "offset"), [(1, 0), (0.5, -1), (2, 1)])
def test_many_labels_are_believed(slope, offset):
    found = calibration.fit(*drawn(5000, slope, offset), strangers(5000))
    assert found.slope == pytest.approx(slope, rel=0.15)
    assert found.offset == pytest.approx(offset, abs=0.15)


def test_a_few_labels_that_any_line_divides_make_nobody_sure():
    logits = np.linspace(-2, 2, 12)
    found = calibration.fit(logits, (logits > 0).astype(float), strangers(12))
    assert 1 < found.slope < 2


def test_many_reps_of_a_few_people_are_believed_less_than_as_many_people():
    logits, positive = drawn(300, 0.5, -1)
    few = calibration.fit(logits, positive, [f"s{i % 3}" for i in range(300)])
    many = calibration.fit(logits, positive, strangers(300))
    assert many.slope < few.slope < 1
    assert many.offset < few.offset < 0


@given(st.floats(0.2, 3), st.floats(-2, 2), st.lists(st.floats(-20, 20), min_size=2, max_size=20))
def test_calibration_keeps_the_order(slope, offset, logits):
    said = Platt(slope=slope, offset=offset)(sorted(logits))
    assert (np.diff(said) >= 0).all()


@pytest.mark.parametrize("labels", [[], [0.0, 0.0], [1.0, 1.0]])
def test_without_both_kinds_of_label_nothing_is_done(labels):
    assert calibration.fit(np.ones(len(labels)), np.array(labels), strangers(len(labels))) == Platt()


@pytest.mark.parametrize("slope", [0.5, 1, 3])
def test_the_threshold_is_that_of_the_largest_f1_where_probabilities_are_true(slope):
    rng = np.random.default_rng(1)
    probability = calibration.sigmoid(slope * rng.normal(-1, 2, 50_000))
    positive = rng.random(len(probability)) < probability

    def f1(at):
        said = probability >= at
        return 2 * (said & positive).sum() / (said.sum() + positive.sum())

    found = calibration.threshold(probability, strangers(len(probability)))
    largest = max(f1(at) for at in np.linspace(0.01, 0.99, 99))
    assert f1(found) > max(largest - 0.002, f1(0.5))
    assert found == pytest.approx(largest / 2, abs=0.01)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_threshold_is_one_half_at_most_and_in_reach_of_the_highest(said):
    found = calibration.threshold(np.array(said), strangers(len(said)))
    assert found <= 0.5
    assert found <= max(said) + 1e-4  # somebody may be told


def test_many_reps_of_one_person_do_not_set_the_threshold():
    said = np.array([0.9, 0.3, 0.2, 0.1] + [0.5] * 96)
    crowd = calibration.threshold(said, strangers(100))
    one = calibration.threshold(said, [*strangers(4), *["s"] * 96])
    alone = calibration.threshold(said[:5], strangers(5))
    assert abs(one - alone) < abs(crowd - alone)
