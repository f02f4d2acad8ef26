import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushup_data import kinematics, quality, reps, rules
from pushup_data.params import Params
from pushup_data.reps import Rep
from pushup_data.rules import Opinion
from pushup_data.taxonomy import FormError, Taxonomy
from tests import figures

SEEN_IN = {
    "hips_sagging": ["side", "oblique"],
    "hips_piked": ["side", "oblique"],
    "shallow_depth": ["side", "oblique", "front"],
    "incomplete_lockout": ["side", "oblique", "front"],
    "elbows_flared": ["oblique", "front"],
    "head_dropped": ["side", "oblique"],
    "asymmetric": ["front"],
}


@pytest.fixture(scope="module")
def judged(default_params: Params, default_taxonomy: Taxonomy):
    def judge(
        *errors: str, known: Taxonomy = default_taxonomy, flags=(), **figure
    ) -> list[dict[str, Opinion]]:
        pose, _ = figures.push_up(errors, **figure)
        signals = kinematics.measure(pose, 30.0, figures.WIDTH, figures.HEIGHT)
        found = reps.in_signals(signals, pose, 30.0, default_params.reps)
        return [
            {
                o.error: o
                for o in rules.judge(rep, signals, 30.0, flags, taxonomy=known, rules=default_params.rules)
            }
            for rep in found
        ]

    return judge


CASES = [(error, view) for error, views in SEEN_IN.items() for view in views]
CASES.remove(("incomplete_lockout", "front"))  # see below


@pytest.mark.parametrize(("error", "view"), CASES)
def test_an_error_is_found_where_it_is_and_only_there(judged, error, view):
    with_error, without = judged(error, reps=2, view=view), judged(reps=2, view=view)
    assert len(with_error) == len(without) == 2
    assert all(opinions[error].probability > 0.6 for opinions in with_error)
    assert all(opinions[error].probability < 0.4 for opinions in without)


def test_from_the_front_arms_must_be_bent_more_to_be_seen_bent(judged):
    """Bent arms point at the camera then."""
    (slightly,), (strongly,) = (judged(reps=1, view="front", top=top, bottom=60) for top in (132, 105))
    assert slightly["incomplete_lockout"].probability < 0.5
    assert strongly["incomplete_lockout"].probability > 0.6


@pytest.mark.parametrize("view", ["side", "oblique", "front"])
def test_good_form_raises_nothing(judged, view):
    for opinions in judged(reps=2, view=view, noise=0.001):
        assert all(o.probability is None or o.probability < 0.4 for o in opinions.values()), opinions


@pytest.mark.parametrize("view", ["side", "oblique", "front"])
def test_what_a_view_cannot_show_is_unknown(judged, default_taxonomy, view):
    for opinions in judged(reps=1, view=view):
        assert list(opinions) == list(default_taxonomy.ids)
        for error, opinion in opinions.items():
            assert (opinion.probability is None) == (view not in SEEN_IN[error]), opinion
            if opinion.probability is None:
                assert opinion.reason.startswith("not seen from")
            else:
                assert re.search(r"\d", opinion.reason), opinion.reason


def test_reasons_give_the_figure(judged):
    (sagging,) = judged("hips_sagging", reps=1)
    assert re.fullmatch(
        r"hips (9|10) % of body length below the line from shoulders to ankles",
        sagging["hips_sagging"].reason,
    )
    (shallow,) = judged(reps=1, bottom=125)
    assert re.search(r"elbows at 1[23]\d°$", shallow["shallow_depth"].reason)
    (shallow_in_front,) = judged(reps=1, bottom=125, view="front")
    assert "°" not in shallow_in_front["shallow_depth"].reason


def test_on_the_knees_the_line_ends_at_the_knees(judged):
    (straight,) = judged(reps=1, support="knees")
    assert straight["hips_sagging"].probability < 0.1
    assert straight["hips_sagging"].reason.endswith("to knees")
    (sagging,) = judged("hips_sagging", reps=1, support="knees")
    assert sagging["hips_sagging"].probability > 0.9


@pytest.mark.parametrize("flag", [quality.LOST, quality.NO_PERSON])
def test_a_failed_pose_is_not_judged(judged, flag):
    (opinions,) = judged("hips_sagging", reps=1, flags=[quality.BLURRED, flag])
    assert all(o.probability is None and o.reason == flag for o in opinions.values())


