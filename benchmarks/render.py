"""Speed of drawing avatars against the plain way, pyvista, with the same mesh and camera in the same run.

    python -m benchmarks.render [--frames 60]

pyvista is no dependency of the project. To compare, `pip install pyvista` in any environment
with the project. Both draw with one thread on the processor,
so several processes fill the cores. Ours also draws the room.
"""

import argparse
import importlib
import os
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("LP_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from pushup_data.avatar import bodies, look, render, scene


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=60)
    frames = parser.parse_args().frames
    body = bodies.load()[8]
    rng = np.random.default_rng(1)
    dressed = look.dress(body, look.draw_outfit(rng, body))
    points = dressed.vertices[:, [2, 0, 1]] + np.array([0, 0, 0.4], np.float32)
    heights = np.linspace(0, 0.2, frames, dtype=np.float32)
    for width, height in ((640, 360), (1280, 720)):
        camera = scene.Camera((0.1, 3.4, 0.9), (0.1, 0.0, 0.25), 38, width, height)
        room = scene.draw_room(rng, camera.azimuth)
        with render.Renderer(camera, room, body.faces, dressed.colours) as renderer:
            ours = _milliseconds(renderer.draw, points, heights)
        print(
            f"{width}x{height}: ours (room, shadows, 4 samples a pixel) {ours:.0f} CPU ms a frame", flush=True
        )
        for shadows in (False, True):
            words = "with shadows" if shadows else "no shadows, no room"
            try:
                draw, close = _pyvista(camera, room, body, dressed, shadows=shadows)
            except ImportError:
                print("  pyvista is not here, so there is no ratio; pip install pyvista")
                break
            theirs = _milliseconds(draw, points, heights)
            close()
            print(
                f"  pyvista ({words}) {theirs:.0f} CPU ms a frame: {theirs / ours:.1f} times ours", flush=True
            )


def _milliseconds(draw: Callable[[Any], Any], points: Any, heights: Any) -> float:
    """CPU milliseconds per frame, after two to warm up."""
    for _ in range(2):
        draw(points)
    start = time.process_time()
    for height in heights:
        draw(points + np.array([0, 0, height], np.float32))
    return (time.process_time() - start) / len(heights) * 1000


def _pyvista(
    camera: scene.Camera, room: scene.Room, body: bodies.Body, dressed: look.Dressed, *, shadows: bool
) -> tuple[Callable[[Any], Any], Callable[[], None]]:
    """The same body on a plain floor: its points move, it is shaded smoothly, 4 samples a pixel."""
    pyvista: Any = importlib.import_module("pyvista")

    faces = np.hstack([np.full((len(body.faces), 1), 3), body.faces]).ravel()
    mesh = pyvista.PolyData(dressed.vertices.copy(), faces)
    plotter = pyvista.Plotter(off_screen=True, window_size=[camera.width, camera.height], lighting="none")
    plotter.enable_anti_aliasing("msaa", multi_samples=4)
    colours = (dressed.colours.flat() * 255).astype(np.uint8)
    plotter.add_mesh(mesh, scalars=colours, rgb=True, smooth_shading=not shadows)
    plotter.add_mesh(pyvista.Plane(i_size=12, j_size=12), color=room.floor_colours[0])
    light = pyvista.Light(position=tuple(5 * v for v in room.sun), focal_point=(0, 0, 0), cone_angle=60)
    light.positional = shadows
    plotter.add_light(light)
    if shadows:
        plotter.enable_shadows()
    plotter.camera.position, plotter.camera.focal_point = camera.eye, camera.target
    plotter.camera.up, plotter.camera.view_angle = (0, 0, 1), camera.fov
    plotter.show(auto_close=False)

    def draw(points: Any) -> Any:
        mesh.points = points
        mesh.compute_normals(inplace=True, cell_normals=False, split_vertices=False, consistent_normals=False)
        plotter.render()
        return plotter.screenshot(return_img=True)

    return draw, plotter.close


if __name__ == "__main__":
    main()
