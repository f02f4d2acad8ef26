from functools import cache

import numpy as np
import pytest

from pushup_data.avatar import bodies, contact, joints, motion, plans, posing
from pushup_data.landmarks import INDEX

FPS = 15.0
ALL = range(len(bodies.load()))


@cache
def performed(number):
    """Two reps of a body, of which tests only read."""
    return settled(number, seed=number)


def settled(number, seed, reps=2, **chosen):
    body = bodies.load()[number]
    plan = plans.draw(np.random.default_rng(seed), reps, **chosen)
    angles, times = motion.animate(plan, FPS)
    angles = contact.settle(body, plan.stance, angles)
    return body, plan, times, angles, posing.pose(body, plan.stance, angles)


@pytest.mark.parametrize("number", ALL)
def test_hands_and_feet_stay_planted_and_nothing_sinks_into_the_floor(number):
    body, plan, _, _, posed = performed(number)
    still = ["wrist.L", "wrist.R"]
    still += ["lowerleg01.L", "lowerleg01.R"] if plan.stance.on_knees else ["toe2-1.L", "toe2-1.R"]
    for name in still:
        moved = np.ptp(posed.heads[:, body.bones[name]], axis=0)
        assert moved.max() < (0.005 if name.startswith("toe") else 0.002), name
    lowest = contact.lowest(body, posed, np.arange(0, len(body.vertices), 3))
    assert lowest.min() > -0.02  # a thumb or toe may press into the mat, no more


@pytest.mark.parametrize("number", ALL)
def test_bones_keep_their_length(number):
    body, _, _, _, posed = performed(number)
    for one, other in (("upperarm01", "lowerarm01"), ("lowerarm01", "wrist"), ("lowerleg01", "foot")):
        for side in "LR":
            a, b = body.bones[f"{one}.{side}"], body.bones[f"{other}.{side}"]
            length = np.linalg.norm(posed.heads[:, a] - posed.heads[:, b], axis=1)
            rest = np.linalg.norm(body.heads[a] - body.heads[b])
            assert np.abs(length - rest).max() < 0.01 * rest


@pytest.mark.parametrize("seed", range(12))
def test_no_joint_leaves_its_human_range(seed):
    _, _, _, angles, posed = settled(seed % len(ALL), seed=seed + 200, reps=4)
    assert posed.flexion.min() > -1e-6  # elbows do not bend backwards
    assert posed.flexion.max() < 150
    assert angles.knee.min() >= 0
    assert angles.knee.max() < 140
    assert angles.hip.min() > -45  # hips and spine together
    assert angles.hip.max() < 110
    assert angles.neck.min() > -75  # people of twenty reach 77 (Youdas et al., 1992)
    assert angles.neck.max() < 90
    assert angles.flare.min() > 0
    assert angles.flare.max() < 100


def test_the_elbows_bend_as_far_as_they_are_told():
    body = bodies.load()[7]
    wanted = np.array([5.0, 45.0, 90.0])
    zero = np.zeros(3)
    angles = posing.Angles(
        flexion=wanted, flare=zero + 40, hip=zero, knee=zero, neck=zero, roll=zero, shoulders=zero, rock=zero
    )
    posed = posing.pose(body, posing.Stance(), angles)
    assert np.abs(posed.flexion - wanted[:, None]).max() < 0.5
    points = joints.place(body, posed)
    shoulder, elbow, wrist = (points[:, INDEX[f"left_{n}"]] for n in ("shoulder", "elbow", "wrist"))
    upper, fore = elbow - shoulder, wrist - elbow
    cosine = (upper * fore).sum(1) / np.linalg.norm(upper, axis=1) / np.linalg.norm(fore, axis=1)
    assert np.abs(np.degrees(np.arccos(cosine)) - wanted).max() < 0.5


@pytest.mark.parametrize("number", ALL)
def test_every_body_gets_deep_enough_for_a_right_rep(number):
    _, _, times, _, posed = settled(number, seed=7, errors=[{}, {}], on_knees=False)
    for rep in times:
        inside = posed.flexion[round(rep.start * FPS) : round(rep.end * FPS) + 1]
        assert inside.mean(axis=1).max() > 70  # shallow begins at 64 degrees


def hip_off_line(points):
    """Hip above (+) or below the line from shoulder to ankle, in shares of its length."""
    shoulder, hip, ankle = (
        (points[:, INDEX[f"left_{n}"]] + points[:, INDEX[f"right_{n}"]])[:, [0, 2]] / 2
        for n in ("shoulder", "hip", "ankle")
    )
    line = shoulder - ankle
    off = line[:, 0] * (hip - ankle)[:, 1] - line[:, 1] * (hip - ankle)[:, 0]
    return off / (line**2).sum(axis=1)


def test_a_sag_is_below_the_line_and_a_pike_above():
    def of(error, severity):
        body, _, times, _, posed = settled(
            9, 3, errors=[{error: severity}] if error else [{}], on_knees=False
        )
        off = hip_off_line(joints.place(body, posed))
        inside = off[round(times[0].start * FPS) : round(times[0].end * FPS)]
        return inside.min(), inside.max()

    right = of("", 0)
    assert of("hips_sagging", 1.0)[0] < right[0] - 0.05
    assert of("hips_piked", 1.0)[1] > right[1] + 0.08


def test_landmarks_lie_where_a_body_has_them():
    body, _, _, _, posed = settled(0, 1)
    points = joints.place(body, posed)
    middle = {n: (points[:, INDEX[f"left_{n}"]] + points[:, INDEX[f"right_{n}"]]) / 2 for n in ("ear", "hip")}
    assert (points[:, INDEX["nose"], 2] < middle["ear"][:, 2]).all()  # face down
    assert (middle["ear"][:, 0] > middle["hip"][:, 0]).all()  # X is towards the head
    assert (points[:, INDEX["left_shoulder"], 1] > points[:, INDEX["right_shoulder"], 1]).all()
