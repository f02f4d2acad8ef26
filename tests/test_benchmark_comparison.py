"""What benchmarks/real.py compares, and how."""

from types import SimpleNamespace

import numpy as np
import pytest

from pushup_data.workspace import CHECKOUT


@pytest.fixture
def comparison(monkeypatch):
    monkeypatch.syspath_prepend(CHECKOUT / "benchmarks")
    import comparison

    return comparison


def test_everybody_is_compared_with_the_rules_networks_with_forests_and_with_what_people_teach(comparison):
    said = dict.fromkeys(["rules", "cnn-lstm, released", "forest, real", "cnn-lstm, real", "cnn-lstm, both"])
    order = ["rules", "forest, real", "cnn-lstm, real", "cnn-lstm, both", "cnn-lstm, released"]
    assert comparison.ordered(said) == order
    assert comparison.pairs(said) == [
        *((name, "rules") for name in order[1:]),
        ("cnn-lstm, real", "forest, real"),
        ("cnn-lstm, both", "cnn-lstm, real"),
        ("cnn-lstm, released", "cnn-lstm, real"),
    ]
    more = [pair for pair in comparison.pairs(said | {"cnn-only, real": None}) if "cnn-only, real" in pair]
    assert more == [
        ("cnn-only, real", "rules"),
        ("cnn-only, real", "forest, real"),
        ("cnn-lstm, real", "cnn-only, real"),
    ]


def test_a_contender_is_what_its_name_says(comparison):
    import contenders

    for kind in ("cnn-lstm", "cnn", "lstm", "transformer"):
        assert contenders.NETWORKS[kind] == {"kind": kind}
    assert set(contenders.NETWORKS) > {"committee", "cnn-only", "lstm-only", "cnn-lstm-only"}
    said = dict.fromkeys(["rules", "cnn-lstm, real", "boosting, real"])
    assert comparison.ordered(said) == ["rules", "boosting, real", "cnn-lstm, real"]
    assert comparison.pairs(said) == [("boosting, real", "rules"), ("cnn-lstm, real", "rules")]


def test_clips_that_are_named_alike_are_refused(comparison, monkeypatch):
    import collection

    clip = SimpleNamespace
    monkeypatch.setattr(collection, "load", lambda folder, _: [clip(id="c1"), clip(id=f"c {folder}")])
    with pytest.raises(SystemExit, match=r"1 clips in two folders \(c1\)"):
        collection.load_all([["a"], ["b"]], None)
    assert [[c.id for c in side] for side in collection.load_all([["a"], []], None)] == [["c1", "c a"], []]


def test_intervals_draw_scenes_and_differences_are_of_the_same_ones(comparison):
    scenes = [f"scene {i // 2}" for i in range(12)]
    truth = np.array([[float(i % 4 == 0)] for i in range(12)])
    keep = np.ones(12, dtype=bool)
    right = [(truth.copy(), truth > 0.5)]
    half = [(np.where(np.arange(12)[:, None] < 6, truth, 1 - truth), truth > 2)]
    assert comparison.between(right, None, truth, keep, 0, scenes) == "[1.00, 1.00], [1.00, 1.00]"
    none = "+0.00 [+0.00, +0.00], +0.00 [+0.00, +0.00]"
    assert comparison.between(half, half, truth, keep, 0, scenes) == none
    assert comparison.between(right, half, truth, keep, 0, scenes).startswith("+1.00 [+1.00, +1.00], +0.")
    assert comparison.between(right, None, truth, keep, 0, ["one"] * 12) == "one scene"
