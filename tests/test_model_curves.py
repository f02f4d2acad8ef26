import csv
import os
import socket
import subprocess

import pytest

from pushup_data.model import curves
from pushup_data.model.curves import Epoch


def rows(folder, series):
    with (folder / "plots" / "metrics" / f"{series}.tsv").open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def record(folder, epochs):
    with curves.record(folder) as watch:
        for epoch in epochs:
            watch(epoch)


EPOCHS = [Epoch(1, 0.75, 0.8, 0.01), Epoch(2, 0.5, 0.7, 0.005)]


def test_a_row_per_epoch_and_the_same_bytes_again(tmp_path):
    folder = tmp_path / "training"
    record(folder, EPOCHS)
    assert rows(folder, "loss/train") == [{"step": "1", "train": "0.75"}, {"step": "2", "train": "0.5"}]
    assert [row["val"] for row in rows(folder, "loss/val")] == ["0.8", "0.7"]
    assert [row["lr"] for row in rows(folder, "lr")] == ["0.01", "0.005"]
    first = files(folder)
    record(folder, EPOCHS)
    assert files(folder) == first


def test_without_a_training_or_val_labels_there_are_headers_and_nothing_old(tmp_path):
    folder = tmp_path / "training"
    record(folder, EPOCHS)
    record(folder, [Epoch(1, 0.75, None, 0.01)])
    assert rows(folder, "loss/val") == []
    assert len(rows(folder, "loss/train")) == 1
    record(folder, [])
    for series in curves.SERIES:
        assert rows(folder, series) == []
        text = (folder / "plots" / "metrics" / f"{series}.tsv").read_text()
        assert text == f"step\t{series.rpartition('/')[2]}\n"


@pytest.mark.parametrize("commits", [0, 1])
def test_nothing_else_is_written_and_nobody_told(workspace, monkeypatch, commits):
    """In a new workspace, whose git has no commit, and in a later one; with a token for DVC Studio."""
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    if commits:
        subprocess.run(["git", *identity, "commit", "-qm", "begin"], cwd=workspace.root, check=True)

    def state():
        """All files, those of git and DVC included, but for the curves; git touches its index by looking."""
        return {k: v for k, v in files(workspace.root).items() if not k.startswith(("plots/", ".git/index"))}

    asked = []

    def refused(*arguments, **_):
        asked.append(arguments)
        raise OSError("no network")

    before = state()
    monkeypatch.setenv("DVC_STUDIO_TOKEN", "isat_none")
    monkeypatch.setenv("DVC_STUDIO_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("DVC_STUDIO_REPO_URL", "git@example.org:me/push-ups.git")
    monkeypatch.setenv("DVC_EXP_NAME", "an-experiment")  # as `dvc exp run` does
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "1" * 40)
    monkeypatch.delenv("DVC_STUDIO_OFFLINE", raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setattr(socket.socket, "connect", refused)
    record(workspace.learning_curves, EPOCHS)
    assert asked == []
    assert state() == before
    assert "DVC_STUDIO_OFFLINE" not in os.environ
