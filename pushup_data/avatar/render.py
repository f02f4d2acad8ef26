"""Pictures of a dressed avatar in a room: OpenGL on the processor (EGL and Mesa's llvmpipe).

The camera stands still, so the room is drawn once, with the sun and without. Every frame adds the person's
shadow to the floor and the person. The shadow on the floor is blurred as a picture, from the light's side.
"""

import os
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pushup_data.avatar import furniture, mesh
from pushup_data.avatar.look import Colours
from pushup_data.avatar.scene import FLOORS, WALLS, Camera, Room
from pushup_data.errors import MissingInputError

Floats = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]

_LIGHT_SIZE = 384  # pixels of the picture from the light's side
_NEAR_SIZE = 96  # cells of the map of what is close above the floor,
_NEAR_CELL = 0.035  # metres each
# Per pixel at the person's edges. Smoothing the outline in the picture instead saves a third of the time, but
# from the landmarks that it gives less is learnt (docs/model.md).
_SAMPLES = 4
_NARROW = 3.0  # pixels: a Gaussian of this width is blurred by as it is
_SKIPPED = 8  # one in so many vertices says where the body is: the margin is wider than what lies between
_MARGIN = 0.35  # metres around the body in the light's picture, for soft edges


class Renderer:
    """Draws one person in one room from one place. A context manager; needs Mesa, no screen and no GPU."""

    def __init__(self, camera: Camera, room: Room, faces: npt.NDArray[np.int64], colours: Colours) -> None:
        self.camera, self.room = camera, room
        self._faces = np.asarray(faces)
        self._colours = colours
        self._spread = mesh.spread(self._faces, len(colours.skin))
        self._area = mesh.areas(colours.places, self._faces)

    def __enter__(self) -> "Renderer":
        self._gl = _context()
        with self._gl:
            self._set_up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._gl:
            self._gl.gc_mode = "context_gc"
        self._gl.release()

    def draw(self, vertices: npt.NDArray[Any]) -> Picture:
        """Return the (H, W, 3) RGB picture of (V, 3) vertices in the world."""
        points = np.ascontiguousarray(vertices, dtype=np.float32)
        with self._gl:
            return self._draw(points)

    def _draw(self, points: Floats) -> Picture:
        gl = self._gl
        self._moving.write(np.hstack([points, self._normals(points)]).astype(np.float32).tobytes())
        light, metres = _light_matrix(np.array(self.room.sun), points)
        self._cast_shadow(light, metres)
        near, place = self._near(points)
        self._near_map.write(near.tobytes())
        x, y, wide, high = self._changed(points)
        self._many.scissor = (x, y, wide, high)
        self._many.use()
        self._many.clear(depth=1.0)
        gl.disable(gl.DEPTH_TEST | gl.CULL_FACE)
        for unit, texture in enumerate((self._lit, self._shaded, self._shadow, self._near_map, self._cast)):
            texture.use(unit)
        _set(self._back, light=light, near_place=place)
        self._back_quad.render(gl.TRIANGLE_STRIP)
        gl.enable(gl.DEPTH_TEST | gl.CULL_FACE)
        _set(self._body, light=light)
        self._person.render(gl.TRIANGLES)
        gl.copy_framebuffer(self._one, self._many)
        seen = np.frombuffer(self._one.read((x, y, wide, high), components=3, alignment=1), np.uint8)
        picture = self._empty.copy()
        picture[y : y + high, x : x + wide] = seen.reshape(high, wide, 3)
        return np.ascontiguousarray(picture[::-1])

    def _changed(self, points: Floats) -> tuple[int, int, int, int]:
        """Where the person or their shadow can be: left, bottom, width and height in pixels."""
        sun = self.room.sun
        fallen = points[:, :2] - points[:, 2:] * (np.array(sun[:2], np.float32) / np.float32(sun[2]))
        around = np.concatenate([points[:, :2], fallen])[::_SKIPPED]
        low, high = around.min(axis=0) - _MARGIN, around.max(axis=0) + _MARGIN
        top = float(points[:, 2].max())
        box = np.array([(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (0, top)])
        size = self.camera.width, self.camera.height
        if self.camera.depth(box).min() < 0.1:
            return 0, 0, *size
        seen = self.camera.project(box)
        left, above = (int(np.clip(v, 0, n - 1)) for v, n in zip(seen.min(axis=0) - 2, size, strict=True))
        right, below = (int(np.clip(v, 1, n)) for v, n in zip(seen.max(axis=0) + 3, size, strict=True))
        return left, size[1] - below, max(right - left, 1), max(below - above, 1)

    def _cast_shadow(self, light: npt.NDArray[np.float64], metres: float) -> None:
        """Draw the body's depth from the light, and blur its outline into the shadow on the floor."""
        gl = self._gl
        self._depth_only.use()
        self._depth_only.clear(depth=1.0)
        gl.disable(gl.CULL_FACE)
        gl.enable(gl.DEPTH_TEST)
        _set(self._depth, light=light)
        self._caster.render(gl.TRIANGLES)
        seen = np.frombuffer(self._cast.read(), np.float32).reshape(_LIGHT_SIZE, _LIGHT_SIZE)
        outline = np.where(seen < 1, np.uint8(255), np.uint8(0))
        self._shadow.write(_blurred(outline, max(self.room.softness / metres * _LIGHT_SIZE, 1.0)).tobytes())

    def _near(self, points: Floats) -> tuple[Floats, tuple[float, float, float, float]]:
        """How much of the room's light the body keeps from each cell of the floor, and where the map lies."""
        corner = points[:, :2].mean(axis=0) - _NEAR_SIZE * _NEAR_CELL / 2
        cells = np.clip(((points[:, :2] - corner) / _NEAR_CELL).astype(np.int64), 0, _NEAR_SIZE - 1)
        cells_flat = cells[:, 1] * _NEAR_SIZE + cells[:, 0]
        kept = np.zeros((_NEAR_SIZE, _NEAR_SIZE), np.float32)
        # the higher, the wider and weaker
        for low, high, blur, weight in (
            (-1.0, 0.08, 0.8, 0.9),
            (0.08, 0.25, 2.5, 0.6),
            (0.25, 0.6, 6.0, 0.4),
        ):
            there = (points[:, 2] >= low) & (points[:, 2] < high)
            area = np.bincount(cells_flat[there], self._area[there], _NEAR_SIZE**2)
            cover = (area / 2 / _NEAR_CELL**2).reshape(_NEAR_SIZE, _NEAR_SIZE).astype(np.float32)
            kept += weight * cv2.GaussianBlur(cover, (0, 0), blur)
        scale = 1 / (_NEAR_SIZE * _NEAR_CELL)
        dark = (0.62 * (1 - np.exp(-1.2 * kept))).astype(np.float32)
        return dark, (float(corner[0]), float(corner[1]), scale, scale)

    def _normals(self, points: Floats) -> Floats:
        a, b, c = (points[self._faces[:, i]] for i in range(3))
        u, v = b - a, c - a
        cross = np.empty_like(u)
        cross[:, 0] = u[:, 1] * v[:, 2] - u[:, 2] * v[:, 1]
        cross[:, 1] = u[:, 2] * v[:, 0] - u[:, 0] * v[:, 2]
        cross[:, 2] = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
        return np.asarray(self._spread @ cross, dtype=np.float32)  # the shader makes them length 1

    def _set_up(self) -> None:
        gl, camera, room = self._gl, self.camera, self.room
        size = (camera.width, camera.height)
        self._depth = _program(gl, "depth")
        self._body = _program(gl, "body")
        self._back = _program(gl, "back")
        self._cast = gl.depth_texture((_LIGHT_SIZE, _LIGHT_SIZE))
        self._depth_only = gl.framebuffer(depth_attachment=self._cast)
        self._shadow = gl.texture((_LIGHT_SIZE, _LIGHT_SIZE), 1)
        self._near_map = gl.texture((_NEAR_SIZE, _NEAR_SIZE), 1, dtype="f4")
        for texture in (self._shadow, self._near_map):
            texture.repeat_x = texture.repeat_y = False
        self._many = gl.framebuffer(
            gl.renderbuffer(size, 4, samples=_SAMPLES), gl.depth_renderbuffer(size, samples=_SAMPLES)
        )
        self._one = gl.framebuffer(gl.renderbuffer(size, 4))
        lit, shaded = self._draw_room()
        self._lit, self._shaded = (gl.texture(size, 4, p.tobytes()) for p in (lit, shaded))
        self._empty = np.ascontiguousarray(lit[:, :, :3])

        c = self._colours
        still = gl.buffer(np.hstack([c.skin, c.hems, c.places]).astype(np.float32).tobytes())
        self._moving = gl.buffer(reserve=len(c.skin) * 24, dynamic=True)
        drawn = gl.buffer(self._faces.astype(np.int32).tobytes())
        self._person = gl.vertex_array(
            self._body,
            [(self._moving, "3f 3f", "position", "normal"), (still, "3f 4f 3f", "skin", "hem", "place")],
            drawn,
        )
        coarse = gl.buffer(mesh.coarse(c.places, self._faces).astype(np.int32).tobytes())
        self._caster = gl.vertex_array(self._depth, [(self._moving, "3f 12x", "position")], coarse)
        corners = gl.buffer(np.array([-1, -1, 1, -1, -1, 1, 1, 1], np.float32).tobytes())
        self._back_quad = gl.vertex_array(self._back, [(corners, "2f", "corner")])
        _set(self._back, rays=np.linalg.inv(camera.matrix), eye=camera.eye, lit=0, shaded=1, shadow=2, near=3)
        _set(self._body, camera=camera.matrix, eye=camera.eye, layer=c.layers, caster=4, **_lights(room))

    def _draw_room(self) -> tuple[Picture, Picture]:
        """Draw the empty room with the sun and in the shade, (H, W, 4) each, bottom row first.

        It is drawn twice as large, so that the patterns do not flicker. Alpha with the sun marks the floor.
        """
        gl, room = self._gl, self.room
        rows = furniture.triangles(room)
        corners = gl.buffer(rows.tobytes())
        program = _program(gl, "room")
        light, metres = _light_matrix(np.array(room.sun), np.array([[-5, -5, 0], [5, 5, 3]], np.float32))
        cast = gl.depth_texture((1024, 1024))
        cast.repeat_x = cast.repeat_y = False
        _set(self._depth, light=light)
        shadows = gl.framebuffer(depth_attachment=cast)
        shadows.use()
        shadows.clear(depth=1.0)
        gl.enable(gl.DEPTH_TEST)
        gl.disable(gl.CULL_FACE)
        things = np.ascontiguousarray(rows[rows[:, 11] == furniture.THING][:, :3])
        if len(things):
            buffer = gl.buffer(things.tobytes())
            gl.vertex_array(self._depth, [(buffer, "3f", "position")]).render(gl.TRIANGLES)
        size = (2 * self.camera.width, 2 * self.camera.height)
        pictures = [gl.texture(size, 4) for _ in range(2)]
        target = gl.framebuffer(pictures, gl.depth_renderbuffer(size))
        target.use()
        target.clear(*room.sky, 0.0, depth=1.0)
        cast.use(0)
        turn = np.radians(room.floor_turn)
        mat = room.mat
        mat_turn = np.radians(mat.turn) if mat else 0.0
        _set(
            program, camera=self.camera.matrix, light=light, caster=0, spread=room.softness / metres * 0.8,
            floor_kind=FLOORS.index(room.floor), wall_kind=WALLS.index(room.wall),
            floor_turn=(np.cos(turn), np.sin(turn)), haze=0.02 if room.wall == "hedge" else 0.0, sky=room.sky,
            floor_a=room.floor_colours[0], floor_b=room.floor_colours[1],
            wall_a=room.wall_colours[0], wall_b=room.wall_colours[1],
            mat_place=(*mat.centre, mat.size[0] / 2, mat.size[1] / 2) if mat else (0, 0, -1, -1),
            mat_turn=(np.cos(mat_turn), np.sin(mat_turn)), mat_colour=mat.colour if mat else (0, 0, 0),
            **_lights(room),
        )  # fmt: skip
        layout = "3f 3f 3f 3f", "position", "normal", "colour", "place"
        gl.vertex_array(program, [(corners, *layout)]).render(gl.TRIANGLES)
        large = [np.frombuffer(p.read(), np.uint8).reshape(size[1], size[0], 4) for p in pictures]
        lit, shaded = (
            cv2.resize(p, (self.camera.width, self.camera.height), interpolation=cv2.INTER_AREA)
            for p in large
        )
        return lit, shaded


def _context() -> Any:
    """Open OpenGL without a screen, on one core: several processes draw faster than several threads."""
    os.environ.setdefault("LP_NUM_THREADS", "1")
    os.environ.setdefault("LIBGL_ALWAYS_SOFTWARE", "1")  # the same pixels on every machine
    import moderngl

    backend: Any = "egl"  # moderngl's type for it is wrong
    try:
        return moderngl.create_context(standalone=True, backend=backend, require=330)
    except Exception as e:
        raise MissingInputError(
            f"no OpenGL to draw avatars with ({e}); install the Debian packages libegl1 libgl1 "
            "libgl1-mesa-dri libegl-mesa0 (`make system` does)"
        ) from e


def _blurred(picture: Picture, sigma: float) -> Picture:
    """Blur by a Gaussian of `sigma` pixels: a wide one in a smaller picture, which costs a tenth."""
    height, width = picture.shape[:2]
    shrunk = max(int(sigma / _NARROW), 1)
    small = cv2.resize(picture, (width // shrunk, height // shrunk), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / shrunk)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


@cache
def _sections() -> dict[str, str]:
    text = Path(__file__).with_name("shaders.glsl").read_text("utf-8")
    parts = (part.partition("\n") for part in text.split("//// ")[1:])
    return {name.strip(): body for name, _, body in parts}


def _program(gl: Any, name: str) -> Any:
    head = "#version 330 core\n" + _sections()["common"]
    return gl.program(
        vertex_shader=head + _sections()[name + ".vert"], fragment_shader=head + _sections()[name + ".frag"]
    )


def _set(program: Any, **values: Any) -> None:
    """Set uniforms; matrices are (4, 4) for column vectors. Those that the compiler dropped are skipped."""
    for name, value in values.items():
        if name not in program:
            continue
        if isinstance(value, int):
            program[name].value = value
        else:
            array = np.asarray(value, dtype=np.float32)
            program[name].write((array.T if array.shape == (4, 4) else array).tobytes())


def _lights(room: Room) -> dict[str, Any]:
    return {"sun": room.sun, "sun_colour": room.sun_colour, "ambient": room.ambient, "bounce": room.bounce}


def _light_matrix(sun: npt.NDArray[np.float64], points: Floats) -> tuple[npt.NDArray[np.float64], float]:
    """(4, 4) world to the light's picture, which holds all points; and its width in metres."""
    right = np.cross((0.0, 1.0, 0.1), sun)
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(sun, right), -sun])
    seen = points @ axes.T
    low, high = seen.min(axis=0) - _MARGIN, seen.max(axis=0) + _MARGIN
    wide = float(max(high[0] - low[0], high[1] - low[1]))
    scale = 2 / np.array([wide, wide, high[2] - low[2]])
    matrix = np.eye(4)
    matrix[:3, :3] = axes * scale[:, None]
    matrix[:3, 3] = -(low + high) / 2 * scale
    return matrix, wide