def test_other_flags_do_not_keep_from_judging(judged):
    assert judged("hips_sagging", reps=1, flags=[quality.BLURRED])[0]["hips_sagging"].probability > 0.9


def test_an_error_without_a_rule_is_unknown(judged, default_taxonomy):
    own = FormError(
        id="hands_wide",
        title="Hands wide",
        hotkey="8",
        looks_like="x",
        views=("side",),
        severity=1,
        cue="x",
        advice="x",
    )
    known = Taxonomy(version=2, errors=(*default_taxonomy.errors[:1], own))
    (opinions,) = judged(reps=1, known=known)
    assert list(opinions) == ["hips_sagging", "hands_wide"]
    assert opinions["hands_wide"] == Opinion("hands_wide", None, "no rule for this error")


def test_a_cut_rep_is_not_blamed_for_what_is_cut_off(judged):
    pose = {"reps": 3, "starts_at_bottom": True, "ends_at_bottom": True}
    first, whole, last = judged("incomplete_lockout", **pose)
    assert whole["incomplete_lockout"].probability > 0.6
    for cut in (first, last):
        assert cut["incomplete_lockout"].probability is None
        assert "does not show the top" in cut["incomplete_lockout"].reason
    first, whole, last = judged("shallow_depth", **pose)
    assert whole["shallow_depth"].probability > 0.6
    for cut in (first, last):
        assert "does not show the bottom" in cut["shallow_depth"].reason
    # What is seen to be right is right, cut or not.
    first, _, last = judged(**pose)
    for cut in (first, last):
        assert cut["incomplete_lockout"].probability < 0.4
        assert cut["shallow_depth"].probability < 0.4


def test_missing_limbs_are_unknown(default_params, default_taxonomy):
    pose, _ = figures.push_up(reps=1)
    signals = kinematics.measure(pose, 30.0, figures.WIDTH, figures.HEIGHT)
    (rep,) = reps.in_signals(signals, pose, 30.0, default_params.reps)
    blind = replace(signals, near_neck=np.full(len(signals), np.nan))
    opinions = rules.judge(rep, blind, 30.0, [], taxonomy=default_taxonomy, rules=default_params.rules)
    head = next(o for o in opinions if o.error == "head_dropped")
    assert head == Opinion("head_dropped", None, "the limbs are not found in enough frames")


@settings(max_examples=50, deadline=None)
@given(st.floats(-0.2, 0.2), st.floats(0.0, 0.1))
def test_more_of_an_error_is_never_less_probable(default_params, default_taxonomy, offset, more):
    pose, _ = figures.push_up(reps=1)
    signals = kinematics.measure(pose, 30.0, figures.WIDTH, figures.HEIGHT)
    rep = Rep(9, 33, 58, False, "left", "side", "feet")

    def of(by: float) -> dict[str, float | None]:
        moved = replace(signals, hip_ankle=signals.hip_ankle + by)
        found = rules.judge(rep, moved, 30.0, [], taxonomy=default_taxonomy, rules=default_params.rules)
        return {o.error: o.probability for o in found}

    higher, lower = of(offset), of(offset - more)
    assert 0 <= lower["hips_piked"] <= higher["hips_piked"] <= 1
    assert 0 <= higher["hips_sagging"] <= lower["hips_sagging"] <= 1


def test_the_threshold_is_an_even_chance(default_params, default_taxonomy):
    pose, _ = figures.push_up(reps=1)
    signals = kinematics.measure(pose, 30.0, figures.WIDTH, figures.HEIGHT)
    rule = default_params.rules.hips_sagging
    rep = Rep(9, 33, 58, False, "left", "side", "feet")
    for beyond, probability in ((0, 0.5), (1, 0.73), (-1, 0.27)):
        level = np.full(len(signals), rule.threshold - beyond * rule.softness)
        found = rules.judge(
            rep,
            replace(signals, hip_ankle=level),
            30.0,
            [],
            taxonomy=default_taxonomy,
            rules=default_params.rules,
        )
        assert found[0].probability == pytest.approx(probability, abs=0.005)
