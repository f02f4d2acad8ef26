"""What benchmarks/real.py compares, and how."""

import numpy as np
import pytest

from pushup_data.workspace import CHECKOUT


@pytest.fixture
def real(monkeypatch):
    monkeypatch.syspath_prepend(CHECKOUT / "benchmarks")
    import real

    return real


def test_everybody_is_compared_with_the_rules_networks_with_forests_and_with_what_people_teach(real):
    said = dict.fromkeys(["rules", "CNN-LSTM, released", "forest, real", "CNN-LSTM, real", "CNN-LSTM, both"])
    order = ["rules", "forest, real", "CNN-LSTM, real", "CNN-LSTM, both", "CNN-LSTM, released"]
    assert real.ordered(said) == order
    assert real.pairs(said) == [
        *((name, "rules") for name in order[1:]),
        ("CNN-LSTM, real", "forest, real"),
        ("CNN-LSTM, both", "CNN-LSTM, real"),
        ("CNN-LSTM, released", "CNN-LSTM, real"),
    ]


def test_intervals_draw_scenes_and_differences_are_of_the_same_ones(real):
    scenes = [f"scene {i // 2}" for i in range(12)]
    truth = np.array([[float(i % 4 == 0)] for i in range(12)])
    keep = np.ones(12, dtype=bool)
    right = [(truth.copy(), truth > 0.5)]
    half = [(np.where(np.arange(12)[:, None] < 6, truth, 1 - truth), truth > 2)]
    assert real.between(right, None, truth, keep, 0, scenes) == "[1.00, 1.00], [1.00, 1.00]"
    assert real.between(half, half, truth, keep, 0, scenes) == "+0.00 [+0.00, +0.00], +0.00 [+0.00, +0.00]"
    assert real.between(right, half, truth, keep, 0, scenes).startswith("+1.00 [+1.00, +1.00], +0.")
    assert real.between(right, None, truth, keep, 0, ["one"] * 12) == "one scene"
