"""Pictures of avatars: where the person is, their shadow, and the same bytes every time."""

import multiprocessing
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from pushup_data.avatar import bodies, look, render, scene
from pushup_data.errors import MissingInputError

BODY = bodies.load()[8]
OUTFIT = replace(look.draw_outfit(np.random.default_rng(1), BODY), top="t-shirt", top_colour=(0.9, 0.1, 0.1))
DRESSED = look.dress(BODY, OUTFIT)
SIDE = scene.Camera((0.1, 3.4, 0.9), (0.1, 0.0, 0.25), 38, 320, 180)


def lying(height: float = 0.4) -> npt.NDArray[np.float32]:
    """The body at rest, face down and level above the floor."""
    return DRESSED.vertices[:, [2, 0, 1]] + np.array([0, 0, height], np.float32)


def room(seed: int = 5, camera: scene.Camera = SIDE) -> scene.Room:
    return scene.draw_room(np.random.default_rng(seed), camera.azimuth)


def picture(
    vertices: npt.NDArray[np.float32], where: scene.Room, camera: scene.Camera = SIDE
) -> render.Picture:
    with render.Renderer(camera, where, BODY.faces, DRESSED.colours) as renderer:
        return renderer.draw(vertices)


def test_project_puts_the_target_in_the_middle_and_up_is_up() -> None:
    assert SIDE.project(SIDE.target) == pytest.approx((160, 90))
    assert SIDE.project((0.1, 0.0, 0.5))[1] < 90
    assert SIDE.project((0.5, 0.0, 0.25))[0] < 160  # from the left side the head is on the left
    assert SIDE.depth(SIDE.target) == pytest.approx(np.linalg.norm(np.subtract(SIDE.eye, SIDE.target)))
    assert SIDE.depth(np.add(SIDE.eye, (0, 1, 0))) < 0


def test_the_renderers_matrix_agrees_with_project() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (50, 3))
    clip = np.c_[points, np.ones(50)] @ SIDE.matrix.T
    seen = clip[:, :2] / clip[:, 3:]
    pixels = np.stack([(seen[:, 0] + 1) * 160, (1 - seen[:, 1]) * 90], axis=1)
    assert pixels == pytest.approx(SIDE.project(points), abs=1e-6)


@pytest.mark.parametrize(("eye", "azimuth"), [((0, 3, 1), 0), ((3, 0, 1), 90), ((0, -3, 1), 180)])
def test_azimuth_and_the_wall_behind(eye: scene.Point, azimuth: float) -> None:
    camera = scene.Camera(eye, (0, 0, 0.3), 40, 64, 36)
    assert abs(camera.azimuth) == pytest.approx(azimuth)
    for seed in range(20):
        drawn = room(seed, camera)
        behind = drawn.axes[1] * drawn.back
        assert camera.depth(behind) > camera.depth((0, 0, 0)) + 1.5
        for thing in drawn.things:
            place = np.array(thing.centre) @ drawn.axes
            assert camera.depth(place) > camera.depth((0, 0, 0))  # never in front of the person,
            assert np.hypot(place[0], place[1]) > 1.4  # nor within their reach


def test_the_person_is_where_the_camera_projects_them() -> None:
    red = replace(
        DRESSED.colours,
        skin=np.tile(np.float32([0.9, 0.05, 0.05]), (len(BODY.vertices), 1)),
        layers=np.tile(np.float32([0.9, 0.05, 0.05]), (4, 1)),
    )
    grey = replace(
        room(), wall_colours=((0.6,) * 3,) * 2, floor_colours=((0.5,) * 3,) * 2, mat=None, things=()
    )
    with render.Renderer(SIDE, grey, BODY.faces, red) as renderer:
        drawn = renderer.draw(lying()).astype(float)
    rows, columns = np.nonzero(drawn[:, :, 0] > 2 * drawn[:, :, 1])
    pixels = SIDE.project(lying())
    assert len(rows) > 2000
    assert (columns.min(), rows.min()) == pytest.approx(tuple(pixels.min(axis=0)), abs=2)
    assert (columns.max(), rows.max()) == pytest.approx(tuple(pixels.max(axis=0)), abs=2)


def test_the_floor_below_is_darker_and_far_from_the_person_unchanged() -> None:
    where = replace(room(), mat=None, sun=(0.0, 0.0, 1.0), things=())
    with render.Renderer(SIDE, where, BODY.faces, DRESSED.colours) as renderer:
        here = renderer.draw(lying(0.5)).astype(float).mean(axis=2)
        gone = renderer.draw(lying() + np.array([0, 30, 0], np.float32)).astype(float).mean(axis=2)
    x, y = np.round(SIDE.project((-0.3, 0.0, 0.0))).astype(int)
    assert here[y, x] < 0.85 * gone[y, x]
    assert (here[:20] == gone[:20]).all()
    x, y = np.round(SIDE.project((-1.4, 0.9, 0.0))).astype(int)
    assert here[y, x] == pytest.approx(gone[y, x], abs=2)


def test_same_inputs_give_the_same_bytes() -> None:
    first, again, other = (picture(lying(), room(seed)) for seed in (3, 3, 4))
    assert first.dtype == np.uint8
    assert first.shape == (180, 320, 3)
    assert (first == again).all()
    assert (first != other).any()


def test_frames_do_not_depend_on_those_before() -> None:
    with render.Renderer(SIDE, room(), BODY.faces, DRESSED.colours) as renderer:
        first = renderer.draw(lying())
        renderer.draw(lying(0.7))
        assert (renderer.draw(lying()) == first).all()


def test_many_renderers_after_each_other_and_two_at_once() -> None:
    pictures = [picture(lying(), room()) for _ in range(6)]
    assert all((p == pictures[0]).all() for p in pictures)
    with (
        render.Renderer(SIDE, room(), BODY.faces, DRESSED.colours) as one,
        render.Renderer(SIDE, room(9), BODY.faces, DRESSED.colours) as two,
    ):
        assert (one.draw(lying()) == pictures[0]).all()
        two.draw(lying())
        assert (one.draw(lying()) == pictures[0]).all()


def test_a_spawned_worker_draws_the_same() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        far = pool.apply(picture, (lying(), room()))
    assert (far == picture(lying(), room())).all()


def test_every_floor_and_wall_is_drawn() -> None:
    small = replace(SIDE, width=64, height=36)
    seen = set()
    for floor in scene.FLOORS:
        for wall in scene.WALLS:
            drawn = picture(lying(), replace(room(), floor=floor, wall=wall, mat=None, things=()), small)
            seen.add(drawn.tobytes())
            assert 20 < drawn.mean() < 235
    assert len(seen) == len(scene.FLOORS) * len(scene.WALLS)


def test_without_egl_the_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import moderngl

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("libEGL.so not loaded")

    monkeypatch.setattr(moderngl, "create_context", refuse)
    with pytest.raises(MissingInputError, match="libegl1 libgl1 libgl1-mesa-dri libegl-mesa0"):
        picture(lying(), room())
