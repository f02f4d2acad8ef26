"""Annotate as known raters did, through Label Studio's API, marked as simulated for ever."""

import csv
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tqdm import tqdm

from pushup_data import tables, taxonomy
from pushup_data.errors import BadInputError, ServerError
from pushup_data.labelstudio import config, server, users
from pushup_data.labelstudio.client import Client
from pushup_data.labelstudio.server import Access
from pushup_data.ledger import SIMULATED_DOMAIN
from pushup_data.params import Params
from pushup_data.taxonomy import Taxonomy
from pushup_data.workspace import Workspace

Json = dict[str, Any]

_SECONDS = 12.0  # what an answer is said to have taken


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
    access = server.access(workspace, params.labelstudio)
    if not access.local:
        raise ServerError(
            "replay makes users of its own, which works on the local server only; "
            f"unset {server.URL_VARIABLE} and {server.KEY_VARIABLE}"
        )
    videos = tables.read(tables.VIDEOS, workspace.videos)
    names = dict(videos.select("video_id", "original_name").iter_rows())
    reps = tables.read(tables.REPS, workspace.reps)
    counted = Counter(reps["video_id"])
    raters = sorted({rater for _, _, rater in ratings})
    said: Counter[str] = Counter()
    with Client(access) as admin:
        project = admin.project(params.labelstudio.title)
        if project is None:
            raise ServerError(
                f"no project {params.labelstudio.title!r} at {access.url}; run `dvc repro` first"
            )
        include = "id,data,annotations,total_annotations,cancelled_annotations"
        tasks = [t for t in admin.tasks(int(project["id"]), include) if "ext_id" in t["data"]]
        done = _done(admin, tasks)
    for rater in raters:
        mail = f"{rater.lower()}@{SIMULATED_DOMAIN}"
        with Client(_as_user(workspace, access, mail)) as client:
            for task in tqdm(tasks, desc=f"replay {rater}", unit="task", disable=None):
                data = task["data"]
                rating = _of(ratings, names.get(data["video_id"], ""), data["number"], rater)
                if rating is not None and mail not in done[task["id"]]:
                    result = answer(rating[0], known, one_rep=counted[data["video_id"]] == 1, own=rating[1])
                    client.annotate(task["id"], {"result": result, "lead_time": _SECONDS})
                    said[rater] += 1
    total = ", ".join(f"{said[r]} by {r}" for r in raters)
    return f"replay: {said.total()} annotations ({total}), marked as simulated; run `dvc repro` to fetch them"


def read(path: Path, known: Taxonomy) -> dict[tuple[str, int | None, str], Rating]:
    """Read a ratings table; return ratings by (name without suffix, rep number or None, rater).

    Raises BadInputError naming line and column.
    """
    if not path.is_file():
        raise BadInputError(f"{path} is not there; name a CSV file")
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
            bad = [e for e in known.ids if row[e] not in ("0", "1", "?")]
            if bad:
                raise BadInputError(f"{where}: {bad[0]} is {row[bad[0]]!r}; write 1, 0 or ?")
            number = row.get("rep") or ""
            if number and not number.isdigit():
                raise BadInputError(
                    f"{where}: rep is {number!r}; write its number within the video, or nothing"
                )
            name = PurePosixPath(row[key]).with_suffix("").as_posix()
            rating = Rating(
                rater=row["rater"],
                usable=(row.get("usable") or "yes").lower() != "no",
                values={e: row[e] for e in known.ids},
                reps=float(row["reps"]) if row.get("reps") else None,
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


def _done(admin: Client, tasks: list[Json]) -> dict[int, set[str]]:
    """Return who has answered each task."""
    done: dict[int, set[str]] = defaultdict(set)
    for task in tasks:
        if task["annotations"]:
            annotations = admin.task(task["id"])["annotations"]
            done[task["id"]] = {a["completed_by"]["email"] for a in annotations}
    return done


def _as_user(workspace: Workspace, access: Access, mail: str) -> Access:
    """Make a user of the local server, or find the one made before, and return their access."""
    return users.member(access, mail, server.user_password(workspace, mail))
