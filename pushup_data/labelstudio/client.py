"""The few requests that the loop makes of Label Studio, with errors in one line.

Plain httpx: `pull` runs in every `dvc repro`, and the SDK's client alone takes longer to import than its
requests take. Where the SDK knows more than HTTP (what a valid prediction is), push uses it.
"""

import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import httpx

from pushup_data.errors import ServerError, UnansweredError
from pushup_data.labelstudio.server import Access

# Between tries of a request that meets passing faults; together as long as a restart takes.
_WAITS_S = (0.25, 0.5, 1.0, 2.0, 2.0)
_TIMEOUT_S = 60.0
_PAGE = 500
_BATCH = 200
_RANGES = 20  # filters in one address, which some servers cut off at 4,000 characters
_MOST_RANGES = 400

Json = dict[str, Any]
T = TypeVar("T")
Filter = tuple[str, str, Any, str]  # field of a task, operator, value, type

# What the server itself must find true of a task before it deletes it.
_UNTOUCHED = (
    ("total_annotations", "equal", 0, "Number"),
    ("cancelled_annotations", "equal", 0, "Number"),
    ("draft_exists", "equal", "false", "Boolean"),
)


class Client:
    """A connection to one server. Use as a context manager."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self.unanswered = 0  # requests of which nobody knows whether they were carried out
        header = {"Authorization": f"Token {access.token}"}
        if access.token.count(".") == 2:  # a personal access token: good only to get a short-lived one
            header = {"Authorization": f"Bearer {_short_lived(access)}"}
        self._http = httpx.Client(base_url=access.url, headers=header, timeout=_TIMEOUT_S)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def project(self, title: str) -> Json | None:
        """Return the project of exactly this title, None where there is none.

        Of several the one with tasks counts: a request to create one, made again after its answer got lost,
        leaves an empty one behind.
        """
        found = self._get("/api/projects", title=title, page_size=100)["results"]
        same = sorted((p for p in found if p["title"] == title), key=lambda p: p["id"])
        filled = [p for p in same if p["task_number"]]
        if len(filled) > 1:
            raise ServerError(
                f"{self.access.url} has {len(filled)} projects named {title!r}; rename all but one, "
                f"or set labelstudio.title in params.yaml"
            )
        return dict((filled or same)[0]) if same else None

    def create_project(self, settings: Json) -> Json:
        """Create a project; there is none of this title."""
        return self._settled(
            lambda: dict(self._send("POST", "/api/projects", settings)),
            lambda: self.project(settings["title"]),
        )

    def update_project(self, project: int, settings: Json) -> None:
        """Change a project's settings."""
        self._send("PATCH", f"/api/projects/{project}", settings, repeat=True)

    def tasks(self, project: int, include: str, *, since: str = "", after: int = 0) -> Iterator[Json]:
        """Yield the tasks of a project with the fields named (nested ones, too), by ascending id.

        Only those that changed after `since` (ISO 8601, as the server writes it) and whose id is above
        `after`. A page begins after the last id of the one before: going by page numbers, a task that is
        deleted meanwhile would push another one out of sight, and its labels would seem deleted.
        """
        changed = [("updated_at", "greater", since, "Datetime")] if since else []
        while True:
            chosen = [("id", "greater", after, "Number"), *changed]
            page = self._page(project, include, chosen, _PAGE)["tasks"]
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1]["id"]

    def annotations(self, project: int) -> int:
        """Return how many annotations a project has, without skips."""
        return int(self._page(project, "id", [], 1)["total_annotations"])

    def there(self, project: int, tasks: Collection[int]) -> bool:
        """Return whether all of these tasks are still in the project; a request per 20 runs of ids."""
        runs = _runs(tasks)
        if len(runs) > _MOST_RANGES:
            return set(tasks) <= {t["id"] for t in self.tasks(project, "id")}
        found = 0
        for at in range(0, len(runs), _RANGES):
            some = [("id", "in", {"min": a, "max": b}, "Number") for a, b in runs[at : at + _RANGES]]
            found += self._page(project, "id", some, 1, how="or")["total"]
        return found == len(set(tasks))

    def task(self, task: int) -> Json:
        """Return one task with its annotations and predictions in full."""
        return dict(self._get(f"/api/tasks/{task}"))

    def annotator(self, task: int, annotation: int) -> str:
        """Return the mail address of who made an annotation, also of one who is no member any more."""
        by = next((a["completed_by"] for a in self.task(task)["annotations"] if a["id"] == annotation), None)
        return str(by["email"] if isinstance(by, dict) else by)

    def import_tasks(self, project: int, tasks: Sequence[Json]) -> list[int]:
        """Create tasks with their predictions; return their ids in order.

        An import whose answer got lost is looked for among the tasks that are new since, by `key` where the
        data has one, and made again only where it is not there.
        """
        made: list[int] = []
        for at in range(0, len(tasks), _BATCH):
            batch = list(tasks[at : at + _BATCH])
            last = made[-1] if made else self._last(project)

            def do(batch: list[Json] = batch) -> list[int]:
                path = f"/api/projects/{project}/import?return_task_ids=true&commit_to_project=true"
                return list(self._send("POST", path, batch)["task_ids"])

            def done(batch: list[Json] = batch, last: int = last) -> list[int] | None:
                new = {_name(t["data"]): t["id"] for t in self.tasks(project, "id,data", after=last)}
                names = [_name(t["data"]) for t in batch]
                return [new[n] for n in names] if all(n in new for n in names) else None

            made += self._settled(do, done)
        return made

    def update_task(self, task: int, changes: Json) -> None:
        """Change a task; its annotations stay as they are."""
        self._send("PATCH", f"/api/tasks/{task}", changes, repeat=True)

    def update_prediction(self, prediction: int, changes: Json) -> None:
        """Change what a task is filled in with when somebody opens it."""
        self._send("PATCH", f"/api/predictions/{prediction}", changes, repeat=True)

    def delete_untouched(self, project: int, tasks: Sequence[int], locked: Callable[[], set[int]]) -> int:
        """Delete tasks but for those that are annotated, skipped, drafted or locked by now; return how many.

        The server looks at the first three itself, in the request that deletes.
        """
        deleted = 0
        for at in range(0, len(tasks), _BATCH):
            open_now = locked()
            batch = [t for t in tasks[at : at + _BATCH] if t not in open_now]
            if batch:  # none would mean all tasks of the project to the server
                body = {"selectedItems": {"all": False, "included": batch}, "filters": _filters(_UNTOUCHED)}
                path = f"/api/dm/actions?id=delete_tasks&project={project}"
                deleted += self._send("POST", path, body, repeat=True)["processed_items"]
        return deleted

    def annotate(self, task: int, annotation: Json) -> None:
        """Add an annotation, as the user whose token this is."""
        self._send("POST", f"/api/tasks/{task}/annotations", annotation)

    def storages(self, project: int) -> list[Json]:
        """Return the project's local storages."""
        return list(self._get("/api/storages/localfiles", project=project))

    def add_storage(self, project: int, path: str) -> None:
        """Let the server serve files below `path`; nothing is copied or imported."""
        settings = {"project": project, "path": path, "title": path.rsplit("/", 1)[-1], "use_blob_urls": True}
        self._settled(
            lambda: self._send("POST", "/api/storages/localfiles", settings),
            lambda: next((s for s in self.storages(project) if s["path"] == path), None),
        )

    def upload(self, project: int, name: str, content: bytes) -> str:
        """Copy a file to the server; return the address to play it from."""
        files = {"file": (name, content, "video/mp4")}
        path = f"/api/projects/{project}/import?commit_to_project=false&return_task_ids=false"
        # Made twice, it leaves a file that no task names.
        made = self._json(self._repeated("POST", path, files=files))
        found = self._get(f"/api/projects/{project}/file-uploads", ids=str(made["file_upload_ids"]))
        return f"/data/{found[0]['file']}"

    def connect_backend(self, project: int, settings: Json) -> None:
        """Register an ML backend, or tell the one of this title anew; the server tries it at once."""
        body = {"project": project, **settings}

        def same() -> list[int]:
            known = self._get("/api/ml", project=project)
            return [b["id"] for b in known if b["title"] == settings["title"]]

        if not same():
            try:
                self._send("POST", "/api/ml", body)
            except ServerError:
                # It is there, but Label Studio went on to give it a webhook, and those may not go to
                # 127.0.0.1. The backend needs none.
                if not same():
                    raise
        self._send("PATCH", f"/api/ml/{same()[0]}", body)

    def ask_backend(self, project: int, tasks: Sequence[int]) -> None:
        """Have the server ask the project's ML backend about those of these tasks without a prediction."""
        for at in range(0, len(tasks), _BATCH):
            chosen = {"selectedItems": {"all": False, "included": list(tasks[at : at + _BATCH])}}
            self._send("POST", f"/api/dm/actions?id=retrieve_tasks_predictions&project={project}", chosen)

    def invitation(self) -> str:
        """Return the organisation's invite token: who signs up with it becomes a member."""
        return str(self._get("/api/invite")["token"])

    def members(self) -> dict[int, str]:
        """Return the mail address of every member of the organisation."""
        return {u["id"]: u["email"] for u in self._get("/api/users")}

    def _last(self, project: int) -> int:
        """Return the highest id of a project's tasks, 0 where there are none."""
        query = json.dumps({"ordering": ["-tasks:id"]})
        fields = {"project": project, "fields": "task_only", "include": "id", "page_size": 1}
        return max((t["id"] for t in self._get("/api/tasks", **fields, query=query)["tasks"]), default=0)

    def _page(self, project: int, include: str, chosen: Sequence[Filter], size: int, how: str = "and") -> Any:
        fields = {"project": project, "fields": "all", "include": include, "page_size": size}
        return self._get("/api/tasks", **fields, query=json.dumps({"filters": _filters(chosen, how)}))

    def _settled(self, do: Callable[[], T], done: Callable[[], T | None]) -> T:
        """Make a request that must not be made twice; where its answer got lost, look whether it is done."""
        for wait in _WAITS_S:
            try:
                return do()
            except UnansweredError:
                time.sleep(wait)
                if (found := done()) is not None:
                    return found
        return do()

    def _get(self, path: str, **query: Any) -> Any:
        return self._json(self._repeated("GET", path, params=query))

    def _send(self, method: str, path: str, body: Any = None, *, repeat: bool = False) -> Any:
        once = self._repeated if repeat else self._once
        return self._json(once(method, path, json=body))

    def _repeated(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Make a request that does no harm when made twice; again after passing faults."""
        for wait in _WAITS_S:
            try:
                return self._once(method, path, **arguments)
            except UnansweredError:
                self.unanswered -= 1  # what it asked for is certain once it is answered
                time.sleep(wait)
        return self._once(method, path, **arguments)

    def _once(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **arguments)
        except httpx.TransportError as e:
            self.unanswered += 1
            raise UnansweredError(
                f"Label Studio at {self.access.url} does not answer ({type(e).__name__}); is it running? "
                f"Nothing was lost; run the command again"
            ) from None
        if answer.status_code >= 500:
            self.unanswered += 1
            raise UnansweredError(f"{self._refusal(answer)}. Nothing was lost; run the command again")
        return self._checked(answer)

    def _checked(self, answer: httpx.Response) -> httpx.Response:
        if answer.is_success:
            return answer
        if answer.status_code == 401:
            raise ServerError(
                f"Label Studio at {self.access.url} refuses the token; "
                f"set LABEL_STUDIO_API_KEY to one from its Account & Settings page"
            )
        raise ServerError(self._refusal(answer))

    def _refusal(self, answer: httpx.Response) -> str:
        return (
            f"Label Studio at {self.access.url} answered {answer.status_code} to {answer.request.method} "
            f"{answer.request.url.path}: {_detail(answer)}"
        )

    def _json(self, answer: httpx.Response) -> Any:
        if answer.status_code == 204 or not answer.content:
            return {}
        try:
            return answer.json()
        except ValueError:
            raise ServerError(
                f"{self.access.url} does not speak as Label Studio does "
                f"(no JSON from {answer.request.url.path}); check LABEL_STUDIO_URL"
            ) from None


def _short_lived(access: Access) -> str:
    try:
        answer = httpx.post(f"{access.url}/api/token/refresh/", json={"refresh": access.token}, timeout=60)
    except httpx.TransportError as e:
        raise ServerError(
            f"Label Studio at {access.url} does not answer ({type(e).__name__}); is it running?"
        ) from None
    if not answer.is_success:
        raise ServerError(f"Label Studio at {access.url} refuses the token; make a new one and set it")
    return str(answer.json()["access"])


def _filters(chosen: Sequence[Filter], how: str = "and") -> Json:
    """Return the Data Manager's form of filters on tasks."""
    names = ("filter", "operator", "value", "type")
    items = [dict(zip(names, (f"filter:tasks:{f[0]}", *f[1:]), strict=True)) for f in chosen]
    return {"conjunction": how, "items": items}


def _runs(numbers: Collection[int]) -> list[tuple[int, int]]:
    """Return the runs of consecutive numbers, each as its first and last."""
    runs: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _name(data: Json) -> str:
    """Return what tells an imported task: `key` is a digest of all that it shows."""
    return str(data.get("key")) if "key" in data else json.dumps(data, sort_keys=True)


def _detail(answer: httpx.Response) -> str:
    try:
        body: Mapping[str, Any] | list[Any] = answer.json()
    except ValueError:
        return "no reason given"
    if isinstance(body, dict):
        return str(body.get("validation_errors") or body.get("detail") or body)[:300]
    return str(body)[:300]
