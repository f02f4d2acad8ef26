"""The ML backend, asked by a real Label Studio."""

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from pushup_data import demo
from pushup_data.labelstudio import backend, config
from pushup_data.stages import predict, push
from tests import labelling

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

PORT = 18290
URL = f"http://127.0.0.1:{PORT}"


@pytest.fixture
def filled(served, project, default_taxonomy):
    """Four tasks, pushed with what predict says: the first and the third are blind."""
    text = served.params.read_text()
    demo.configure(served, labelstudio={"title": project.labelstudio.title})
    labelling.fill(served, default_taxonomy, 4)
    labelling.judged(served, default_taxonomy, 4)
    predict.run(served, project)
    push.run(served, project)
    yield served
    served.params.write_text(text)


def start(workspace) -> tuple[subprocess.Popen, str]:
    """The backend, and what it says when it is ready."""
    command = [str(Path(sys.executable).parent / "pushup-data"), "backend", "--port", str(PORT)]
    process = subprocess.Popen(command, cwd=workspace.root, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline()


def said(client, number) -> list[list[dict]]:
    """The predictions of every task, read from the list, which asks no backend."""
    tasks = client.tasks(number, "id,predictions")
    fields = ("result", "score", "model_version")
    return [[{f: p[f] for f in fields} for p in t["predictions"]] for t in tasks]


def forget(client, number) -> None:
    for task in client.tasks(number, "id,predictions"):
        for prediction in task["predictions"]:
            client._send("DELETE", f"/api/predictions/{prediction['id']}")


def test_label_studio_gets_what_push_would_have_put_there(filled, project, client):
    number = client.project(project.labelstudio.title)["id"]
    pushed = said(client, number)
    assert [len(p) for p in pushed] == [1, 1, 1, 1]
    assert [bool(p[0]["result"]) for p in pushed] == [False, True, False, True]

    forget(client, number)
    assert said(client, number) == [[], [], [], []]
    process, line = start(filled)
    try:
        assert "asked about 4 tasks" in line
        assert said(client, number) == pushed  # the blind ones are as blind as before

        forget(client, number)
        tasks = [t["id"] for t in client.tasks(number, "id")]
        opened = [client.task(t)["predictions"] for t in tasks]  # as a click in the list does
        assert [p[0]["result"] for p in opened] == [p[0]["result"] for p in pushed]
        again = [client.task(t)["predictions"] for t in tasks]
        assert [[p["id"] for p in ps] for ps in again] == [[p["id"] for p in ps] for ps in opened]

        forget(client, number)
        client.annotate(tasks[3], {"result": []})
        assert client.task(tasks[3])["predictions"] == []  # nobody was shown one

        for method, path in (
            ("GET", "health"),
            ("GET", "versions"),
            ("POST", "setup"),
            ("POST", "validate"),
            ("POST", "predict"),
            ("POST", "webhook"),
        ):
            for auth in (None, (backend.USER, "guess"), ("guess", "")):
                answer = httpx.request(method, f"{URL}/{path}", json={"tasks": []}, auth=auth)
                assert answer.status_code == 401, path
        second, _ = start(filled)
        assert second.wait(60) == 1  # the port is taken
        client.ask_backend(number, tasks)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0

    # Without the backend people still begin from what is there.
    assert client.project(project.labelstudio.title)["model_version"] == config.VERSION
    following = client._get(f"/api/projects/{number}/next")
    assert following["predictions"][0]["result"] == []
    client.annotate(following["id"], {"result": []})
    shown = client._get(f"/api/projects/{number}/next")["predictions"]
    assert shown[0]["result"] == pushed[1][0]["result"]


def test_registered_twice_it_is_one_backend_under_the_new_secret(filled, project, client):
    number = client.project(project.labelstudio.title)["id"]
    for _ in range(2):
        process, line = start(filled)
        try:
            assert "asked about 0 tasks" in line
            (known,) = client._get("/api/ml", project=number)
            assert (known["title"], known["state"]) == (backend.TITLE, "CO")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
