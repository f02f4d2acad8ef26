"""The real clips, their poses (cached outside the repository) and what the two raters say."""

import argparse
import hashlib
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from pushup_data import landmarks, params, pose, tables, workers
from pushup_data.landmarks import Pose
from pushup_data.workspace import CHECKOUT, TEMPLATE, Workspace

# What the errors' raters treat as one exercise; knees, one arm, balls, claps and the like are others.
STANDARD = {"standard", "wide", "incline"}

SETTINGS = params.load(TEMPLATE / "params.yaml")
# The folder in a cache for poses as they are made now: another landmarker must not be handed old ones.
MADE_HOW = f"pose-{pose.VERSION}-{SETTINGS.pose.model}-{SETTINGS.pose.min_confidence:g}" + (
    "-flip" if SETTINGS.pose.flip_test else ""
)


@dataclass(frozen=True)
class Clip:
    """One real clip; `a` and `b` are its rows of ratings.csv."""

    id: str
    video: Path
    scene: str
    source_label: str  # correct or wrong
    fps: float
    width: int
    height: int
    a: dict[str, str]
    b: dict[str, str]
    table: pl.DataFrame  # tables.POSE
    pose: Pose

    @property
    def standard(self) -> bool:
        return bool(STANDARD & {self.a["variant"], self.b["variant"]})

    @property
    def variant(self) -> str:
        return self.agreed("variant") or "raters differ"

    @property
    def view(self) -> str:
        return self.agreed("view") or "raters differ"

    def agreed(self, column: str) -> str | None:
        """What both raters say, None where they differ."""
        return self.a[column] if self.a[column] == self.b[column] else None


def parser(description: str) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=description)
    made.add_argument(
        "--real",
        type=Path,
        default=os.environ.get("PUSHUP_REAL_DATA"),
        help="folder with clips.csv, ratings.csv and videos (default: PUSHUP_REAL_DATA)",
    )
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "pushup-data" / "benchmark"
    made.add_argument(
        "--cache",
        type=Path,
        default=cache,
        help="where poses are kept, never in the repository (default: %(default)s)",
    )
    return made


def load_all(sides: Sequence[Sequence[Path]], cache: Path) -> list[list[Clip]]:
    """Read the clips of all folders of each side; who is named twice stops it."""
    read = [[clip for folder in side for clip in load(folder, cache)] for side in sides]
    twice = [name for name, times in Counter(clip.id for side in read for clip in side).items() if times > 1]
    if twice:
        some = ", ".join(twice[:5]) + (", …" if len(twice) > 5 else "")
        sys.exit(f"{len(twice)} clips in two folders ({some}); give every clip an id of its own in clips.csv")
    return read


def load(real: Path | None, cache: Path) -> list[Clip]:
    """Read all clips; the first time their poses are extracted, which takes minutes."""
    if real is None:
        sys.exit("name the folder with the real clips by --real or PUSHUP_REAL_DATA")
    if cache.resolve().is_relative_to(CHECKOUT):
        sys.exit("landmarks of the real clips must not lie in the repository: choose another --cache")
    # A folder's clips are told apart by their names there: those of another may be named alike.
    folder = cache / MADE_HOW / hashlib.sha256(str(real.resolve()).encode()).hexdigest()[:12]
    clips = pl.read_csv(real / "clips.csv", infer_schema=False)
    ratings = pl.read_csv(real / "ratings.csv", infer_schema=False).fill_null("")
    said = {(row["clip_id"], row["rater"]): row for row in ratings.iter_rows(named=True)}
    jobs = [
        (real / row["file"], folder / f"{row['clip_id']}.parquet")
        for row in clips.iter_rows(named=True)
        if not (folder / f"{row['clip_id']}.parquet").exists()
    ]
    for outcome in workers.run(extract, jobs, label="pose", time_limit_s=600, name=lambda job: job[0].name):
        if outcome.error:
            sys.exit(str(outcome.error))
    made = []
    for row in clips.sort("clip_id").iter_rows(named=True):
        name = row["clip_id"]
        table = tables.read(tables.POSE, folder / f"{name}.parquet")
        made.append(
            Clip(
                id=name,
                video=real / row["file"],
                scene=row["scene"],
                source_label=row["source_label"],
                fps=float(row["fps"]),
                width=int(row["width"]),
                height=int(row["height"]),
                a=said[name, "A"],
                b=said[name, "B"],
                table=table,
                pose=landmarks.from_table(table),
            )
        )
    return made


def extract(job: tuple[Path, Path]) -> None:
    source, target = job
    model = Workspace(CHECKOUT).pose_model(SETTINGS.pose.model)
    tables.write(tables.POSE, pose.track(source, model, SETTINGS.pose).frame, target)


def picture(video: Path, frame: int) -> npt.NDArray[np.uint8]:
    """Return a frame of a video, (height, width, 3), red first."""
    import cv2

    capture = cv2.VideoCapture(str(video))
    capture.set(cv2.CAP_PROP_POS_FRAMES, frame)
    _, found = capture.read()
    return np.asarray(cv2.cvtColor(found, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def by_scene_interval(
    values: Sequence[float], scenes: Sequence[str], draws: int = 2000
) -> tuple[float, float]:
    """Return the 95 % interval of the mean of `values`, drawing whole scenes with replacement."""
    rng = np.random.default_rng(0)
    names = sorted(set(scenes))
    sums = np.array([sum(v for v, s in zip(values, scenes, strict=True) if s == n) for n in names])
    sizes = np.array([sum(s == n for s in scenes) for n in names])
    picks = rng.integers(0, len(names), (draws, len(names)))
    means = sums[picks].sum(axis=1) / sizes[picks].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
