import itertools
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushup_data import frames, kinematics, reps, series, tables
from pushup_data.kinematics import Signals
from pushup_data.landmarks import Pose
from pushup_data.params import Params
from pushup_data.reps import Boundaries, Rep
from tests import figures

VIEWS = ["side", "oblique", "front"]


@pytest.fixture(scope="module")
def limits(default_params: Params):
    return default_params.reps


def find(pose: Pose, limits, fps: float = 30.0) -> list[Rep]:
    return reps.find(pose, fps, figures.WIDTH, figures.HEIGHT, limits)


def agrees(found: list[Rep], truth: list[figures.Truth]) -> None:
    """Same number, lowest frames within a tenth of the rep, ranges alike."""
    assert len(found) == len(truth)
    for rep, (start, bottom, end) in zip(found, truth, strict=True):
        assert abs(rep.bottom - bottom) <= 1 + 0.1 * (end - start)
        assert frames.overlap((rep.start, rep.end), (start, end)) > 0.6


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("fps", [10.0, 24.0, 29.97, 60.0])
@pytest.mark.parametrize("tempo_s", [0.8, 1.6, 4.0])
def test_every_rep_is_found(view, fps, tempo_s, limits):
    pose, truth = figures.push_up(view=view, fps=fps, tempo_s=tempo_s, reps=3, noise=0.003)
    found = find(pose, limits, fps)
    agrees(found, truth)
    assert {rep.view for rep in found} == {view}
    assert not any(rep.partial or rep.drawn for rep in found)


@settings(max_examples=40, deadline=None)
@given(
    view=st.sampled_from(VIEWS),
    near_side=st.sampled_from(["left", "right"]),
    support=st.sampled_from(["feet", "knees"]),
    fps=st.sampled_from([10.0, 25.0, 60.0]),
    bottoms=st.lists(st.integers(50, 125), min_size=1, max_size=5),
    top=st.integers(165, 175),
    tempo_s=st.floats(0.8, 3.0),
    pause_top_s=st.floats(0.1, 2.0),
    pause_bottom_s=st.floats(0.0, 1.5),
    noise=st.sampled_from([0.0, 0.001, 0.002]),
    seed=st.integers(0, 9),
)
def test_whatever_the_reps_are_like_they_are_counted(
    limits, bottoms, fps, near_side, support, view, **figure
):
    pose, truth = figures.push_up(
        bottom=bottoms, reps=len(bottoms), fps=fps, near_side=near_side, support=support, view=view, **figure
    )
    found = find(pose, limits, fps)
    assert len(found) == len(truth)
    for rep, (start, bottom, end) in zip(found, truth, strict=True):
        assert start - 0.5 * fps - 1 <= rep.start <= bottom < rep.end <= end + 0.5 * fps + 1
        assert rep.start <= rep.bottom < rep.end <= len(pose)
        assert not rep.partial
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
    if view == "side":
        assert {(rep.near_side, rep.support) for rep in found} == {(near_side, support)}


@pytest.mark.parametrize("view", VIEWS)
def test_shallow_reps_count_and_stand_beside_deep_ones(view, limits):
    pose, truth = figures.push_up(view=view, bottom=[75, 128, 75, 128], reps=4, noise=0.001)
    agrees(find(pose, limits), truth)


@pytest.mark.parametrize("view", VIEWS)
def test_getting_into_position_is_no_rep(view, limits):
    pose, truth = figures.push_up(view=view, lead_in_s=2.5, reps=2)
    agrees(find(pose, limits), truth)


def test_standing_about_or_holding_a_plank_is_no_rep(limits):
    plank, _ = figures.push_up(reps=1, pause_top_s=6, noise=0.004)
    assert find(plank.cut(0, 170), limits) == []
    standing, _ = figures.push_up(reps=1, lead_in_s=6)
    assert find(standing.cut(0, 90), limits) == []


