"""Runs the ffmpeg that comes with imageio-ffmpeg, and tells a machine's failure from a file's."""

import ctypes
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pushup_data.errors import BadVideoError, PushupDataError

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
# What ffmpeg says where the machine fails it, and not the file.
_OF_MACHINE = re.compile(
    r"No space left on device|[Qq]uota exceeded|Read-only file system|(Input/output|I/O) error"
    r"|Error opening output.*: (Permission denied|No such file or directory)"
)
# Signals with which a file's bytes end it; all others come from outside.
_CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
_STOPPED = 255  # ffmpeg's answer to being asked to end; it says nothing then


def url(path: Path) -> str:
    """Return what ffmpeg takes for this file: a bare `10:30.mp4` would be an address to it."""
    return f"file:{path}"


def run(arguments: list[str], source: Path, pictures: Iterable[bytes] = ()) -> str:
    """Run ffmpeg on local files only; return its warnings.

    `pictures` are written to its input, one after the other. Raises BadVideoError with ffmpeg's words;
    `source` is the file that they are about. Where the machine failed and not the file (it was killed, the
    disk is full), a plain PushupDataError: nothing may be held against the file then.
    """
    import imageio_ffmpeg  # slow, and most that import this module only name files

    quiet = "-nostdin -hide_banner -loglevel error -y -protocol_whitelist file,pipe".split()
    command = [imageio_ffmpeg.get_ffmpeg_exe(), *quiet, *arguments]
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=words,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - it takes no lock
        )
        assert process.stdin is not None  # noqa: S101
        with suppress(BrokenPipeError), process.stdin as pipe:
            for picture in pictures:
                pipe.write(picture)
        process.wait()
        words.seek(0)
        said = words.read().decode(errors="replace").strip()
    if process.returncode != 0:
        if failed := _machine_failed(process.returncode, said):
            text = f"{source.name}: ffmpeg could not do its work ({failed}), which is not the file's fault"
            raise PushupDataError(f"{text}; see to the disk and the memory and run it again")
        last = " ".join(said.splitlines()[:2])
        text = f"{source.name}: ffmpeg says: {last}; is the file damaged?"
        raise BadVideoError("undecodable", text)
    return said


def _machine_failed(code: int, said: str) -> str | None:
    """Return how the machine failed ffmpeg, None where it was not the machine."""
    if code < 0 and -code not in _CRASHES:
        return f"killed by signal {-code}"
    if code == _STOPPED and not said:
        return "it was asked to end"
    found = _OF_MACHINE.search(said)
    return found[0] if found else None


def _die_with_parent() -> None:
    """In the child: end when the worker is ended, be it at its time limit. Linux only."""
    if _LIBC is not None:
        _LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
