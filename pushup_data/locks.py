"""Locks between processes that end with their holder: nothing stale is left after a crash."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pushup_data.errors import PushupDataError

_POLL_S = 0.05


@contextmanager
def held(path: Path, *, wait_s: float, doing: str) -> Iterator[int]:
    """Hold the lock file at `path`; yield its file descriptor.

    A child process that is given the descriptor (`pass_fds`) goes on holding the lock until it ends, also
    after this block. `doing` says what the lock is for, to the others who wait for it.

    Raises:
        PushupDataError: another process holds the lock for longer than `wait_s`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        deadline = time.monotonic() + wait_s
        while not _try(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise PushupDataError(
                    f"{path}: process {holder(path)} is {doing}; wait for it to end, or end it, and try again"
                )
            time.sleep(_POLL_S)
        claim(descriptor, os.getpid())
        yield descriptor
    finally:
        os.close(descriptor)


def claim(descriptor: int, pid: int) -> None:
    """Note in a held lock file which process holds it."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{pid}\n".encode(), 0)


def holder(path: Path) -> int | None:
    """Return the id of the living process that holds the lock at `path`, None where there is none.

    It is safe to signal: the id was noted by the holder, and the lock falls when the holder dies, so that
    the id cannot meanwhile belong to another process.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        if _try(descriptor, fcntl.LOCK_SH):
            return None
        text = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
    finally:
        os.close(descriptor)
    return int(text) if text.isdigit() else None


def released(path: Path, *, wait_s: float) -> bool:
    """Wait until nobody holds the lock at `path`; return whether that came to be within `wait_s`."""
    deadline = time.monotonic() + wait_s
    while (pid := holder(path)) is not None and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return pid is None


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
