"""The local Label Studio in one file: its database, what was uploaded to it, and its secrets.

A copy can be made while the server runs: SQLite copies its database consistently, and uploaded files never
change. The ledger of labels is not in it: that is in git.
"""

import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pushup_data import files, ledger
from pushup_data.errors import BadInputError, LabelsAtRiskError, MissingInputError, ServerError
from pushup_data.labelstudio import server
from pushup_data.workspace import Workspace

Json = dict[str, Any]
Changed = dict[tuple[int, int], datetime]  # project and annotation to when it last changed

_DATABASE = Path("data", "label_studio.sqlite3")
_MEDIA, _SECRET, _STATE, _ABOUT = Path("data", "media"), Path("data", ".env"), "server.json", "backup.json"
_COUNTED = {"users": "htx_user", "projects": "project", "tasks": "task", "annotations": "task_completion"}


def make(workspace: Workspace, path: Path) -> str:
    """Write the backup to a file that is not there yet, readable by its owner only; say what is in it."""
    home = workspace.labelstudio
    if not (home / _DATABASE).exists():
        raise MissingInputError(f"{home} has no Label Studio; run `pushup-data labelstudio start`")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as e:
        raise BadInputError(f"{path}: {e.strerror}; name a new file in a folder that is there") from None
    try:
        with tempfile.TemporaryDirectory(dir=home) as folder, os.fdopen(descriptor, "wb") as file:
            copy = Path(folder) / _DATABASE.name
            _copy(home / _DATABASE, copy)
            about = Path(folder) / _ABOUT
            uploads = _files(home / _MEDIA)  # after the database: it names none that is not there
            made = datetime.now(UTC).isoformat(timespec="seconds")
            told = {"made": made, "root": str(workspace.root), "uploads": len(uploads), **_counts(copy)}
            files.write_json(about, told)
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as archive:
                archive.add(about, _ABOUT)
                archive.add(home / _STATE, _STATE)
                archive.add(copy, str(_DATABASE))
                for part in [home / _SECRET, *uploads]:
                    archive.add(part, str(part.relative_to(home)))
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink()
        raise
    return f"{path}: {_told(told)}; it holds passwords: keep it where only you can read it"


def restore(workspace: Workspace, path: Path, *, overwrite: bool = False) -> str:
    """Put the server of a backup in the place of the workspace's; say what came back.

    Raises LabelsAtRiskError where there is one and `overwrite` is not given; with it, the old one is kept in
    a folder beside. Where the ledger knows of annotations that the backup is too old for, the server gets a
    new identity: under the old one its next annotations would be taken for versions of those.
    """
    home = workspace.labelstudio
    home.mkdir(mode=0o700, exist_ok=True)
    with server.starting(workspace):
        if (process := server.running(workspace)) is not None:
            raise ServerError(f"Label Studio runs (process {process}); run `pushup-data labelstudio stop`")
        if (home / _DATABASE).exists() and not overwrite:
            raise LabelsAtRiskError(
                f"{home} holds a Label Studio with {_told(_counts(home / _DATABASE))}; "
                f"add --overwrite to replace it (it is kept in a folder beside)"
            )
        with tempfile.TemporaryDirectory(dir=home, prefix="restoring-") as folder:
            new = Path(folder)
            about = _unpacked(path, new)
            _moved(new / _DATABASE, str(about["root"]), str(workspace.root))
            ahead = _ahead(workspace, new)
            if ahead:
                state = json.loads((new / _STATE).read_text(encoding="utf-8"))
                files.write_json(new / _STATE, {**state, "identity": server.new_identity()})
                (new / _STATE).chmod(0o600)
            kept = _set_aside(home)
            (new / "data").rename(home / "data")
            (new / _STATE).replace(home / _STATE)
    lines = [f"restored from {about['made']}: {_told(about)}; run `pushup-data labelstudio start`"]
    lines += [f"what was there is in {kept}"] if kept else []
    if ahead:
        lines += [
            f"{ahead} annotations in the ledger are newer than the backup: their labels stay, and the next "
            f"pull takes all of the server's annotations as new"
        ]
    return "\n".join(lines)


def _copy(source: Path, target: Path) -> None:
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=60)) as running,
        closing(sqlite3.connect(target)) as copy,
    ):
        running.backup(copy)


def _counts(database: Path) -> dict[str, int]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=60)) as open_:
        count = "SELECT count(*) FROM {}"
        return {name: open_.execute(count.format(table)).fetchone()[0] for name, table in _COUNTED.items()}


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _told(counts: Mapping[str, Any]) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in _COUNTED)


def _unpacked(path: Path, folder: Path) -> Json:
    """Unpack a backup and look at it; return backup.json. Raises BadInputError where it is damaged."""
    if not path.is_file():
        raise BadInputError(f"{path} is not there; name a file that `labelstudio backup` made")
    try:
        with tarfile.open(path, "r:gz") as archive:
            archive.extractall(folder, filter="data")
        about: Json = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
        json.loads((folder / _STATE).read_text(encoding="utf-8"))
        with closing(sqlite3.connect(f"file:{folder / _DATABASE}?mode=ro", uri=True)) as database:
            found = database.execute("PRAGMA integrity_check").fetchone()[0]
        there = {"uploads": len(_files(folder / _MEDIA)), **_counts(folder / _DATABASE)}
        if found != "ok" or any(about[name] != count for name, count in there.items()):
            raise ValueError(f"{found}; holds {there}")
    except (tarfile.TarError, EOFError, OSError, ValueError, KeyError, sqlite3.Error) as e:
        raise BadInputError(f"{path} is no whole backup ({type(e).__name__}: {e}); use another") from None
    return about


def _moved(database: Path, old_root: str, new_root: str) -> None:
    """Tell the database where the workspace is now: it may play clips from named folders only."""
    with closing(sqlite3.connect(database)) as open_, open_:
        open_.execute(
            "UPDATE io_storages_localfilesmixin SET path = ? || substr(path, ?) WHERE path LIKE ? || '/%'",
            (new_root, len(old_root) + 1, old_root),
        )


def _ahead(workspace: Workspace, restored: Path) -> int:
    """Return how many living annotations of this server the ledger knows in a newer version, or only it."""
    identity = json.loads((restored / _STATE).read_text(encoding="utf-8"))["identity"]
    with closing(sqlite3.connect(restored / _DATABASE)) as database:
        rows = database.execute("SELECT project_id, id, updated_at FROM task_completion")
        there: Changed = {(project, number): ledger.moment(when) for project, number, when in rows}
    known = ledger.latest(ledger.read(workspace.annotations)).values()
    return sum(
        entry.server == identity
        and entry.event != "deleted"
        and (
            (entry.project, entry.annotation) not in there
            or ledger.moment(entry.updated_at) > there[entry.project, entry.annotation]
        )
        for entry in known
    )


def _set_aside(home: Path) -> Path | None:
    """Move the present server's data into a folder beside; return it."""
    if not (home / "data").exists():
        return None
    kept = Path(tempfile.mkdtemp(dir=home, prefix=f"replaced-{datetime.now(UTC):%Y%m%d-%H%M%S}-"))
    shutil.copy2(home / _STATE, kept / _STATE)
    (home / "data").rename(kept / "data")
    return kept
