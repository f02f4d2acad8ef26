"""Which Label Studio: the local one that the workspace starts and stops, or another one by URL."""

import hashlib
import json
import os
import re
import secrets
import signal
import socket
import sqlite3
import subprocess
import time
from contextlib import AbstractContextManager, closing
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import httpx

from pushup_data import files, locks, params
from pushup_data.errors import BadInputError, MissingInputError, ServerError
from pushup_data.workspace import Workspace

URL_VARIABLE, KEY_VARIABLE = "LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY"

_START_S = 300.0  # the first start makes the database: 50 to 70 s on two cores
_STOP_S = 20.0
_EMAIL = "admin@pushup.local"


@dataclass(frozen=True)
class Access:
    """Where a server is and how to get in."""

    url: str
    token: str
    identity: str  # stays the same when a local server's port changes: annotations are known by it
    local: bool  # it sees this workspace's files


@dataclass(frozen=True)
class _State:
    """What is kept of the local server in .labelstudio/server.json."""

    identity: str
    port: int
    email: str
    password: str
    token: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def elsewhere() -> Access | None:
    """Return the server that the environment names, None where it names none."""
    url, key = os.environ.get(URL_VARIABLE, ""), os.environ.get(KEY_VARIABLE, "")
    if not url and not key:
        return None
    if not (url and key):
        raise BadInputError(f"{URL_VARIABLE} and {KEY_VARIABLE} belong together: set both or neither")
    if not url.startswith(("http://", "https://")):
        raise BadInputError(f"{URL_VARIABLE}={url} must start with http:// or https://")
    try:
        valid = (httpx.URL(url).port or 0) <= 65535
    except httpx.InvalidURL:
        valid = False
    if not valid:
        raise BadInputError(f"{URL_VARIABLE}={url} is no address; set one such as http://localhost:8080")
    if not re.fullmatch("[!-~]+", key):
        raise BadInputError(
            f"{KEY_VARIABLE} holds what no key does, such as a space or a letter with an accent; "
            f"copy it anew from {url}'s Account & Settings page"
        )
    url = url.rstrip("/")
    return Access(url, key, url, local=False)


def access(workspace: Workspace, settings: params.LabelStudio, *, start_if_down: bool = False) -> Access:
    """Return the server to talk to. Raises ServerError where the local one is down and not to be started."""
    if named := elsewhere():
        return named
    if start_if_down and address(workspace) is None:
        click.echo(start(workspace, settings))
    state = _read(workspace)
    if state is None or locks.holder(_lock(workspace)) is None:
        raise ServerError("Label Studio is not running; run `pushup-data labelstudio start`")
    return Access(state.url, state.token, state.identity, local=True)


def address(workspace: Workspace) -> str | None:
    """Return where Label Studio is, None where the local one is not running. Asks nothing of the network."""
    if named := elsewhere():
        return named.url
    state = _read(workspace)
    return state.url if state and locks.holder(_lock(workspace)) else None


def start(workspace: Workspace, settings: params.LabelStudio) -> str:
    """Start the local server, in a session of its own, and wait until it answers; say where it is."""
    if named := elsewhere():
        return f"{URL_VARIABLE} names {named.url}: no local server is needed"
    with starting(workspace):
        if (pid := locks.holder(_lock(workspace))) is not None:
            return f"Label Studio runs already (process {pid}). {_how_to_log_in(workspace)}"
        program = workspace.labelstudio_program()
        if not program.exists():
            raise MissingInputError(
                f"{program} is not there; run `make setup`, or name it in LABEL_STUDIO_BIN"
            )
        port = settings.port
        while True:
            port = _free_port(port)
            if port != settings.port:
                click.echo(f"port {settings.port} is taken; Label Studio gets {port}")
            state = _prepared(workspace, port)
            process = _launch(workspace, program, state)
            _await(workspace, process, state)
            if _ours(state):
                break
            # Another server took the port meanwhile, and Label Studio the next one without a word.
            process.terminate()
            process.wait(_STOP_S)
            port += 1
    return f"Label Studio started (process {process.pid}). {_how_to_log_in(workspace)}"


def stop(workspace: Workspace) -> str:
    """Stop the local server, by the process that holds its lock; say so."""
    if named := elsewhere():
        return f"{URL_VARIABLE} names {named.url}: it is not ours to stop"
    with starting(workspace):
        pid = locks.holder(_lock(workspace))
        if pid is None:
            return "Label Studio is not running"
        os.kill(pid, signal.SIGTERM)
        if not locks.released(_lock(workspace), wait_s=_STOP_S):
            os.kill(pid, signal.SIGKILL)
            if not locks.released(_lock(workspace), wait_s=_STOP_S):
                raise ServerError(f"Label Studio (process {pid}) does not end; see {_log(workspace)}")
        return f"Label Studio stopped (process {pid})"


def status(workspace: Workspace) -> str:
    """Say whether the server answers, where, and how to log in."""
    url = address(workspace)
    if url is None:
        return "Label Studio is not running; run `pushup-data labelstudio start`"
    if not _healthy(url):
        raise ServerError(f"Label Studio at {url} does not answer; see {_log(workspace)}, or start it again")
    return f"Label Studio answers at {url}" if elsewhere() else _how_to_log_in(workspace)


def running(workspace: Workspace) -> int | None:
    """Return the local server's process id, None where it is down."""
    return locks.holder(_lock(workspace))


