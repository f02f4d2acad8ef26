import hashlib
import shutil
import zipfile
from pathlib import Path

import pytest

from pushup_data import pose_model
from pushup_data.errors import BadInputError, MissingInputError, PushupDataError
from pushup_data.workspace import CHECKOUT

FULL = CHECKOUT / "models" / "pose" / "pose_landmarker_full.task"


@pytest.fixture
def models(tmp_path) -> Path:
    """A folder with the full model in it."""
    shutil.copyfile(FULL, tmp_path / FULL.name)
    return tmp_path


def no_index(monkeypatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "/nowhere")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_set_up_made_the_right_file():
    assert sha256(FULL) == pose_model.TASKS["full"]
    pose_model.check(FULL)
    with zipfile.ZipFile(FULL) as archive:
        assert archive.namelist() == [pose_model.DETECTOR, pose_model.LANDMARKS]
        for entry in archive.infolist():
            assert entry.compress_type == zipfile.ZIP_STORED
            assert (entry.header_offset + 30 + len(entry.filename)) % 4 == 0  # MediaPipe maps it in place


def test_a_damaged_file_is_made_again_from_the_package(models):
    target = models / FULL.name
    target.write_bytes(target.read_bytes()[:-1000])
    assert "made" in pose_model.make("full", models)
    assert sha256(target) == pose_model.TASKS["full"]
    assert [p.name for p in models.iterdir()] == [FULL.name]


def test_a_right_file_is_left_alone_without_a_package_index(models, monkeypatch):
    no_index(monkeypatch)
    before = (models / FULL.name).stat().st_mtime_ns
    assert "is there and right" in pose_model.make("full", models)
    assert (models / FULL.name).stat().st_mtime_ns == before


def test_without_a_package_index_it_says_what_to_do(tmp_path, monkeypatch):
    no_index(monkeypatch)
    with pytest.raises(MissingInputError, match=r"pip download mediapipe==.*--from"):
        pose_model.make("full", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_lite_comes_from_npm(tmp_path):
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    try:
        said = pose_model.make("lite", tmp_path)
    except MissingInputError as e:
        pytest.skip(f"no npm registry: {e}")
    assert "made" in said
    target = tmp_path / "pose_landmarker_lite.task"
    assert sha256(target) == pose_model.TASKS["lite"]
    pose_model.check(target)


def test_without_npm_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingInputError, match="npm is not installed"):
        pose_model.make("heavy", tmp_path)


def test_another_package_content_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(pose_model.SOURCES, "full", ("0" * 64, "0" * 64))
    with pytest.raises(PushupDataError, match=r"the pose detector in mediapipe==.* has SHA-256"):
        pose_model.make("full", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_the_users_is_checked_copied_and_kept(tmp_path, models, monkeypatch):
    no_index(monkeypatch)
    own = tmp_path / "own.task"
    shutil.copyfile(FULL, own)
    with zipfile.ZipFile(own, "a") as archive:
        archive.comment = b"mine"
    target = models / FULL.name
    said = pose_model.make("full", models, own)
    assert sha256(own) in said
    assert sha256(target) == sha256(own)
    assert "the one you gave" in pose_model.make("full", models)
    assert sha256(target) == sha256(own)
    assert "it is the one built here" in pose_model.make("full", models, FULL)
    assert "is there and right" in pose_model.make("full", models)


@pytest.mark.parametrize("kind", ["missing", "text", "zip", "weights"])
def test_a_file_that_does_not_work_is_refused(tmp_path, models, kind):
    bad = tmp_path / "bad.task"
    if kind == "text":
        bad.write_text("no model")
    if kind in {"zip", "weights"}:
        with zipfile.ZipFile(bad, "w") as archive:
            archive.writestr(pose_model.DETECTOR, b"x" * 64)
            if kind == "weights":
                archive.writestr(pose_model.LANDMARKS, b"x" * 64)
    with pytest.raises(BadInputError, match=r"bad\.task"):
        pose_model.make("full", models, bad)
    assert sha256(models / FULL.name) == pose_model.TASKS["full"]
