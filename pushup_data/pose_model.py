"""MediaPipe's pose landmarker (`.task`), built from what package registries serve.

The maker's download host is not needed: the networks lie, under Apache-2.0, in an old wheel of mediapipe
(full) and in an npm package (lite and heavy). A `.task` is a zip of two TensorFlow Lite files: a detector
that finds a person and a network that places 33 landmarks. As packaged, the networks do not say how pictures
are to be normalised; that is added here. Every source and every result is checked by SHA-256.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from pushup_data import files, tflite
from pushup_data.errors import BadInputError, MissingInputError, PushupDataError

WHEEL = "mediapipe==0.10.21"  # the last one with networks inside
NPM = "@mediapipe/pose@0.5.1675469404"

DETECTOR = "pose_detector.tflite"  # MediaPipe asks for exactly these names inside the zip
LANDMARKS = "pose_landmarks_detector.tflite"

# How BlazePose wants its pixels: (value - mean) / std. As in the metadata of the maker's own .task.
_DETECTOR_PIXELS = (127.5, 127.5)
_LANDMARKS_PIXELS = (0.0, 255.0)

SOURCES = {  # SHA-256 of each network as packaged: kind -> (detector, landmarks)
    "full": (
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    ),
    "lite": (
        "a63c614bef30d35947f13be361820b1e4e3bec9cfeebf4d11216a18373108e85",
        "f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61",
    ),
    "heavy": (
        "a63c614bef30d35947f13be361820b1e4e3bec9cfeebf4d11216a18373108e85",
        "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
    ),
}
TASKS = {  # SHA-256 of the .task built from them
    "lite": "789ab771d4fa16497a22e0f648b3503b874ba5fc89f211c1ac5a2c6837b1c1a5",
    "full": "e932b197441494602b3bc1f6d33199a4d3062e7e95d9c85ffa12a9f92c680f69",
    "heavy": "5884476d71d3bbcfcb46909335b129f30e7388854b0b4bcbb7ca4942eafebf1f",
}


def make(kind: str, directory: Path, source: Path | None = None) -> str:
    """Put `pose_landmarker_<kind>.task` into `directory`; return a line that says what was done.

    With `source`, that file is checked and copied; its SHA-256 is noted beside the copy when it is not the
    one we build. Without, a file that is there and right is left alone, any other is made again.
    Raises BadInputError for a `source` that does not work, MissingInputError where pip or npm cannot
    fetch the package.
    """
    target = directory / f"pose_landmarker_{kind}.task"
    note = target.with_suffix(".task.sha256")
    if source is not None:
        return _adopt(kind, target, note, source)
    if target.exists():
        found = _sha256_of(target)
        if found == TASKS[kind]:
            return f"{target} is there and right"
        if note.exists() and found == note.read_text(encoding="utf-8").split()[0]:
            return f"{target} is the one you gave (SHA-256 {found[:12]})"
    detector, landmarks = _fetch(kind)
    content = build(detector, landmarks)
    _require(content, TASKS[kind], f"pose_landmarker_{kind}.task as built here")
    with files.atomic_path(target) as temporary:
        temporary.write_bytes(content)
    note.unlink(missing_ok=True)
    return f"made {target} ({len(content) / 1e6:.1f} MB, SHA-256 {TASKS[kind][:12]})"


def build(detector: bytes, landmarks: bytes) -> bytes:
    """Return the `.task` made of two TensorFlow Lite files; the same bytes for the same input."""
    with tempfile.TemporaryFile() as file:
        with _AlignedZip(file, "w", zipfile.ZIP_STORED) as archive:
            for name, network, pixels in (
                (DETECTOR, detector, _DETECTOR_PIXELS),
                (LANDMARKS, landmarks, _LANDMARKS_PIXELS),
            ):
                entry = zipfile.ZipInfo(name, date_time=(2023, 1, 1, 0, 0, 0))
                archive.writestr(entry, tflite.with_normalisation(network, *pixels))
        file.seek(0)
        return file.read()


class _AlignedZip(zipfile.ZipFile):
    """A zip whose entries begin at multiples of 4 bytes: MediaPipe maps the networks in place."""

    def _writecheck(self, zinfo: zipfile.ZipInfo) -> None:
        assert self.fp is not None  # noqa: S101 - it is open for writing
        position = self.fp.tell()
        gap = -(position + len(zinfo.FileHeader())) % 4
        self.fp.write(b"\0" * gap)
        zinfo.header_offset = position + gap
        super()._writecheck(zinfo)  # type: ignore[misc]


def _fetch(kind: str) -> tuple[bytes, bytes]:
    """Return the detector's and the landmark network's bytes, checked."""
    with tempfile.TemporaryDirectory(prefix="pushup-pose-") as name:
        read: Callable[[str, Path], tuple[bytes, bytes]] = _from_wheel if kind == "full" else _from_npm
        detector, landmarks = read(kind, Path(name))
    package = WHEEL if kind == "full" else NPM
    _require(detector, SOURCES[kind][0], f"the pose detector in {package}")
    _require(landmarks, SOURCES[kind][1], f"the {kind} landmark network in {package}")
    return detector, landmarks


def _from_wheel(kind: str, directory: Path) -> tuple[bytes, bytes]:
    # The wheel is only opened as a zip, never installed: on every machine the same file is asked for.
    wanted = ["--platform", "manylinux_2_28_x86_64", "--python-version", "311", "--implementation", "cp"]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    _run([*pip, "--only-binary=:all:", *wanted, "--dest", str(directory), WHEEL], f"pip download {WHEEL}")
    wheel = next(directory.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        return (
            archive.read("mediapipe/modules/pose_detection/pose_detection.tflite"),
            archive.read(f"mediapipe/modules/pose_landmark/pose_landmark_{kind}.tflite"),
        )


def _from_npm(kind: str, directory: Path) -> tuple[bytes, bytes]:
    npm = shutil.which("npm")
    if npm is None:
        raise MissingInputError(
            f"the {kind} pose model comes from an npm package and npm is not installed; install Node.js, "
            f"or give the file with --from, or set `pose: model: full` in params.yaml"
        )
    _run([npm, "pack", "--silent", "--pack-destination", str(directory), NPM], f"npm pack {NPM}")
    with tarfile.open(next(directory.glob("*.tgz"))) as archive:

        def member(name: str) -> bytes:
            file = archive.extractfile(f"package/{name}")
            if file is None:
                raise MissingInputError(f"{NPM} has no {name}; give the .task file with --from")
            return file.read()

        # The detector lies in a bundle, at the place that the bundle's loader names.
        loader = member("pose_solution_packed_assets_loader.js").decode()
        place = re.search(r'"filename": "[^"]*pose_detection\.tflite", "start": (\d+), "end": (\d+)', loader)
        if place is None:
            raise MissingInputError(f"{NPM} does not say where its detector is; give the .task with --from")
        bundle = member("pose_solution_packed_assets.data")
        return bundle[int(place[1]) : int(place[2])], member(f"pose_landmark_{kind}.tflite")


def _run(command: list[str], what: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise MissingInputError(
            f"`{what}` failed: {lines[-1] if lines else f'exit code {done.returncode}'}; "
            f"see to the package index, or give a pose_landmarker .task file with --from"
        )


def _adopt(kind: str, target: Path, note: Path, source: Path) -> str:
    """Check and copy a file that the user has."""
    check(source)
    found = _sha256_of(source)
    with files.atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)
    if found == TASKS[kind]:
        note.unlink(missing_ok=True)
        return f"copied {source} to {target}: it is the one built here"
    files.write_text(note, f"{found}  {target.name}\n")
    return (
        f"copied {source} to {target}: it works, but is not the one built here "
        f"(SHA-256 {found}, noted in {note.name})"
    )


def check(task: Path) -> None:
    """Raise BadInputError unless MediaPipe can make a landmarker of the file."""
    try:
        with zipfile.ZipFile(task) as archive:
            missing = {DETECTOR, LANDMARKS} - set(archive.namelist())
    except FileNotFoundError:
        raise BadInputError(f"{task} is not there; name a pose_landmarker .task file") from None
    except (OSError, zipfile.BadZipFile) as e:
        raise BadInputError(f"{task} is not a .task file ({e}); name a pose_landmarker .task file") from None
    if missing:
        raise BadInputError(
            f"{task} lacks {' and '.join(sorted(missing))}; name a pose_landmarker .task file"
        )
    from mediapipe.tasks.python import BaseOptions, vision

    try:
        options = vision.PoseLandmarkerOptions(base_options=BaseOptions(model_asset_path=str(task)))
        vision.PoseLandmarker.create_from_options(options).close()
    except (RuntimeError, ValueError) as e:
        raise BadInputError(
            f"{task}: MediaPipe refuses it ({e}); name another pose_landmarker .task file"
        ) from None


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _require(content: bytes, sha256: str, what: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise PushupDataError(
            f"{what} has SHA-256 {found}, not {sha256}: not what was checked; "
            f"give a pose_landmarker .task file that you trust with --from"
        )
