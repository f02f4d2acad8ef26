"""FiftyOne's app on this workspace: `pushup-data app` and `app-stop`.

The server is a process that holds .fiftyone/app.lock as long as it lives, so that a second `app` finds it and
`app-stop` ends the right process. It listens on 127.0.0.1 only: it hands out any file that its user may read.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import AbstractContextManager
from pathlib import Path

import click

from pushup_data import fiftyone_dataset, files, locks, mongodb
from pushup_data.errors import ServerError
from pushup_data.workspace import Workspace

_ADDRESS = "127.0.0.1"
_START_S = 120.0
_STOP_S = 20.0
_PORTS = 50  # tried, from the one asked for


def run(workspace: Workspace, *, port: int, detach: bool) -> None:
    """Bring the data set up to date and serve FiftyOne's app; return at once with `detach`, else on Ctrl-C.

    Where the app runs already, its data set is brought up to date and its address said. Where `port` is
    taken, the next free one is used.

    Raises:
        MissingInputError: a table, clip, pose or program is not there.
        ServerError: MongoDB or the app does not start, or the data set cannot be built.
    """
    with _lock(workspace):
        fiftyone_dataset.fingerprint(workspace)  # says what is missing before anything is started
        uri = mongodb.start(workspace)
        click.echo(fiftyone_dataset.refresh(workspace, uri))
        if url := address(workspace):
            click.echo(f"FiftyOne was running: {url}")
            return
        server = _launch(workspace, uri, _free_port(port), detach=detach)
    if detach:
        click.echo(f"FiftyOne: {address(workspace)}\nstop it with `pushup-data app-stop`")
    else:
        _serve(workspace, server)


def stop(workspace: Workspace) -> str:
    """Stop the app and this workspace's MongoDB; return a line that says what was stopped."""
    with _lock(workspace):
        said = [_stop_server(workspace), mongodb.stop(workspace)]
    return "; ".join(filter(None, said)) or "FiftyOne is not running"


def address(workspace: Workspace) -> str | None:
    """Return where the running app shows this workspace's data set, None where it is not running."""
    if locks.holder(_server_lock(workspace)) is None or not _state(workspace).exists():
        return None
    port = json.loads(_state(workspace).read_text(encoding="utf-8"))["port"]
    return f"http://{_ADDRESS}:{port}/datasets/{fiftyone_dataset.name(workspace)}"


def _lock(workspace: Workspace) -> AbstractContextManager[int]:
    path = workspace.locks / "fiftyone.lock"
    return locks.held(
        path, wait_s=60, doing="building the FiftyOne data set, or starting or stopping FiftyOne"
    )


def _server_lock(workspace: Workspace) -> Path:
    return workspace.fiftyone / "app.lock"


def _state(workspace: Workspace) -> Path:
    return workspace.fiftyone / "app.json"


def _log(workspace: Workspace) -> Path:
    return workspace.fiftyone / "app.log"


def _launch(workspace: Workspace, uri: str, port: int, *, detach: bool) -> subprocess.Popen[bytes]:
    """Start the server and wait until it answers. It inherits the lock, and holds it until it ends."""
    command = [sys.executable, "-m", "fiftyone.server.main", "--address", _ADDRESS, "--port", str(port)]
    with (
        locks.held(_server_lock(workspace), wait_s=5, doing="serving FiftyOne") as lock,
        _log(workspace).open("wb") as log,
    ):
        files.write_text(_state(workspace), json.dumps({"port": port}) + "\n")
        server = subprocess.Popen(
            command,
            env=fiftyone_dataset.environment(uri),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[lock],
            start_new_session=detach,  # else Ctrl-C and the terminal's end reach it too
        )
        locks.claim(lock, server.pid)
    deadline = time.monotonic() + _START_S
    while not _answers(port):
        if server.poll() is not None:
            raise ServerError(
                f"FiftyOne's app ended at once (exit code {server.returncode}); see {_log(workspace)}"
            )
        if time.monotonic() > deadline:
            server.kill()
            raise ServerError(
                f"FiftyOne's app does not answer after {_START_S:g} s; see {_log(workspace)} and try again"
            )
        time.sleep(0.1)
    return server


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{_ADDRESS}:{port}/fiftyone", timeout=2) as answer:
            return "version" in json.load(answer)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def _serve(workspace: Workspace, server: subprocess.Popen[bytes]) -> None:
    """Say where the server is and wait for its end, or end it and MongoDB when we are asked to end."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        click.echo(f"FiftyOne: {address(workspace)}\nCtrl-C stops it")
        code = server.wait()
        click.echo(f"FiftyOne has ended (exit code {code}); see {_log(workspace)}")
    except KeyboardInterrupt:
        click.echo("stopping")
    finally:
        signal.signal(signal.SIGTERM, before)
        stop(workspace)
        server.wait()


def _stop_server(workspace: Workspace) -> str | None:
    pid = locks.holder(_server_lock(workspace))
    if pid is None:
        return None
    os.kill(pid, signal.SIGTERM)
    if not locks.released(_server_lock(workspace), wait_s=_STOP_S):
        os.kill(pid, signal.SIGKILL)  # it only serves; what it shows is in MongoDB
        if not locks.released(_server_lock(workspace), wait_s=_STOP_S):
            raise ServerError(f"FiftyOne's app (process {pid}) does not end; see {_log(workspace)}")
    return f"FiftyOne stopped (process {pid})"


def _free_port(wanted: int) -> int:
    for port in range(wanted, wanted + _PORTS):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_ADDRESS, port))
            except OSError:
                continue
            return port
    raise ServerError(
        f"ports {wanted} to {wanted + _PORTS - 1} on {_ADDRESS} are all taken; choose one with --port"
    )
