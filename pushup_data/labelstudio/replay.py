"""Annotate as known raters did: their ratings of whole videos or of reps, as annotations in Label Studio."""

import csv
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pushup_data import tables, taxonomy
from pushup_data.errors import BadInputError
from pushup_data.labelstudio import config, simulated
from pushup_data.params import Params
from pushup_data.taxonomy import Taxonomy
from pushup_data.workspace import Workspace


@dataclass(frozen=True)
class Rating:
    """What one rater said of one video, or of one of its reps."""

    rater: str
    usable: bool
    values: dict[str, str]  # error id to 1, 0 or ?
    reps: float | None  # complete repetitions that the rater counted
    note: str


def run(workspace: Workspace, params: Params, path: Path) -> str:
    """Answer every waiting task that a rater has a rating for, once per rater; say how many."""
    known = taxonomy.load(workspace.taxonomy)
    ratings = read(path, known)
    videos = tables.read(tables.VIDEOS, workspace.videos)
    names = dict(videos.select("video_id", "original_name").iter_rows())
    counted = Counter(tables.read(tables.REPS, workspace.reps)["video_id"])

    def respond(rater: str, data: simulated.Json) -> config.Result | None:
        rating = _of(ratings, names.get(data["video_id"], ""), data["number"], rater)
        if rating is None:
            return None
        return answer(rating[0], known, one_rep=counted[data["video_id"]] == 1, own=rating[1])

    raters = sorted({rater for _, _, rater in ratings})
    return simulated.answer(workspace, params.labelstudio, raters, respond)


def read(path: Path, known: Taxonomy) -> dict[tuple[str, int | None, str], Rating]:
    """Read a ratings table; return ratings by (name without suffix, rep number or None, rater).

    Raises BadInputError naming line and column.
    """
    if not path.is_file():
        raise BadInputError(f"{path} is not there; name a CSV file")
    try:
        return _read(path, known)
    except UnicodeDecodeError as e:
        raise BadInputError(f"{path}: {e}; save it as UTF-8") from None
    except csv.Error as e:
        raise BadInputError(f"{path}: {e}; look for a quotation mark that is not closed") from None
    except OSError as e:
        raise BadInputError(f"{path}: {e.strerror}; name a CSV file that you may read") from None


def _read(path: Path, known: Taxonomy) -> dict[tuple[str, int | None, str], Rating]:
    ratings: dict[tuple[str, int | None, str], Rating] = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        columns = reader.fieldnames or []
        key = next((c for c in ("original_name", "clip_id") if c in columns), None)
        lacking = [c for c in ("rater", *known.ids) if c not in columns]
        if key is None or lacking:
            lacks = lacking if key else ["original_name", *lacking]
            raise BadInputError(f"{path}: lacks the columns {', '.join(lacks)}; add them")
        for row in reader:
            where = f"{path}:{reader.line_num}"
            empty = [c for c in (key, "rater") if not (row[c] or "").strip()]
            if empty:
                raise BadInputError(f"{where}: {empty[0]} is empty; fill it in")
            bad = [e for e in known.ids if row[e] not in ("0", "1", "?")]
            if bad:
                raise BadInputError(f"{where}: {bad[0]} is {row[bad[0]]!r}; write 1, 0 or ?")
            number = row.get("rep") or ""
            if number and not number.isdecimal():
                raise BadInputError(
                    f"{where}: rep is {number!r}; write its number within the video, or nothing"
                )
            counted = row.get("reps") or ""
            if counted and not re.fullmatch(r"\d+(\.\d*)?", counted):
                raise BadInputError(f"{where}: reps is {counted!r}; write a number, or nothing")
            name = PurePosixPath(row[key]).with_suffix("").as_posix()
            rating = Rating(
                rater=row["rater"],
                usable=(row.get("usable") or "yes").lower() != "no",
                values={e: row[e] for e in known.ids},
                reps=float(counted) if counted else None,
                note=row.get("note") or "",
            )
            ratings[name, int(number) if number else None, row["rater"]] = rating
    return ratings


def answer(rating: Rating, known: Taxonomy, *, one_rep: bool, own: bool) -> config.Result:
    """Return the annotation that says of a rep what a rating says.

    A rating of the rep itself (`own`) is taken as it is. One of a whole video says of an error that is there
    only that at least one rep shows it: it goes to the rep where there is one (`one_rep` detected, fewer than
    two counted by the rater), and is "can't tell" otherwise; what is absent or not to be seen goes to all.
    """
    certain = own or (one_rep and (rating.reps is None or rating.reps < 2))
    errors = [e for e in known.ids if rating.values[e] == "1" and certain]
    unsure = [e for e in known.ids if rating.values[e] == "?" or (rating.values[e] == "1" and not certain)]
    result = config.ticked(errors, unsure) if rating.usable else config.ticked((), (), usable=False)
    return result + config.written(rating.note)


def _of(
    ratings: dict[tuple[str, int | None, str], Rating], name: str, number: int, rater: str
) -> tuple[Rating, bool] | None:
    """Return a rater's rating of a rep and whether it is about that rep alone."""
    path = PurePosixPath(name).with_suffix("")
    for key in (path.as_posix(), path.name):
        for rep in (number, None):
            if (key, rep, rater) in ratings:
                return ratings[key, rep, rater], rep is not None
    return None
