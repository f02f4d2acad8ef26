"""Contact sheets: what every error looks like on an avatar, for the coach's guide and for our own eyes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from pushup_data import files, taxonomy, workers
from pushup_data.avatar import sets
from pushup_data.avatar.film import Picture
from pushup_data.avatar.sets import Recipe, Take
from pushup_data.landmarks import INDEX
from pushup_data.taxonomy import Taxonomy
from pushup_data.workspace import TEMPLATE

_SIZE = (384, 216)
_SEVERITIES = {"right": None, "mild": 0.0, "clear": 0.5, "strong": 1.0}
_VIEWS = ("side", "oblique", "front")
_SEEDS = {"side": 11, "oblique": 5, "front": 3}  # people and rooms; any will do


def draw(folder: Path) -> list[Path]:
    """Draw one sheet per error: a row per view that shows it, a column per severity. Returns the files."""
    known = taxonomy.load(TEMPLATE / "labeling_config" / "taxonomy.yaml")
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(error, folder) for error in known.ids]
    drawn = []
    for outcome in workers.run(_sheet, jobs, label="sheets", time_limit_s=600, name=lambda job: job[0]):
        if outcome.error:
            raise outcome.error
        drawn.append(folder / f"{outcome.job[0]}.jpg")
    return drawn


def moment(made: Take, error: str) -> int:
    """Return the frame of the first rep at which an error shows best."""
    start, bottom, end = made.reps[0]
    if error == "incomplete_lockout":
        return start
    if not error.startswith("hips"):
        return bottom
    shoulder, hip, ankle = (
        made.points[start:end, [INDEX[f"left_{n}"], INDEX[f"right_{n}"]]].mean(axis=1)
        for n in ("shoulder", "hip", "ankle")
    )
    line = ankle - shoulder
    on_line = (
        shoulder
        + ((hip - shoulder) * line).sum(axis=1, keepdims=True) / (line**2).sum(axis=1, keepdims=True) * line
    )
    off = (hip - on_line)[:, 2]
    return start + int(off.argmin() if error == "hips_sagging" else off.argmax())


def _sheet(job: tuple[str, Path]) -> None:
    error, folder = job
    known = taxonomy.load(TEMPLATE / "labeling_config" / "taxonomy.yaml")
    rows = [list(_row(error, view, known)) for view in _VIEWS if known[error].judged_from(view)]
    sheet = np.concatenate([np.concatenate(row, axis=1) for row in rows], axis=0)
    with files.atomic_path(folder / f"{error}.jpg") as path:
        cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])


def _row(error: str, view: str, known: Taxonomy) -> Iterator[Picture]:
    """Yield the same person in the same room, right and with the error."""
    for name, severity in _SEVERITIES.items():
        wrong = {} if severity is None else {error: severity}
        recipe = Recipe(
            seed=_SEEDS[view],
            number=known.ids.index(error),
            reps=(1, 1),
            size=_SIZE,
            views={view: 1.0},
            flaw_share=0.0,
            errors=(wrong,),
        )
        made = sets.take(recipe)
        frame = moment(made, error)
        still = replace(
            made,
            posed=replace(
                made.posed,
                rotations=made.posed.rotations[frame : frame + 1],
                heads=made.posed.heads[frame : frame + 1],
                flexion=made.posed.flexion[frame : frame + 1],
            ),
            maps=np.array([[[1.0, 0, 0], [0, 1.0, 0]]]),
        )
        picture = next(iter(sets.pictures(still))).copy()
        yield _titled(picture, f"{known[error].title}: {name}, {view}")


def _titled(picture: Picture, text: str) -> npt.NDArray[np.uint8]:
    for colour, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(picture, text, (8, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, width, cv2.LINE_AA)
    return picture