def test_bending_at_the_shoulders_alone_is_no_rep(limits):
    """The shoulders go down by tilting the picture's body, the elbows stay straight."""
    pose, _ = figures.push_up(reps=1, pause_top_s=4.0, top=170, bottom=169)
    sunk = pose.xy.copy()
    wave = 0.06 * np.sin(np.linspace(0, 4 * np.pi, len(pose)))
    for i, name in enumerate(figures.INDEX):
        if "wrist" not in name and "elbow" not in name and "shoulder" not in name:
            sunk[:, i, 1] += wave
    assert find(replace(pose, xy=sunk), limits) == []


@pytest.mark.parametrize("view", VIEWS)
def test_a_pause_at_the_bottom_is_one_rep(view, limits):
    pose, truth = figures.push_up(view=view, pause_bottom_s=3.0, reps=2, noise=0.004)
    found = find(pose, limits)
    assert len(found) == 2
    for rep, (_, bottom, _) in zip(found, truth, strict=True):
        assert abs(rep.bottom - bottom) < 1.6 * 30


def test_longer_than_the_limit_is_no_rep(limits):
    pose, _ = figures.push_up(pause_bottom_s=14.0, reps=1)
    assert find(pose, limits) == []


@pytest.mark.parametrize("view", VIEWS)
def test_a_video_cut_at_the_bottom_has_partial_reps(view, limits):
    pose, truth = figures.push_up(view=view, reps=3, starts_at_bottom=True, ends_at_bottom=True)
    found = find(pose, limits)
    assert [rep.partial for rep in found] == [True, False, True]
    assert (found[0].start, found[-1].end) == (0, len(pose))
    assert [abs(r.bottom - b) <= 4 for r, (_, b, _) in zip(found, truth, strict=True)] == [True] * 3


def test_a_rep_of_which_most_is_seen_is_whole(limits):
    pose, truth = figures.push_up(reps=1, pause_top_s=0.0, tempo_s=2.0)
    start, _, _ = truth[0]
    cut = find(pose.cut(start + 8, len(pose)), limits)  # 0.27 of 1 s of the way down is missing
    assert [rep.partial for rep in cut] == [False]
    later = find(pose.cut(start + 22, len(pose)), limits)  # 0.73 s are
    assert [rep.partial for rep in later] == [True]


@settings(max_examples=25, deadline=None)
@given(
    view=st.sampled_from(VIEWS),
    starts=st.lists(st.integers(5, 160), max_size=3, unique=True),
    length=st.integers(1, 12),
    seed=st.integers(0, 9),
)
def test_short_losses_of_the_person_do_no_harm(limits, view, starts, length, seed):
    pose, truth = figures.push_up(
        view=view, reps=3, dropouts=[(s, s + length) for s in starts], noise=0.002, seed=seed
    )
    # Two gaps may lie so close that they are one.
    gaps = series.runs(~pose.detected)
    if all(b - a <= 15 and a > 0 and b < len(pose) for a, b in gaps):
        assert len(find(pose, limits)) == len(truth)


def test_a_long_loss_splits_a_rep_into_partial_ones(limits):
    pose, truth = figures.push_up(reps=1, pause_bottom_s=2.0)
    _, bottom, _ = truth[0]
    lost, _ = figures.push_up(reps=1, pause_bottom_s=2.0, dropouts=[(bottom - 12, bottom + 12)])
    assert [rep.partial for rep in find(lost, limits)] == [True, True]
    assert [rep.partial for rep in find(pose, limits)] == [False]


def test_no_person_no_reps(limits):
    pose, _ = figures.push_up(reps=2, dropouts=[(0, 10_000)])
    assert find(pose, limits) == []
    assert find(pose.cut(0, 0), limits) == []


