"""Annotators who are programs: they work through Label Studio's API and are marked as simulated for ever."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from tqdm import tqdm

from pushup_data.errors import ServerError
from pushup_data.labelstudio import config, server, users
from pushup_data.labelstudio.client import Client
from pushup_data.ledger import SIMULATED_DOMAIN
from pushup_data.params import LabelStudio
from pushup_data.workspace import Workspace

Json = dict[str, Any]

_SECONDS = 12.0  # what an answer is said to have taken


def answer(
    workspace: Workspace,
    settings: LabelStudio,
    names: Sequence[str],
    respond: Callable[[str, Json], config.Result | None],
) -> str:
    """Answer every waiting task, once per annotator; say how many.

    `respond` gets an annotator's name and a task's data; None leaves the task alone.
    """
    access = server.access(workspace, settings)
    if not access.local:
        raise ServerError(
            "simulated annotators make accounts of their own, which works on the local server only; "
            f"unset {server.URL_VARIABLE} and {server.KEY_VARIABLE}"
        )
    said: Counter[str] = Counter()
    with Client(access) as admin:
        project = admin.project(settings.title)
        if project is None:
            raise ServerError(f"no project {settings.title!r} at {access.url}; run `dvc repro` first")
        include = "id,data,annotations,total_annotations,cancelled_annotations"
        tasks = [t for t in admin.tasks(int(project["id"]), include) if "ext_id" in t["data"]]
        done = _done(admin, tasks)
    for name in names:
        mail = f"{name.lower()}@{SIMULATED_DOMAIN}"
        with Client(users.member(access, mail, server.user_password(workspace, mail))) as client:
            for task in tqdm(tasks, desc=f"annotate {name}", unit="task", disable=None):
                result = None if mail in done[task["id"]] else respond(name, task["data"])
                if result is not None:
                    client.annotate(task["id"], {"result": result, "lead_time": _SECONDS})
                    said[name] += 1
    total = ", ".join(f"{said[n]} by {n}" for n in names)
    return f"{said.total()} annotations ({total}), marked as simulated; run `dvc repro` to fetch them"


def _done(admin: Client, tasks: list[Json]) -> dict[int, set[str]]:
    """Return who has answered each task."""
    done: dict[int, set[str]] = defaultdict(set)
    for task in tasks:
        if task["annotations"]:
            annotations = admin.task(task["id"])["annotations"]
            done[task["id"]] = {a["completed_by"]["email"] for a in annotations}
    return done