def new_identity() -> str:
    """Return a name for the ledger to know a local server by."""
    return f"local:{secrets.token_hex(6)}"


def locked(workspace: Workspace, at: Access) -> set[int]:
    """Return the tasks that somebody has open, none of a server elsewhere: its API does not tell."""
    if not at.local:
        return set()
    path = workspace.labelstudio / "data" / "label_studio.sqlite3"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as database:
        rows = database.execute("SELECT task_id FROM tasks_tasklock WHERE expire_at > datetime('now')")
        return {int(task) for (task,) in rows}


def _how_to_log_in(workspace: Workspace) -> str:
    state = _known(workspace)
    return f"Annotate at {state.url}, log in as {state.email} with password {state.password}"


def starting(workspace: Workspace) -> AbstractContextManager[int]:
    """Keep others from starting, stopping or replacing the local server meanwhile."""
    return locks.held(
        workspace.locks / "labelstudio.lock", wait_s=_START_S, doing="starting or stopping Label Studio"
    )


def _lock(workspace: Workspace) -> Path:
    return workspace.labelstudio / "running.lock"  # held by the server itself for as long as it lives


def _log(workspace: Workspace) -> Path:
    return workspace.labelstudio / "server.log"


def _file(workspace: Workspace) -> Path:
    return workspace.labelstudio / "server.json"


def _read(workspace: Workspace) -> _State | None:
    try:
        return _State(**json.loads(_file(workspace).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as e:
        raise BadInputError(
            f"{_file(workspace)}: {e}; restore it from a backup: it holds the token"
        ) from None


def _prepared(workspace: Workspace, port: int) -> _State:
    """Return the state to start with: what is known, or a new identity, password and token."""
    known = _read(workspace)
    if known is None:
        token, password = secrets.token_hex(20), secrets.token_urlsafe(9)
        known = _State(new_identity(), port, _EMAIL, password, token)
    state = _State(**{**asdict(known), "port": port})
    workspace.labelstudio.mkdir(mode=0o700, exist_ok=True)  # it holds the token
    files.write_json(_file(workspace), asdict(state))
    _file(workspace).chmod(0o600)
    return state


def environment(workspace: Workspace) -> dict[str, str]:
    """Return the environment in which Label Studio's program works on this workspace's data."""
    state = _known(workspace)
    return {
        **os.environ,
        "LABEL_STUDIO_BASE_DATA_DIR": str(workspace.labelstudio / "data"),
        "LABEL_STUDIO_USERNAME": state.email,
        "LABEL_STUDIO_PASSWORD": state.password,
        "LABEL_STUDIO_USER_TOKEN": state.token,
        # Read once, when the organisation is made: without it the scripted token is refused.
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "LABEL_STUDIO_COLLECT_ANALYTICS": "false",
        "LABEL_STUDIO_LATEST_VERSION_CHECK": "false",
        "LABEL_STUDIO_ML_BLOCK_LOCAL_IP": "false",  # `pushup-data backend` listens on 127.0.0.1
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(workspace.clips.parent),
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "SENTRY_RATE": "0",
        "FRONTEND_SENTRY_RATE": "0",
    }


def user_password(workspace: Workspace, mail: str) -> str:
    """Return the password of one of the local server's simulated users: always the same for one address."""
    return hashlib.sha256(f"{_known(workspace).token} {mail}".encode()).hexdigest()[:40]


def _known(workspace: Workspace) -> _State:
    state = _read(workspace)
    if state is None:
        raise ServerError("Label Studio was never started here; run `pushup-data labelstudio start`")
    return state


def _launch(workspace: Workspace, program: Path, state: _State) -> subprocess.Popen[bytes]:
    workspace.clips.mkdir(parents=True, exist_ok=True)
    command = [
        str(program),
        "start",
        "--no-browser",
        "--internal-host",
        "127.0.0.1",
        "--port",
        str(state.port),
    ]
    with (
        locks.held(_lock(workspace), wait_s=1, doing="running Label Studio") as descriptor,
        _log(workspace).open("ab") as log,
    ):
        process = subprocess.Popen(
            command,
            env=environment(workspace),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C on `dvc repro` must not take it down
            pass_fds=(descriptor,),
        )
        locks.claim(descriptor, process.pid)
    return process


def _await(workspace: Workspace, process: subprocess.Popen[bytes], state: _State) -> None:
    """Wait for the server to answer; raise ServerError with the log's last line where it does not."""
    first = not (workspace.labelstudio / "data" / "label_studio.sqlite3").exists()
    click.echo(
        f"starting Label Studio at {state.url}" + (" (about a minute the first time)" if first else "")
    )
    deadline = time.monotonic() + _START_S
    while not _healthy(state.url):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            lines = _log(workspace).read_text(errors="replace").strip().splitlines() or ["nothing"]
            raise ServerError(f"Label Studio did not start; its log ends: {lines[-1]} ({_log(workspace)})")
        time.sleep(0.2)


def _healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _ours(state: _State) -> bool:
    """Whether it is this workspace's server that answers at its address."""
    header = {"Authorization": f"Token {state.token}"}
    return httpx.get(f"{state.url}/api/current-user/whoami", headers=header, timeout=60).status_code != 401


def _free_port(wanted: int) -> int:
    """Return the port wanted or the next free one; Label Studio itself would take another without a word."""
    for port in range(wanted, wanted + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServerError(f"no free port from {wanted} to {wanted + 99}; change labelstudio.port in params.yaml")
