"""The few requests that the loop makes of Label Studio, with errors in one line.

Plain httpx: `pull` runs in every `dvc repro`, and the SDK's client alone takes longer to import than its
requests take. Where the SDK knows more than HTTP (what a valid prediction is), push uses it.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx

from pushup_data.errors import ServerError
from pushup_data.labelstudio.server import Access

_TRIES = 4  # of requests that may be repeated
_PAGE = 500
_BATCH = 200

Json = dict[str, Any]


class Client:
    """A connection to one server. Use as a context manager."""

    def __init__(self, access: Access) -> None:
        self.access = access
        header = {"Authorization": f"Token {access.token}"}
        if access.token.count(".") == 2:  # a personal access token: good only to get a short-lived one
            header = {"Authorization": f"Bearer {_short_lived(access)}"}
        self._http = httpx.Client(base_url=access.url, headers=header, timeout=60)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def project(self, title: str) -> Json | None:
        """Return the project of exactly this title, None where there is none."""
        found = self._get("/api/projects", title=title, page_size=100)["results"]
        same = [p for p in found if p["title"] == title]
        if len(same) > 1:
            raise ServerError(
                f"{self.access.url} has {len(same)} projects named {title!r}; rename all but one, "
                f"or set labelstudio.title in params.yaml"
            )
        return dict(same[0]) if same else None

    def create_project(self, settings: Json) -> Json:
        """Create a project."""
        return dict(self._send("POST", "/api/projects", settings))

    def update_project(self, project: int, settings: Json) -> None:
        """Change a project's settings."""
        self._send("PATCH", f"/api/projects/{project}", settings, repeat=True)

    def tasks(self, project: int, include: str) -> Iterator[Json]:
        """Yield all tasks of a project with the fields named, oldest first."""
        page = 1
        while True:
            query = {
                "project": project,
                "fields": "all",
                "include": include,
                "page_size": _PAGE,
                "page": page,
            }
            found = self._get("/api/tasks", **query)
            yield from found["tasks"]
            if page * _PAGE >= found["total"]:
                return
            page += 1

    def task(self, task: int) -> Json:
        """Return one task with its annotations and predictions in full."""
        return dict(self._get(f"/api/tasks/{task}"))

    def import_tasks(self, project: int, tasks: Sequence[Json]) -> list[int]:
        """Create tasks with their predictions; return their ids in order. Never repeated by itself."""
        made: list[int] = []
        for at in range(0, len(tasks), _BATCH):
            batch = list(tasks[at : at + _BATCH])
            path = f"/api/projects/{project}/import?return_task_ids=true&commit_to_project=true"
            made += self._send("POST", path, batch)["task_ids"]
        return made

    def update_task(self, task: int, changes: Json) -> None:
        """Change a task; its annotations stay as they are."""
        self._send("PATCH", f"/api/tasks/{task}", changes, repeat=True)

    def update_prediction(self, prediction: int, changes: Json) -> None:
        """Change what a task is filled in with when somebody opens it."""
        self._send("PATCH", f"/api/predictions/{prediction}", changes, repeat=True)

    def delete_task(self, task: int) -> None:
        """Delete a task; the caller has made sure that nobody has touched it."""
        self._send("DELETE", f"/api/tasks/{task}", repeat=True)

    def annotate(self, task: int, annotation: Json) -> None:
        """Add an annotation, as the user whose token this is."""
        self._send("POST", f"/api/tasks/{task}/annotations", annotation)

    def storages(self, project: int) -> list[Json]:
        """Return the project's local storages."""
        return list(self._get("/api/storages/localfiles", project=project))

    def add_storage(self, project: int, path: str) -> None:
        """Let the server serve files below `path`; nothing is copied or imported."""
        settings = {"project": project, "path": path, "title": path.rsplit("/", 1)[-1], "use_blob_urls": True}
        self._send("POST", "/api/storages/localfiles", settings)

    def upload(self, project: int, name: str, content: bytes) -> str:
        """Copy a file to the server; return the address to play it from."""
        files = {"file": (name, content, "video/mp4")}
        path = f"/api/projects/{project}/import?commit_to_project=false&return_task_ids=false"
        made = self._json(self._once("POST", path, files=files))
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

    def user(self) -> Json:
        """Return whose token this is."""
        return dict(self._get("/api/current-user/whoami"))

    def _get(self, path: str, **query: Any) -> Any:
        return self._json(self._repeated("GET", path, params=query))

    def _send(self, method: str, path: str, body: Any = None, *, repeat: bool = False) -> Any:
        once = self._repeated if repeat else self._once
        return self._json(once(method, path, json=body))

    def _repeated(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Try a request that does no harm when made twice, again after passing faults."""
        for attempt in range(1, _TRIES):
            try:
                answer = self._http.request(method, path, **arguments)
            except httpx.TransportError:
                pass
            else:
                if answer.status_code < 500:
                    return self._checked(answer)
            time.sleep(0.2 * 2**attempt)
        return self._once(method, path, **arguments)

    def _once(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            return self._checked(self._http.request(method, path, **arguments))
        except httpx.TransportError as e:
            raise ServerError(
                f"Label Studio at {self.access.url} does not answer ({type(e).__name__}); is it running? "
                f"Nothing was lost; run the command again"
            ) from None

    def _checked(self, answer: httpx.Response) -> httpx.Response:
        if answer.is_success:
            return answer
        if answer.status_code == 401:
            raise ServerError(
                f"Label Studio at {self.access.url} refuses the token; "
                f"set LABEL_STUDIO_API_KEY to one from its Account & Settings page"
            )
        raise ServerError(
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


def _detail(answer: httpx.Response) -> str:
    try:
        body: Mapping[str, Any] | list[Any] = answer.json()
    except ValueError:
        return "no reason given"
    if isinstance(body, dict):
        return str(body.get("validation_errors") or body.get("detail") or body)[:300]
    return str(body)[:300]