@settings(deadline=None)
@given(st.lists(st.floats(0, 2), min_size=1, max_size=80), st.floats(0.05, 0.6))
def test_turning_points_alternate_and_travel(values, min_travel):
    height = np.array(values)
    points = reps.turning_points(height, min_travel)
    assert [i for i, _ in points] == sorted({i for i, _ in points})
    assert all(a[1] != b[1] for a, b in itertools.pairwise(points))
    assert all(abs(height[a[0]] - height[b[0]]) >= min_travel - 1e-9 for a, b in itertools.pairwise(points))
    assert bool(points) == (_largest_way(height) >= min_travel)


def _largest_way(height: np.ndarray) -> float:
    return float(height.max() - height.min())


# People's corrections


@pytest.fixture(scope="module")
def two() -> tuple[Pose, Signals, list[Rep], list[figures.Truth]]:
    from pushup_data import params
    from pushup_data.workspace import TEMPLATE

    limits = params.load(TEMPLATE / "params.yaml").reps
    pose, truth = figures.push_up(reps=2, pause_top_s=0.6)
    signals = kinematics.measure(pose, 30, figures.WIDTH, figures.HEIGHT)
    return pose, signals, reps.in_signals(signals, pose, 30, limits), truth


def test_no_corrections_change_nothing(two):
    pose, signals, found, _ = two
    assert reps.apply_boundaries(found, [], signals, pose) == found


def test_a_correction_replaces_what_it_overlaps(two):
    pose, signals, found, truth = two
    start, bottom, end = truth[0]
    corrected = reps.apply_boundaries(found, [Boundaries(start - 5, bottom + 2, end + 6)], signals, pose)
    assert [(r.start, r.bottom, r.end, r.drawn) for r in corrected] == [
        (start - 5, bottom + 2, end + 6, True),
        (found[1].start, found[1].bottom, found[1].end, False),
    ]


def test_the_bottom_is_found_where_nobody_drew_it(two):
    pose, signals, found, truth = two
    start, bottom, end = truth[1]
    corrected = reps.apply_boundaries(found, [Boundaries(start, None, end)], signals, pose)
    assert abs(corrected[1].bottom - bottom) <= 2


def test_one_correction_may_join_two_detections_or_add_a_rep(two):
    pose, signals, found, truth = two
    joined = reps.apply_boundaries(found, [Boundaries(truth[0][0], None, truth[1][2])], signals, pose)
    assert len(joined) == 1
    added = reps.apply_boundaries(found[:1], [Boundaries(*truth[1])], signals, pose)
    assert [r.drawn for r in added] == [False, True]


def test_of_two_corrections_of_the_same_rep_the_last_counts(two):
    pose, signals, found, (truth, _) = two
    first, second = Boundaries(*truth), Boundaries(truth[0] + 3, None, truth[2] + 3)
    corrected = reps.apply_boundaries(found, [first, second], signals, pose)
    assert [(r.start, r.end, r.drawn) for r in corrected] == [
        (truth[0] + 3, truth[2] + 3, True),
        (found[1].start, found[1].end, False),
    ]


def test_corrections_beyond_the_video_are_cut_to_it(two):
    pose, signals, found, truth = two
    outside = Boundaries(len(pose) + 5, None, len(pose) + 50)
    assert reps.apply_boundaries(found, [outside], signals, pose) == found
    over = reps.apply_boundaries(found, [Boundaries(truth[1][0], 9999, 9999)], signals, pose)
    assert over[-1].end == len(pose)
    assert abs(over[-1].bottom - truth[1][1]) <= 2


# Names

ranges = st.lists(
    st.tuples(st.integers(2, 60), st.integers(20, 80)).map(lambda gap_length: gap_length), max_size=8
)


