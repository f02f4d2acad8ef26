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
