"""Models by name: the candidate that training made, the workspace's champion, the released one."""

import json
from pathlib import Path
from typing import Any

from pushup_data.errors import BadInputError, MissingInputError
from pushup_data.model import storage
from pushup_data.model.card import Card, Promotion, figure, markdown
from pushup_data.workspace import TEMPLATE, Workspace

NAMES = ("candidate", "champion", "released")
RELEASED = TEMPLATE / "models" / "released"  # what a fresh install speaks with
_METRICS = ("f1", "ap", "precision", "recall")


def folder(workspace: Workspace, name: str) -> Path:
    """Return where the model of one of NAMES lies."""
    return {"candidate": workspace.candidate, "champion": workspace.champion, "released": RELEASED}[name]


def listed(workspace: Workspace) -> str:
    """Return a line per model and who speaks."""
    lines = []
    for name in NAMES:
        card = storage.read_card(folder(workspace, name))
        lines.append(f"{name:<10} {_line(workspace, name, card)}")
    verdict = _read(workspace.metrics / "verdict.json")
    if verdict:
        lines.append(f"speaks     {verdict['predictor']}: {verdict['why']}")
    else:
        lines.append("speaks     released, or the rules where none is there: no metrics/verdict.json yet")
    return "\n".join(lines)


def shown(workspace: Workspace, name: str) -> str:
    """Return a model's card as Markdown, with the candidate's figures of the last evaluation.

    Raises MissingInputError where there is no such model.
    """
    card = storage.read_card(folder(workspace, name))
    if card is None:
        raise MissingInputError(f"{folder(workspace, name)} holds no model; {_REMEDIES[name]}")
    return markdown(_measured(workspace, name, card)).rstrip("\n")


def promote(workspace: Workspace, *, force: bool) -> str:
    """Make the candidate the champion where the verdict says so, or by force; return what was done.

    Raises BadInputError or MissingInputError where there is nothing to promote, and where the verdict was
    made for another candidate.
    """
    card = storage.read_card(workspace.candidate)
    verdict = _read(workspace.metrics / "verdict.json")
    if card is None or not card.trained:
        why = card.reason if card else f"{workspace.candidate} is not there"
        raise MissingInputError(f"no candidate to promote: {why}; label more reps and run `dvc repro`")
    network = storage.read_network(workspace.candidate, card)
    champion = storage.read_card(workspace.champion)
    if champion and champion.weights == card.weights:
        return "the candidate is the champion already"
    if verdict is None or verdict.get("candidate") != card.weights:
        raise BadInputError(
            "metrics/verdict.json was made for another candidate than the one in models/candidate; "
            "run `dvc repro`"
        )
    if verdict["predictor"] != "candidate" and not force:
        raise BadInputError(
            f"the candidate is not promoted: {verdict['why']}; --force does it and records it in the card"
        )
    forced = verdict["predictor"] != "candidate"
    promoted = _measured(workspace, "candidate", card).model_copy(
        update={"promotion": Promotion(forced=forced, verdict=verdict["why"])}
    )
    storage.save(workspace.champion, promoted, network)
    return (
        f"the candidate is the champion{' by force' if forced else ''} ({verdict['why']}); "
        "commit models/champion, then `dvc repro`"
    )


def _line(workspace: Workspace, name: str, card: Card | None) -> str:
    if card is None or not card.trained:
        return f"none: {card.reason if card else _REMEDIES[name]}"
    known = _measured(workspace, name, card).metrics or {}
    macro = {split: figure(row["macro"], "f1") for split, row in known.items()}
    figures = [f"{split} F1 {value}" for split, value in macro.items() if value]
    forced = ["promoted by force"] if card.promotion and card.promotion.forced else []
    return f"{card.model.kind}: " + "; ".join([card.reason, *figures, *forced])


def _measured(workspace: Workspace, name: str, card: Card) -> Card:
    """Return the card with the last evaluation's figures, which only the candidate's lacks."""
    found = _read(workspace.metrics / "evaluation.json")
    verdict = _read(workspace.metrics / "verdict.json") or {}
    if name != "candidate" or found is None or verdict.get("candidate") != card.weights:
        return card
    metrics = {
        split: {
            "macro": _kept(found[split]["macro"]["candidate"]),
            "errors": {error: _kept(row["candidate"]) for error, row in found[split]["errors"].items()},
        }
        for split in ("val", "test")
        if "candidate" in found[split]["macro"]
    }
    return card.model_copy(update={"metrics": metrics})


def _kept(row: dict[str, Any]) -> dict[str, Any]:
    names = [f"{metric}{end}" for metric in _METRICS for end in ("", "_low", "_high")]
    return {name: row[name] for name in (*names, "reason") if name in row}


def _read(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as e:
        raise BadInputError(f"{path}: {e}; run `dvc repro` to make it again") from None
    return found


_REMEDIES = {
    "candidate": "run `dvc repro` to train one",
    "champion": "`pushup-data model promote` makes the candidate the champion",
    "released": "the rules speak in its place",
}
