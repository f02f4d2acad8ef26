"""All settings, typed and checked: params.yaml read once, frozen."""

from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from pushup_data import documents


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Ingest(_Section):
    """How raw videos are normalised."""

    max_lines: int = Field(ge=120, le=4320, multiple_of=2)
    max_duration_s: float = Field(gt=0)
    time_limit_s: float = Field(gt=0)


class Pose(_Section):
    """MediaPipe's landmarker."""

    model: Literal["lite", "full", "heavy"]
    min_confidence: float = Field(gt=0, lt=1)
    flip_test: bool
    time_limit_s: float = Field(gt=0)


class Quality(_Section):
    """Below (or above) these a video or rep is flagged."""

    min_detected: float = Field(ge=0, le=1)
    min_in_frame: float = Field(ge=0, le=1)
    min_luma: float = Field(ge=0, le=255)
    min_sharpness: float = Field(ge=0)
    max_hands_up: float = Field(ge=0, le=1)
    min_bone: float = Field(ge=0, le=1)
    max_step: float = Field(gt=0)
    max_swapped: float = Field(ge=0, le=1)
    max_hands_apart: float = Field(gt=0)
    max_still_hand: float = Field(gt=0)
    min_roaming_hand: float = Field(gt=0)
    max_flight: float = Field(gt=0)
    max_drift: float = Field(gt=0)


class Reps(_Section):
    """What counts as a repetition, and what its clip shows."""

    min_travel: float = Field(gt=0)
    min_flexion: float = Field(ge=0)
    min_duration_s: float = Field(gt=0)
    max_duration_s: float = Field(gt=0)
    context_s: float = Field(ge=0)


class Rule(_Section):
    """Where an error begins: probability 0.5 at `threshold`, 0.73 one `softness` beyond it."""

    threshold: float
    softness: float = Field(gt=0)


class Rules(_Section):
    """Thresholds of the bootstrap model, one per error that it knows."""

    hips_sagging: Rule
    hips_piked: Rule
    shallow_depth: Rule
    incomplete_lockout: Rule
    elbows_flared: Rule
    head_dropped: Rule
    asymmetric: Rule


class LabelStudio(_Section):
    """The annotation project."""

    title: str = Field(min_length=3)
    port: int = Field(ge=1024, le=65535)
    overlap: int = Field(ge=1)
    overlap_share: float = Field(ge=0, le=1)


class Labels(_Section):
    """Consensus."""

    min_certainty: float = Field(ge=0, le=1)


class Split(_Section):
    """Shares of subjects held out, and what counts as the same seconds of film."""

    val: float = Field(gt=0, lt=0.5)
    test: float = Field(gt=0, lt=0.5)
    max_distance: float = Field(default=0.06, ge=0)
    min_likeness: float = Field(default=0.68, ge=0, le=1)


class Model(_Section):
    """The network."""

    kind: Literal["cnn-lstm", "cnn", "lstm", "transformer", "committee"] = "cnn-lstm"
    bare: bool = False
    streams: tuple[Literal["pose", "rgb"], ...] = Field(default=("pose",), min_length=1)
    width: int = Field(default=32, ge=4, multiple_of=4)
    steps: int = Field(default=64, ge=16)

    @property
    def called(self) -> str:
        """What it is, in words."""
        less = "the rules" if self.kind == "committee" else "committee and rules"
        return f"{self.kind} without {less}" if self.bare else self.kind


class Train(_Section):
    """The network's training."""

    epochs: int = Field(ge=1)
    lr: float = Field(gt=0)
    batch_size: int = Field(ge=1)
    min_labels: int = Field(ge=1)
    patience: int = Field(ge=1)


Baseline = Literal["majority", "forest", "boosting", "committee", "cnn-only", "lstm-only"]
BASELINES: tuple[Baseline, ...] = get_args(Baseline)


class Evaluate(_Section):
    """Intervals, verdict and what is trained for comparison."""

    bootstrap: int = Field(ge=10)
    min_positives: int = Field(ge=1)
    baselines: tuple[Baseline, ...] = BASELINES
    cross_validate: bool = True


class Select(_Section):
    """The next round's queue."""

    budget: int = Field(ge=1)
    random_share: float = Field(ge=0, le=0.5)
    review_share: float = Field(ge=0, le=0.5)


class Params(_Section):
    """params.yaml."""

    seed: int = Field(ge=0)
    ingest: Ingest
    pose: Pose
    quality: Quality
    reps: Reps
    rules: Rules
    labelstudio: LabelStudio
    labels: Labels
    split: Split
    model: Model
    train: Train
    evaluate: Evaluate
    select: Select


def load(path: Path) -> Params:
    """Read params.yaml. Raises MissingInputError, or BadInputError naming the setting that is wrong."""
    return documents.load(path, Params, path.parent)
