"""How fast tasks go to a real Label Studio and annotations come back, beside a plain loop with the SDK.

    python -m benchmarks.sync [--tasks 10000] [--part 200]

A second person costs a request per task, which is timed apart: a push after 100 tasks came to need one. The
plain loop creates tasks and predictions one by one, and fetches annotations task by task, as the SDK's
examples do; it does so for a part of them, and its times are scaled up. The annotations of the full pull are
imported with their tasks, since making so many one by one takes the server longer than the rest. They are
dated back, in the server's database, over 30 days: nobody annotates so many in less. The 100 changes are made
one by one.
"""

import argparse
import contextlib
import io
import multiprocessing
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
from label_studio_sdk import LabelStudio

from pushup_data import ledger, params, scaffold, taxonomy
from pushup_data.labelstudio import config, push, server
from pushup_data.labelstudio.client import Client
from pushup_data.params import Params
from pushup_data.stages import pull
from pushup_data.workspace import Workspace
from tests import labelling

CHANGES = 100
DAYS = 30
PLACES = {"player": "", "videos": {}}  # what push adds; the plain loop and the annotated tasks do without


def measured(function: Callable[..., None], *arguments: Any) -> tuple[float, float]:
    """Run a function in a process of its own; return its seconds and its peak in MiB."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_measure, args=(queue, function, arguments))
    process.start()
    process.join()
    if process.exitcode:
        sys.exit(f"{function.__name__} failed")
    seconds, peak = queue.get()
    return seconds, peak


def _measure(queue: Any, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        function(*arguments)
    queue.put((time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def tasks(workspace: Workspace, count: int, shared: int = 0) -> list[dict[str, Any]]:
    """Return the tasks of a queue of so many reps, the first `shared` of them for two people."""
    known = taxonomy.load(workspace.taxonomy)
    two = pl.when(pl.col("position") < shared).then(2).otherwise(1).cast(pl.Int64).alias("opinions")
    queued = labelling.queued(count).with_columns(two)
    return push.wanted(queued, labelling.predictions(count, known), known)


def push_all(workspace: Workspace, settings: Params, count: int, shared: int) -> None:
    known = taxonomy.load(workspace.taxonomy)
    wanted = tasks(workspace, count, shared)
    push.check(wanted, known)
    with Client(server.access(workspace, settings.labelstudio)) as client:
        push.sync(client, workspace, settings.labelstudio, wanted, known)


def annotated(workspace: Workspace, settings: Params, count: int) -> None:
    """Make a project of annotated tasks."""
    annotation = {"result": config.ticked(["hips_piked"], []), "lead_time": 4.5}
    known = taxonomy.load(workspace.taxonomy)
    with Client(server.access(workspace, settings.labelstudio)) as client:
        project = push.sync(client, workspace, settings.labelstudio, [], known).project
        rows = [
            {"data": t["data"] | PLACES, "predictions": t["predictions"]} for t in tasks(workspace, count)
        ]
        made = client.import_tasks(project, [row | {"annotations": [annotation]} for row in rows])
    past = "strftime('%Y-%m-%d %H:%M:%f', 'now', printf('-%d seconds', (? - {}) * ?))"
    path = workspace.labelstudio / "data" / "label_studio.sqlite3"
    with closing(sqlite3.connect(path, timeout=60)) as database, database:
        for table, task in (("task", "id"), ("task_completion", "task_id")):
            database.execute(
                f"UPDATE {table} SET updated_at = {past.format(task)} WHERE project_id = ?",
                (made[-1], DAYS * 86_400 // count, project),
            )


def change(workspace: Workspace, settings: Params) -> None:
    """Change some annotations, spread over the project."""
    entries = ledger.read(workspace.annotations)
    access = server.access(workspace, settings.labelstudio)
    sdk = LabelStudio(base_url=access.url, api_key=access.token)
    for entry in entries[:: len(entries) // CHANGES][:CHANGES]:
        sdk.annotations.update(id=entry.annotation, result=config.ticked(["head_dropped"], []))


def plain_push(workspace: Workspace, settings: Params, part: int) -> None:
    access = server.access(workspace, settings.labelstudio)
    sdk = LabelStudio(base_url=access.url, api_key=access.token)
    title = f"{settings.labelstudio.title} plain"
    project = sdk.projects.create(title=title, label_config=config.render(taxonomy.load(workspace.taxonomy)))
    for task in tasks(workspace, part):
        made = sdk.tasks.create(project=project.id, data=task["data"] | PLACES)
        for prediction in task["predictions"]:
            sdk.predictions.create(task=made.id, **prediction)


def plain_pull(workspace: Workspace, settings: Params, part: int) -> None:
    access = server.access(workspace, settings.labelstudio)
    sdk = LabelStudio(base_url=access.url, api_key=access.token)
    with Client(access) as client:
        project = client.project(settings.labelstudio.title)
    assert project is not None
    for _, task in zip(range(part), sdk.tasks.list(project=project["id"], page_size=100), strict=False):
        sdk.annotations.list(id=task.id)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--part", type=int, default=200, help="of the tasks, for the plain loop")
    parser.add_argument("--port", type=int, default=18670)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pushup-sync-") as name:
        scaffold.init(Path(name) / "workspace")
        workspace = Workspace(Path(name) / "workspace")
        settings = params.load(workspace.params)
        ours, answered = (
            settings.model_copy(
                update={
                    "labelstudio": settings.labelstudio.model_copy(
                        update={"port": options.port, "title": title}
                    )
                }
            )
            for title in ("sync", "sync annotated")
        )
        server.start(workspace, ours.labelstudio)
        count, part = options.tasks, options.part
        try:
            pushed = measured(push_all, workspace, ours, count, 0)
            shared = measured(push_all, workspace, ours, count, CHANGES)
            plain_pushed = measured(plain_push, workspace, ours, part)
            measured(annotated, workspace, answered, count)
            pulled = measured(pull.run, workspace, answered)
            change(workspace, answered)
            again = measured(pull.run, workspace, answered)
            nothing = measured(pull.run, workspace, answered)
            plain_pulled = measured(plain_pull, workspace, answered, part)
            entries = ledger.read(workspace.annotations)
        finally:
            server.stop(workspace)
    scale = count / part
    print(f"| {count} tasks | s | plain SDK loop, from {part} | peak MiB |")
    print("|---|---|---|---|")
    for what, (seconds, peak), plain in (
        ("push with predictions", pushed, plain_pushed[0] * scale),
        (f"push after {CHANGES} came to need a second person", shared, plain_pushed[0] * scale),
        ("full pull", pulled, plain_pulled[0] * scale),
        (f"pull after {CHANGES} changes", again, plain_pulled[0] * scale),
        ("pull with nothing new", nothing, plain_pulled[0] * scale),
    ):
        print(f"| {what} | {seconds:.1f} | {plain:.0f} ({plain / seconds:.0f} x) | {peak:.0f} |")
    right = len(entries) == count + CHANGES
    print(f"{len(entries)} entries in the ledger, {'as' if right else 'NOT as'} expected")
    sys.exit(0 if right and pulled[0] < 60 and again[0] < 5 else 1)


if __name__ == "__main__":
    main()
