import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushup_data import frames

ranges = st.tuples(st.integers(0, 10**6), st.integers(1, 10**5)).map(lambda r: (r[0], r[0] + r[1]))


@given(ranges, st.integers(0, 1000))
def test_there_and_back_is_the_same_to_the_frame(bounds, more):
    there = frames.to_timeline(*bounds)
    assert frames.from_timeline(there["start"], there["end"], bounds[1] + more) == bounds


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_back_and_there_is_the_same_to_the_frame(first, last):
    first, last = sorted((first, last))
    bounds = frames.from_timeline(first, last, last)
    assert bounds is not None
    assert frames.to_timeline(*bounds) == {"start": first, "end": last}
    assert bounds[1] - bounds[0] == last - first + 1  # inclusive: as many frames


def test_a_whole_video_is_the_timeline_from_1_to_its_last_frame():
    assert frames.to_timeline(0, 360) == {"start": 1, "end": 360}


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (10, 4, (3, 10)),  # drawn from right to left
        (3.6, 9.4, (3, 9)),
        (0, 5, (0, 5)),
        (90, 130, (89, 100)),  # past the end
        (101, 130, None),
    ],
)
def test_what_a_browser_may_send(first, last, expected):
    assert frames.from_timeline(first, last, 100) == expected


@pytest.mark.parametrize(("start", "end"), [(5, 5), (5, 4), (-1, 3)])
def test_no_frames_are_a_bug(start, end):
    with pytest.raises(ValueError, match="no frames"):
        frames.to_timeline(start, end)


@given(ranges, ranges)
def test_overlap_is_symmetric_and_1_only_for_the_same(one, other):
    assert frames.overlap(one, other) == frames.overlap(other, one)
    assert 0 <= frames.overlap(one, other) <= 1
    assert (frames.overlap(one, other) == 1) == (one == other)


def test_overlap_is_the_share_of_both_together():
    assert frames.overlap((0, 10), (5, 15)) == pytest.approx(1 / 3)
    assert frames.overlap((0, 10), (10, 15)) == 0
