"""Reps of avatars and of real clips as the network sees them, with what is known of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import retakes
from avatar import TAXONOMY, tracked
from collection import SETTINGS, Clip

from pushup_data import frames, landmarks, tables
from pushup_data.avatar import sets
from pushup_data.avatar.sets import Recipe
from pushup_data.landmarks import INDEX
from pushup_data.model import crops, data, predictor
from pushup_data.model.data import Dataset
from pushup_data.stages import reps as stage

Floats = npt.NDArray[np.float64]
Strings = npt.NDArray[np.str_]

ERRORS = TAXONOMY.ids
# Severity below which people would not call it an error: as present, it would teach a line that lies too low.
MILD = 0.3
# What an avatar is worth, in people, where people are to be judged: the most of 1, .3, .1, .05, .02 at which
# what learnt from both was for no error below the rules, by F1 on people, in one training (docs/model.md).
AVATAR = 0.05


@dataclass(frozen=True)
class Corpus:
    """N reps."""

    rep_ids: list[str]
    videos: list[str]
    groups: list[str]  # body or scene
    reps: pl.DataFrame  # tables.REPS
    x: data.Floats  # (N, steps, channels)
    y: data.Floats  # (N, errors): 1 present, 0 absent, NaN unknown; NaN too where a flag hides the error
    rules: Floats  # (N, errors) probability, NaN where they cannot tell
    severity: Floats  # (N, errors), NaN for people
    right: npt.NDArray[np.bool_]  # (N,) nothing is wrong, seen or not
    pixels: crops.Pixels | None = None  # for the rgb stream, where asked for
    worth: Mapping[str, float] = field(default_factory=dict)  # of a group, in people, where it is not 1

    def __len__(self) -> int:
        return len(self.rep_ids)

    def take(self, keep: npt.NDArray[np.bool_]) -> "Corpus":
        at = np.flatnonzero(keep)
        return replace(
            self,
            rep_ids=[self.rep_ids[i] for i in at],
            videos=[self.videos[i] for i in at],
            groups=[self.groups[i] for i in at],
            reps=self.reps[at.tolist()],
            x=self.x[at],
            y=self.y[at],
            rules=self.rules[at],
            severity=self.severity[at],
            right=self.right[at],
            pixels=None if self.pixels is None else self.pixels[at],
        )

    def dataset(self, y: data.Floats | None = None) -> Dataset:
        return Dataset(self.rep_ids, self.groups, self.x, self.y if y is None else y, self.pixels, self.worth)

    def for_people(self) -> "Corpus":
        """Return avatars' reps as they are taught to judge people: mild errors are unknown."""
        mild = (self.y == 1) & (self.severity < MILD)
        return replace(
            self, y=np.where(mild, np.float32(np.nan), self.y), worth=dict.fromkeys(self.groups, AVATAR)
        )

    @property
    def shown(self) -> npt.NDArray[np.bool_]:
        """(N, errors) whether view and flags let an error be told."""
        return predictor.shown(self.reps, TAXONOMY)


def join(*parts: Corpus) -> Corpus:
    return Corpus(
        [r for p in parts for r in p.rep_ids],
        [v for p in parts for v in p.videos],
        [g for p in parts for g in p.groups],
        pl.concat([p.reps for p in parts]),
        *(
            np.concatenate([getattr(p, name) for p in parts])
            for name in ("x", "y", "rules", "severity", "right")
        ),
        pixels=None if any(p.pixels is None for p in parts) else np.concatenate([p.pixels for p in parts]),  # type: ignore[misc]
        worth={group: value for p in parts for group, value in p.worth.items()},
    )


def of_avatars(
    count: int,
    seed: int,
    folder: Path,
    views: Mapping[str, float] | None = None,
    streams: Sequence[str] = ("pose",),
    *,
    true_joints: bool = False,
) -> Corpus:
    """Render and track `count` sets in `folder` where they are missing; return the reps that are found.

    The labels are the truth, unknown where the camera cannot show an error. Sets with a flawed picture are
    left out. With `true_joints` the body's own joints stand in the place of MediaPipe's landmarks.
    """
    made = films(count, seed, folder, views)
    if true_joints:
        made = {file: (row, with_joints(row, table)) for file, (row, table) in made.items()}
    found = join(*(labelled_avatar(row, table) for row, table in made.values()))
    sizes = [{"video_id": f, "width": row["width"], "height": row["height"]} for f, (row, _) in made.items()]
    pixels = crops.crops(
        streams,
        found.reps,
        pl.DataFrame(sizes),
        lambda file: landmarks.from_table(made[file][1]),
        lambda file: folder / file,
    )
    return replace(found, pixels=pixels)


def films(
    count: int, seed: int, folder: Path, views: Mapping[str, float] | None
) -> dict[str, tuple[dict[str, Any], pl.DataFrame]]:
    """Render and track what is missing; return by file a row of tables.TRUTH and tables.POSE, if no flaw."""
    wanted = recipes(count, seed, views)
    truth = sets.render(wanted, folder)
    truth = truth.filter(pl.col("file").is_in([r.name for r in wanted]), pl.col("flaw") == "")
    return {row["file"]: (row, table) for row, table in tracked(truth, folder)}


