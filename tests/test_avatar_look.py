"""Clothes, hair and faces on every body."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushup_data.avatar import anatomy, bodies, look

BODIES = bodies.load()
BARE = look.draw_outfit(np.random.default_rng(0), BODIES[0])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, len(BODIES) - 1))
def test_any_outfit_on_any_body_stays_close_to_the_skin(seed: int, number: int) -> None:
    body = BODIES[number]
    outfit = look.draw_outfit(np.random.default_rng(seed), body)
    dressed = look.dress(body, outfit)
    paint = dressed.colours
    moved = np.linalg.norm(dressed.vertices - body.vertices, axis=1)
    moved[anatomy.tongue(body)] = 0  # may become a bun
    assert np.isfinite(dressed.vertices).all()
    assert moved.max() < 0.06
    assert np.isfinite(paint.hems).all()
    for colours in (paint.skin, paint.layers, paint.flat()):
        assert np.isfinite(colours).all()
        assert colours.min() >= 0
        assert colours.max() <= 1
    assert (paint.hems[:, look.LAYERS.index("bottom")] > 0).sum() > 400  # nobody is without trousers


@pytest.mark.parametrize("top", look.TOPS)
@pytest.mark.parametrize("bottom", look.BOTTOMS)
def test_every_garment_fits_every_body(top: str, bottom: str) -> None:
    for body in BODIES:
        dressed = look.dress(body, replace(BARE, top=top, bottom=bottom))
        covered = dressed.colours.hems[:, look.LAYERS.index("top")] > 0
        assert covered.any() == (top != "none")
        hands, heads = anatomy.parts(body, "wrist", "finger"), anatomy.parts(body, "eye")
        assert not (dressed.colours.hems[hands | heads] > 0).any()


def test_the_same_seed_gives_the_same_person() -> None:
    a, b = (look.draw_outfit(np.random.default_rng(7), BODIES[3]) for _ in range(2))
    assert a == b
    assert (look.dress(BODIES[3], a).vertices == look.dress(BODIES[3], b).vertices).all()


def test_hems_of_shorts_are_level_where_the_field_crosses_zero() -> None:
    body = BODIES[0]
    hem = look.dress(body, replace(BARE, bottom="shorts", leg=0.6)).colours.hems[:, 0]
    edges = np.concatenate([body.faces[:, [0, 1]], body.faces[:, [1, 2]], body.faces[:, [2, 0]]])
    a, b = edges[(hem[edges[:, 0]] > 0) & (hem[edges[:, 1]] <= 0)].T
    cut = (hem[a] / (hem[a] - hem[b]))[:, None]
    crossing = body.vertices[a] + cut * (body.vertices[b] - body.vertices[a])
    legs = crossing[crossing[:, 2] < 0]
    assert len(legs) > 20
    assert np.ptp(legs[:, 2]) < 0.002  # the mesh's edges there are 3 to 8 cm long


def test_clothes_lie_outside_the_skin_and_trousers_beyond_shorts() -> None:
    body = BODIES[8]
    outside = anatomy.normals(body.vertices, body.faces)
    tight, wide = (look.dress(body, replace(BARE, bottom=b)) for b in ("leggings", "joggers"))
    shins = anatomy.parts(body, "lowerleg01")
    out = [((d.vertices - body.vertices) * outside).sum(axis=1)[shins].mean() for d in (tight, wide)]
    assert 0.001 < out[0] < 0.006 < out[1] < 0.02


def test_a_loose_shirt_hangs_in_front_only() -> None:
    body = BODIES[9]
    tight, loose = (look.dress(body, replace(BARE, top="t-shirt", loose=x)).vertices for x in (0.0, 0.03))
    moved = tight - loose
    assert 0.01 < moved[:, 1].max() < 0.031
    assert (moved[body.vertices[:, 1] > 0.06] == 0).all()


def test_a_bun_stands_out_behind_the_head() -> None:
    body = BODIES[0]
    without, bun = (look.dress(body, replace(BARE, hair=h)).vertices for h in ("short", "bun"))
    assert bun[:, 1].max() > without[anatomy.parts(body, "head"), 1].max() + 0.02


def test_the_face_has_whites_dark_eyes_brows_and_lips() -> None:
    for body in BODIES:
        skin = look.dress(body, replace(BARE, skin=(0.8, 0.6, 0.5), beard=0.0)).colours.skin
        eyes = skin[anatomy.parts(body, "eye")].mean(axis=1)
        assert eyes.max() > 0.85
        assert eyes.min() < 0.2
        assert anatomy.features()["lips"].max() > 0.9
        assert anatomy.features()["brows"].sum() > 10


def test_people_differ() -> None:
    rng = np.random.default_rng(1)
    drawn = [look.draw_outfit(rng, BODIES[i % len(BODIES)]) for i in range(200)]
    light = [sum(o.skin) / 3 for o in drawn]
    assert min(light) < 0.3
    assert max(light) > 0.75
    assert {o.top for o in drawn} == set(look.TOPS)
    assert {o.bottom for o in drawn} == set(look.BOTTOMS)
    assert {o.hair for o in drawn} == set(look.HAIR)
    assert all(o.top != "none" for o, i in zip(drawn, range(200), strict=True) if not BODIES[i % 14].man)
