"""Retakes of benchmarks/retakes.py: landmarks off by as much as they were in the take that was drawn."""

import numpy as np
import polars as pl
import pytest

from pushup_data import tables
from pushup_data.avatar import sets
from pushup_data.avatar.sets import Recipe
from pushup_data.workspace import CHECKOUT


@pytest.fixture
def retakes(monkeypatch):
    monkeypatch.syspath_prepend(CHECKOUT / "benchmarks")
    import retakes

    return retakes


@pytest.fixture
def first(default_taxonomy):
    made = sets.take(Recipe(seed=1, number=0, reps=(2, 2), fps=8.0, views={"side": 1.0}))
    return made, sets.truth(made, default_taxonomy)


def tracked(retakes, made, row, wrong):
    """tables.POSE of a landmarker that is off by `wrong` (T,) in x of the picture, and by nothing else."""
    true = retakes._true(made, row)
    true[:, 0] += wrong[:, None]
    kinds = dict(tables.POSE.columns)
    values = dict(zip(retakes._XYZ, true.transpose(1, 0, 2), strict=True))
    count = len(true)
    values |= {name: np.full((count, 33), 0.5) for name in retakes._AS_THEY_WERE}
    values |= {name: np.full(count, 50.0) for name in ("luma", "sharpness")}
    values |= {"frame": np.arange(count), "detected": np.ones(count, bool)}
    return pl.DataFrame({name: pl.Series(name, values[name].tolist(), dtype=kinds[name]) for name in kinds})


def test_a_perfect_landmarker_gives_the_truth(retakes, first):
    made, row = first
    told, table = retakes.retake(made, 0, row, tracked(retakes, made, row, np.zeros(len(made.points))))
    again = sets.retake(made, 0)
    tables.POSE.check(table)
    assert told["file"] == "avatar-1-0000-retake-0.mp4"
    assert len(table) == told["frames"] == len(again.points)
    found = retakes._columns(table, retakes._XYZ)
    assert np.allclose(found, retakes._true(again, told), atol=1e-4)
    assert (retakes._columns(table, ["visibility"]) == 0.5).all()


def test_what_was_wrong_at_a_bottom_is_wrong_at_a_bottom(retakes, first):
    made, row = first
    wrong = np.full(len(made.points), 0.01)
    for start, bottom, end in made.reps:
        wrong[start:end] = np.interp(np.arange(start, end), [start, bottom, end - 1], [0.01, 0.05, 0.01])
    told, table = retakes.retake(made, 1, row, tracked(retakes, made, row, wrong))
    again = sets.retake(made, 1)
    off = retakes._columns(table, ["x"])[:, 0, 0] - retakes._true(again, told)[:, 0, 0]
    for start, bottom, end in again.reps:
        assert off[[start, bottom, end - 1]] == pytest.approx([0.01, 0.05, 0.01], abs=1e-3)


def test_a_set_that_was_hardly_seen_gives_none(retakes, first):
    made, row = first
    table = tracked(retakes, made, row, np.full(len(made.points), np.nan))
    assert retakes.retake(made, 0, row, table) is None
