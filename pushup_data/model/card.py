"""What a model is, in model.json's terms: what it learnt, from whom, how well it does, and its limits."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict

from pushup_data.model.calibration import Platt
from pushup_data.params import Model, Train

FORMAT = 2  # raise when an older model.json or its weights can no longer be read
_FEW_PRESENT, _FEW_SUBJECTS = 20, 10  # below these a figure is an anecdote


class Head(BaseModel):
    """What the model knows of one error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    error: str
    threshold: float | None  # from this calibrated probability on it is present; null: not learnt
    calibration: Platt
    present: int  # labelled reps in train
    absent: int


class Side(BaseModel):
    """How much one split held."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subjects: int
    reps: int  # with at least one known label
    simulated: int  # of them, with a simulated vote


class Promotion(BaseModel):
    """How a candidate became the champion."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    forced: bool  # against the verdict
    verdict: str  # and what it was


class Card(BaseModel):
    """model.json. No times and no names: the same data give the same file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    trained: bool
    reason: str  # why it was not trained, or what it was trained on
    heads: list[Head]
    splits: dict[str, Side]
    taxonomy: int  # version of the labeling rules
    seed: int
    model: Model
    settings: Train
    data: str  # digest of the training and validation data
    versions: dict[str, str]
    channels: list[str]
    epoch: int | None = None
    loss: float | None = None
    watched: str | None = None  # the split that said when to stop
    weights: str | None = None  # SHA-256 of weights.safetensors
    metrics: dict[str, Any] | None = None  # by held-out split, at promotion: macro and per error
    evidence: list[str] = []  # figures measured elsewhere, each with its command
    promotion: Promotion | None = None

    def limits(self) -> Iterator[str]:
        """Yield what the model should not be trusted with, as its own numbers tell."""
        for head in self.heads:
            labels = f"{head.present} present and {head.absent} absent labels"
            if head.threshold is None:
                yield f"{head.error} is not learnt ({labels}): the rules speak for it."
            elif head.present < _FEW_PRESENT:
                yield f"{head.error} is learnt from {labels}: little trust."
        train = self.splits.get("train")
        if train and train.subjects < _FEW_SUBJECTS:
            yield f"Trained on {train.subjects} people only."
        if train and train.simulated:
            yield f"{train.simulated} of {train.reps} training reps carry simulated labels, not people's."
        yield "An error that the camera's view or failed landmarks hide gets no answer."


def markdown(card: Card) -> str:
    """Return CARD.md: the card for people to read."""
    if not card.trained:
        return f"# No model\n\n{card.reason}\n"
    lines = [f"# {card.model.kind} on {' and '.join(card.model.streams)}", "", f"{_capital(card.reason)}."]
    if card.promotion:
        how = "promoted by force against the verdict" if card.promotion.forced else "promoted by the verdict"
        lines += ["", f"**{_capital(how)}**: {card.promotion.verdict}"]
    lines += ["", "| error | present | absent | said from probability |", "|---|---|---|---|"]
    for head in card.heads:
        at = "not learnt" if head.threshold is None else f"{head.threshold:.2f}"
        lines.append(f"| {head.error} | {head.present} | {head.absent} | {at} |")
    lines += ["", "| split | subjects | reps | of them with simulated labels |", "|---|---|---|---|"]
    lines += [f"| {name} | {s.subjects} | {s.reps} | {s.simulated} |" for name, s in card.splits.items()]
    for split, found in (card.metrics or {}).items():
        lines += ["", f"On {split}, people never trained on (95 % intervals over people):", ""]
        lines += ["| error | F1 | AP | precision | recall |", "|---|---|---|---|---|"]
        for error, row in (found["errors"] | {"macro": found["macro"]}).items():
            cells = [figure(row, name) for name in ("f1", "ap", "precision", "recall")]
            why = f" ({row['reason']})" if row.get("reason") else ""
            lines.append(f"| {error}{why} | " + " | ".join(cells) + " |")
    if card.evidence:
        lines += ["", "Measured elsewhere:", "", *(f"- {sentence}" for sentence in card.evidence)]
    lines += ["", "Limits:", "", *(f"- {sentence}" for sentence in card.limits())]
    made = ", ".join(f"{name} {version}" for name, version in card.versions.items())
    lines += [
        "",
        f"Best epoch {card.epoch} (loss {card.loss} on {card.watched}), seed {card.seed}, labeling rules "
        f"{card.taxonomy}, {made}.",
        f"Data: `{card.data}`. Weights: `{card.weights}`.",
        "",
    ]
    return "\n".join(lines)


def figure(row: dict[str, Any], name: str) -> str:
    """Return a metric with its interval; empty where it is null."""
    if row.get(name) is None:
        return ""
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    return f"{row[name]:.2f}" + (f" [{low:.2f}, {high:.2f}]" if low is not None else "")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