def made(gaps_and_lengths) -> list[Rep]:
    at, out = 0, []
    for gap, length in gaps_and_lengths:
        at += gap
        out.append(Rep(at, at + length // 2, at + length, False, "left", "side", "feet"))
        at += length
    return out


def grow(registry: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    return tables.REP_REGISTRY.check(pl.concat([registry, new]))


@settings(deadline=None)
@given(ranges)
def test_names_are_unique_and_stay(gaps_and_lengths):
    found = made(gaps_and_lengths)
    ids, new = reps.name("v", found, tables.REP_REGISTRY.empty())
    assert len(set(ids)) == len(found)
    assert ids == [f"v-f{rep.bottom}" for rep in found]
    again, nothing = reps.name("v", found, new)
    assert again == ids
    assert nothing.is_empty()


@settings(deadline=None)
@given(ranges, st.data())
def test_names_stay_when_bounds_move_a_little(gaps_and_lengths, data):
    found = made(gaps_and_lengths)
    ids, registry = reps.name("v", found, tables.REP_REGISTRY.empty())
    jitter = st.integers(-2, 2)
    moved = [
        replace(
            r,
            start=max(0, r.start + data.draw(jitter)),
            bottom=r.bottom + data.draw(jitter),
            end=r.end + data.draw(jitter),
        )
        for r in found
    ]
    again, nothing = reps.name("v", moved, registry)
    assert again == ids
    assert nothing.is_empty()


@settings(deadline=None)
@given(ranges, ranges)
def test_the_registry_only_grows_and_never_names_twice(first, second):
    _, registry = reps.name("v", made(first), tables.REP_REGISTRY.empty())
    ids, new = reps.name("v", made(second), registry)
    assert len(set(ids)) == len(ids)
    grown = grow(registry, new)  # unique keys are checked here
    assert grown.join(registry, on=registry.columns, how="semi").height == registry.height
    assert set(ids) <= set(grown["rep_id"])
    assert reps.name("v", made(second), grown)[0] == ids


def test_the_best_match_wins_and_other_videos_do_not_matter():
    registry = tables.REP_REGISTRY.frame(
        [
            {"rep_id": "v-f30", "video_id": "v", "start": 0, "bottom": 30, "end": 60},
            {"rep_id": "v-f40", "video_id": "v", "start": 10, "bottom": 40, "end": 70},
            {"rep_id": "w-f30", "video_id": "w", "start": 0, "bottom": 30, "end": 60},
        ]
    )
    rep = Rep(9, 41, 70, False, "left", "side", "feet")
    assert reps.name("v", [rep], registry)[0] == ["v-f40"]
    assert reps.name("x", [rep], registry)[0] == ["x-f41"]


def test_a_rep_that_moved_too_far_gets_another_name_even_with_the_same_bottom():
    registry = tables.REP_REGISTRY.frame(
        [{"rep_id": "v-f30", "video_id": "v", "start": 0, "bottom": 30, "end": 200}]
    )
    short = Rep(20, 30, 40, False, "left", "side", "feet")
    ids, new = reps.name("v", [short], registry)
    assert ids == ["v-f30-2"]
    assert grow(registry, new).height == 2


# Real clips


REAL = {"c009": 3, "c113": 2, "c128": 4.5, "c003": 1}  # all of them: benchmarks/reps.py


@pytest.mark.timeout(300)
def test_real_clips_are_counted_as_both_raters_did(real_data, limits, default_params):
    from pushup_data import landmarks, pose
    from pushup_data.workspace import CHECKOUT, Workspace

    model = Workspace(CHECKOUT).pose_model("full")
    clips = pl.read_csv(real_data / "clips.csv").filter(pl.col("clip_id").is_in(list(REAL)))
    counts = {}
    for row in clips.iter_rows(named=True):
        seen = landmarks.from_table(pose.track(real_data / row["file"], model, default_params.pose).frame)
        found = reps.find(seen, row["fps"], row["width"], row["height"], limits)
        counts[row["clip_id"]] = sum(0.5 if rep.partial else 1.0 for rep in found)
    assert counts.keys() == REAL.keys()
    assert all(abs(counts[clip] - REAL[clip]) <= 0.5 for clip in REAL), counts