def recipes(count: int, seed: int, views: Mapping[str, float] | None) -> list[Recipe]:
    return [Recipe(seed=seed, number=i, reps=(3, 6), views=views) for i in range(count)]


def of_retakes(
    count: int, seed: int, folder: Path, views: Mapping[str, float] | None, each: int
) -> Corpus | None:
    """Return the reps that are found in `each` retakes of every set that of_avatars() has; None for none."""
    made = retakes.of_sets(films(count, seed, folder, views), recipes(count, seed, views), each, folder)
    return join(*(labelled_avatar(row, table) for row, table in made)) if made else None


def with_joints(row: dict[str, Any], table: pl.DataFrame) -> pl.DataFrame:
    """Return tables.POSE with the true joints; MediaPipe's stay where the body has none (mouth, eyes)."""
    picture, space = (np.array(row[name], dtype=np.float32) for name in ("joints_2d", "joints_3d"))
    frames = min(len(picture), len(table))
    picture, space = picture[:frames] / [row["width"], row["height"]], space[:frames]
    hips = space[:, [INDEX["left_hip"], INDEX["right_hip"]]].mean(axis=1, keepdims=True)
    space = (space - hips) * [1, 1, -1]  # from z up to y down; which way x and y point does not matter
    true = {"x": picture[..., 0], "y": picture[..., 1]}
    true |= {"world_x": space[..., 0], "world_y": space[..., 2], "world_z": space[..., 1]}
    seen = table.head(frames)
    columns = {
        name: np.where(np.isfinite(values), values, seen[name].to_numpy().reshape(values.shape))
        for name, values in true.items()
    }
    return seen.with_columns(
        *(pl.Series(name, values.tolist(), dtype=seen.schema[name]) for name, values in columns.items())
    )


def labelled_avatar(row: dict[str, Any], table: pl.DataFrame) -> Corpus:
    """Return the reps that are found in a set, with the truth of the reps that they are."""
    part = _of_video(row["file"], row["subject"], table, (row["width"], row["height"]), row["fps"])
    y, severity = (np.full((len(part), len(ERRORS)), np.nan) for _ in range(2))
    for i, rep in enumerate(part.reps.iter_rows(named=True)):
        bounds = (rep["start"], rep["end"])
        shared = [frames.overlap((true["start"], true["end"]), bounds) for true in row["reps"]]
        true = row["reps"][int(np.argmax(shared))]
        if max(shared) > 0.5:
            told = {t["error"]: t for t in true["errors"]}
            y[i] = [{"present": 1.0, "absent": 0.0}.get(told[e]["value"], np.nan) for e in ERRORS]
            severity[i] = [told[e]["severity"] for e in ERRORS]
    right = ~(severity != 0).any(axis=1)
    return _labelled(part, y, severity, right).take(np.isfinite(severity).all(axis=1))


def of_clips(clips: Sequence[Clip], streams: Sequence[str] = ("pose",)) -> Corpus:
    """Return the clips' reps; nothing is said of them yet."""
    parts = [_of_video(c.id, c.scene, c.table, (c.width, c.height), c.fps) for c in clips]
    found, by_id = join(*(p for p in parts if len(p))), {c.id: c for c in clips}
    sizes = pl.DataFrame([{"video_id": c.id, "width": c.width, "height": c.height} for c in clips])
    pixels = crops.crops(streams, found.reps, sizes, lambda c: by_id[c].pose, lambda c: by_id[c].video)
    return replace(found, pixels=pixels)


def _labelled(part: Corpus, y: Floats, severity: Floats, right: npt.NDArray[np.bool_]) -> Corpus:
    told = data.told(y.astype(np.float32), part.reps, ERRORS)
    return Corpus(
        part.rep_ids, part.videos, part.groups, part.reps, part.x, told, part.rules, severity, right
    )


def _of_video(name: str, group: str, table: pl.DataFrame, size: tuple[int, int], fps: float) -> Corpus:
    pose = landmarks.from_table(table)
    video = {
        "video_id": name,
        "subject": group,
        "width": size[0],
        "height": size[1],
        "fps": fps,
        "frames": len(pose),
    }
    rows, opinions, _ = stage.of_video(
        video,
        table,
        boundaries=[],
        registry=tables.REP_REGISTRY.empty(),
        video_flags=[],
        known=TAXONOMY,
        params=SETTINGS,
    )
    reps, rules = tables.REPS.frame(rows), tables.RULES.frame(opinions)
    ids = reps["rep_id"].to_list()
    unknown = np.full((len(ids), len(ERRORS)), np.nan)
    return Corpus(
        ids,
        reps["video_id"].to_list(),
        reps["subject"].to_list(),
        reps,
        data.sequences(
            reps,
            pl.DataFrame([video]),
            rules,
            lambda _: pose,
            among=reps,
            errors=ERRORS,
            steps=SETTINGS.model.steps,
        ),
        unknown.astype(np.float32),
        data.opinions(rules, ids, ERRORS),
        unknown,
        np.zeros(len(ids), dtype=bool),
    )
