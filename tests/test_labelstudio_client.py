from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pushup_data.labelstudio import client


@given(st.sets(st.integers(1, 60)))
def test_runs_hold_exactly_the_numbers(numbers):
    runs = client._runs(numbers)
    assert [n for a, b in runs for n in range(a, b + 1)] == sorted(numbers)
    assert all(b + 1 < c for (_, b), (c, _) in pairwise(runs))
