"""Render push-up sets of known form: mp4s, manifest.csv and truth.parquet."""

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pushup_data import files, manifest, tables, taxonomy, workers
from pushup_data.avatar import bodies, contact, film, joints, look, motion, plans, posing, scene, shots
from pushup_data.avatar.bodies import Body
from pushup_data.avatar.motion import Times
from pushup_data.avatar.plans import Plan
from pushup_data.avatar.posing import Posed
from pushup_data.avatar.render import Renderer
from pushup_data.avatar.shots import Shot
from pushup_data.avatar.turns import Series
from pushup_data.errors import BadInputError
from pushup_data.landmarks import INDEX
from pushup_data.taxonomy import Taxonomy, View
from pushup_data.workspace import TEMPLATE

VERSION = 3  # raise it when the same recipe gives another video
_TIME_LIMIT_S = 900.0
_CAST = 14  # bodies, half of them women, that take turns before the next as many come
_STREAMS = 4  # of chance, of a recipe
_RESTING = 0.06  # of a rep's way: shoulders no higher than this above their lowest are at the bottom


@dataclass(frozen=True)
class Recipe:
    """All that a set is made from; the same recipe gives the same truth and the same frames."""

    seed: int
    number: int
    reps: tuple[int, int] = (3, 12)  # at least and at most
    fps: float = 15.0
    size: tuple[int, int] = (640, 360)
    views: Mapping[str, float] | None = None  # view to share; None: SHARES
    flaw_share: float = 0.08
    errors: tuple[Mapping[str, float], ...] | None = None  # of each rep, instead of chance
    version: int = VERSION

    @property
    def name(self) -> str:
        """The video's file name."""
        return f"avatar-{self.seed}-{self.number:04d}.mp4"

    @property
    def digest(self) -> str:
        """Tells recipes apart."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


SHARES = {"side": 0.45, "oblique": 0.4, "front": 0.15}


@dataclass(frozen=True)
class Take:
    """A set before it is drawn: who moves how, and what the camera sees."""

    recipe: Recipe
    body: Body
    plan: Plan
    posed: Posed
    reps: list[tuple[int, int, int]]  # start, bottom, end in frames
    shot: Shot
    points: Series  # (T, 33, 3)
    maps: Series  # (T, 2, 3) the camera's hand
    rng: np.random.Generator  # for clothes and room, which change no truth


def render(recipes: Sequence[Recipe], folder: Path) -> pl.DataFrame:
    """Render what is missing in `folder`; write and return tables.TRUTH of all that is there.

    What an interrupted run has finished is kept. Raises BadInputError where a video of that name was made
    from another recipe, be it by a run that was interrupted: its truth would stand beside another video.
    """
    known = tables.read(tables.TRUTH, folder / "truth.parquet", default_empty=True)
    parts = folder / ".parts"
    made = dict(known.select("file", "recipe").iter_rows())
    other = [
        recipe.name
        for recipe in recipes
        if made.get(recipe.name, recipe.digest) != recipe.digest
        or set(parts.glob(f"{recipe.name}-*.parquet")) - {_part(parts, recipe)}
    ]
    if other:
        raise BadInputError(
            f"{folder / other[0]} was rendered with other options; name another --out or --seed"
        )
    jobs = [
        (recipe, folder)
        for recipe in recipes
        if not (folder / recipe.name).exists() or not (recipe.name in made or _part(parts, recipe).exists())
    ]
    for outcome in workers.run(
        _render, jobs, label="render", time_limit_s=_TIME_LIMIT_S, name=lambda j: j[0].name
    ):
        if outcome.error:
            raise outcome.error
    rows = [tables.read(tables.TRUTH, _part(parts, r)) for r in recipes if r.name not in made]
    truth = tables.TRUTH.check(pl.concat([known, *rows]))
    tables.write(tables.TRUTH, truth, folder / "truth.parquet")
    _write_manifest(folder, truth)
    for path in parts.glob("*.parquet"):
        path.unlink()
    if parts.exists():
        parts.rmdir()
    return truth


def take(recipe: Recipe) -> Take:
    """Plan a set; nothing is drawn yet."""
    # A stream each: what is wrong with a rep changes neither room nor camera.
    rng, of_motion, of_shot, of_look = (
        np.random.default_rng([recipe.seed, recipe.number, stream]) for stream in range(_STREAMS)
    )
    body = whose(recipe)
    views = recipe.views or SHARES
    view: View = str(rng.choice(list(views), p=np.array(list(views.values())) / sum(views.values())))  # type: ignore[assignment]
    count = int(rng.integers(recipe.reps[0], recipe.reps[1] + 1))
    errors = recipe.errors or _front_errors(of_motion, count, view)
    plan = plans.draw(of_motion, len(errors) if errors else count, errors=errors)
    posed, points, reps = _performed(body, plan, recipe.fps)
    shot = shots.draw(of_shot, points, view, recipe.size, flaw_share=recipe.flaw_share)
    return Take(
        recipe=recipe,
        body=body,
        plan=plan,
        posed=posed,
        reps=reps,
        shot=shot,
        points=points,
        maps=film.hand(shot, len(points), recipe.fps),
        rng=of_look,
    )


def retake(made: Take, number: int) -> Take:
    """Plan another set of the same body on the same support, before the same camera, held still.

    The same `number` gives the same movement. Nothing says that the camera has all of it in its picture.
    """
    recipe = made.recipe
    rng = np.random.default_rng([recipe.seed, recipe.number, _STREAMS, number])
    count = int(rng.integers(recipe.reps[0], recipe.reps[1] + 1))
    errors = _front_errors(rng, count, made.shot.view)
    plan = plans.draw(rng, count, errors=errors, on_knees=made.plan.stance.on_knees)
    posed, points, reps = _performed(made.body, plan, recipe.fps)
    still = np.tile(np.eye(2, 3), (len(points), 1, 1))
    return replace(made, plan=plan, posed=posed, reps=reps, points=points, maps=still)


def _front_errors(rng: np.random.Generator, count: int, view: View) -> tuple[dict[str, float], ...] | None:
    """Draw what is wrong with each rep that is seen from the front; None: all that there is may be.

    From the front MediaPipe loses a body whose hips are high or whose face is hidden.
    """
    if view != "front":
        return None
    hiding = ("hips_piked", "head_dropped")
    drawn = plans.draw_errors(rng, count)
    return tuple({e: s for e, s in wrong.items() if e not in hiding} for wrong in drawn)


def _performed(body: Body, plan: Plan, fps: float) -> tuple[Posed, Series, list[tuple[int, int, int]]]:
    """Return the body's poses, its landmarks (T, 33, 3), and each rep's start, bottom and end."""
    angles, times = motion.animate(plan, fps)
    posed = posing.pose(body, plan.stance, contact.settle(body, plan.stance, angles))
    points = joints.place(body, posed)
    return posed, points, _frames(times, points, fps)


def whose(recipe: Recipe) -> Body:
    """Return whose turn it is."""
    everybody = bodies.load()
    cast, place = divmod(recipe.number, _CAST)
    turn = int(np.random.default_rng(recipe.seed).permutation(_CAST)[place])
    return everybody[cast * _CAST % len(everybody) + turn]


def pictures(made: Take) -> Iterator[film.Picture]:
    """Draw every frame of a set, as the camera takes it."""
    outfit = look.dress(made.body, look.draw_outfit(made.rng, made.body))
    room = scene.draw_room(made.rng, made.shot.camera.azimuth)
    with Renderer(made.shot.camera, room, made.body.faces, outfit.colours) as renderer:

        def drawn() -> Iterator[film.Picture]:
            for turned, heads in zip(made.posed.rotations, made.posed.heads, strict=True):
                skin = made.body.skin(
                    turned.astype(np.float32), heads.astype(np.float32), vertices=outfit.vertices
                )
                yield renderer.draw(skin)

        elbow = made.points[:, INDEX[f"{made.shot.near_side}_elbow"]]
        hidden = made.shot.camera.project(elbow).mean(axis=0)
        yield from film.develop(drawn(), made.shot, made.maps, hidden=hidden)


def truth(made: Take, known: Taxonomy) -> dict[str, Any]:
    """Return a row of tables.TRUTH."""
    shot, recipe = made.shot, made.recipe
    seen = shot.camera.project(made.points)
    seen = np.einsum("tij,tnj->tni", made.maps[:, :, :2], seen) + made.maps[:, None, :, 2]
    reps = []
    for number, ((start, bottom, end), rep) in enumerate(zip(made.reps, made.plan.reps, strict=True), 1):
        told = [
            {
                "error": error.id,
                "severity": float(rep.errors.get(error.id, 0.0)),
                "value": ("present" if error.id in rep.errors else "absent")
                if error.judged_from(shot.view)
                else "unknown",
            }
            for error in known.errors
        ]
        reps.append({"number": number, "start": start, "bottom": bottom, "end": end, "errors": told})
    return {
        "file": recipe.name,
        "recipe": recipe.digest,
        "subject": made.body.name,
        "view": shot.view,
        "azimuth": shot.azimuth,
        "elevation": shot.elevation,
        "near_side": shot.near_side,
        "support": "knees" if made.plan.stance.on_knees else "feet",
        "flaw": shot.flaw,
        "fps": recipe.fps,
        "frames": len(made.points),
        "width": recipe.size[0],
        "height": recipe.size[1],
        "reps": reps,
        "joints_2d": seen.astype(np.float32).tolist(),
        "joints_3d": made.points.astype(np.float32).tolist(),
    }


def _render(job: tuple[Recipe, Path]) -> None:
    """Runs in a process of its own; the part is written last: without it the set does not count as done."""
    recipe, folder = job
    known = taxonomy.load(TEMPLATE / "labeling_config" / "taxonomy.yaml")
    made = take(recipe)
    film.encode(pictures(made), folder / recipe.name, recipe.fps, made.shot)
    tables.write(tables.TRUTH, tables.TRUTH.frame([truth(made, known)]), _part(folder / ".parts", recipe))


def _part(parts: Path, recipe: Recipe) -> Path:
    return parts / f"{recipe.name}-{recipe.digest}.parquet"


def _frames(times: Sequence[Times], points: Series, fps: float) -> list[tuple[int, int, int]]:
    """Return each rep's start, bottom (the middle of the frames that are as good as lowest) and end."""
    height = points[:, [INDEX["left_shoulder"], INDEX["right_shoulder"]], 2].mean(axis=1)
    found = []
    for rep in times:
        start, end = round(rep.start * fps), round(rep.end * fps) + 1
        part = height[start:end]
        low = np.flatnonzero(part <= part.min() + _RESTING * np.ptp(part))
        found.append((start, start + int(low[len(low) // 2]), min(end, len(height))))
    return found


def _write_manifest(folder: Path, truth: pl.DataFrame) -> None:
    with (
        files.atomic_path(folder / "manifest.csv") as path,
        path.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(manifest.COLUMNS)
        for name, subject, view in truth.select("file", "subject", "view").iter_rows():
            writer.writerow([name, subject, view, "avatar", "CC0-1.0", "yes"])
