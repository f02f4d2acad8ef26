"""How many people a task is for, and the second opinion on one that somebody has annotated.

Label Studio's own settings for this do not do. With `overlap_cohort_percentage` it chooses the tasks itself,
anew whenever tasks come or go; with `maximum_annotations` above 1 it hands a second person the half-done
tasks first, in random order. But every task has an `overlap` of its own, which alone decides when it is done,
and new ones take theirs from the project. So the project says 1, which keeps the queue's order for everybody,
and the few tasks that more people are asked about are raised one by one. Nobody gets a task twice.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pushup_data.labelstudio import config
from pushup_data.labelstudio.client import Client

Json = dict[str, Any]

OF_PROJECT = 1  # `maximum_annotations` of the project


def fresh(task: int) -> Json:
    """Return a new task as the server would list it."""
    untouched: Json = {"overlap": OF_PROJECT, "is_labeled": False, "total_annotations": 0}
    return {"id": task, "draft_exists": False, "data": None, **untouched}


def ask(client: Client, tasks: Sequence[tuple[Json, Json]], shown: Callable[[Json], Json]) -> None:
    """Let every task be for as many people as is wanted; turn those under review blind.

    `tasks` are pairs of a task as push wants it and as the server has it; `shown` makes the former's data.
    What somebody has open, or has begun (a draft), must not be among them or stays as it is.
    """
    for wanted, there in tasks:
        if wanted["review"] and not _is_blind(there) and not _turn_blind(client, wanted, there, shown):
            continue
        # `is_labeled` hides a task from the stream, and does not follow a change of `overlap` by itself.
        done = there["total_annotations"] >= wanted["opinions"]
        closed = there["is_labeled"] and not done
        if there["overlap"] != wanted["opinions"] or closed:
            client.update_task(there["id"], {"overlap": wanted["opinions"], "is_labeled": done})


def close(client: Client, tasks: Iterable[Json]) -> None:
    """Let the label stream give these tasks to nobody; what is said in them stays. `ask` opens them again."""
    for task in tasks:
        if not task["is_labeled"]:
            client.update_task(task["id"], {"overlap": OF_PROJECT, "is_labeled": True})


def _is_blind(there: Json) -> bool:
    return there["data"] is None or there["data"]["shown"] == config.BLIND  # new ones are as they are wanted


def _turn_blind(client: Client, wanted: Json, there: Json, shown: Callable[[Json], Json]) -> bool:
    """Take the machine's opinion off an annotated task, for an opinion that owes it nothing; False: not now.

    The ledger keeps what those before were shown. The task's data come last: a push that is killed in between
    does it again.
    """
    if there["draft_exists"] or there["total_annotations"] != wanted["opinions"] - 1:
        return False
    blind = {k: wanted["predictions"][0][k] for k in ("result", "score")}
    for prediction in client.task(there["id"])["predictions"]:
        client.update_prediction(prediction["id"], blind)
    client.update_task(there["id"], {"data": shown(wanted)})
    return True
