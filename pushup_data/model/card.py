"""A model's card: model.json, and the same in words as CARD.md. No times and no names of people."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from pushup_data.documents import describe
from pushup_data.errors import BadInputError
from pushup_data.model.calibration import Platt
from pushup_data.model.data import channels
from pushup_data.params import Model, Train

FORMAT = 2  # raise when an older model.json or its weights can no longer be read
CARD, WORDS = "model.json", "CARD.md"
FEW = 20  # present labels; the 95 % interval of a recall on so many is some 35 points wide (Wilson, at 0.8)
VIEWS = ("side", "oblique", "front")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Head(_Part):
    """What the model knows of one error."""

    error: str
    threshold: float | None  # from this calibrated probability on it is present; null: not learnt
    calibration: Platt
    present: int  # labelled reps in train
    absent: int
    present_subjects: int | None = None  # people of train who show it; null: made before they were counted


class Side(_Part):
    """How much one split held."""

    subjects: int
    reps: int  # with at least one known label
    simulated: int  # of them, with a simulated vote
    views: dict[str, int] = {}  # of them, by camera view


class Figure(_Part):
    """A metric with its 95 % interval (bootstrap over people); null bounds: too few people for one."""

    value: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        spread = "" if self.low is None or self.high is None else f" [{self.low:.2f}, {self.high:.2f}]"
        return f"{self.value:.2f}{spread}"


class Measured(_Part):
    """The metrics of one error, or (macro) their means over the errors that somebody shows."""

    precision: Figure | None = None
    recall: Figure | None = None
    f1: Figure | None = None
    ap: Figure | None = None
    present: int | None = None  # labelled reps; null for macro
    absent: int | None = None
    present_subjects: int | None = None
    reason: str | None = None  # why a metric or an interval is missing


class Metrics(_Part):
    """What a split of people never trained on says of the model."""

    subjects: int
    reps: int
    macro: Measured
    errors: dict[str, Measured]


class Promotion(_Part):
    """How the model became the champion."""

    forced: bool  # against the verdict
    verdict: str  # what metrics/verdict.json said of it then


class Card(_Part):
    """model.json. No times and no names: the same data give the same file."""

    format: int = FORMAT
    trained: bool
    reason: str  # why it was not trained, or what it was trained on
    heads: list[Head]
    splits: dict[str, Side]
    taxonomy: int  # its version
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
    limits: list[str] = []  # what it must not be trusted with, in sentences
    metrics: dict[str, Metrics] | None = None  # by split; null until it is promoted
    promotion: Promotion | None = None
    evidence: list[str] = []  # further figures, in sentences with the commands that give them

    @property
    def digest(self) -> str:
        """SHA-256 of what the model is: all but what is said about it, so a promoted one stays the same."""
        said = {"reason", "limits", "metrics", "promotion", "evidence"}
        text = json.dumps(self.model_dump(mode="json", exclude=said), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def read_card(directory: Path) -> Card | None:
    """Read model.json; None where there is none. Raises BadInputError where it is not ours."""
    path = directory / CARD
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise BadInputError(f"{path}: made by another version of pushup-data; {REMEDY}")
        card = Card.model_validate(found)
    except (OSError, ValueError) as e:  # of ValueError: no JSON, no UTF-8, and what pydantic raises
        said = describe(e) if isinstance(e, ValidationError) else str(e)
        raise BadInputError(f"{path}: {said}; {REMEDY}") from None
    if card.trained and card.channels != list(channels([head.error for head in card.heads])):
        raise BadInputError(f"{path}: made for other landmarks than this version's; {REMEDY}")
    return card


def limits(heads: Sequence[Head], splits: Mapping[str, Side], watched: str | None) -> list[str]:
    """Return what a trained model must not be trusted with, as far as its data tell."""
    train = splits["train"]
    learnt = [h for h in heads if h.threshold is not None]
    few = [f"{h.error} ({h.present})" for h in learnt if h.present < FEW]
    unseen = [view for view in VIEWS if not train.views.get(view)]
    said = {
        "Not learnt, for want of both present and absent labels; the rules speak for them": [
            f"{h.error} ({h.present} present, {h.absent} absent)" for h in heads if h.threshold is None
        ],
        f"Learnt from fewer than {FEW} present labels, so it may know little of them": few,
        "Shown by one person of train only, whose habits it may have learnt instead": [
            h.error for h in learnt if h.present_subjects == 1
        ],
        "Views that no train rep was filmed from; what it says of them is untried": unseen,
    }
    sentences = [f"{what}: {', '.join(which)}." for what, which in said.items() if which]
    if watched == "train":
        sentences.append(
            "There was no val label: it stopped by the loss on its own train reps, and its probabilities are "
            "not calibrated."
        )
    simulated, reps = sum(s.simulated for s in splits.values()), sum(s.reps for s in splits.values())
    if simulated:
        sentences.append(
            f"{simulated} of {reps} train and val reps carry simulated labels: it may fit whoever simulated "
            "them, not people who annotate."
        )
    return sentences


def card_markdown(card: Card) -> str:
    """Return the card as Markdown, for people to read: the same card, the same bytes."""
    parts = [["# Model card", "", _first(card)]]
    if card.trained:
        parts.append(["## Errors", "", *_errors(card)])
        for split, found in (card.metrics or {}).items():
            parts.append([f"## Measured on {split}", "", *_measured(found, chosen=split == card.watched)])
        if card.metrics is None and not card.evidence:
            parts.append(["## Metrics", "", "None yet: a candidate's are in metrics/evaluation.json."])
    parts.append(["## Data", "", *_data(card)])
    if card.limits:
        parts.append(["## Limits", "", *(f"- {line}" for line in card.limits)])
    if card.evidence:
        parts.append(["## Further figures", "", *(f"- {line}" for line in card.evidence)])
    if card.promotion:
        how = "Forced, against this verdict" if card.promotion.forced else "By the verdict"
        parts.append(["## Promotion", "", f"{how}: {card.promotion.verdict}"])
    parts.append(["## Made with", "", *_made(card)])
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _first(card: Card) -> str:
    if not card.trained:
        return f"No model: {card.reason}."
    return (
        f"A {card.model.called} on {' and '.join(card.model.streams)}, {card.reason}. It says of one push-up "
        "repetition how probable each error of form is."
    )


def _errors(card: Card) -> list[str]:
    rows = [
        (
            f"`{h.error}`",
            "not learnt" if h.threshold is None else f"{h.threshold:.2f}",
            str(h.present),
            "not counted" if h.present_subjects is None else str(h.present_subjects),
            str(h.absent),
        )
        for h in card.heads
    ]
    said = (
        "An error is said to be present from its threshold on. The counts are reps of train and their people."
    )
    return [said, "", *_table(("error", "threshold", "present", "people who show it", "absent"), rows)]


def _measured(found: Metrics, *, chosen: bool) -> list[str]:
    rows = [
        (
            f"`{error}`",
            f"{m.present} of {(m.present or 0) + (m.absent or 0)}",
            str(m.present_subjects),
            *(str(figure or "-") for figure in (m.precision, m.recall, m.f1, m.ap)),
            m.reason or "",
        )
        for error, m in found.errors.items()
    ]
    macro = found.macro
    head = f"{found.reps} labelled reps of {found.subjects} people who are not in train. "
    if macro.f1 or macro.ap:
        head += f"Mean over the errors that are shown: F1 {macro.f1 or '-'}, AP {macro.ap or '-'}. "
    else:
        head += f"No mean: {macro.reason}. "
    head += "In brackets: 95 % of resamples of people."
    if chosen:
        head += " Calibration and when to stop were chosen on them, which flatters; AP least."
    names = ("error", "present", "people who show it", "precision", "recall", "F1", "AP", "note")
    return [head, "", *_table(names, rows)]


def _data(card: Card) -> list[str]:
    rows = [
        (split, str(s.subjects), str(s.reps), str(s.simulated), *(str(s.views.get(v, "-")) for v in VIEWS))
        for split, s in card.splits.items()
    ]
    names = ("split", "people", "labelled reps", "simulated", *VIEWS)
    return [
        *_table(names, rows),
        "",
        f"Fingerprint of train and val: `{card.data}`",
        "",
        f"Taxonomy: version {card.taxonomy}",
    ]


def _made(card: Card) -> list[str]:
    settings = card.model.model_dump(mode="json") | card.settings.model_dump(mode="json")
    lines = [
        "settings: "
        + ", ".join(f"{k} {' '.join(v) if isinstance(v, list) else v}" for k, v in settings.items())
        + f", seed {card.seed}",
        "versions: " + ", ".join(f"{name} {number}" for name, number in card.versions.items()),
        f"input: {len(card.channels)} channels over {card.model.steps} steps",
    ]
    if card.trained:
        lines.append(f"kept: epoch {card.epoch}, loss {card.loss} on {card.watched}")
        lines.append(f"weights: SHA-256 `{card.weights}`")
    return [f"- {line}" for line in lines]


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [names, ["---"] * len(names), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


REMEDY = "restore the folder from git, or train again with `dvc repro --force --single-item train`"
