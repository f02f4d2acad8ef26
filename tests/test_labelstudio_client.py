from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pushup_data.labelstudio import client, pull


@given(st.sets(st.integers(1, 60)))
def test_runs_hold_exactly_the_numbers(numbers):
    runs = client._runs(numbers)
    assert [n for a, b in runs for n in range(a, b + 1)] == sorted(numbers)
    assert all(b + 1 < c for (_, b), (c, _) in pairwise(runs))


def test_changes_are_asked_for_from_before_the_newest_on():
    times = ["2026-01-01T10:00:00.000001Z", "2026-01-01T09:00:00Z"]
    assert pull._since(times) == "2026-01-01T09:45:00.000001Z"


def test_nothing_known_or_a_clock_that_was_wrong_means_all():
    assert pull._since([]) == ""
    assert pull._since([(datetime.now(UTC) + timedelta(days=1)).isoformat()]) == ""
