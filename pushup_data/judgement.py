"""Judgement: what the better of model and rules says of a workspace's reps, every error of each."""

from dataclasses import dataclass

import polars as pl

from pushup_data import landmarks, predictions, tables, verdict
from pushup_data.errors import MissingInputError
from pushup_data.landmarks import Pose
from pushup_data.model import crops, data, predictor, storage
from pushup_data.model.data import Floats
from pushup_data.taxonomy import Taxonomy
from pushup_data.workspace import Workspace

_STEPS = 32  # of the series that statistics are taken of, where there is no model


@dataclass(frozen=True)
class Opinions:
    """What is thought of some reps, and by whom."""

    table: pl.DataFrame  # tables.PREDICTIONS
    embeddings: Floats  # (reps, dimensions)
    speaker: str  # rules, candidate, champion
    beside: bool  # a model's opinion stands beside that of the rules


def judge(workspace: Workspace, reps: pl.DataFrame, known: Taxonomy) -> Opinions:
    """Predict every error of these rows of tables.REPS with the better of model and rules."""
    videos = tables.read(tables.VIDEOS, workspace.videos)
    rules = tables.read(tables.RULES, workspace.rules)
    speaker = _speaker(workspace)
    # Where the rules speak, the candidate's opinion is still worth knowing.
    model = predictor.load(workspace.champion if speaker == "champion" else workspace.candidate)
    if model is None and speaker != "rules":
        raise MissingInputError(
            f"metrics/verdict.json names the {speaker}, which is not there; run `dvc repro`"
        )

    def pose(video: str) -> Pose:
        return landmarks.read(workspace.pose(video))

    x = data.sequences(
        reps,
        videos,
        rules,
        pose,
        among=tables.read(tables.REPS, workspace.reps),
        errors=model.errors if model else known.ids,
        steps=model.steps if model else _STEPS,
    )
    opinions = None
    if model:
        pixels = crops.crops(model.streams, reps, videos, pose, workspace.video)
        opinions, embeddings = model.judge(x, reps, known, pixels)
    else:
        embeddings = data.statistics(x)
    table = predictions.combine(
        reps,
        rules,
        known,
        model=opinions,
        thresholds=model.thresholds if model else {},
        speaker=speaker,
    )
    return Opinions(table, embeddings, speaker, model is not None and speaker == "rules")


def _speaker(workspace: Workspace) -> str:
    path = workspace.metrics / "verdict.json"
    found = verdict.read(path)
    if found is None:
        raise MissingInputError(f"{path} is not there; run `dvc repro` to make it")
    named = str(found["predictor"])
    if named != "champion":
        return named
    champion, candidate = (storage.read_card(f) for f in (workspace.champion, workspace.candidate))
    if champion is None or candidate is None or champion.digest != candidate.digest:
        return named
    # Promoting the model that spoke changes no prediction, not even by its name: nothing is pushed again.
    spoke = champion.promotion is not None and not champion.promotion.forced
    return "candidate" if spoke else named
