"""A workspace without a video goes through the whole loop, and says what it lacks."""

import re

import pytest

from pushup_data import demo, progress, scaffold, tables
from pushup_data.labelstudio import server
from pushup_data.workspace import Workspace

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

STAGES = "ingest pose pull reps split labels train evaluate predict select push curate".split()


def test_every_stage_succeeds_on_nothing(served, default_params, tmp_path, monkeypatch):
    access = server.access(served, default_params.labelstudio)
    monkeypatch.setenv("LABEL_STUDIO_URL", access.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", access.token)
    workspace = Workspace(tmp_path / "empty")
    scaffold.init(workspace.root)
    demo.configure(workspace, labelstudio={"title": "nothing yet"})

    ran = re.findall(r"Running stage '(\w+)'", demo.repro(workspace, capture=True))
    assert sorted(ran) == sorted(STAGES)
    written = [
        (tables.VIDEOS, workspace.videos),
        (tables.QUARANTINE, workspace.quarantine),
        (tables.QUALITY, workspace.quality),
        (tables.BOUNDARIES, workspace.boundaries),
        (tables.REPS, workspace.reps),
        (tables.RULES, workspace.rules),
        (tables.LABELS, workspace.labels),
        (tables.ASSIGNMENTS, workspace.assignments),
        (tables.PREDICTIONS, workspace.predictions),
        (tables.EMBEDDINGS, workspace.embeddings),
        (tables.DOUBTS, workspace.doubts),
        (tables.QUEUE, workspace.queue),
        (tables.REVIEWS, workspace.reviews),
        (tables.SAMPLES, workspace.samples),
    ]
    for table, path in written:
        assert tables.read(table, path).is_empty(), path
    assert "put push-up videos into data/raw" in progress.report(workspace, default_params)
    assert re.findall(r"Running stage '(\w+)'", demo.repro(workspace, capture=True)) == ["pull"]
