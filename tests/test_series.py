import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pushup_data import series


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(5, 60))
def test_short_gaps_are_bridged_and_long_ones_stay(gap, fps):
    known = np.arange(100, dtype=float)
    known[30 : 30 + gap] = np.nan
    bridged = series.bridge(known, fps, 0.5)
    if gap <= 0.5 * fps:
        np.testing.assert_allclose(bridged, np.arange(100))
    else:
        np.testing.assert_array_equal(bridged, known)


def test_gaps_at_either_end_stay():
    known = np.array([np.nan, 1.0, 2.0, np.nan])
    np.testing.assert_array_equal(series.bridge(known, 30), known)


@settings(deadline=None)
@given(st.floats(8, 60), st.floats(-3, 3), st.floats(-1, 1))
def test_smoothing_keeps_straight_lines_and_drops_a_stray_frame(fps, level, slope):
    line = level + slope * np.arange(80) / fps
    inner = slice(10, 70)
    np.testing.assert_allclose(series.smooth(line, fps)[inner], line[inner], atol=1e-9)
    if fps >= 14:
        stray = line.copy()
        stray[40] += 5
        np.testing.assert_allclose(series.smooth(stray, fps)[inner], line[inner], atol=0.1)


@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=60))
def test_runs_are_where_it_holds(values):
    true = np.array(values, dtype=bool)
    marked = np.zeros(len(true), dtype=bool)
    found = series.runs(true)
    for start, end in found:
        assert start < end
        marked[start:end] = True
    np.testing.assert_array_equal(marked, true)
    assert all(end < start for (_, end), (start, _) in itertools.pairwise(found))
